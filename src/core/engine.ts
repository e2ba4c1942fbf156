import type { MemoryReport, Storage } from '../gpu/buffers.ts';
import { type Device, type DeviceInfo, openDevice } from '../gpu/device.ts';
import { GramianError } from '../gpu/errors.ts';
import type { KernelSource, Params, Tuning } from '../gpu/kernel.ts';
import { accumulate, fill, place } from '../gpu/kernels.generated.ts';
import * as check from './check.ts';
import { Inspector } from './inspect.ts';
import { Plan, type PlanInputs } from './plan.ts';
import { part, ranges } from './ranges.ts';
import { type Backward, TapeNode } from './tape.ts';
import { type DataType, Tensor } from './tensor.ts';

export interface EngineOptions {
  /** A GPUDevice of yours: used as it is, never destroyed by the engine. */
  device?: GPUDevice;
  /** Which adapter to look for when no `device` is given. Default `'auto'`: hardware first, then software. */
  adapter?: 'auto' | 'hardware' | 'software';
  /** Default `'high-performance'`. */
  powerPreference?: GPUPowerPreference;
  /** Looks for non-finite values and rows without a direction in every op's input; found ones reject the next read. */
  check?: boolean;
}

export interface EngineInfo extends DeviceInfo {
  /** Kernel families in use; `'f32'` runs everywhere. */
  readonly families: readonly string[];
}

/** Numbers as nested arrays: `[[1, 2], [3, 4]]`. */
export type NestedNumbers = readonly (number | NestedNumbers)[];

/** A kernel launch by WGSL names: tensors or scratch storage for its buffers. */
export interface Run {
  readonly params: Params;
  readonly buffers: Readonly<Record<string, Tensor | Storage>>;
  readonly groups: number;
  /** Multiply-adds, or their like, of the whole launch: long ones are cut into several submits. */
  readonly work: number;
  /** May find nothing to do: its time then says nothing about the adapter's speed. */
  readonly maybe?: boolean;
  readonly tuning?: Tuning;
}

/** How an op's gradient is computed, and from what. */
export interface OpRule {
  readonly saved?: readonly Tensor[];
  readonly backward: Backward;
  readonly release?: () => void;
}

/** One WebGPU device with its memory, kernels and tape. */
export class Engine {
  readonly info: EngineInfo;
  readonly check: boolean;
  private readonly gpu: Device;
  private readonly inspector: Inspector;
  private readonly constants = new Map<number, Storage>();
  private scopes: Set<Tensor>[] = [];
  private recording = true;

  /** @internal Use `createEngine()`. */
  constructor(gpu: Device, checking: boolean) {
    this.gpu = gpu;
    this.check = checking;
    this.info = { ...gpu.info, families: ['f32'] };
    this.inspector = new Inspector(this);
  }

  get device(): GPUDevice {
    return this.gpu.gpu;
  }

  /**
   * A tensor with these numbers.
   * @param data numbers, flat (then give `shape`, or get one dimension) or nested (then the nesting is the shape)
   */
  tensor(
    data: Float32Array | Int32Array | Uint32Array | NestedNumbers,
    shape?: readonly number[],
    options?: { requiresGrad?: boolean },
  ): Tensor {
    this.assertAlive('tensor');
    const { requiresGrad } = check.options('tensor', options, { requiresGrad: false });
    const { values, dtype, nested } = flatten(data);
    const extents = check.shape('tensor', shape ?? nested);
    const size = extents.reduce((a, b) => a * b, 1);
    if (values.length !== size)
      this.fail('tensor', `${values.length} numbers do not fill a [${extents.join(', ')}] (${size}).`);
    const storage = this.gpu.pool.acquireForUpload(4 * size, 'tensor');
    this.device.queue.writeBuffer(storage.buffer, 0, values.buffer, values.byteOffset, values.byteLength);
    return this.adopt(storage, extents, dtype, requiresGrad);
  }

