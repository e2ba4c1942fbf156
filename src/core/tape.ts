import { GramianError } from '../gpu/errors.ts';
import { accumulate } from './fills.ts';
import type { Tensor } from './tensor.ts';

/** Gradients for an op's inputs, in their order; null where none flows (a stop-gradient side). The tape owns them. */
export type Backward = (dy: Tensor, saved: readonly Tensor[]) => readonly (Tensor | null)[];

/** How an op's gradient is computed, and from what. */
export interface OpRule {
  /** Kept until `backward` has run, or nobody can ask for it any more. */
  readonly saved?: readonly Tensor[];
  readonly backward: Backward;
  /** Then lets go of whatever else the op kept. */
  readonly release?: () => void;
}

/** What the tape remembers of one op: its inputs, the values its gradient needs, and how to compute it. */
export class TapeNode {
  readonly op: string;
  readonly inputs: readonly Tensor[];
  /** Tensors by the names that the op gave them when it checked its arguments. */
  readonly #named: Readonly<Record<string, Tensor>>;
  #saved: readonly Tensor[] | null;
  /** How often each saved tensor had been written to. */
  readonly #versions: readonly number[];
  #rule: Backward | null;
  #alsoRelease: (() => void) | undefined;
  /** The output's handle and each op that took the output as an input. */
  #references = 1;

  constructor(
    op: string,
    inputs: readonly Tensor[],
    named: Readonly<Record<string, Tensor>>,
    saved: readonly Tensor[],
    rule: Backward,
    release?: () => void,
  ) {
    this.op = op;
    this.inputs = inputs;
    this.#named = named;
    this.#saved = saved;
    this.#versions = saved.map(({ storage }) => storage.contents.version);
    this.#rule = rule;
    this.#alsoRelease = release;
    for (const input of inputs) if (input.node) input.node.#references++;
  }

  get spent(): boolean {
    return this.#rule === null;
  }

