import type { Context } from '../core/context.ts';
import type { Observer, ReplayHook } from '../core/observers.ts';
import type { Tensor } from '../core/tensor.ts';
import { bindByName } from '../gpu/bindings.ts';
import type { Storage } from '../gpu/buffers.ts';
import type { Device, LaunchOptions } from '../gpu/device.ts';
import { GramianError } from '../gpu/errors.ts';
import type { Effect } from '../gpu/failures.ts';
import { type KernelSource, packParams } from '../gpu/kernel.ts';
import type { Pipeline } from '../gpu/pipelines.ts';
import { SLOT_BYTES } from '../gpu/queue.ts';

/** One launch as an op asked for it, compiled and checked. */
export interface Captured {
  readonly pipeline: Pipeline;
  /** In the order of the kernel's buffers. */
  readonly storages: readonly Storage[];
  /** Packed; the range of groups is all of them. */
  readonly params: Uint32Array<ArrayBuffer>;
  /** Packs the parameters again, where they change from run to run. */
  readonly repack: (() => void) | null;
  readonly groups: number;
  readonly work: number;
  readonly maybe: boolean | undefined;
  readonly overwrites: readonly string[] | undefined;
  readonly before: Effect | undefined;
}

/** What a function does that is to be replayed: it runs once, and launches nothing. */
export class Capture implements Observer<Tensor> {
  readonly launches: Captured[] = [];
  /** Numbers that came from the CPU. */
  readonly uploads: (Float32Array | Int32Array | Uint32Array)[] = [];
  readonly hooks: ReplayHook[] = [];
  /** Leaves whose grad was set or cleared, and the grad's storage before; `'any'` where it was cleared first. */
  readonly leaves = new Map<Tensor, Storage | null | 'any'>();
  /** Why the function cannot be replayed, found where nothing could be thrown. */
  refused: GramianError | null = null;
  private readonly device: Device;

  constructor(device: Device) {
    this.device = device;
  }

  launch(
    kernel: KernelSource,
    { params, buffers, groups, work, maybe, tuning, overwrites, before }: LaunchOptions,
  ): void {
    const { device } = this;
    const storages = bindByName(kernel, buffers, device.info.limits.maxStorageBufferBindingSize);
    for (const [i, { alive }] of storages.entries())
      if (!alive)
        throw new GramianError(`${kernel.name}: ${kernel.buffers[i].name} was released, expected a live buffer.`);
    const view = new DataView(new ArrayBuffer(SLOT_BYTES));
    const packed = new Uint32Array(view.buffer);
    const pack = () => packParams(kernel, typeof params === 'function' ? params() : params, view, 0);
    pack();
    packed[1] = groups;
    this.launches.push({
      pipeline: device.pipeline(kernel, tuning),
      storages,
      params: packed,
      repack: typeof params === 'function' ? pack : null,
      groups,
      work,
      maybe,
      overwrites,
      before,
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
