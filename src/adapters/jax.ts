import * as check from '../core/check.ts';
import { type Attached, type AttachOptions, type HostArguments, type LossName, openGuest, TYPES } from './guest.ts';

/** `import * as jax from '@jax-js/jax'`. */
export interface Jax {
  readonly Array: abstract new (...args: never[]) => object;
  getWebGPUDevice(): unknown;
}

type ArrayOf<J extends Jax> = InstanceType<J['Array']>;
type Prefix<A extends readonly unknown[]> = A extends [infer First, ...infer Rest]
  ? [First] | [First, ...Prefix<Rest>]
  : [];
type Suffix<A extends readonly unknown[]> = A | (A extends [unknown, ...infer Rest] ? Suffix<Rest> : []);
/** What a function of the parameters gives: the loss's first argument, or its first ones. */
type Leading<Name extends LossName, H> = Required<HostArguments<Name, H>>[0] | Prefix<Required<HostArguments<Name, H>>>;

/** The gradient of the loss to the parameters. Called once, it frees what it needed; so does `dispose()`. */
export interface Pull<P> {
  (): P;
  dispose(): void;
}

/**
 * Every loss in arrays of jax-js, which it consumes as jax-js' own functions do: hand it `z.ref` to keep z.
 * `valueAndVjp` and `valueAndGrad` differentiate through functions of jax-js.
 */
export type JaxLosses<J extends Jax> = Attached & {
  [Name in LossName]: (...args: HostArguments<Name, ArrayOf<J>>) => Promise<ArrayOf<J>>;
} & {
  /**
   * The loss of what `fn` makes of the parameters, and its way back to them. `fn` gives the loss's first arguments in an
   * array (or the first alone); those that do not depend on the parameters follow behind.
   */
  valueAndVjp<Name extends LossName, P>(
    loss: Name,
    fn: (params: P) => Leading<Name, ArrayOf<J>>,
    params: P,
    ...rest: Suffix<HostArguments<Name, ArrayOf<J>>>
  ): Promise<[loss: ArrayOf<J>, pull: Pull<P>]>;
  /** The same with the gradient itself: nothing is left to dispose of. */
  valueAndGrad<Name extends LossName, P>(
    loss: Name,
    fn: (params: P) => Leading<Name, ArrayOf<J>>,
    params: P,
    ...rest: Suffix<HostArguments<Name, ArrayOf<J>>>
  ): Promise<[loss: ArrayOf<J>, gradient: P]>;
};

// What is used of jax-js, whose types are not there where it is not installed.
interface JaxArray {
  readonly shape: number[];
  readonly dtype: string;
  readonly device: string;
  readonly refCount: number;
  readonly ref: JaxArray;
  dispose(): void;
  gpuBuffer(): Promise<GPUBuffer>;
}
type Pullback = ((cotangents: unknown) => [unknown]) & { dispose(): void };
interface Internals {
  getWebGPUDevice(): GPUDevice;
  readonly numpy: { zeros(shape: readonly number[], options: { dtype: string; device: string }): JaxArray };
  readonly tree: {
    leaves(tree: unknown): Traced[];
    map(fn: (leaf: unknown) => unknown, tree: unknown): unknown;
  };
  vjp(
    fn: (params: never) => [out: unknown[], aux: unknown[]],
    params: [unknown],
    options: { hasAux: true },
  ): [out: JaxArray[], pullback: Pullback, aux: JaxArray[]];
}
/** What an array is while its way back is looked for: its tangent is known where it does not change with the parameters. */
interface Traced {
  readonly tangent?: { readonly pval?: { readonly isKnown: boolean } };
}

/** Frees what a `pull` needs that nobody called: jax-js keeps hundreds of buffers for it. */
const forgotten = new FinalizationRegistry<() => void>((free) => free());