  /**
   * A tensor on a range of a GPUBuffer of yours, without a copy; the engine never destroys it. The buffer needs usage
   * STORAGE, and COPY_SRC to be read by `data()`.
   * @param options.offset bytes, a multiple of 256 (WebGPU binds no other); default 0
   * @param options.size bytes from there; default: just what `shape` needs
   */
  fromBuffer(
    buffer: GPUBuffer,
    shape: readonly number[],
    options?: { offset?: number; size?: number; dtype?: DataType; requiresGrad?: boolean },
  ): Tensor {
    this.assertAlive('fromBuffer');
    if (typeof buffer?.size !== 'number')
      this.fail('fromBuffer', `buffer is ${check.say(buffer)}, expected a GPUBuffer.`);
    const extents = check.shape('fromBuffer', shape);
    const needed = 4 * extents.reduce((a, b) => a * b, 1);
    const { offset, size, dtype, requiresGrad } = check.options('fromBuffer', options, {
      offset: 0,
      size: needed,
      dtype: 'f32' as DataType,
      requiresGrad: false,
    });
    check.oneOf('fromBuffer', 'dtype', dtype, ['f32', 'i32', 'u32']);
    check.integer('fromBuffer', 'offset', offset, 0, buffer.size);
    if (offset % 256 !== 0)
      this.fail(
        'fromBuffer',
        `offset = ${offset}, expected a multiple of 256; copy the range to such an offset first.`,
      );
    if (offset + needed > buffer.size)
      this.fail(
        'fromBuffer',
        `buffer has ${buffer.size} bytes, expected ${offset + needed} for [${extents.join(', ')}] at ${offset}.`,
      );
    check.integer('fromBuffer', 'size', size, 0, buffer.size);
    if (size < needed)
      this.fail('fromBuffer', `size = ${size}, expected at least ${needed} for [${extents.join(', ')}].`);
    if ((buffer.usage & 128) === 0) this.fail('fromBuffer', 'buffer lacks usage STORAGE, expected a storage buffer.');
    return this.adopt(this.gpu.pool.wrap(buffer, offset, needed), extents, dtype, requiresGrad);
  }

  /** Live GPU memory without idle pool buffers, and its peak since `resetPeakMemory()`. */
  memory(): MemoryReport {
    return this.gpu.pool.report();
  }

  resetPeakMemory(): void {
    this.gpu.pool.resetPeak();
  }

  /**
   * Runs `fn` and frees every tensor that it made, but for those that it returns (alone, or in arrays and plain objects)
   * and the `grad` of tensors made outside.
   */
  scope<T>(fn: () => T): T {
    this.assertAlive('scope');
    const made = new Set<Tensor>();
    this.scopes.push(made);
    let result: T;
    try {
      result = fn();
      if (typeof (result as { then?: unknown } | null)?.then === 'function') {
        (result as Promise<unknown>).then(undefined, () => {}); // it will fail too, with nobody listening
        this.fail('scope', 'fn returned a Promise, expected a synchronous function; await outside of the scope.');
      }
      const outer = this.scopes.at(-2) ?? null;
      const returned = new Set(tensorsIn(result));
      const keep = (tensor: Tensor): void => {
        tensor.owner = outer;
        outer?.add(tensor);
      };
      for (const tensor of returned) if (made.delete(tensor)) keep(tensor);
      // A returned gradient must not go with its leaf.
      for (const leaf of made) {
        if (!leaf.grad || !returned.has(leaf.grad)) continue;
        keep(leaf.grad);
        leaf.grad = null;
      }
    } finally {
      this.scopes.pop();
      for (const tensor of made) tensor.dispose();
    }
    return result;
  }

  /** Runs `fn` without recording for gradients: EMA targets, evaluation. */
  noGrad<T>(fn: () => T): T {
    const before = this.recording;
    this.recording = false;
    try {
      return fn();
    } finally {
      this.recording = before;
    }
  }

  /**
   * Compiles ahead: runs each function without launching or reading anything, and compiles the kernels that it asks for.
   * `engine.prepare([() => ntXent(z0, z1).backward()])`
   */
  prepare(list: readonly (() => unknown)[]): void {
    this.assertAlive('prepare');
    if (!Array.isArray(list) || list.some((item) => typeof item !== 'function'))
      this.fail('prepare', `list is ${check.say(list)}, expected an array of functions that call ops.`);
    this.gpu.withoutLaunching(
      (kernel, { tuning }) => this.gpu.pipeline(kernel, tuning),
      () => {
        for (const item of list) this.unscoped(() => this.scope(() => void item()));
      },
    );
  }

