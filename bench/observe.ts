// Watches every WebGPU device of this process or page from outside, whichever library opened it: buffers, dispatches,
// submits, errors and GPU time are counted alike for all. Methods of the prototypes are wrapped once; they only count while
// asked to, so that timed runs pay one call a call.

/** What one run did. */
export interface Counts {
  readonly dispatches: number;
  readonly submits: number;
  /** Bytes of all buffers that the run used or made, as many as lived at once. Buffers idle in a pool do not count. */
  readonly peakBytes: number;
}

export interface DeviceWatch {
  /** Devices opened since, the newest last. */
  readonly devices: readonly GPUDevice[];
  /** Errors that nobody caught, since the last call. */
  takeErrors(): readonly string[];
  count(run: () => Promise<void>): Promise<Counts>;
  /** Nanoseconds between the first and the last timestamp of every compute pass, in their order; a device after another. */
  passTimes(run: () => Promise<void>): Promise<readonly number[]>;
  /** The same in milliseconds, summed; null where too coarse. */
  gpuTime(run: () => Promise<void>): Promise<number | null>;
}

/** The constructors of WebGPU: those of the page, or of the package `webgpu`. */
export type Interfaces = Readonly<Record<string, { readonly prototype: object }>>;

type Method = (this: never, ...values: never[]) => unknown;
type Loose = Record<string, (...values: unknown[]) => unknown>;

/** Puts `around(the method, the object, its arguments)` in place of a method. */
function wrap(
  { prototype }: { readonly prototype: object },
  name: string,
  around: (call: (...values: unknown[]) => unknown, self: object, values: unknown[]) => unknown,
): void {
  const methods = prototype as Record<string, Method>;
  const original = methods[name] as unknown as (...values: unknown[]) => unknown;
  (prototype as Loose)[name] = function (this: object, ...values: unknown[]) {
    return around((...given) => Reflect.apply(original, this, given), this, values);
  };
}

class Counting {
  dispatches = 0;
  submits = 0;
  private readonly used = new Set<GPUBuffer>();
  private readonly made = new Set<GPUBuffer>();
  private live = 0;
  private most = 0;

  make(buffer: GPUBuffer): void {
    this.made.add(buffer);
    this.live += buffer.size;
    this.most = Math.max(this.most, this.live);
  }

  destroy(buffer: GPUBuffer): void {
    if (this.made.delete(buffer)) this.live -= buffer.size;
  }

  use(buffer: GPUBuffer): void {
    if (!this.made.has(buffer)) this.used.add(buffer);
  }

  get peakBytes(): number {
    let before = 0;
    for (const buffer of this.used) before += buffer.size;
    return before + this.most;
  }
}

const MOST_PASSES = 2048;
const QUANTUM = 65536; // nanoseconds: what Dawn rounds timestamps to unless told otherwise
const COARSE = 20; // fewer quanta than this say too little

/** Timestamps around the passes of one device. */
class Clock {
  private readonly device: GPUDevice;
  private readonly queries: GPUQuerySet;
  private passes = 0;

  constructor(device: GPUDevice) {
    this.device = device;
    this.queries = device.createQuerySet({ type: 'timestamp', count: 2 * MOST_PASSES });
  }

  next(): GPUComputePassTimestampWrites | undefined {
    if (this.passes === MOST_PASSES) return undefined;
    const first = 2 * this.passes++;
    return { querySet: this.queries, beginningOfPassWriteIndex: first, endOfPassWriteIndex: first + 1 };
  }

  /** Nanoseconds of each pass. */
  async read(): Promise<number[]> {
    const { device, queries, passes } = this;
    if (passes === 0) return [];
    const size = 16 * passes;
    const resolved = device.createBuffer({ size, usage: 0x200 | 0x4 }); // QUERY_RESOLVE, COPY_SRC
    const mapped = device.createBuffer({ size, usage: 0x1 | 0x8 }); // MAP_READ, COPY_DST
    const encoder = device.createCommandEncoder();
    encoder.resolveQuerySet(queries, 0, 2 * passes, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, mapped, 0, size);
    device.queue.submit([encoder.finish()]);
    await mapped.mapAsync(0x1);
    const stamps = new BigUint64Array(mapped.getMappedRange().slice(0));
    for (const buffer of [resolved, mapped]) buffer.destroy();
    return Array.from({ length: passes }, (_, i) => Number(stamps[2 * i + 1] - stamps[2 * i]));
  }

  destroy(): void {
    this.queries.destroy();
  }
}

