import * as check from './check.ts';

/** What a scope frees: a Tensor. This file is below it, so that imports go in no circle. */
export interface Scoped {
  /** The scope that frees it. */
  owner: Set<Scoped> | null;
  grad: Scoped | null;
  dispose(): void;
}

/** Who frees which tensor, and whether gradients are recorded: what holds for as long as a function runs. */
export class Scopes {
  /** False inside of `noGrad`. */
  gradEnabled = true;
  /** Looks at what an op inside of a function that is not recorded is given. */
  watch: ((op: string, inputs: readonly { readonly requiresGrad: boolean }[]) => void) | null = null;
  #stack: Set<Scoped>[] = [];
  readonly #tensorsIn: (value: unknown) => Iterable<Scoped>;

  constructor(tensorsIn: (value: unknown) => Iterable<Scoped>) {
    this.#tensorsIn = tensorsIn;
  }

  /** A new tensor belongs to the innermost scope. */
  adopt(made: Scoped): void {
    const scope = this.#stack.at(-1);
    if (!scope) return;
    scope.add(made);
    made.owner = scope;
  }

  /** See `Context.scope`. */
  scope<T>(fn: () => T): T {
    check.callback('scope', 'fn', fn);
    const made = new Set<Scoped>();
    this.#stack.push(made);
    let result: T;
    try {
      result = check.synchronous('scope', 'fn', fn());
      const outer = this.#stack.at(-2) ?? null;
      const returned = new Set(this.#tensorsIn(result));
      const keep = (tensor: Scoped): void => {
        tensor.owner = outer;
        outer?.add(tensor);
      };
      for (const tensor of returned) if (made.delete(tensor)) keep(tensor);
      // A returned gradient must not go with its leaf.
      for (const leaf of made) {
        if (!leaf.grad || !returned.has(leaf.grad)) continue;
        keep(leaf.grad);
        leaf.grad = null;
      }
    } finally {
      this.#stack.pop();
      for (const tensor of made) tensor.dispose();
    }
    return result;
  }

  /** Makes tensors that no scope frees. */
  unscoped<T>(fn: () => T): T {
    const before = this.#stack;
    this.#stack = [];
    try {
      return fn();
    } finally {
      this.#stack = before;
    }
  }

  /** See `Context.noGrad`. */
  noGrad<T>(fn: () => T, watch: Scopes['watch'] = null): T {
    check.callback('noGrad', 'fn', fn);
    const before = [this.gradEnabled, this.watch] as const;
    this.gradEnabled = false;
    this.watch = watch;
    try {
      return check.synchronous('noGrad', 'fn', fn());
    } finally {
      [this.gradEnabled, this.watch] = before;
    }
  }
}