  /** Resolves when the GPU has done all that was recorded; rejects with what went wrong. */
  async sync(): Promise<void> {
    await this.gpu.sync('sync');
    await this.inspector.report();
  }

  /**
   * Records what `build` does on tensors of these shapes as a plan, to be encoded into a command encoder or compute pass
   * of yours on buffers of yours, as often as you like.
   */
  plan(inputs: PlanInputs, build: (inputs: Record<string, Tensor>) => Record<string, Tensor>): Plan {
    this.assertAlive('plan');
    return new Plan(this, this.gpu, inputs, build);
  }

  /** Frees all GPU memory of the engine, and the device if it is the engine's own. */
  destroy(): void {
    this.flush();
    for (const { buffer } of this.constants.values()) buffer.destroy();
    this.constants.clear();
    this.gpu.destroy();
  }

  // What ops are made of -------------------------------------------------------------------------------------------

  /** @internal */
  assertAlive(op: string): void {
    this.gpu.assertAlive(op);
  }

  /** @internal */
  fail(op: string, sentence: string): never {
    throw new GramianError(`${op}: ${sentence}`);
  }

  /** @internal */
  get submits(): number {
    return this.gpu.queue.submits;
  }

  /** @internal Launches so far, for benchmarks and tests. */
  get launches(): number {
    return this.gpu.queue.launches;
  }

  /** @internal The layer below, for tests and benchmarks. */
  get lowLevel(): Device {
    return this.gpu;
  }

  /** @internal */
  flush(): void {
    this.gpu.queue.flush();
  }

  /** @internal Work on a foreign device is submitted before control goes back: its owner's next submit must come after. */
  opEnded(): void {
    if (this.gpu.foreign) this.flush();
  }

  /** @internal */
  inspect(op: string, tensors: Readonly<Record<string, Tensor>>): void {
    this.inspector.finite(op, tensors);
  }

  /** @internal With `check` on: remembers to reject the next read if a row of `norms` is zero. */
  inspectDirections(op: string, nameOf: (row: number) => string, inverseNorms: Storage, rows: number): void {
    if (this.check) this.inspector.directions(op, nameOf, inverseNorms, rows);
  }

  /** @internal One number that does not change, as a tensor; kept for the engine's life, so owned by nobody. */
  constant(value: number): Tensor {
    let storage = this.constants.get(value);
    if (!storage) {
      const buffer = this.device.createBuffer({ size: 16, usage: 128 | 8 });
      this.device.queue.writeBuffer(buffer, 0, Float32Array.of(value));
      storage = this.gpu.pool.wrap(buffer, 0, 16);
      this.constants.set(value, storage);
    }
    return this.adopt(storage.retain(), [], 'f32', false);
  }

  /** @internal */
  async read(op: string, tensor: Tensor): Promise<ArrayBuffer> {
    const storage = tensor.storage.retain(); // a dispose() during the await must not free what is being read
    try {
      const bytes = await this.gpu.read(op, storage, 4 * tensor.size);
      await this.inspector.report();
      return bytes;
    } finally {
      storage.release();
    }
  }

  /** @internal The bytes of storage that is no tensor's. */
  readStorage(op: string, storage: Storage, bytes: number): Promise<ArrayBuffer> {
    return this.gpu.read(op, storage, bytes);
  }

  /** @internal */
  run(kernel: KernelSource, { params, buffers, groups, work, maybe, tuning }: Run): void {
    const storages: Record<string, Storage> = {};
    for (const name in buffers) {
      const buffer = buffers[name];
      storages[name] = buffer instanceof Tensor ? buffer.storage : buffer;
    }
    this.gpu.run(kernel, { params, buffers: storages, groups, work, maybe, tuning });
  }

  /** @internal Records what `fn` runs `times` times in turn; `fn` is called once, and makes nothing that outlives it. */
  repeat(times: number, fn: () => void): void {
    this.gpu.repeat(times, fn);
  }

