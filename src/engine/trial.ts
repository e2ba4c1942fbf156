import type { Context } from '../core/context.ts';
import type { Observer } from '../core/observers.ts';
import type { Tensor } from '../core/tensor.ts';
import { type Storage, USAGE } from '../gpu/buffers.ts';
import type { Device, LaunchOptions } from '../gpu/device.ts';
import type { KernelSource } from '../gpu/kernel.ts';
import { dryRun, type Result } from './dryRun.ts';

interface TrialLaunch {
  readonly kernel: KernelSource;
  readonly options: LaunchOptions;
}

/**
 * What a function launches, captured to be run again and again without its JavaScript. It reads the caller's tensors, and
 * writes into memory of its own: whatever the launches write that was there before is a copy.
 */
export interface Trial {
  readonly launches: readonly TrialLaunch[];
  readonly copies: readonly { from: Storage; to: Storage }[];
  readonly outputs: readonly Result[];
  release(): void;
}

export function trialOf(context: Context, device: Device, fn: () => unknown): Trial {
  const before = device.pool.held();
  const kept = new Set<Storage>();
  const launches: TrialLaunch[] = [];
  const written = new Set<Storage>();
  const copies = new Map<Storage, Storage>();
  const release = (): void => {
    for (const storage of kept) storage.unwatch();
    for (const storage of copies.values()) storage.release();
  };
  let results: readonly Result[];
  try {
    const launch: Observer<Tensor>['launch'] = (kernel, options) => {
      launches.push({ kernel, options });
      for (const { name, access } of kernel.buffers) {
        const whole = options.buffers[name].whole ?? options.buffers[name];
        if (!kept.has(whole)) kept.add(whole.watch());
        if (access === 'read_write') written.add(whole);
      }
    };
    results = dryRun(context, fn, { launch });
    for (const whole of written)
      if (before.has(whole) || !whole.slot) copies.set(whole, device.pool.acquire(whole.bytes, 'tune'));
  } catch (error) {
    release();
    throw error;
  }
  const own = (storage: Storage): Storage => {
    const whole = storage.whole ?? storage;
    return copies.get(whole)?.range(storage.offset - whole.offset, storage.bytes) ?? storage;
  };
  const outputs = new Map<Storage, Result>();
  for (const result of results)
    if (written.has(result.storage) && !copies.has(result.storage)) outputs.set(result.storage, result);
  for (const to of copies.values()) outputs.set(to, { storage: to, bytes: to.bytes, dtype: 'f32' });
  return {
    launches: launches.map(({ kernel, options }) => {
      const buffers = Object.fromEntries(Object.entries(options.buffers).map(([name, of]) => [name, own(of)]));
      return { kernel, options: { ...options, buffers } };
    }),
    copies: [...copies].map(([from, to]) => ({ from, to })),
    outputs: [...outputs.values()],
    release,
  };
}

export function play(device: Device, trial: Trial, times: number): void {
  for (let i = 0; i < times; i++) for (const { kernel, options } of trial.launches) device.run(kernel, options);
}

/** One result, bit by bit. */
export interface OutputBits {
  readonly bits: Uint32Array;
  /** Floats, which may differ by rounding. */
  readonly floats: boolean;
}

/** The trial's own memory, as the caller's is now. */
export async function resetTrial(device: Device, { copies }: Trial): Promise<void> {
  await device.queue.idle();
  const encoder = device.gpu.createCommandEncoder();
  for (const { from, to } of copies)
    if (from.buffer.usage & USAGE.COPY_SRC)
      encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, 0, from.bytes);
  device.gpu.queue.submit([encoder.finish()]);
}

/** One run from the caller's own state, and all that it gives. Also compiles what was never compiled. */
export async function resultsOf(device: Device, trial: Trial): Promise<OutputBits[]> {
  await resetTrial(device, trial);
  play(device, trial, 1);
  const found: OutputBits[] = [];
  for (const { storage, bytes, dtype } of trial.outputs)
    found.push({ bits: new Uint32Array(await device.read('tune', storage, bytes)), floats: dtype === 'f32' });
  return found;
}

/** Whether both are the same but for rounding. What is no float has to be the same. */
export function agree(a: readonly OutputBits[], b: readonly OutputBits[], tolerance: number): boolean {
  return (
    a.length === b.length &&
    a.every(({ bits, floats }, i) => {
      const other = b[i].bits;
      if (bits.length !== other.length) return false;
      const [x, y] = [bits, other].map((of) => new Float32Array(of.buffer));
      let top = 0;
      for (const value of x) if (Number.isFinite(value)) top = Math.max(top, Math.abs(value));
      for (let k = 0; k < bits.length; k++) {
        if (bits[k] === other[k]) continue;
        if (!floats || !(Math.abs(x[k] - y[k]) <= tolerance * top)) return false;
      }
      return true;
    })
  );
}
