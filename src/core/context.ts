import type { Storage } from '../gpu/buffers.ts';
import type { BoundLaunch, Device, LaunchOptions } from '../gpu/device.ts';
import type { DeviceInfo } from '../gpu/deviceInfo.ts';
import { GramianError } from '../gpu/errors.ts';
import { type Contents, togetherWork, type Work } from '../gpu/failures.ts';
import type { KernelSource, Params, Tuning } from '../gpu/kernel.ts';
import type { MemoryReport } from '../gpu/pool.ts';
import type { Answer, Choice, ChoiceTable } from '../tuning/choices.ts';
import type { Family, FamilyChoice, MatmulPrecision } from '../tuning/families.ts';
import * as check from './check.ts';
import { Constants } from './constants.ts';
import * as fills from './fills.ts';
import { type FromBufferOptions, foreignRange } from './foreignRange.ts';
import { Inspector, type Watch } from './inspect.ts';
import { type Backward, TapeNode } from './tape.ts';
import { Tensor, tensorsIn } from './tensor.ts';
import { type DataType, type Numbers, numbers, type TensorData } from './tensorData.ts';

const UNKNOWN = 'the function is being recorded, so there are no numbers yet; do it outside.';

export interface EngineInfo extends DeviceInfo {
  /** Kernel families in use; `'f32'` runs everywhere. */
  readonly families: readonly Family[];
  readonly matmulPrecision: MatmulPrecision;
}

/** A kernel launch by WGSL names: tensors or scratch storage for its buffers. */
export interface Run {
  readonly params: Params | (() => Params);
  readonly buffers: Readonly<Record<string, Tensor | Storage>>;
  readonly groups: number;
  /** Multiply-adds, or their like, of the whole launch: long ones are cut into several submits. */
  readonly work: number;
  /** May find nothing to do: its time then says nothing about the adapter's speed. */
  readonly maybe?: boolean;
  readonly tuning?: Tuning;
  /** Buffers that it fills from end to end without reading them, by name. */
  readonly overwrites?: readonly string[];
}

/** How an op's gradient is computed, and from what. */
export interface OpRule {
  readonly saved?: readonly Tensor[];
  readonly backward: Backward;
  readonly release?: () => void;
}

/** What happens once at every run of a function, beside its launches. */
export interface ReplayHook {
  readonly advance: () => void;
  /** Takes back an `advance` whose launches never ran. */
  readonly undo: () => void;
}

/** Looks on while a function calls ops, in the GPU's place: what is launched goes to it, so nothing is written. */
export interface Observer {
  launch(kernel: KernelSource, options: LaunchOptions): void;
  /** Numbers that come from the CPU. */
  upload?(values: Numbers['values']): void;
  /** What an op returns. */
  output?(tensor: Tensor): void;
  /** Before the gradient of a leaf changes, or is cleared. */
  leaf?(leaf: Tensor, clearing: boolean): void;
  onEveryReplay?(hook: ReplayHook): void;
  /** What was chosen, and among which options. */
  choice?(answer: Answer, among: readonly string[]): void;
  /** Where the function is to be replayed, so that there are no numbers yet: told what it asked for, and cannot have. */
  refuse?(error: GramianError): void;
  /** Its launches never run: nobody would answer what `check` asks. */
  readonly runsNever?: boolean;
}

/** What is being observed by whom, and what was known of contents before they only looked as if they were written. */
interface Observation {
  readonly observer: Observer;
  readonly known: Map<Contents, Contents> | null;
}