  /** Refuses a gradient of other numbers than the op saw. */
  checkSaved(): void {
    this.#saved?.forEach((tensor, i) => {
      const { contents } = tensor.storage;
      contents.failure?.throw();
      if (contents.version === this.#versions[i]) return;
      throw new GramianError(
        `backward: ${this.#nameOf(tensor)} was overwritten by ${contents.writer} after ${this.op} had read it, ` +
          'expected the same numbers; call backward() first, or write into another tensor.',
      );
    });
  }

  #nameOf({ storage, shape }: Tensor): string {
    const same = (tensor: Tensor): boolean => tensor.memory.contents === storage.contents;
    const name = Object.keys(this.#named).find((key) => same(this.#named[key]));
    const at = this.inputs.findIndex(same);
    return `${name ?? (at < 0 ? 'a result' : `input ${at}`)} [${shape.join(', ')}] of ${this.op}`;
  }

  /** Runs the rule once, then lets go of what was saved for it. */
  run(dy: Tensor): readonly (Tensor | null)[] {
    const rule = this.#rule;
    const saved = this.#saved;
    if (!rule || !saved)
      throw new GramianError(`backward: ${this.op} was already walked, expected one backward() a tape.`);
    const gradients = rule(dy, saved);
    this.letGo();
    return gradients;
  }

  /** One holder fewer; without any, nobody can ask for this gradient any more. Iterative: graphs are deep. */
  release(): void {
    const pending: TapeNode[] = [this];
    for (let node = pending.pop(); node; node = pending.pop()) {
      if (--node.#references > 0) continue;
      node.letGo();
      for (const input of node.inputs) if (input.node) pending.push(input.node);
    }
  }

  letGo(): void {
    for (const tensor of this.#saved ?? []) tensor.dispose();
    this.#saved = null;
    this.#rule = null;
    this.#alsoRelease?.();
    this.#alsoRelease = undefined;
  }
}

/** Nodes that `root` depends on, each after all nodes that use it. Iterative: a recursive walk overflows on deep graphs. */
function walkOrder(root: TapeNode): TapeNode[] {
  const order: TapeNode[] = [];
  const entered = new Set<TapeNode>([root]);
  const stack: { node: TapeNode; next: number }[] = [{ node: root, next: 0 }];
  for (let top = stack.at(-1); top; top = stack.at(-1)) {
    const input = top.node.inputs[top.next++];
    if (input === undefined) {
      order.push(top.node);
      stack.pop();
    } else if (input.requiresGrad && input.node && !entered.has(input.node)) {
      entered.add(input.node);
      stack.push({ node: input.node, next: 0 });
    }
  }
  return order.reverse();
}

export function backward(loss: Tensor): void {
  const { context } = loss;
  if (loss.size !== 1) context.fail('backward', `loss is [${loss.shape.join(', ')}], expected one number.`);
  const root = loss.node;
  if (!root)
    return context.fail('backward', 'loss has no tape, expected the result of an op on a tensor with requiresGrad.');
  if (root.spent) context.fail('backward', 'loss was already walked, expected one backward() for each forward.');

  const order = walkOrder(root);
  const spent = order.find((node) => node.spent);
  if (spent) context.fail('backward', `${spent.op} was already walked by another backward(), expected a fresh tape.`);
  // All is looked at before anything is added to a gradient: a walk that stops half-way would leave some of them changed.
  context.assertComputed(loss.memory);
  for (const node of order) {
    node.checkSaved();
    for (const { node: made, grad } of node.inputs) if (!made && grad) context.assertComputed(grad.memory);
  }
  const pending = new Map<TapeNode, Tensor>([[root, seed(loss)]]);
  const reached = new Set<Tensor>();
  /** Gradients of leaves that are laid out otherwise: summed as f32, and rounded once. */
  const apart = new Map<Tensor, Tensor>();

  const walk = (): void => {
    for (const node of order) {
      const dy = pending.get(node);
      // Temporaries of a rule go as soon as it has run, so that memory peaks at one op's worth.
      const gradients = dy ? context.temporaries(() => node.run(dy)) : node.inputs.map(() => null);
      if (!dy) node.letGo();
      pending.delete(node);
      dy?.dispose();
      node.inputs.forEach((input, i) => {
        const gradient = gradients[i] ?? null;
        if (!input.requiresGrad) return gradient?.dispose();
        if (input.node) {
          if (gradient) pending.set(input.node, sum(pending.get(input.node), gradient));
        } else {
          reached.add(input);
          if (!gradient) return;
          if (input.packed) keep(input, gradient);
          else apart.set(input, sum(apart.get(input), gradient));
        }
      });
    }
    for (const [leaf, gradient] of apart) keepApart(leaf, gradient);
    // A stop-gradient side has a gradient: zero.
    for (const leaf of reached)
      if (!leaf.grad && !leaf.disposed)
        (leaf.packed ? keep : keepApart)(
          leaf,
          context.unscoped(() => context.full(leaf.shape, 0)),
        );
  };
  try {
    context.noGrad(walk);
  } finally {
    for (const left of pending.values()) left.dispose(); // of a rule that threw
  }
  context.opEnded();
}

/** d loss / d loss = 1, in the loss's shape: one number may be [1] or [1, 1] too. */
function seed(loss: Tensor): Tensor {
  const { context } = loss;
  return context.unscoped(() => {
    const one = context.constant(1);
    const shaped = context.alias(one, loss.shape, false);
    one.dispose();
    return shaped;
  });
}

function sum(known: Tensor | null | undefined, more: Tensor): Tensor {
  if (!known) return more;
  const { context } = known;
  // A rule may hand the same storage to several inputs: only a gradient that nobody else holds is added to in place.
  if (known.storage.unshared) {
    accumulate(context, known, more);
    more.dispose();
    return known;
  }
  const total = context.unscoped(() => context.full(known.shape, 0));
  accumulate(context, total, known);
  accumulate(context, total, more);
  known.dispose();
  more.dispose();
  return total;
}

/** A leaf's grad is its alone: not the storage of another leaf's, nor the engine's constant 1. */
function own(gradient: Tensor): Tensor {
  const { context, storage } = gradient;
  if (storage.slot && storage.unshared) return gradient;
  const copy = context.unscoped(() => context.full(gradient.shape, 0));
  accumulate(context, copy, gradient);
  gradient.dispose();
  return copy;
}

function keep(leaf: Tensor, gradient: Tensor): void {
  if (leaf.disposed) return gradient.dispose();
  leaf.context.observers.current?.leaf?.(leaf, false);
  leave(leaf, leaf.grad ? sum(leaf.grad, gradient) : own(gradient));
}

/** The same for a leaf in f16 or with other rows: its gradient is laid out as it is. */
function keepApart(leaf: Tensor, gradient: Tensor): void {
  if (leaf.disposed) return gradient.dispose();
  const { context } = leaf;
  context.observers.current?.leaf?.(leaf, false);
  const total = leaf.grad
    ? sum(
        context.unscoped(() => readCopy(leaf.grad as Tensor)),
        gradient,
      )
    : gradient;
  const grad = context.unscoped(() => context.inLayout(total, leaf, 'backward'));
  total.dispose();
  leaf.grad?.dispose();
  leave(leaf, grad);
}

function readCopy(tensor: Tensor): Tensor {
  const copy = tensor.context.alias(tensor, tensor.shape, false);
  tensor.refresh();
  return copy;
}

function leave(leaf: Tensor, grad: Tensor): void {
  leaf.grad = grad;
  // It lives as long as its leaf, whatever scope backward() was called in.
  grad.owner?.delete(grad);
  grad.owner = null;
}
