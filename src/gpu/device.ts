import { destroyAtExit, openAdapter, pace } from '#platform';
import { BufferPool, type Storage, USAGE } from './buffers.ts';
import { DeviceLostError, GramianError, type OutOfMemoryError } from './errors.ts';
import { type KernelSource, type Params, packParams, type Tuning } from './kernel.ts';
import { BindGroupCache, type Pipeline, PipelineCache } from './pipelines.ts';
import { bindByName, type Launch, Queue, SLOT_BYTES } from './queue.ts';

export interface OpenOptions {
  /** A device that belongs to somebody else: used as it is, never destroyed by us. */
  readonly device?: GPUDevice;
  readonly adapter?: 'auto' | 'hardware' | 'software';
  readonly powerPreference?: GPUPowerPreference;
}

/** Matrices that the lanes of a subgroup hold together: a left one of m x k times a right one of k x n. */
export interface MatrixShape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** What the operands are stored in; sums are f32. */
  readonly of: 'f16' | 'f32';
}

/** What an adapter offers beyond what every one has. */
export interface Extras {
  /** Lanes that exchange numbers without memory; `pinned`: the adapter has several sizes and must be asked for this one. */
  readonly subgroup: { readonly size: number; readonly pinned: boolean } | null;
  readonly f16: boolean;
  readonly matrices: readonly MatrixShape[];
}

/** What runs the kernels. */
export interface DeviceInfo extends Extras {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  /** True where the kernels run on the CPU. */
  readonly software: boolean;
  /** One line: which adapter, and how to get a faster one where it is the slow embedded one. */
  readonly note: string;
  readonly features: readonly string[];
  readonly limits: { readonly maxBufferSize: number; readonly maxStorageBufferBindingSize: number };
}

export interface LaunchOptions {
  /** A function where the numbers change from one replay of recorded work to the next. */
  readonly params: Params | (() => Params);
  readonly buffers: Readonly<Record<string, Storage>>;
  readonly groups: number;
  /** Multiply-adds, or their like, of the whole launch. */
  readonly work: number;
  /** May find nothing to do: its time then says nothing about the adapter's speed. */
  readonly maybe?: boolean;
  readonly tuning?: Tuning;
}

/** A WebGPU device, tamed: memory, kernels, one queue, and a record of everything that went wrong on it. */
export class Device {
  readonly gpu: GPUDevice;
  readonly info: DeviceInfo;
  readonly foreign: boolean;
  readonly pool: BufferPool;
  readonly queue: Queue;
  /** For mutation runs: another source for a kernel about to be launched, on any device. */
  static substitute: (kernel: KernelSource, tuning?: Tuning) => KernelSource = (kernel) => kernel;
  private instead: ((kernel: KernelSource, options: LaunchOptions) => void) | null = null;
  private readonly pipelines: PipelineCache;
  private readonly packed = new DataView(new ArrayBuffer(SLOT_BYTES));
  private readonly packedWords = new Uint32Array(this.packed.buffer);
  private readonly errors: Error[] = [];
  private lost: string | null = null;
  private closed = false;

  constructor(gpu: GPUDevice, info: DeviceInfo, foreign: boolean) {
    this.gpu = gpu;
    this.info = info;
    this.foreign = foreign;
    const record = (error: Error) => void this.errors.push(error);
    this.pipelines = new PipelineCache(gpu, true, record);
    const groups = new BindGroupCache(gpu);
    this.queue = new Queue(gpu, groups, info.software ? 2e6 : 5e8, info.software ? pace : null, (error) => {
      // A kernel that did not compile fails the submit too; its own message, which names the line, goes first.
      this.pipelines.settled().then(() => record(new GramianError(`the GPU refused a submit: ${error.message}`)));
    });
    this.pool = new BufferPool(gpu, { current: () => this.queue.current, flush: () => this.queue.flush() });
    this.pool.onDestroy = (buffer) => groups.forget(buffer);
    this.pool.onOutOfMemory = (error: OutOfMemoryError) => {
      this.pool.trim();
      record(error);
    };
    gpu.lost.then(({ reason, message }) => {
      this.lost ??= message || reason || 'unknown';
    });
    if (!foreign) this.watchOwn(gpu, record);
  }

