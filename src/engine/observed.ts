import * as check from '../core/check.ts';
import type { Context } from '../core/context.ts';
import type { Watch } from '../core/inspect.ts';
import { type Layout, layoutOf } from '../core/layout.ts';
import { Tensor } from '../core/tensor.ts';
import { type Reserve, SHAPE_ONLY, type Storage } from '../gpu/buffers.ts';
import { Capture } from './capture.ts';

const OP = 'recorded';

/** A tensor that `fn` returned. */
interface Output {
  readonly storage: Storage;
  readonly layout: Layout;
}

export interface Observed {
  readonly capture: Capture;
  readonly inputs: readonly Storage[];
  readonly outputs: readonly Output[];
  /** What `fn` returned, with a fresh tensor for each output. */
  readonly shape: (fresh: (i: number) => Tensor) => unknown;
  readonly watch: Watch | null;
  readonly source: MemorySource;
}

export type MemorySource = Reserve | typeof SHAPE_ONLY;

/** Runs `fn` without launching, on stand-ins for the inputs. */
export function observe(
  context: Context,
  fn: (...inputs: Tensor[]) => unknown,
  given: readonly Tensor[],
  source: MemorySource,
): Observed {
  const device = context.lowLevel;
  const capture = new Capture(device);
  const inputs: Storage[] = [];
  const outputs: Output[] = [];
  let shape: Observed['shape'] = () => undefined;
  const body = (): void => {
    const standIns = given.map((tensor) => context.placeholder(layoutOf(tensor), tensor.requiresGrad));
    for (const { memory } of standIns) inputs.push(memory);
    const result = fn(...standIns);
    if (capture.refused) throw capture.refused;
    shape = template(context, result, outputs);
    standIns.forEach(({ grad }, i) => {
      if (grad && !outputs.some(({ storage }) => storage === grad.memory))
        context.fail(
          OP,
          `fn leaves inputs[${i}] a grad, expected it among the results; return it, or pass a detach()ed input.`,
        );
    });
    // All that was made goes with the scope, but for the memory of results.
    for (const { storage } of outputs) if (isMade(source, storage)) storage.retain();
  };
  try {
    const watch = device.pool.within(source, () => context.inspector.watchingApart(() => capture.run(context, body)));
    return { capture, inputs, outputs, shape, watch, source };
  } catch (error) {
    takeBack(capture, source);
    throw error;
  }
}

/** Undoes what is left of a function that was observed and never ran. */
export function takeBack(capture: Capture, source: MemorySource): void {
  capture.undoHooks();
  for (const leaf of capture.leaves.keys()) if (leaf.grad && isMade(source, leaf.grad.memory)) leaf.zeroGrad();
}

/** Whether this memory was taken while the function was observed. */
export function isMade(source: MemorySource, { slot, buffer }: Storage): boolean {
  return source === SHAPE_ONLY ? buffer === null : slot !== null && slot.reserve === source;
}

/** Lists the tensors of a result, and gives back a function that builds the result anew. */
function template(context: Context, value: unknown, outputs: Output[]): Observed['shape'] {
  if (value instanceof Tensor) {
    if (value.context !== context)
      context.fail(OP, 'fn returned a Tensor of another engine, expected one of this context.');
    const i = outputs.push({ storage: value.memory, layout: layoutOf(value) }) - 1;
    return (fresh) => fresh(i);
  }
  if (value === undefined || value === null) return () => value;
  if (Array.isArray(value)) {
    const parts = value.map((item) => template(context, item, outputs));
    return (fresh) => parts.map((part) => part(fresh));
  }
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    const parts = Object.entries(value).map(([name, item]) => [name, template(context, item, outputs)] as const);
    return (fresh) => Object.fromEntries(parts.map(([name, part]) => [name, part(fresh)]));
  }
  return context.fail(
    OP,
    `fn returned ${check.say(value)}, expected Tensors, alone or in arrays and plain objects; all else would stay as it is now.`,
  );
}
