import type { Storage } from '../gpu/buffers.ts';
import type { BoundLaunch, Device } from '../gpu/device.ts';
import type { DeviceInfo } from '../gpu/deviceInfo.ts';
import { GramianError } from '../gpu/errors.ts';
import { type Contents, type Effect, togetherEffect } from '../gpu/failures.ts';
import type { KernelSource } from '../gpu/kernel.ts';
import type { Answer, Choice, ChoiceTable } from '../tuning/choices.ts';
import type { Family, FamilyChoice, MatmulPrecision } from '../tuning/families.ts';
import * as check from './check.ts';
import { Constants } from './constants.ts';
import { fill } from './fills.ts';
import { type FromBufferOptions, foreignRange } from './foreignRange.ts';
import { Inspector } from './inspect.ts';
import { bytesOf, type Layout, toLayout } from './layout.ts';
import { Observers, type ReplayHook } from './observers.ts';
import { type OpLaunch, storagesOf } from './opLaunch.ts';
import { Scopes } from './scopes.ts';
import { type OpRule, TapeNode } from './tape.ts';
import { Tensor, tensorsIn } from './tensor.ts';
import { type DataType, numbers, type TensorData } from './tensorData.ts';

export interface EngineInfo extends DeviceInfo {
  /** Kernel families in use; `'f32'` runs everywhere. */
  readonly families: readonly Family[];
  /** What products may round, as `createEngine` was asked. */
  readonly matmulPrecision: MatmulPrecision;
}

/** What ops are made of: a WebGPU device with its memory, kernels and tape, and whoever looks on. */
export class Context {
  readonly info: EngineInfo;
  readonly check: boolean;
  /** @internal What src/launch/productForm.ts chooses from. */
  readonly choice: FamilyChoice;
  readonly #gpu: Device;
  /** @internal What looks for bad values where `check` is on. */
  readonly inspector: Inspector;
  /** @internal What was chosen so far. */
  readonly table: ChoiceTable;
  readonly #constants = new Constants((value) => this.#gpu.pool.wrap(this.#gpu.constant(value), 0, 16));
  /** @internal Who looks on instead of the GPU. */
  readonly observers = new Observers<Tensor>();
  /** @internal Who frees what. */
  readonly scopes = new Scopes(tensorsIn);
  /** Noted before the next launch. */
  #before: Effect | undefined;
  /** @internal The tensors that the op of the moment has checked, by its names for them. */
  named: Readonly<Record<string, Tensor>> = {};
  /** @internal Use `createEngine()`. */
  constructor(gpu: Device, checking: boolean, choice: FamilyChoice, table: ChoiceTable) {
    this.#gpu = gpu;
    this.table = table;
    this.check = checking;
    this.choice = choice;
    this.info = { ...gpu.info, families: choice.families, matmulPrecision: choice.precision };
    table.info = this.info;
    this.inspector = new Inspector(this);
  }

  /** The GPUDevice. What you give its queue comes after all that was encoded so far. */
  get device(): GPUDevice {
    this.#gpu.share();
    return this.#gpu.gpu;
  }

  /**
   * A tensor with these numbers.
   * @param data numbers, flat (then give `shape`, or get one dimension) or nested (then the nesting is the shape)
   */
  tensor(data: TensorData, shape?: readonly number[], options?: { requiresGrad?: boolean }): Tensor {
    this.assertAlive('tensor');
    const { requiresGrad } = check.options('tensor', options, { requiresGrad: false });
    const { values, dtype, shape: extents } = numbers('tensor', data, shape);
    const storage = this.#gpu.pool.acquire(values.byteLength, 'tensor', true);
    this.observers.current?.upload?.(values);
    if (storage.buffer) this.#gpu.queue.write(storage, values); // what is looked at alone may have no memory
    return this.#adopt(storage, { shape: extents, dtype }, requiresGrad);
  }

  /**
   * A tensor on a range of a GPUBuffer of yours, without a copy; the engine never destroys it. The buffer needs usage
   * STORAGE, and COPY_SRC to be read by `data()`. What you write there between an op and its `backward()` cannot be seen
   * here, and changes the gradient.
   *
   * f16, and rows with a `rowStride`, are converted in one launch whenever an op reads them; the gradient is laid out as the
   * tensor is, with zeros between its rows.
   */
  fromBuffer(buffer: GPUBuffer, shape: readonly number[], options?: FromBufferOptions): Tensor {
    this.assertAlive('fromBuffer');
    const range = foreignRange(buffer, shape, options, this.info.limits.maxStorageBufferBindingSize);
    this.#gpu.hasGuests = true;
    return this.#adopt(this.#gpu.pool.wrap(buffer, range.offset, range.bytes), range, range.requiresGrad);
  }