  /** A foreign device's stray errors are its owner's; on our own every one is ours. */
  private watchOwn(gpu: GPUDevice, record: (error: Error) => void): void {
    gpu.addEventListener('uncapturederror', (event) => {
      record(new GramianError(`the GPU reports: ${event.error.message}`));
      event.preventDefault?.();
    });
    // `lost` resolves only later, and a lost device looks healthy: calls in between would seem to work.
    const destroy = gpu.destroy.bind(gpu);
    gpu.destroy = () => {
      this.lost ??= 'it was destroyed';
      destroy();
    };
  }

  /** Throws what went wrong since the last call; `op` is the call that finds out. */
  assertAlive(op: string): void {
    if (this.closed) throw new DeviceLostError(`${op}: the engine was destroyed.`);
    if (this.lost !== null)
      throw new DeviceLostError(
        `${op}: the GPU device was lost (${this.lost}) after submit ${this.queue.submits}; ` +
          'tensors made before it are gone, call createEngine() and start again from your last checkpoint.',
      );
    this.throwRecorded();
  }

  throwRecorded(): void {
    const error = this.errors.shift();
    if (error) throw error;
  }

  /** Records one launch; buffers and parameters go by the names that they have in the kernel. */
  run(kernel: KernelSource, options: LaunchOptions): void {
    if (this.instead) return this.instead(kernel, options);
    this.queue.launch(this.launchOf(kernel, options));
    this.usedNow(options);
  }

  /** Records what `fn` launches `times` times in turn, for less than `times` calls of it would take. */
  repeat(times: number, fn: () => void): void {
    if (this.instead) {
      for (let turn = 0; turn < times; turn++) fn();
      return;
    }
    const launches: Launch[] = [];
    const all: LaunchOptions[] = [];
    this.withoutLaunching((kernel, options) => {
      const launch = this.launchOf(kernel, options);
      launches.push({ ...launch, params: launch.params.slice() });
      all.push(options);
    }, fn);
    for (let turn = 0; turn < times; turn++) for (const launch of launches) this.queue.launch(launch);
    for (const options of all) this.usedNow(options);
  }

  /** Its parameters stand in memory that the next launch will overwrite. */
  private launchOf(kernel: KernelSource, { params, buffers, groups, work, maybe, tuning }: LaunchOptions): Launch {
    const bindings = bindByName(kernel, buffers, this.info.limits.maxStorageBufferBindingSize);
    for (const [i, storage] of bindings.entries()) {
      if (!storage.alive)
        throw new GramianError(`${kernel.name}: ${kernel.buffers[i].name} was released, expected a live buffer.`);
      // A split launch is submitted in parts: the last one names the buffer longest.
      if (storage.slot) storage.slot.usedAt = Number.POSITIVE_INFINITY;
    }
    const pipeline = this.pipeline(kernel, tuning);
    packParams(kernel, typeof params === 'function' ? params() : params, this.packed, 0);
    return {
      pipeline: pipeline.pipeline,
      group: this.queue.bind(pipeline, bindings),
      params: this.packedWords,
      groups,
      work,
      maybe,
    };
  }

  private usedNow({ buffers }: LaunchOptions): void {
    for (const name in buffers) {
      const { slot } = buffers[name];
      if (slot) slot.usedAt = this.queue.current;
    }
  }

  /** For tests: behaves like an adapter that binds no more than this at a time. */
  limitBindings(bytes: number): void {
    (this.info.limits as { maxStorageBufferBindingSize: number }).maxStorageBufferBindingSize = bytes;
  }

  /** False while launches are handed to somebody else. */
  get launching(): boolean {
    return this.instead === null;
  }

  /** Runs `fn` with its launches handed to `instead` rather than to the GPU. */
  withoutLaunching<T>(instead: (kernel: KernelSource, options: LaunchOptions) => void, fn: () => T): T {
    const before = this.instead;
    this.instead = instead;
    try {
      return fn();
    } finally {
      this.instead = before;
    }
  }

  /** The compiled kernel. */
  pipeline(kernel: KernelSource, tuning?: Tuning): Pipeline {
    return this.pipelines.get(Device.substitute(kernel, tuning), tuning);
  }