/** What ops are made of: a WebGPU device with its memory, kernels and tape, and whoever looks on. */
export class Context {
  readonly info: EngineInfo;
  readonly check: boolean;
  /** @internal What src/launch/productForm.ts chooses from. */
  readonly choice: FamilyChoice;
  private readonly gpu: Device;
  private readonly inspector: Inspector;
  /** @internal What was chosen so far. */
  readonly table: ChoiceTable;
  private readonly constants = new Constants((value) => this.gpu.pool.wrap(this.gpu.constant(value), 0, 16));
  private scopes: Set<Tensor>[] = [];
  private grads = true;
  /** The innermost one comes last, and is the only one that is told. */
  private readonly observations: Observation[] = [];
  private observed: Observation | null = null;
  /** Noted before the next launch. */
  private before: Work | undefined;
  /** @internal The tensors that the op of the moment has checked, by its names for them. */
  named: Readonly<Record<string, Tensor>> = {};
  /** @internal Use `createEngine()`. */
  constructor(gpu: Device, checking: boolean, choice: FamilyChoice, table: ChoiceTable) {
    this.gpu = gpu;
    this.table = table;
    this.check = checking;
    this.choice = choice;
    this.info = { ...gpu.info, families: choice.families, matmulPrecision: choice.precision };
    table.info = this.info;
    this.inspector = new Inspector(this);
  }

  /** The GPUDevice. What you give its queue comes after all that was encoded so far. */
  get device(): GPUDevice {
    this.gpu.share();
    return this.gpu.gpu;
  }

  /**
   * A tensor with these numbers.
   * @param data numbers, flat (then give `shape`, or get one dimension) or nested (then the nesting is the shape)
   */
  tensor(data: TensorData, shape?: readonly number[], options?: { requiresGrad?: boolean }): Tensor {
    this.assertAlive('tensor');
    const { requiresGrad } = check.options('tensor', options, { requiresGrad: false });
    const { values, dtype, shape: extents } = numbers('tensor', data, shape);
    const storage = this.gpu.pool.acquire(values.byteLength, 'tensor', true);
    this.observed?.observer.upload?.(values);
    if (storage.buffer) this.gpu.queue.write(storage, values); // what is looked at alone may have no memory
    return this.adopt(storage, extents, dtype, requiresGrad);
  }