  /**
   * Runs `fn` and frees every tensor that it made, but for those that it returns (alone, or in arrays and plain objects)
   * and the `grad` of tensors made outside.
   */
  scope<T>(fn: () => T): T {
    this.assertAlive('scope');
    return this.scopes.scope(fn);
  }

  /** Runs `fn` without a tape, so without gradients: EMA targets, evaluation. */
  noGrad<T>(fn: () => T): T {
    return this.scopes.noGrad(fn);
  }

  /** Frees all GPU memory of the engine, and the device if it is the engine's own. */
  destroy(): void {
    this.flush();
    this.#constants.destroy();
    this.#gpu.destroy();
  }

  // What ops are made of -------------------------------------------------------------------------------------------

  /** @internal */
  assertAlive(op: string): void {
    this.#gpu.assertAlive(op);
  }

  /** @internal */
  fail(op: string, sentence: string): never {
    throw new GramianError(`${op}: ${sentence}`);
  }

  /** @internal */
  get submits(): number {
    return this.#gpu.queue.submits;
  }

  /** @internal Launches so far, for benchmarks and tests. */
  get launches(): number {
    return this.#gpu.queue.launches;
  }

  /** @internal The layer below, for tests and benchmarks. */
  get lowLevel(): Device {
    return this.#gpu;
  }

  /** @internal */
  flush(): void {
    this.#gpu.queue.flush();
  }

  /**
   * @internal Work on buffers or a device of others is submitted before control goes back: their next submit must come
   * after it, and they may destroy a buffer.
   */
  opEnded(): void {
    if (this.#gpu.hasGuests) this.flush();
  }

  /** @internal How to do what can be done in several ways: cached, or predicted; see `ChoiceTable.ask`. */
  choose<Option extends string>(
    choice: Choice<Option>,
    sizes: readonly number[],
    among?: readonly Option[],
  ): Answer<Option> {
    const answer = this.table.ask(choice, sizes, among);
    this.observers.current?.choice?.(answer, among ?? Object.keys(choice.options));
    return answer;
  }

  /** @internal */
  inspect(op: string, tensors: Readonly<Record<string, Tensor>>): void {
    if (!this.observers.runsNever) this.inspector.finite(op, tensors);
  }

  /** @internal With `check` on: remembers to reject the next read if a label is not in [0, classes). */
  inspectLabels(op: string, name: string, labels: Tensor, classes: number): void {
    if (this.check && !this.observers.runsNever) this.inspector.labels(op, name, labels, classes);
  }

  /** @internal With `check` on: remembers to reject the next read if a row of `norms` is zero. */
  inspectDirections(
    op: string,
    nameOf: (row: number) => string,
    inverseNorms: Storage,
    rows: number,
    ...also: readonly Storage[]
  ): void {
    if (this.check && !this.observers.runsNever) this.inspector.directions(op, nameOf, inverseNorms, rows, also);
  }

  /** @internal With `check` on, as `Inspector.written`. */
  inspectWritten(...question: Parameters<Inspector['written']>): void {
    if (!this.observers.runsNever) this.inspector.written(...question);
  }

  /** @internal Counts a write, so that a gradient that needs the numbers before it is refused. */
  wrote(contents: Contents, writer: string): void {
    this.observers.remember(contents);
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
    this.observers.current?.onEveryReplay?.(hook);
  }

  /** @internal One number that does not change, as a tensor; kept for the engine's life, so owned by nobody. */
  constant(value: number): Tensor {
    const storage = this.#constants.get(value, this.observers.withoutNumbers).retain();
    return this.#adopt(storage, { shape: [], dtype: 'f32' }, false);
  }

  /** @internal */
  run(kernel: KernelSource, { buffers, ...launch }: OpLaunch): void {
    const before = this.#before;
    this.#before = undefined;
    const storages = storagesOf(buffers);
    const { failures } = this.#gpu;
    for (const { name, access } of kernel.buffers) {
      const contents = storages[name]?.contents;
      if (!contents) continue; // said where it is bound
      if (failures.any && contents.failure && !launch.overwrites?.includes(name)) contents.failure.throw();
      if (access === 'read_write') this.wrote(contents, kernel.name);
    }
    const options = { ...launch, buffers: storages, before };
    if (this.observers.current) this.observers.current.launch(kernel, options);
    else this.#gpu.run(kernel, options);
  }

  /**
   * @internal The launches that follow write all of `to` or none, whichever of them each is for: what is wrong with one of `from`
   * fails them together.
   */
  together(from: readonly Tensor[], to: readonly Tensor[]): void {
    this.#before = togetherEffect(
      from.map(({ storage }) => storage),
      to.map(({ storage }) => storage),
    );
  }

