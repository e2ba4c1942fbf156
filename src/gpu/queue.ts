import { USAGE } from './buffers.ts';
import { type KernelSource, type Params, packParams } from './kernel.ts';
import type { BindGroupCache, Binding, Pipeline } from './pipelines.ts';
import { Readback } from './readback.ts';

const SLOT_BYTES = 256; // minUniformBufferOffsetAlignment at its default
const SLOTS = 256;
const BUDGET_MS = 100; // a desktop's watchdog kills work of about 2 s; a page should stay alive meanwhile
const MAX_PER_DIMENSION = 65535;

/** One kernel launch: `groups` workgroups in a row, folded into two dimensions where one has no room. */
export interface Launch {
  readonly pipeline: Pipeline;
  readonly params: Params;
  readonly bindings: readonly Binding[];
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
  private readonly staged = new ArrayBuffer(SLOTS * SLOT_BYTES);
  private readonly stagedView = new DataView(this.staged);
  private readonly params: GPUBuffer;
  private readonly readback: Readback;
  private encoder: GPUCommandEncoder | null = null;
  private pass: GPUComputePassEncoder | null = null;
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

  launch({ pipeline, params, bindings, groups, work, maybe = false }: Launch): void {
    const budget = this.workPerMs * BUDGET_MS;
    const cut = Math.max(1, Math.min(groups, this.groupsPerSubmit, Math.floor((groups * budget) / Math.max(work, 1))));
    for (let first = 0; first < groups; first += cut) {
      const end = Math.min(groups, first + cut);
      this.record(pipeline, { ...params, first_group: first, end_group: end }, bindings, end - first);
      this.spend((work * (end - first)) / groups, maybe, budget, end - first);
    }
  }

  /** The same launches `times` times in turn. Their parameters are written once a submit: that is most of the cost. */
  repeat(launches: readonly Launch[], times: number): void {
    const written = launches.map(() => ({ submit: -1, at: 0 }));
    for (let turn = 0; turn < times; turn++)
      launches.forEach((launch, i) => {
        const { pipeline, bindings, groups, work, maybe = false } = launch;
        const budget = this.workPerMs * BUDGET_MS;
        const whole = groups <= this.groupsPerSubmit && work <= budget;
        if (whole && written[i].submit === this.current) {
          this.dispatch(pipeline, bindings, groups, written[i].at);
          this.spend(work, maybe, budget, groups);
          return;
        }
        this.launch(launch);
        const open = whole && this.used > 0;
        written[i] = { submit: open ? this.current : -1, at: (this.used - 1) * SLOT_BYTES };
      });
  }

  private spend(work: number, maybe: boolean, budget: number, groups: number): void {
    this.work += work;
    if (maybe) this.certain = false;
    if (this.work >= budget || groups >= this.groupsPerSubmit) this.flush();
  }

  private record(pipeline: Pipeline, params: Params, bindings: readonly Binding[], groups: number): void {
    if (this.used === SLOTS) this.flush();
    if (!this.pass) {
      this.encoder = this.device.createCommandEncoder({ label: 'gramian step' });
      this.pass = this.encoder.beginComputePass({ label: 'gramian step' });
      this.schedule();
    }
    const at = this.used++ * SLOT_BYTES;
    packParams(pipeline.kernel, params, this.stagedView, at);
    this.dispatch(pipeline, bindings, groups, at);
  }

  private dispatch(pipeline: Pipeline, bindings: readonly Binding[], groups: number, params: number): void {
    const pass = this.pass as GPUComputePassEncoder;
    pass.setPipeline(pipeline.pipeline);
    pass.setBindGroup(0, this.groups.get(pipeline, this.params, bindings), [params]);
    pass.dispatchWorkgroups(...fold(groups, this.foldFrom));
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
    device.pushErrorScope('validation');
    pass.end();
    // The slots may be written again at once: writes and submits keep their order on the queue.
    device.queue.writeBuffer(this.params, 0, this.staged, 0, this.used * SLOT_BYTES);
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
export function bindByName(kernel: KernelSource, named: Readonly<Record<string, Binding>>, limit: number): Binding[] {
  for (const name of Object.keys(named)) {
    if (!kernel.buffers.some((buffer) => buffer.name === name))
      throw new TypeError(
        `${kernel.name}: kernel has no buffer "${name}"; it has ${kernel.buffers.map((b) => b.name).join(', ')}.`,
      );
  }
  return kernel.buffers.map(({ name }) => {
    const binding = named[name];
    if (!binding) throw new TypeError(`${kernel.name}: buffer "${name}" is missing.`);
    if (binding.bytes > limit)
      throw new RangeError(`${kernel.name}: ${name} binds ${binding.bytes} bytes, this device binds at most ${limit}.`);
    return binding;
  });
}
