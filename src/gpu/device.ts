import { destroyAtExit, openAdapter, pace } from '#platform';
import { bindByName } from './bindings.ts';
import { type Storage, USAGE } from './buffers.ts';
import { type DeviceInfo, describeDevice, EXTRA_FEATURES, MATRICES, refuseSmall } from './deviceInfo.ts';
import { DeviceLostError, formatBytes, GramianError, NoRoomError, OutOfMemoryError } from './errors.ts';
import { type Effect, type Failure, Failures } from './failures.ts';
import type { Grid } from './grid.ts';
import { type KernelSource, type Params, packParams, type Tuning } from './kernel.ts';
import { type Copied, type Launch, SLOT_BYTES } from './launch.ts';
import { BindGroupCache, type Pipeline, PipelineCache } from './pipelines.ts';
import { BufferPool } from './pool.ts';
import { LaunchQueue } from './queue.ts';

export interface OpenOptions {
  /** A device that belongs to somebody else: used as it is, never destroyed by us. */
  readonly device?: GPUDevice;
  readonly adapter?: 'auto' | 'hardware' | 'software';
  readonly powerPreference?: GPUPowerPreference;
}

export interface LaunchOptions {
  /** A function where the numbers change from one replay of captured work to the next. */
  readonly params: Params | (() => Params);
  readonly buffers: Readonly<Record<string, Storage>>;
  readonly groups: number;
  /** As in `Launch`. */
  readonly grid?: Grid;
  /** Multiply-adds, or their like, of the whole launch. */
  readonly work: number;
  /** May find nothing to do: its time then says nothing about the adapter's speed. */
  readonly conditional?: boolean;
  readonly tuning?: Tuning;
  /** Buffers that it fills from end to end without reading them: what was wrong with their numbers is over. */
  readonly overwrites?: readonly string[];
  /** Noted before it, see `togetherEffect`. */
  readonly before?: Effect;
  /** Operands that it reads in textures, with TEXTURES in its tuning. */
  readonly copied?: Copied;
}

/** See `Device.bind`. */
export interface BoundLaunch {
  readonly launch: Launch;
  readonly options: LaunchOptions;
}

/** A WebGPU device, tamed: memory, kernels, one queue, and a log of everything that went wrong on it. */
export class Device {
  readonly gpu: GPUDevice;
  readonly info: DeviceInfo;
  readonly foreign: boolean;
  /** Whether buffers of others are in use. */
  hasGuests: boolean;
  #isShared: boolean;
  readonly pool: BufferPool;
  readonly queue: LaunchQueue;
  /** For tests that look into launches: takes them, on any device. Its parameters stand in memory that the next one overwrites. */
  static intercept: ((device: Device, launch: Launch) => void) | null = null;
  /** For mutation runs: another source for a kernel about to be launched, on any device. */
  static substitute: (kernel: KernelSource, tuning?: Tuning) => KernelSource = (kernel) => kernel;
  readonly #pipelines: PipelineCache;
  readonly #packed = new DataView(new ArrayBuffer(SLOT_BYTES));
  readonly #packedWords = new Uint32Array(this.#packed.buffer);
  readonly failures = new Failures();
  #lost: string | null = null;
  #closed = false;

  constructor(gpu: GPUDevice, info: DeviceInfo, foreign: boolean) {
    this.gpu = gpu;
    this.info = info;
    this.foreign = foreign;
    this.hasGuests = foreign;
    this.#isShared = foreign;
    const { failures } = this;
    this.#pipelines = new PipelineCache(gpu, true, (error) => failures.add(error));
    const groups = new BindGroupCache(gpu);
    this.queue = new LaunchQueue(gpu, groups, info.software ? 2e6 : 5e8, {
      failures,
      unanswered: () => this.pool.allocator.waiting,
      makeRoom: () => this.pool.trim(),
      refused: (error, effects) => this.#refused(error, effects),
      pace: info.software ? pace : null,
    });
    this.pool = new BufferPool(gpu, {
      textures: () => this.queue.textures,
      onForget: (buffer) => groups.forget(buffer),
      afterUse: (slot, fn) => this.queue.afterUse(slot, fn),
      forced: () => this.queue.forced,
      onOutOfMemory: (error) => failures.add(error),
      onAnswered: () => this.queue.release(),
    });
    gpu.lost.then(({ reason, message }) => {
      this.#lost ??= message || reason || 'unknown';
    });
    if (!foreign) this.#watchOwn(gpu);
  }

