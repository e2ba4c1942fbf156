import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { Tensor } from '../core/tensor.ts';
import { UsedAfterDisposeError } from '../gpu/errors.ts';
import { Replay } from './replay.ts';

const OP = 'recorded';
const SHAPES_CACHED = 4;

/** A function of tensors whose work on the GPU is captured at its first call and replayed at later ones. */
export interface Recorded<I extends readonly Tensor[], O> extends Disposable {
  /** Runs it. The results of every call lie in the same memory: read or copy them before the next call. */
  (...inputs: I): O;
  /** Frees what was captured; results that are still held keep their memory. */
  dispose(): void;
}

/** See `Engine.recorded`. */
export function recorded<I extends readonly Tensor[], O>(context: Context, fn: (...inputs: I) => O): Recorded<I, O> {
  const run = fn as unknown as (...inputs: Tensor[]) => unknown;
  const cache = new Map<string, Replay>(); // the least recently used one first
  let disposed = false;

  const step = (...inputs: I): O => {
    context.assertAlive(OP);
    if (disposed) throw new UsedAfterDisposeError(`${OP}: the step was disposed, expected a live one.`);
    if (context.observers.current)
      context.fail(
        OP,
        'called inside of a function that is recorded, planned, prepared or tuned, expected it outside; call fn itself there.',
      );
    const key = keyOf(context, inputs);
    let replay = cache.get(key);
    if (replay) {
      cache.delete(key);
      cache.set(key, replay);
      replay.assertCompiled();
      const fresh = !replay.confirmed || context.check;
      if (fresh) replay.confirm(run, inputs);
      return replay.run(inputs, fresh) as O;
    }
    replay = new Replay(context, run, inputs);
    if (cache.size >= SHAPES_CACHED) {
      const [oldest, dropped] = cache.entries().next().value as [string, Replay];
      cache.delete(oldest);
      dropped.dispose();
    }
    cache.set(key, replay);
    return replay.run(inputs, true) as O;
  };

  const dispose = (): void => {
    disposed = true;
    for (const replay of cache.values()) replay.dispose();
    cache.clear();
  };
  return Object.assign(step, { dispose, [Symbol.dispose]: dispose });
}

/** What must be equal for a capture to serve. */
function keyOf(context: Context, inputs: readonly Tensor[]): string {
  let key = `${context.scopes.gradEnabled ? '' : 'noGrad'}${context.table.tunings}`;
  inputs.forEach((input, i) => {
    if (!(input instanceof Tensor)) context.fail(OP, `${check.came(`inputs[${i}]`, input, 'is')}, expected a Tensor.`);
    if (input.context !== context) context.fail(OP, `inputs[${i}] lives on another device.`);
    check.alive(OP, `inputs[${i}]`, input);
    key += `;${input.shape},${input.dtype},${input.rowStride},${input.requiresGrad}`;
  });
  return key;
}