  /** @internal Uninitialised memory for `count` floats; release it when the op is done. */
  scratch(count: number, what: string): Storage {
    return this.gpu.pool.acquire(4 * count, what);
  }

  /** @internal An uninitialised tensor. */
  empty(shape: readonly number[], what: string, dtype: DataType = 'f32'): Tensor {
    const size = shape.reduce((a, b) => a * b, 1);
    return this.adopt(this.gpu.pool.acquire(4 * size, what), shape, dtype, false);
  }

  /** @internal */
  full(shape: readonly number[], value: number): Tensor {
    const tensor = this.empty(shape, 'full');
    this.fill(tensor.storage, tensor.size, value);
    return tensor;
  }

  /** @internal */
  fill(out: Storage, count: number, value: number): void {
    this.fillBits(out, count, new Uint32Array(Float32Array.of(value).buffer)[0]);
  }

  /** @internal Fills with a bit pattern: a NaN or a u32 would not survive the way through a float. */
  fillBits(out: Storage, count: number, bits: number): void {
    for (const range of ranges(this, count)) {
      const buffers = { out: part(out, range) };
      this.run(fill, {
        params: { count: range.count, bits },
        buffers,
        groups: Math.ceil(range.count / 256),
        work: range.count,
      });
    }
  }

  /** @internal total += more */
  accumulate(total: Tensor, more: Tensor): void {
    for (const range of ranges(this, total.size))
      this.run(accumulate, {
        params: { count: range.count },
        buffers: { total: part(total, range), more: part(more, range) },
        groups: Math.ceil(range.count / 256),
        work: 2 * range.count,
      });
  }

  /** @internal into[offset + i] = part[i], counted in floats. */
  copyInto(into: Tensor, part: Tensor, offset: number): void {
    this.run(place, {
      params: { count: part.size, offset },
      buffers: { x: part, out: into },
      groups: Math.ceil(part.size / 256),
      work: part.size,
    });
  }

  /** @internal Overwrites a tensor's numbers from the CPU. */
  write(tensor: Tensor, values: Float32Array<ArrayBuffer>): void {
    this.flush(); // a write overtakes recorded work, which may still read the old numbers
    this.device.queue.writeBuffer(tensor.storage.buffer, tensor.storage.offset, values);
  }

  /** @internal Another tensor on the same numbers. */
  alias(tensor: Tensor, shape: readonly number[], requiresGrad: boolean): Tensor {
    return this.adopt(tensor.storage.retain(), shape, tensor.dtype, requiresGrad);
  }

  /** @internal Stands for a buffer that a plan's caller brings. */
  placeholder(shape: readonly number[], requiresGrad: boolean): Tensor {
    const bytes = 4 * shape.reduce((a, b) => a * b, 1);
    return this.adopt(this.gpu.pool.wrap(null as unknown as GPUBuffer, 0, bytes), shape, 'f32', requiresGrad);
  }

  private adopt(storage: Storage, shape: readonly number[], dtype: DataType, requiresGrad: boolean): Tensor {
    const tensor = new Tensor(this, storage, shape, dtype, requiresGrad);
    const scope = this.scopes.at(-1);
    if (scope) {
      scope.add(tensor);
      tensor.owner = scope;
    }
    return tensor;
  }

  /** @internal Makes tensors that no scope frees. */
  unscoped<T>(fn: () => T): T {
    const before = this.scopes;
    this.scopes = [];
    try {
      return fn();
    } finally {
      this.scopes = before;
    }
  }

  /** @internal Runs a gradient rule: what it returns belongs to the tape, all else that it made is freed. */
  temporaries<T>(fn: () => T): T {
    return this.unscoped(() => this.scope(fn));
  }

  /**
   * @internal Ends an op: puts it on the tape if a gradient can be asked for. `saved` tensors are kept until `backward`
   * has run (or nobody can ask for it any more); then `release` lets go of whatever else the op kept.
   */
  record(op: string, inputs: readonly Tensor[], output: Tensor, rule: OpRule): Tensor {
    this.opEnded();
    if (!this.needsGrad(...inputs)) {
      rule.release?.();
      return output;
    }
    const saved = this.unscoped(() => (rule.saved ?? []).map((tensor) => this.alias(tensor, tensor.shape, false)));
    (output as { requiresGrad: boolean }).requiresGrad = true;
    output.node = new TapeNode(op, inputs, saved, rule.backward, rule.release);
    return output;
  }