  /** @internal Encodes what `fn` runs `times` times in turn; `fn` is called once, and makes nothing that outlives it. */
  encodeLoop(times: number, fn: () => void): void {
    if (this.observers.current) {
      for (let iteration = 0; iteration < times; iteration++) fn();
      return;
    }
    const launches: BoundLaunch[] = [];
    this.observers.collect((kernel, options) => void launches.push(this.#gpu.bind(kernel, options)), fn);
    this.#gpu.encodeLoop(times, launches);
  }

  /** @internal Uninitialised memory for `count` floats; release it when the op is done. */
  scratch(count: number, what: string): Storage {
    return this.#gpu.pool.acquire(4 * count, what);
  }

  /** @internal An uninitialised tensor. */
  empty(shape: readonly number[], what: string, dtype: DataType = 'f32'): Tensor {
    return this.laidOut({ shape, dtype, rowStride: null }, what);
  }

  /** @internal */
  laidOut(layout: Layout, what: string): Tensor {
    return this.#adopt(this.#gpu.pool.acquire(bytesOf(layout), what), layout, false);
  }

  /** @internal */
  full(shape: readonly number[], value: number): Tensor {
    const tensor = this.empty(shape, 'full');
    fill(this, tensor.storage, tensor.size, value);
    return tensor;
  }

  /** @internal `of` in f16, or with other rows: numbers as they leave here. */
  inLayout(of: Tensor, layout: Layout, what: string): Tensor {
    const tensor = this.laidOut(layout, what);
    toLayout(this, of.storage, layout, tensor.memory);
    return tensor;
  }

  /** @internal Another tensor on the same numbers, as kernels read them. */
  alias(tensor: Pick<Tensor, 'storage' | 'readAs'>, shape: readonly number[], requiresGrad: boolean): Tensor {
    return this.#adopt(tensor.storage.retain(), { shape, dtype: tensor.readAs }, requiresGrad);
  }

  /** @internal Another tensor on this memory, where numbers lie as `layout` says. */
  handle(layout: Layout, memory: Storage): Tensor {
    return this.#adopt(memory.retain(), layout, false);
  }

  /** @internal Stands for a buffer that the caller of a plan or a recorded function brings. */
  placeholder(layout: Layout, requiresGrad: boolean): Tensor {
    const nowhere = this.#gpu.pool.wrap(null as unknown as GPUBuffer, 0, bytesOf(layout));
    return this.#adopt(nowhere, layout, requiresGrad);
  }

  #adopt(
    memory: Storage,
    { shape, dtype, rowStride = null }: Omit<Layout, 'rowStride'> & Partial<Layout>,
    requiresGrad: boolean,
  ): Tensor {
    const tensor = new Tensor(this, memory, shape, dtype, requiresGrad, rowStride);
    this.scopes.adopt(tensor);
    return tensor;
  }

  /** @internal Makes tensors that no scope frees. */
  unscoped<T>(fn: () => T): T {
    return this.scopes.unscoped(fn);
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
    this.observers.current?.output?.(output);
    if (!this.needsGrad(...inputs)) {
      this.scopes.watch?.(op, inputs);
      rule.release?.();
      for (const input of inputs) if (!input.packed) input.refresh();
      return output;
    }
    const saved = this.unscoped(() => (rule.saved ?? []).map((tensor) => this.alias(tensor, tensor.shape, false)));
    (output as { requiresGrad: boolean }).requiresGrad = true;
    output.node = new TapeNode(op, inputs, this.named, saved, rule.backward, rule.release);
    for (const input of inputs) if (!input.packed) input.refresh();
    return output;
  }

  /** @internal Whether an op on these inputs will be asked for gradients. */
  needsGrad(...inputs: readonly Tensor[]): boolean {
    return this.scopes.gradEnabled && inputs.some((input) => input.requiresGrad);
  }
}
