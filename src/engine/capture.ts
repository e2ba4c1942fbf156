import * as check from '../core/check.ts';
import type { Context } from '../core/context.ts';
import type { Watch } from '../core/inspect.ts';
import { type Layout, layoutOf } from '../core/layout.ts';
import type { Observer, ReplayHook } from '../core/observers.ts';
import { Tensor } from '../core/tensor.ts';
import { bindByName } from '../gpu/bindings.ts';
import { type Reserve, SHAPE_ONLY, type Storage } from '../gpu/buffers.ts';
import type { Device, LaunchOptions } from '../gpu/device.ts';
import type { GramianError } from '../gpu/errors.ts';
import { type KernelSource, packParams } from '../gpu/kernel.ts';
import { type Launch, SLOT_BYTES } from '../gpu/launch.ts';

const OP = 'recorded';

/** One launch as an op asked for it, compiled and checked; its range of groups is all of them. */
export interface CapturedLaunch extends Launch {
  readonly params: Uint32Array<ArrayBuffer>;
  /** Packs the parameters again, where they change from run to run. */
  readonly repack: (() => void) | null;
}

/** What a function does that is to be replayed: it runs once, and launches nothing. */
export class Capture implements Observer<Tensor> {
  readonly launches: CapturedLaunch[] = [];
  /** Numbers that came from the CPU. */
  readonly uploads: (Float32Array | Int32Array | Uint32Array)[] = [];
  readonly hooks: ReplayHook[] = [];
  /** Leaves whose grad was set or cleared, and the grad's storage before; `'any'` where it was cleared first. */
  readonly leaves = new Map<Tensor, Storage | null | 'any'>();
  /** Why the function cannot be replayed, found where nothing could be thrown. */
  refused: GramianError | null = null;
  readonly insidePass: boolean;
  readonly #device: Device;

  constructor(device: Device, { insidePass = false } = {}) {
    this.#device = device;
    this.insidePass = insidePass;
  }

  launch(kernel: KernelSource, { params, buffers, tuning, ...others }: LaunchOptions): void {
    const device = this.#device;
    const storages = bindByName(kernel, buffers, device.info.limits.maxStorageBufferBindingSize);
    const view = new DataView(new ArrayBuffer(SLOT_BYTES));
    const packed = new Uint32Array(view.buffer);
    const pack = () => packParams(kernel, typeof params === 'function' ? params() : params, view, 0);
    pack();
    if (!others.grid) packed[1] = others.groups;
    const pipeline = device.pipeline(kernel, tuning);
    this.launches.push({
      ...others,
      pipeline,
      kernel: pipeline.kernel,
      storages,
      group: null,
      params: packed,
      repack: typeof params === 'function' ? pack : null,
    });
  }

  upload(values: Float32Array | Int32Array | Uint32Array): void {
    this.uploads.push(values.slice());
  }

  leaf(leaf: Tensor, clearing: boolean): void {
    if (leaf.disposed || !leaf.requiresGrad) return;
    if (!this.leaves.has(leaf)) this.leaves.set(leaf, clearing ? 'any' : (leaf.grad?.memory ?? null));
  }

  onEveryReplay(hook: ReplayHook): void {
    this.hooks.push(hook);
  }

  refuse(error: GramianError): void {
    this.refused ??= error;
  }

  /** Runs `body`. All tensors that it makes go, but for what is retained. */
  run(context: Context, body: () => void): void {
    context.observers.observe(this, () => context.temporaries(body));
  }

  /** Takes back the counts of a function that never ran. */
  undoHooks(): void {
    for (const { undo } of [...this.hooks].reverse()) undo();
  }
}

/** A tensor that `fn` returned. */
interface Output {
  readonly storage: Storage;
  readonly layout: Layout;
}

/** A function that was captured, and how to build its result anew. */
export interface CapturedFunction {
  readonly capture: Capture;
  readonly inputs: readonly Storage[];
  readonly outputs: readonly Output[];
  /** What `fn` returned, with a fresh tensor for each output. */
  readonly shape: (fresh: (i: number) => Tensor) => unknown;
  readonly watch: Watch | null;
  readonly source: MemorySource;
}

export type MemorySource = Reserve | typeof SHAPE_ONLY;

/** Captures `fn` on stand-ins for the inputs; memory comes from `source`, `SHAPE_ONLY` where nothing of it will ever run. */
export function captureFunction(
  context: Context,
  fn: (...inputs: Tensor[]) => unknown,
  given: readonly Tensor[],
  source: MemorySource,
): CapturedFunction {
  const device = context.lowLevel;
  const capture = new Capture(device);
  const inputs: Storage[] = [];
  const outputs: Output[] = [];
  let shape: CapturedFunction['shape'] = () => undefined;
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

/** Undoes what is left of a function that was captured and never ran. */
export function takeBack(capture: Capture, source: MemorySource): void {
  capture.undoHooks();
  for (const leaf of capture.leaves.keys()) if (leaf.grad && isMade(source, leaf.grad.memory)) leaf.zeroGrad();
}

/** Whether this memory was taken while the function was captured. */
export function isMade(source: MemorySource, { slot, buffer }: Storage): boolean {
  return source === SHAPE_ONLY ? buffer === null : slot !== null && slot.reserve === source;
}

/** Lists the tensors of a result, and gives back a function that builds the result anew. */
function template(context: Context, value: unknown, outputs: Output[]): CapturedFunction['shape'] {
  if (value instanceof Tensor) {
    if (value.context !== context)
      context.fail(OP, 'fn returned a Tensor of another engine, expected one of this engine.');
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
