import { USAGE } from './buffers.ts';
import type { KernelSource } from './kernel.ts';
import type { BindGroupCache, Binding, Pipeline } from './pipelines.ts';
import { Readback } from './readback.ts';

export const SLOT_BYTES = 256; // minUniformBufferOffsetAlignment at its default
const SLOT_WORDS = SLOT_BYTES / 4;
const SLOTS = 256;
const BUDGET_MS = 100; // a desktop's watchdog kills work of about 2 s; a page should stay alive meanwhile
const MAX_PER_DIMENSION = 65535;

/** One kernel launch: `groups` workgroups in a row, folded into two dimensions where one has no room. */
export interface Launch {
  readonly pipeline: GPUComputePipeline;
  /** What `bind` gave. */
  readonly group: GPUBindGroup;
  /** The packed parameters, a slot at most; the first two words are left for the range of groups. */
  readonly params: Uint32Array;
  readonly groups: number;
  /** Work of the whole launch in multiply-adds or their like; long launches are cut by it. */
  readonly work: number;
  /** May find nothing to do: its time then says nothing about the adapter's speed. */
  readonly maybe?: boolean;
}

/** Near-square, since `{limit, ceil}` would waste up to half of the launch. */
export function fold(groups: number, limit = MAX_PER_DIMENSION): [number, number] {
  if (groups <= limit) return [groups, 1];
  const x = Math.ceil(Math.sqrt(groups));
  return [x, Math.ceil(groups / x)];
}

/**
 * Records launches into one encoder and submits them when control returns to the event loop, when the parameter slots
 * are used up, or when the work recorded would keep the GPU busy for long.
 */
export class Queue {
  /** Numbers the submit that is being recorded. */
  current = 0;
  submits = 0;
  launches = 0;
  private readonly device: GPUDevice;
  private readonly groups: BindGroupCache;
  private readonly staged = new Uint32Array(SLOTS * SLOT_WORDS);
  private readonly params: GPUBuffer;
  private readonly readback: Readback;
  private encoder: GPUCommandEncoder | null = null;
  private pass: GPUComputePassEncoder | null = null;
  /** The one that the pass is set to. */
  private pipeline: GPUComputePipeline | null = null;
  private used = 0;
  private work = 0;
  private certain = true;
  private inFlight = 0;
  private scheduled = false;
  private readonly onError: (error: GPUError) => void;
  private readonly pace: ((done: Promise<unknown>) => void) | null;
  /** Multiply-adds a millisecond: a guess, then measured. */
  workPerMs: number;
  /** Set by tests to cut every launch to this many groups. */
  groupsPerSubmit = Number.POSITIVE_INFINITY;
  /** Set by tests to fold launches of more groups than this. */
  foldFrom = MAX_PER_DIMENSION;

  constructor(
    device: GPUDevice,
    groups: BindGroupCache,
    workPerMs: number,
    pace: ((done: Promise<unknown>) => void) | null,
    onError: (error: GPUError) => void,
  ) {
    this.device = device;
    this.groups = groups;
    this.workPerMs = workPerMs;
    this.pace = pace;
    this.onError = onError;
    this.readback = new Readback(device);
    this.params = device.createBuffer({
      label: 'gramian params',
      size: SLOTS * SLOT_BYTES,
      usage: USAGE.UNIFORM | USAGE.COPY_DST,
    });
  }

  /** The bind group of a kernel on these buffers, for launches of this queue. */
  bind(pipeline: Pipeline, bindings: readonly Binding[]): GPUBindGroup {
    return this.groups.get(pipeline, this.params, bindings);
  }

  launch(launch: Launch): void {
    const { groups, work, maybe = false } = launch;
    const budget = this.workPerMs * BUDGET_MS;
    const cut = Math.max(1, Math.min(groups, this.groupsPerSubmit, Math.floor((groups * budget) / Math.max(work, 1))));
    for (let first = 0; first < groups; first += cut) {
      const end = Math.min(groups, first + cut);
      this.record(launch, first, end);
      this.work += (work * (end - first)) / groups;
      if (maybe) this.certain = false;
      if (this.work >= budget || end - first >= this.groupsPerSubmit) this.flush();
    }
  }