/** Starts to watch; once in a process or page. */
export function watchDevices(interfaces: Interfaces): DeviceWatch {
  const devices: GPUDevice[] = [];
  const deviceOf = new WeakMap<object, GPUDevice>();
  const buffersOf = new WeakMap<object, readonly GPUBuffer[]>();
  let errors: string[] = [];
  let counting: Counting | null = null;
  let clocks: Map<GPUDevice, Clock> | null = null;

  wrap(interfaces.GPUAdapter, 'requestDevice', async (call, self, [given]) => {
    const { features } = self as GPUAdapter;
    const descriptor = (given ?? {}) as GPUDeviceDescriptor;
    const asked = [...(descriptor.requiredFeatures ?? [])];
    if (features.has('timestamp-query') && !asked.includes('timestamp-query')) asked.push('timestamp-query');
    const device = (await call({ ...descriptor, requiredFeatures: asked })) as GPUDevice;
    devices.push(device);
    device.addEventListener('uncapturederror', ({ error }) => {
      errors.push(`${error.constructor.name}: ${error.message.split('\n')[0]}`);
    });
    return device;
  });
  wrap(interfaces.GPUDevice, 'createBuffer', (call, _, values) => {
    const buffer = call(...values) as GPUBuffer;
    counting?.make(buffer);
    return buffer;
  });
  wrap(interfaces.GPUBuffer, 'destroy', (call, self) => {
    counting?.destroy(self as GPUBuffer);
    return call();
  });
  wrap(interfaces.GPUDevice, 'createBindGroup', (call, _, values) => {
    const group = call(...values) as GPUBindGroup;
    const { entries } = values[0] as GPUBindGroupDescriptor;
    const buffers = [...entries].flatMap(({ resource }) => {
      const binding = resource as GPUBufferBinding | GPUBuffer;
      if ('buffer' in binding) return [binding.buffer];
      return 'mapState' in binding ? [binding] : [];
    });
    buffersOf.set(group, buffers);
    return group;
  });
  wrap(interfaces.GPUComputePassEncoder, 'setBindGroup', (call, _, values) => {
    if (counting) for (const buffer of buffersOf.get(values[1] as object) ?? []) counting.use(buffer);
    return call(...values);
  });
  for (const name of ['dispatchWorkgroups', 'dispatchWorkgroupsIndirect'])
    wrap(interfaces.GPUComputePassEncoder, name, (call, _, values) => {
      if (counting) counting.dispatches++;
      return call(...values);
    });
  wrap(interfaces.GPUQueue, 'submit', (call, _, values) => {
    if (counting) counting.submits++;
    return call(...values);
  });
  wrap(interfaces.GPUQueue, 'writeBuffer', (call, _, values) => {
    counting?.use(values[0] as GPUBuffer);
    return call(...values);
  });
  wrap(interfaces.GPUCommandEncoder, 'copyBufferToBuffer', (call, _, values) => {
    for (const value of values) if (typeof value === 'object') counting?.use(value as GPUBuffer);
    return call(...values);
  });
  wrap(interfaces.GPUDevice, 'createCommandEncoder', (call, self, values) => {
    const encoder = call(...values) as GPUCommandEncoder;
    if (clocks) deviceOf.set(encoder, self as GPUDevice);
    return encoder;
  });
  wrap(interfaces.GPUCommandEncoder, 'beginComputePass', (call, self, values) => {
    const device = clocks && deviceOf.get(self);
    const descriptor = (values[0] ?? {}) as GPUComputePassDescriptor;
    if (!clocks || !device?.features.has('timestamp-query') || descriptor.timestampWrites) return call(...values);
    let clock = clocks.get(device);
    if (!clock) {
      clock = new Clock(device);
      clocks.set(device, clock);
    }
    const timestampWrites = clock.next();
    return call(timestampWrites ? { ...descriptor, timestampWrites } : descriptor);
  });

  const passTimes = async (run: () => Promise<void>): Promise<readonly number[]> => {
    const mine = new Map<GPUDevice, Clock>();
    clocks = mine;
    try {
      await run();
    } finally {
      clocks = null;
    }
    const passes = await Promise.all([...mine.values()].map((clock) => clock.read()));
    for (const clock of mine.values()) clock.destroy();
    return passes.flat();
  };

  return {
    devices,
    takeErrors: () => {
      const taken = errors;
      errors = [];
      return taken;
    },
    count: async (run) => {
      const mine = new Counting();
      counting = mine;
      try {
        await run();
      } finally {
        counting = null;
      }
      return { dispatches: mine.dispatches, submits: mine.submits, peakBytes: mine.peakBytes };
    },
    passTimes,
    gpuTime: async (run) => millisecondsOf(await passTimes(run)),
  };
}

/** Null where the clock is too coarse for what it measured, or went backwards. */
export function millisecondsOf(passes: readonly number[]): number | null {
  const total = passes.reduce((sum, each) => sum + each, 0);
  if (passes.length === 0 || passes.some((each) => each < 0)) return null;
  return isCoarse(passes) && total < COARSE * QUANTUM ? null : total / 1e6;
}

/** Whether these times were rounded, so that a short one is none. */
export const isCoarse = (passes: readonly number[]): boolean => passes.every((each) => each % QUANTUM === 0);