/** The losses on jax-js' own WebGPU device: `const g = await attach(jax); const loss = await g.ntXent(z0, z1)`. */
export async function attach<J extends Jax>(jax: J, options?: AttachOptions): Promise<JaxLosses<J>> {
  if (typeof jax?.getWebGPUDevice !== 'function' || typeof jax?.Array !== 'function')
    check.fail('attach', `${check.came('jax', jax, 'is')}, expected what import * as jax from '@jax-js/jax' gives.`);
  const host = jax as unknown as Internals;
  const device = deviceOf(host);
  const Tracer: typeof jax.Array = Object.getPrototypeOf(jax.Array);
  // jax.vjp mixes up its cotangents where an output does not change with the parameters: those go around it.
  const moves = (leaf: Traced): boolean =>
    !(leaf instanceof jax.Array) && !(leaf.tangent instanceof jax.Array) && leaf.tangent?.pval?.isKnown !== true;
  const guest = await openGuest<JaxArray>(
    device,
    {
      isTensor: (value): value is JaxArray => value instanceof Tracer,
      layoutOf: (array, op) => {
        const { shape, dtype } = array;
        const called = `an array [${shape.join(', ')}]`;
        if (!(array instanceof jax.Array))
          check.fail(
            op,
            `${called} is traced and has no numbers, expected it outside of jit, grad and vmap; see valueAndVjp.`,
          );
        if (array.refCount <= 0)
          check.fail(op, `${called} was consumed, expected a live one; hand on .ref to keep an array.`);
        if (array.device !== 'webgpu')
          check.fail(op, `${called} lives on ${check.say(array.device)}, expected "webgpu"; see jax.defaultDevice().`);
        const type = TYPES[dtype];
        if (!type) check.fail(op, `${called} holds ${dtype}, expected float32 or float16, or int32 for labels.`);
        return { shape, dtype: type };
      },
    },
    options,
  );

  /** The loss and the gradients of those that are wanted. Consumes the arrays, once ours is submitted. */
  const run = async (
    op: LossName,
    args: readonly unknown[],
    wanted: (array: JaxArray) => boolean,
  ): Promise<[loss: JaxArray, ...gradients: JaxArray[]]> => {
    const call = guest.prepare(op, args, wanted);
    const zeros = (shape: readonly number[], dtype: string) => host.numpy.zeros(shape, { dtype, device: 'webgpu' });
    const results = [zeros([], 'float32'), ...call.live.map(({ shape, dtype }) => zeros(shape, dtype))] as const;
    try {
      // A buffer is its array's as long as there is a reference, and taking it uses one up.
      const buffers = await Promise.all([...call.tensors, ...results].map((array) => array.ref.gpuBuffer()));
      call.run(buffers.slice(0, call.tensors.length), buffers.slice(call.tensors.length));
    } catch (error) {
      for (const array of results) array.dispose();
      throw error;
    } finally {
      for (const array of call.tensors) array.dispose();
    }
    return [...results];
  };

  const valueAndVjp = async (
    op: LossName,
    fn: (params: never) => unknown,
    params: unknown,
    ...rest: readonly unknown[]
  ): Promise<[JaxArray, Pull<unknown>]> => {
    let given: unknown;
    let kinds: ('moves' | 'stays' | 'no array')[] = [];
    const trace = (traced: never): [unknown[], unknown[]] => {
      given = fn(traced);
      const leaves = host.tree.leaves(given);
      kinds = leaves.map((leaf) => (!(leaf instanceof Tracer) ? 'no array' : moves(leaf) ? 'moves' : 'stays'));
      return [leaves.filter((_, i) => kinds[i] === 'moves'), leaves.filter((_, i) => kinds[i] === 'stays')];
    };
    const [moving, pullback, still] = host.vjp(trace, [params], { hasAux: true });
    try {
      const arrays = { moves: moving.values(), stays: still.values() };
      const kind = kinds.values();
      const out = host.tree.map((leaf) => {
        const from = kind.next().value as (typeof kinds)[number];
        return from === 'no array' ? leaf : arrays[from].next().value;
      }, given);
      for (const { shape, dtype } of moving)
        if (!dtype.startsWith('float'))
          check.fail(op, `fn gives ${dtype} [${shape.join(', ')}], expected float arrays.`);
      const leading = Array.isArray(out) ? out : [out];
      const [loss, ...gradients] = await run(op, [...leading, ...rest], (array) => moving.includes(array));
      return [loss, pullOf(op, gradients, pullback)];
    } catch (error) {
      pullback.dispose();
      throw error;
    }
  };
  const named = {
    ...guest.attached(async (op, args) => (await run(op, args, () => false))[0]),
    valueAndVjp,
    valueAndGrad: async (...args: Parameters<typeof valueAndVjp>) => {
      const [loss, pull] = await valueAndVjp(...args);
      return [loss, pull()];
    },
  };
  return named as unknown as JaxLosses<J>;
}

function deviceOf(host: Internals): GPUDevice {
  try {
    return host.getWebGPUDevice();
  } catch {
    return check.fail('attach', "jax-js has no WebGPU device yet, expected one; await jax.init('webgpu') first.");
  }
}

/** Of gradients in the order of the pullback's outputs. */
function pullOf(op: string, gradients: readonly JaxArray[], pullback: Pullback): Pull<unknown> {
  let open = true;
  const free = (): void => {
    if (open) for (const array of gradients) array.dispose();
    if (open) pullback.dispose();
    open = false;
  };
  const pull = (): unknown => {
    if (!open) check.fail(op, 'pull was called before, or disposed, expected one call.');
    open = false;
    forgotten.unregister(gradients);
    try {
      return pullback(gradients)[0];
    } finally {
      pullback.dispose();
    }
  };
  forgotten.register(pull, free, gradients);
  return Object.assign(pull, { dispose: free });
}