  /**
   * A tensor on a range of a GPUBuffer of yours, without a copy; the engine never destroys it. The buffer needs usage
   * STORAGE, and COPY_SRC to be read by `data()`. What you write there between an op and its `backward()` cannot be seen
   * here, and changes the gradient.
   */
  fromBuffer(buffer: GPUBuffer, shape: readonly number[], options?: FromBufferOptions): Tensor {
    this.assertAlive('fromBuffer');
    const { offset, bytes, shape: extents, dtype, requiresGrad } = foreignRange(buffer, shape, options);
    this.gpu.hasGuests = true;
    return this.adopt(this.gpu.pool.wrap(buffer, offset, bytes), extents, dtype, requiresGrad);
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
    check.callback('scope', 'fn', fn);
    const made = new Set<Tensor>();
    this.scopes.push(made);
    let result: T;
    try {
      result = check.synchronous('scope', 'fn', fn());
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

  /** Runs `fn` without a tape, so without gradients: EMA targets, evaluation. */
  noGrad<T>(fn: () => T): T {
    check.callback('noGrad', 'fn', fn);
    const before = this.grads;
    this.grads = false;
    try {
      return check.synchronous('noGrad', 'fn', fn());
    } finally {
      this.grads = before;
    }
  }

  /** Resolves when the GPU has done all that was encoded; rejects with what went wrong. */
  async sync(): Promise<void> {
    this.inspector.report();
    await this.gpu.sync('sync', () => this.inspector.report());
  }

  /** Frees all GPU memory of the engine, and the device if it is the engine's own. */
  destroy(): void {
    this.flush();
    this.constants.destroy();
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

  /**
   * @internal Work on buffers or a device of others is submitted before control goes back: their next submit must come
   * after it, and they may destroy a buffer.
   */
  opEnded(): void {
    if (this.gpu.hasGuests) this.flush();
  }

  /** @internal How to do what can be done in several ways: remembered, or predicted; see `ChoiceTable.ask`. */
  choose<Option extends string>(
    choice: Choice<Option>,
    sizes: readonly number[],
    among?: readonly Option[],
  ): Answer<Option> {
    const answer = this.table.ask(choice, sizes, among);
    this.observed?.observer.choice?.(answer, among ?? Object.keys(choice.options));
    return answer;
  }

  /** @internal Runs `fn` with its launches handed to `observer`, and the rest of what it does told. */
  observe<T>(observer: Observer, fn: () => T): T {
    const known = new Map<Contents, Contents>();
    try {
      return this.observing({ observer, known }, fn);
    } finally {
      for (const [contents, { version, writer, failure }] of known)
        Object.assign(contents, { version, writer, failure });
    }
  }

  private observing<T>(observation: Observation, fn: () => T): T {
    const before = this.observed;
    this.observations.push(observation);
    this.observed = observation;
    try {
      return fn();
    } finally {
      this.observations.pop();
      this.observed = before;
    }
  }

  /** @internal Whether launches go to somebody else than the GPU. */
  get isObserved(): boolean {
    return this.observed !== null;
  }

  /** @internal Whether a function is to be replayed, so that numbers are only there later. */
  get withoutNumbers(): boolean {
    return this.observations.some(({ observer }) => observer.refuse);
  }

  /** @internal Before a leaf's gradient changes. */
  leafChanges(leaf: Tensor, clearing: boolean): void {
    this.observed?.observer.leaf?.(leaf, clearing);
  }

  /** @internal */
  inspect(op: string, tensors: Readonly<Record<string, Tensor>>): void {
    if (!this.runsNever) this.inspector.finite(op, tensors);
  }

  /** @internal With `check` on: remembers to reject the next read if a row of `norms` is zero. */
  inspectDirections(
    op: string,
    nameOf: (row: number) => string,
    inverseNorms: Storage,
    rows: number,
    ...also: readonly Storage[]
  ): void {
    if (this.check && !this.runsNever) this.inspector.directions(op, nameOf, inverseNorms, rows, also);
  }

  private get runsNever(): boolean {
    return this.observations.some(({ observer }) => observer.runsNever);
  }

  /** @internal As `Inspector.watchingApart`. */
  watchingApart(fn: () => void): Watch | null {
    return this.inspector.watchingApart(fn);
  }

  /** @internal As `Inspector.expect`. */
  expect(...question: Parameters<Inspector['expect']>): void {
    this.inspector.expect(...question);
  }

  /** @internal Counts a write, so that a gradient that needs the numbers before it is refused. */
  wrote(contents: Contents, writer: string): void {
    const known = this.observed?.known;
    if (known && !known.has(contents)) known.set(contents, { ...contents });
    contents.version++;
    contents.writer = writer;
  }

  /** @internal Throws the first cause where these are not the numbers that were asked for. */
  assertComputed(storage: Storage): void {
    storage.contents.failure?.throw();
  }

  /** @internal What happens once at every run of a function, replayed or not. */
  onEveryReplay(hook: ReplayHook): void {
    hook.advance();
    this.observed?.observer.onEveryReplay?.(hook);
  }

  /** @internal One number that does not change, as a tensor; kept for the engine's life, so owned by nobody. */
  constant(value: number): Tensor {
    return this.adopt(
      this.constants.get(value, this.observed !== null && this.withoutNumbers).retain(),
      [],
      'f32',
      false,
    );
  }

  /** @internal */
  async read(op: string, tensor: Tensor): Promise<ArrayBuffer> {
    if (this.withoutNumbers) {
      for (const { observer } of this.observations) observer.refuse?.(new GramianError(`${op}: ${UNKNOWN}`));
      return new Promise(() => {}); // the capture fails; this must not fail too, with nobody listening
    }
    const storage = tensor.storage.retain(); // a dispose() during the await must not free what is being read
    try {
      return await this.gpu.read(op, storage, 4 * tensor.size, () => this.inspector.report());
    } finally {
      storage.release();
    }
  }

  /** @internal The bytes of storage that is no tensor's. */
  readStorage(op: string, storage: Storage, bytes: number): Promise<ArrayBuffer> {
    return this.gpu.read(op, storage, bytes);
  }

  /** @internal */
  run(kernel: KernelSource, { params, buffers, groups, work, maybe, tuning, overwrites }: Run): void {
    const { before } = this;
    this.before = undefined;
    const storages: Record<string, Storage> = {};
    for (const name in buffers) {
      const buffer = buffers[name];
      storages[name] = buffer instanceof Tensor ? buffer.storage : buffer;
    }
    const { failures } = this.gpu;
    for (const { name, access } of kernel.buffers) {
      const contents = storages[name]?.contents;
      if (!contents) continue; // said where it is bound
      if (failures.any && contents.failure && !overwrites?.includes(name)) contents.failure.throw();
      if (access === 'read_write') this.wrote(contents, kernel.name);
    }
    const options = { params, buffers: storages, groups, work, maybe, tuning, overwrites, before };
    if (this.observed) this.observed.observer.launch(kernel, options);
    else this.gpu.run(kernel, options);
  }

  /**
   * @internal The launches that follow write all of `to` or none, whichever of them each is for: what is wrong with one of `from`
   * fails them together.
   */
  together(from: readonly Tensor[], to: readonly Tensor[]): void {
    this.before = togetherWork(
      from.map(({ storage }) => storage),
      to.map(({ storage }) => storage),
    );
  }

  /** @internal Encodes what `fn` runs `times` times in turn; `fn` is called once, and makes nothing that outlives it. */
  encodeLoop(times: number, fn: () => void): void {
    if (this.observed) {
      for (let turn = 0; turn < times; turn++) fn();
      return;
    }
    const launches: BoundLaunch[] = [];
    const launch: Observer['launch'] = (kernel, options) => void launches.push(this.gpu.bind(kernel, options));
    this.observing({ observer: { launch }, known: null }, fn);
    this.gpu.encodeLoop(times, launches);
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
    fills.fillBits(this, out, count, bits);
  }

  /** @internal total += more */
  accumulate(total: Tensor, more: Tensor): void {
    fills.accumulate(this, total.storage, more.storage, total.size);
  }

  /** @internal into[offset + i] = part[i], counted in floats. */
  copyInto(into: Tensor, part: Tensor, offset: number): void {
    fills.place(this, part.storage, part.size, into.storage, offset, part.size === into.size);
    into.storage.contents.writer = 'a copy into it';
  }

  /** @internal The same numbers, in memory of their own. */
  copy(tensor: Tensor): Tensor {
    const copy = this.empty(tensor.shape, 'copy', tensor.dtype);
    fills.copy(this, tensor.storage, copy.storage, tensor.size);
    return copy;
  }

  /** @internal Refuses what needs numbers while there are none. */
  assertNumbers(op: string): void {
    if (this.withoutNumbers) this.fail(op, UNKNOWN);
  }

  /** @internal Overwrites a tensor's numbers from the CPU. */
  write(tensor: Tensor, values: Numbers['values']): void {
    this.assertNumbers('write');
    const { storage } = tensor;
    this.gpu.queue.write(storage, values);
    this.wrote(storage.contents, 'write()');
    if (!storage.contents.inParts) storage.contents.failure = storage.slot?.failure ?? null;
  }

  /** @internal Another tensor on the same numbers. */
  alias(tensor: Pick<Tensor, 'storage' | 'dtype'>, shape: readonly number[], requiresGrad: boolean): Tensor {
    return this.adopt(tensor.storage.retain(), shape, tensor.dtype, requiresGrad);
  }

  /** @internal Stands for a buffer that the caller of a plan or a recorded function brings. */
  placeholder(shape: readonly number[], requiresGrad: boolean, dtype: DataType = 'f32'): Tensor {
    const bytes = 4 * shape.reduce((a, b) => a * b, 1);
    return this.adopt(this.gpu.pool.wrap(null as unknown as GPUBuffer, 0, bytes), shape, dtype, requiresGrad);
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
    this.observed?.observer.output?.(output);
    if (!this.needsGrad(...inputs)) {
      rule.release?.();
      return output;
    }
    const saved = this.unscoped(() => (rule.saved ?? []).map((tensor) => this.alias(tensor, tensor.shape, false)));
    (output as { requiresGrad: boolean }).requiresGrad = true;
    output.node = new TapeNode(op, inputs, this.named, saved, rule.backward, rule.release);
    return output;
  }

  /** @internal False inside of `noGrad`. */
  get gradEnabled(): boolean {
    return this.grads;
  }

  /** @internal Whether an op on these inputs will be asked for gradients. */
  needsGrad(...inputs: readonly Tensor[]): boolean {
    return this.grads && inputs.some((input) => input.requiresGrad);
  }
}