  /** Bytes as they are after all work recorded so far. */
  async read(op: string, storage: Storage, bytes: number): Promise<ArrayBuffer> {
    this.assertAlive(op);
    if ((storage.buffer.usage & USAGE.COPY_SRC) === 0)
      throw new GramianError(`${op}: the buffer lacks usage COPY_SRC, expected it on a buffer that is to be read.`);
    let result: ArrayBuffer;
    try {
      result = await this.queue.read(storage.buffer, storage.offset, bytes);
    } catch (error) {
      // mapAsync of a lost device rejects with an empty message, before `lost` has resolved.
      await Promise.race([this.gpu.lost, Promise.resolve()]);
      this.assertAlive(op);
      throw new GramianError(`${op}: reading failed: ${(error as Error).message || 'the buffer could not be mapped'}.`);
    }
    await this.pipelines.settled();
    this.assertAlive(op);
    return result;
  }

  async sync(op: string): Promise<void> {
    this.assertAlive(op);
    await this.queue.idle();
    await this.pipelines.settled();
    this.assertAlive(op);
  }

  destroy(): void {
    if (this.closed) return;
    if (this.lost === null) {
      this.queue.destroy();
      this.pool.destroyAll();
    }
    this.closed = true;
    if (!this.foreign) this.gpu.destroy();
  }
}

export async function openDevice(options: OpenOptions): Promise<Device> {
  if (options.device)
    return new Device(options.device, describe(options.device, null, false, 'a device of yours'), true);
  const { adapter, source, note } = await openAdapter({
    adapter: options.adapter ?? 'auto',
    powerPreference: options.powerPreference ?? 'high-performance',
  });
  // Room for large batches where the adapter has it; everything else stays at the default that every adapter has.
  const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize } = adapter.limits;
  const wanted = EXTRA_FEATURES.filter((feature) => adapter.features.has(feature));
  const gpu = await adapter.requestDevice({
    label: 'gramian',
    requiredFeatures: wanted as GPUFeatureName[],
    requiredLimits: {
      maxBufferSize,
      maxStorageBufferBindingSize,
      ...(wanted.includes(MATRICES)
        ? { maxComputeWorkgroupStorageSize: Math.min(maxComputeWorkgroupStorageSize, 32768) }
        : {}),
    },
  });
  destroyAtExit(gpu);
  const software = source !== 'hardware' && source !== 'browser';
  return new Device(gpu, describe(gpu, adapter.info, software, note), false);
}

const MATRICES = 'chromium-experimental-subgroup-matrix';
const EXTRA_FEATURES = ['subgroups', 'subgroup-size-control', 'shader-f16', MATRICES];

/** Sizes that adapters report; the last is not in the standard yet. */
type SubgroupInfo = GPUAdapterInfo & {
  readonly subgroupMatrixConfigs?: Iterable<{
    readonly componentType: string;
    readonly resultComponentType: string;
    readonly M: number;
    readonly N: number;
    readonly K: number;
  }>;
};

/** What kernel families can be built from on a device with these features. */
export function extrasOf(features: ReadonlySet<string>, info: SubgroupInfo | null): Extras {
  const { subgroupMinSize: least = 0, subgroupMaxSize: most = 0 } = info ?? {};
  const one = least === most;
  // A kernel is written for one size: where the adapter chooses between several, it must let itself be asked for one.
  const usable = features.has('subgroups') && most >= 4 && (one || features.has('subgroup-size-control'));
  const subgroup = usable ? { size: Math.min(Math.max(32, least), most), pinned: !one } : null;
  const f16 = features.has('shader-f16');
  const matrices: MatrixShape[] = [];
  if (features.has(MATRICES) && subgroup)
    for (const { componentType, resultComponentType, M: m, N: n, K: k } of info?.subgroupMatrixConfigs ?? [])
      if (resultComponentType === 'f32' && (componentType === 'f32' || (componentType === 'f16' && f16)))
        matrices.push({ m, n, k, of: componentType });
  return { subgroup, f16, matrices };
}

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|software|basic render|warp/i;

function describe(gpu: GPUDevice, given: GPUAdapterInfo | null, software: boolean, note: string): DeviceInfo {
  const info = given ?? gpu.adapterInfo;
  const { vendor = '', architecture = '', description = '', device = '' } = info ?? {};
  const { maxBufferSize, maxStorageBufferBindingSize } = gpu.limits;
  return {
    vendor,
    architecture,
    description: description || device || architecture || vendor || 'unknown adapter',
    software: software || SOFTWARE.test(`${vendor} ${architecture} ${description} ${device}`),
    note,
    features: [...gpu.features],
    ...extrasOf(gpu.features, info),
    limits: { maxBufferSize, maxStorageBufferBindingSize },
  };
}