  /** Before others get hold of our own device: what they give its queue must not overtake what is encoded. */
  share(): void {
    if (this.#isShared) return;
    this.#isShared = true;
    const queue = this.gpu.queue as unknown as Record<string, (...args: unknown[]) => unknown>;
    for (const name of ['submit', 'writeBuffer', 'writeTexture', 'copyExternalImageToTexture', 'onSubmittedWorkDone']) {
      const original = queue[name];
      queue[name] = (...args) => {
        if (this.queue.pending) this.queue.flush();
        return original.apply(queue, args);
      };
    }
  }

  /** Why the GPU took none of a submit: a buffer without memory or a kernel that does not compile is the cause, if there is one. */
  async #refused({ message }: GPUError, effects: readonly Effect[]): Promise<Failure> {
    const { textures } = this.queue;
    await Promise.all([this.#pipelines.settled(), this.pool.allocator.settled, textures?.settled]);
    for (const { storages } of effects as readonly Launch[])
      for (const { slot } of storages) if (slot?.failure) return slot.failure;
    for (const { pipeline } of effects as readonly Launch[])
      if (pipeline?.failure) return this.failures.add(pipeline.failure);
    return (
      textures?.takeFailure() ?? this.failures.add(new GramianError(`the GPU refused a submit: ${firstLine(message)}`))
    );
  }

  /** A foreign device's stray errors are its owner's; on our own every one is ours. */
  #watchOwn(gpu: GPUDevice): void {
    gpu.addEventListener('uncapturederror', (event) => {
      this.failures.add(new GramianError(`the GPU reports: ${firstLine(event.error.message)}`));
      event.preventDefault?.();
    });
    // `lost` resolves only later, and a lost device looks healthy: calls in between would seem to work.
    const destroy = gpu.destroy.bind(gpu);
    gpu.destroy = () => {
      this.#lost ??= 'it was destroyed';
      destroy();
    };
  }

  /** Throws where the device is gone; `op` is the call that finds out. */
  assertAlive(op: string): void {
    if (this.#closed) throw new DeviceLostError(`${op}: the engine was destroyed.`);
    if (this.#lost !== null)
      throw new DeviceLostError(
        `${op}: the GPU device was lost (${this.#lost}) after submit ${this.queue.submits}; ` +
          'tensors made before it are gone, call createEngine() and start again from your last checkpoint.',
      );
  }

  /** Encodes one launch; buffers and parameters go by the names that they have in the kernel. */
  run(kernel: KernelSource, options: LaunchOptions): void {
    this.launch(this.#launchOf(kernel, options));
    this.#usedNow(options);
  }

  /** Encodes a launch that is bound; who asks notes when its buffers were used. */
  launch(launch: Launch): void {
    if (Device.intercept) Device.intercept(this, launch);
    else this.queue.launch(launch);
  }

  /** A launch to be encoded by `encodeLoop`, bound at once: its buffers may be released before that. */
  bind(kernel: KernelSource, options: LaunchOptions): BoundLaunch {
    const launch = this.#launchOf(kernel, options);
    return { launch: { ...launch, params: launch.params.slice() }, options };
  }

  /** Encodes these launches `times` times in turn, for less than `times` calls of `run` for each would take. */
  encodeLoop(times: number, all: readonly BoundLaunch[]): void {
    for (let iteration = 0; iteration < times; iteration++) for (const { launch } of all) this.launch(launch);
    for (const { options } of all) this.#usedNow(options);
  }

  /** Its parameters stand in memory that the next launch will overwrite. */
  #launchOf(kernel: KernelSource, options: LaunchOptions): Launch {
    const { params, buffers, groups, grid, work, conditional, tuning, overwrites, before, copied } = options;
    const bindings = bindByName(kernel, buffers, this.info.limits.maxStorageBufferBindingSize);
    // A split launch is submitted in parts: the last one names the buffer longest.
    for (const { slot } of bindings) if (slot) slot.usedAt = Number.POSITIVE_INFINITY;
    const pipeline = this.pipeline(kernel, tuning);
    packParams(kernel, typeof params === 'function' ? params() : params, this.#packed, 0);
    return {
      pipeline,
      kernel,
      storages: bindings,
      group: null,
      params: this.#packedWords,
      groups,
      grid,
      work,
      conditional,
      overwrites,
      before,
      copied,
    };
  }

  #usedNow({ buffers }: LaunchOptions): void {
    for (const name in buffers) {
      const { slot } = buffers[name];
      if (slot) slot.usedAt = this.queue.current;
    }
  }

  /** A buffer with one number in it, that is there before anything is submitted. */
  constant(value: number): GPUBuffer {
    try {
      const buffer = this.gpu.createBuffer({ size: 16, usage: USAGE.STORAGE, mappedAtCreation: true });
      new Float32Array(buffer.getMappedRange())[0] = value;
      buffer.unmap();
      return buffer;
    } catch (error) {
      this.assertAlive('constant');
      throw new OutOfMemoryError(`constant: the GPU has no room for 16 bytes: ${firstLine((error as Error).message)}.`);
    }
  }

  /** For tests: behaves like an adapter that binds no more than this at a time. */
  limitBindings(bytes: number): void {
    (this.info.limits as { maxStorageBufferBindingSize: number }).maxStorageBufferBindingSize = bytes;
  }

  /** The compiled kernel. */
  pipeline(kernel: KernelSource, tuning?: Tuning): Pipeline {
    return this.#pipelines.get(Device.substitute(kernel, tuning), tuning);
  }

  /** Bytes as they are after all work encoded so far; `checked` as in `Queue.read`. */
  async read(
    op: string,
    storage: Storage,
    bytes: number,
    checked: () => Promise<void> = async () => {},
  ): Promise<ArrayBuffer> {
    this.assertAlive(op);
    storage.contents.failure?.throw();
    if (!storage.slot && (storage.buffer.usage & USAGE.COPY_SRC) === 0)
      throw new GramianError(`${op}: the buffer lacks usage COPY_SRC, expected it on a buffer that is to be read.`);
    try {
      const result = await this.queue.read(storage, bytes, checked);
      this.assertAlive(op);
      return result;
    } catch (error) {
      // mapAsync of a lost device rejects with an empty message, before `lost` has resolved.
      await Promise.race([this.gpu.lost, Promise.resolve()]);
      this.assertAlive(op);
      if (error instanceof GramianError) throw error;
      const { message } = error as Error;
      if (error instanceof NoRoomError)
        throw new OutOfMemoryError(
          `${op}: the GPU has no room for a copy of ${formatBytes(bytes)}, even without idle buffers; dispose() of tensors first.`,
        );
      const reason = firstLine(message).replace(/\.$/, '') || 'the buffer could not be mapped';
      throw new GramianError(`${op}: reading failed: ${reason}.`);
    }
  }

  /** Resolves when the GPU has done all that was encoded; rejects with what failed and no call has said yet. */
  async sync(op: string, checked: () => Promise<void> = async () => {}): Promise<void> {
    this.assertAlive(op);
    await this.queue.idle();
    await this.#pipelines.settled();
    await checked();
    this.assertAlive(op);
    this.failures.throwUntold();
  }

  destroy(): void {
    if (this.#closed) return;
    if (this.#lost === null) {
      this.queue.destroy();
      this.pool.destroyAll();
    }
    this.#closed = true;
    if (!this.foreign) this.gpu.destroy();
  }
}

export async function openDevice(options: OpenOptions): Promise<Device> {
  if (options.device) {
    refuseSmall(options.device);
    return new Device(options.device, await describeDevice(options.device, null, false, 'a device of yours'), true);
  }
  const { adapter, source, note } = await openAdapter({
    adapter: options.adapter ?? 'auto',
    powerPreference: options.powerPreference ?? 'high-performance',
  });
  // Room for large batches where the adapter has it; everything else stays at the default that every adapter has.
  const { maxBufferSize, maxStorageBufferBindingSize, maxTextureDimension2D, maxComputeWorkgroupStorageSize } =
    adapter.limits;
  const wanted = EXTRA_FEATURES.filter((feature) => adapter.features.has(feature));
  const gpu = await requestDevice(adapter, {
    label: 'gramian',
    requiredFeatures: wanted as GPUFeatureName[],
    requiredLimits: {
      maxBufferSize,
      maxStorageBufferBindingSize,
      maxTextureDimension2D,
      ...(wanted.includes(MATRICES)
        ? { maxComputeWorkgroupStorageSize: Math.min(maxComputeWorkgroupStorageSize, 32768) }
        : {}),
    },
  });
  destroyAtExit(gpu);
  const software = source !== 'hardware' && source !== 'browser';
  return new Device(gpu, await describeDevice(gpu, adapter.info, software, note), false);
}

/** With these limits; where they are refused although they are the adapter's own, with the default ones. */
async function requestDevice(adapter: GPUAdapter, wanted: GPUDeviceDescriptor): Promise<GPUDevice> {
  try {
    return await adapter.requestDevice(wanted);
  } catch (error) {
    // bun-webgpu 0.1.7 adds limits that its adapters do not have to every request that names any.
    const { requiredLimits: _, ...rest } = wanted;
    return adapter.requestDevice(rest).catch(() => Promise.reject(error));
  }
}

/** What happened, without the list of calls that led there. */
function firstLine(message: string): string {
  return message.split('\n', 1)[0].trim();
}