  private record({ pipeline, group, params }: Launch, first: number, end: number): void {
    if (this.used === SLOTS) this.flush();
    if (!this.pass) {
      this.encoder = this.device.createCommandEncoder({ label: 'gramian step' });
      this.pass = this.encoder.beginComputePass({ label: 'gramian step' });
      this.schedule();
    }
    const slot = this.used++;
    this.staged.set(params, slot * SLOT_WORDS);
    this.staged[slot * SLOT_WORDS] = first;
    this.staged[slot * SLOT_WORDS + 1] = end;
    if (pipeline !== this.pipeline) this.pass.setPipeline(pipeline);
    this.pipeline = pipeline;
    this.pass.setBindGroup(0, group, [slot * SLOT_BYTES]);
    const groups = end - first;
    if (groups <= this.foldFrom) this.pass.dispatchWorkgroups(groups);
    else this.pass.dispatchWorkgroups(...fold(groups, this.foldFrom));
    this.launches++;
  }

  /** Nothing stays unsubmitted once the caller's synchronous code has ended. */
  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.flush();
    });
  }

  /** Submits what is recorded. */
  flush(): void {
    const { encoder, pass, device } = this;
    if (!encoder || !pass) return;
    this.encoder = null;
    this.pass = null;
    this.pipeline = null;
    device.pushErrorScope('validation');
    pass.end();
    // The slots may be written again at once: writes and submits keep their order on the queue.
    device.queue.writeBuffer(this.params, 0, this.staged, 0, this.used * SLOT_WORDS);
    device.queue.submit([encoder.finish()]);
    device.popErrorScope().then(
      (error) => {
        if (error) this.onError(error);
      },
      () => {}, // the device is gone: its own record says so
    );
    this.submits++;
    this.current++;
    this.time(this.certain ? this.work : 0);
    this.used = 0;
    this.work = 0;
    this.certain = true;
  }

  /** Learns the adapter's speed from submits that had the GPU to themselves and ran long enough to tell. */
  private time(work: number): void {
    const alone = this.inFlight === 0;
    const start = performance.now();
    this.inFlight++;
    const done = this.device.queue.onSubmittedWorkDone();
    this.pace?.(done);
    done.then(
      () => {
        this.inFlight--;
        const ms = performance.now() - start;
        if (alone && ms > 5 && work > this.workPerMs) {
          const measured = work / ms;
          this.workPerMs += (Math.min(measured, 4 * this.workPerMs) - this.workPerMs) / 4;
        }
      },
      () => {
        this.inFlight--;
      },
    );
  }

  /** Copies a range to the CPU, after everything recorded so far. */
  read(buffer: GPUBuffer, offset: number, bytes: number): Promise<ArrayBuffer> {
    this.flush();
    return this.readback.read(buffer, offset, bytes);
  }

  /** Resolves when the GPU has finished all that was recorded. */
  async idle(): Promise<void> {
    this.flush();
    await this.device.queue.onSubmittedWorkDone();
  }

  destroy(): void {
    this.flush();
    this.params.destroy();
    this.readback.destroy();
  }
}

/** What `Launch` needs, checked: every buffer of the kernel by its WGSL name, and no other. */
export function bindByName<B extends Binding>(
  kernel: KernelSource,
  named: Readonly<Record<string, B>>,
  limit: number,
): B[] {
  const bindings: B[] = [];
  for (const { name } of kernel.buffers) {
    const binding = named[name];
    if (!binding) {
      refuseUnknown(kernel, named);
      throw new TypeError(`${kernel.name}: buffer "${name}" is missing.`);
    }
    if (binding.bytes > limit)
      throw new RangeError(`${kernel.name}: ${name} binds ${binding.bytes} bytes, this device binds at most ${limit}.`);
    bindings.push(binding);
  }
  if (Object.keys(named).length > bindings.length) refuseUnknown(kernel, named);
  return bindings;
}

function refuseUnknown({ name, buffers }: KernelSource, named: Readonly<Record<string, Binding>>): void {
  const unknown = Object.keys(named).find((key) => !buffers.some((buffer) => buffer.name === key));
  if (unknown === undefined) return;
  throw new TypeError(`${name}: kernel has no buffer "${unknown}"; it has ${buffers.map((b) => b.name).join(', ')}.`);
}
