import type { Engine } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { GramianError } from '../gpu/errors.ts';
import type { Work } from '../gpu/failures.ts';
import { packParams } from '../gpu/kernel.ts';
import type { Pipeline } from '../gpu/pipelines.ts';
import { bindByName, SLOT_BYTES } from '../gpu/queue.ts';

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
  readonly before: Work | undefined;
}

/** Runs `fn` without any effect, all that it does noted in `capture`; what it makes goes with it, whatever scope it is called in. */
export function capturing(engine: Engine, device: Device, capture: Capture, fn: () => void): void {
  engine.withoutWriting(() =>
    listingLaunches(device, capture.launches, () =>
      engine.recordingInto(capture, () => engine.unscoped(() => engine.scope(fn))),
    ),
  );
}

/** Runs `fn` without launching anything; its launches are added to `to`. */
function listingLaunches(device: Device, to: Captured[], fn: () => void): void {
  const limit = device.info.limits.maxStorageBufferBindingSize;
  device.withoutLaunching((kernel, { params, buffers, groups, work, maybe, tuning, overwrites, before }) => {
    const storages = bindByName(kernel, buffers, limit);
    for (const [i, { alive }] of storages.entries())
      if (!alive)
        throw new GramianError(`${kernel.name}: ${kernel.buffers[i].name} was released, expected a live buffer.`);
    const view = new DataView(new ArrayBuffer(SLOT_BYTES));
    const packed = new Uint32Array(view.buffer);
    const pack = () => packParams(kernel, typeof params === 'function' ? params() : params, view, 0);
    pack();
    packed[1] = groups;
    to.push({
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
  }, fn);
}

/** What happens once at every run of a function, beside its launches. */
export interface Repeat {
  readonly advance: () => void;
  /** Takes back an `advance` whose launches never ran. */
  readonly undo: () => void;
}

/** What a function did while it was recorded. */
export class Capture {
  readonly launches: Captured[] = [];
  /** Numbers that came from the CPU. */
  readonly uploads: (Float32Array | Int32Array | Uint32Array)[] = [];
  readonly repeats: Repeat[] = [];
  /** Leaves whose grad was set or cleared, and the grad's storage before; `'any'` where it was cleared first. */
  readonly leaves = new Map<Tensor, Storage | null | 'any'>();
  /** Recorded to be compared: there is no memory to write to. */
  readonly imagined: boolean;
  /** Why the function cannot be recorded, found where nothing could be thrown. */
  refused: GramianError | null = null;

  constructor(imagined: boolean) {
    this.imagined = imagined;
  }

  /** Takes back what the function did beside its launches, where these never run. */
  undoRepeats(): void {
    for (const { undo } of [...this.repeats].reverse()) undo();
  }

  touch(leaf: Tensor, clearing: boolean): void {
    if (leaf.disposed || !leaf.requiresGrad) return;
    if (!this.leaves.has(leaf)) this.leaves.set(leaf, clearing ? 'any' : (leaf.grad?.storage ?? null));
  }
}