  /** @internal Whether an op on these inputs will be asked for gradients. */
  needsGrad(...inputs: readonly Tensor[]): boolean {
    return this.recording && inputs.some((input) => input.requiresGrad);
  }
}

/** Opens a device (or takes yours) and readies an engine on it. */
export async function createEngine(options?: EngineOptions): Promise<Engine> {
  const {
    device,
    adapter,
    powerPreference,
    check: checking,
  } = check.options('createEngine', options, {
    device: undefined as GPUDevice | undefined,
    adapter: 'auto' as NonNullable<EngineOptions['adapter']>,
    powerPreference: 'high-performance' as GPUPowerPreference,
    check: false as boolean,
  });
  check.oneOf('createEngine', 'adapter', adapter, ['auto', 'hardware', 'software']);
  check.oneOf('createEngine', 'powerPreference', powerPreference, ['high-performance', 'low-power']);
  if (device !== undefined && typeof device?.createBuffer !== 'function')
    throw new GramianError(`createEngine: device is ${check.say(device)}, expected a GPUDevice.`);
  return new Engine(await openDevice({ device, adapter, powerPreference }), checking === true);
}

function* tensorsIn(value: unknown): Generator<Tensor> {
  if (value instanceof Tensor) yield value;
  else if (Array.isArray(value)) for (const item of value) yield* tensorsIn(item);
  else if (value && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype)
    for (const item of Object.values(value)) yield* tensorsIn(item);
}

type Values = Float32Array | Int32Array | Uint32Array;

function flatten(data: unknown): { values: Values; dtype: DataType; nested: number[] } {
  const fail = (sentence: string): never => {
    throw new GramianError(`tensor: ${sentence}`);
  };
  const wanted = 'expected Float32Array, Int32Array, Uint32Array or nested arrays of numbers';
  if (ArrayBuffer.isView(data)) {
    const dtype =
      data instanceof Float32Array
        ? 'f32'
        : data instanceof Int32Array
          ? 'i32'
          : data instanceof Uint32Array
            ? 'u32'
            : null;
    if (!dtype) return fail(`data is ${check.say(data)}, ${wanted}.`);
    const values = data as Values;
    if (isDetached(values.buffer)) return fail('data is detached.');
    // Shared memory may change under us, and some WebGPU implementations refuse it: copy.
    const owned = values.buffer instanceof ArrayBuffer ? values : values.slice();
    if (owned.length === 0) return fail(`data is empty, ${wanted}.`);
    return { values: owned, dtype, nested: [owned.length] };
  }
  if (!Array.isArray(data)) return fail(`data is ${check.say(data)}, ${wanted}.`);
  const nested: number[] = [];
  for (let level: unknown = data; Array.isArray(level); level = level[0]) nested.push(level.length);
  const flat = data.flat(Number.POSITIVE_INFINITY) as unknown[];
  const ragged = (value: unknown, depth: number): boolean =>
    depth === nested.length
      ? Array.isArray(value)
      : !Array.isArray(value) || value.length !== nested[depth] || value.some((item) => ragged(item, depth + 1));
  if (ragged(data, 0)) return fail('data is ragged, expected nested arrays of equal lengths.');
  const odd = flat.findIndex((value) => typeof value !== 'number');
  if (odd >= 0) return fail(`data holds ${check.say(flat[odd])}, expected numbers.`);
  return { values: Float32Array.from(flat as number[]), dtype: 'f32', nested };
}

/** `detached` is newer than Node 20; without it, only the failure of a new view tells. */
function isDetached(buffer: ArrayBufferLike & { detached?: boolean }): boolean {
  if (buffer.detached !== undefined || buffer.byteLength > 0) return buffer.detached === true;
  try {
    return new Uint8Array(buffer).length > 0;
  } catch {
    return true;
  }
}
