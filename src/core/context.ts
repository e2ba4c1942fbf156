import type { Capture, Repeat } from '../engine/capture.ts';
import { Rehearsal, type Result } from '../engine/dryRun.ts';
import { type Explained, explained } from '../engine/explain.ts';
import { Plan, type PlanInputs } from '../engine/plan.ts';
import { type Recorded, recorded } from '../engine/recorded.ts';
import { type TuneOptions, type TuneReport, tune } from '../engine/tuner.ts';
import type { MemoryReport, Storage } from '../gpu/buffers.ts';
import { type Device, type DeviceInfo, type LaunchOptions, openDevice } from '../gpu/device.ts';
import { GramianError } from '../gpu/errors.ts';
import { type Contents, togetherWork, type Work } from '../gpu/failures.ts';
import type { KernelSource, Params, Tuning } from '../gpu/kernel.ts';
import { accumulate, fill, place } from '../gpu/kernels.generated.ts';
import { openChoices, rememberChoices } from '../tuning/choiceCache.ts';
import { type Answer, type Choice, type Choices, type ChoiceTable, isChoices } from '../tuning/choices.ts';
import {
  chooseFamilies,
  FAMILIES,
  type Family,
  type FamilyChoice,
  type MatmulPrecision,
  PRECISIONS,
} from '../tuning/families.ts';
import * as check from './check.ts';
import { part, ranges } from './chunks.ts';
import { Constants } from './constants.ts';
import { type FromBufferOptions, foreignRange } from './foreignRange.ts';
import { Inspector, type Watch } from './inspect.ts';
import { type Backward, TapeNode } from './tape.ts';
import { type DataType, Tensor } from './tensor.ts';
import { type Numbers, numbers, type TensorData } from './tensorData.ts';

const UNKNOWN = 'the function is being recorded, so there are no numbers yet; do it outside.';

export interface EngineOptions {
  /** A GPUDevice of yours: used as it is, never destroyed by the engine. */
  device?: GPUDevice;
  /** Which adapter to look for when no `device` is given. Default `'auto'`: hardware first, then software. */
  adapter?: 'auto' | 'hardware' | 'software';
  /** Default `'high-performance'`. */
  powerPreference?: GPUPowerPreference;
  /** Looks for non-finite values and rows without a direction in every op's input; found ones reject the next read. */
  check?: boolean;
  /** How exact the products inside ops and losses are, where a faster way is at hand. Default `'highest'`: f32. */
  matmulPrecision?: MatmulPrecision;
  /**
   * The kernel families to use, wherever they can be. Default: those that the adapter offers at this precision, where they
   * are known to be faster. `['f32']` is what runs everywhere.
   */
  families?: readonly Family[];
  /**
   * How tile shapes and schedules are chosen. `'cached'` (default): what `tune()` measured on this adapter and driver, in
   * this process or an earlier one, and else what is predicted. `'off'`: nothing from earlier processes, and nothing is
   * kept for later ones. `'full'`: as `'cached'`, but `tune()` measures again what is remembered. Or the `choices()` of
   * another engine: those and no others, so that the same work gives the same bits.
   */
  tune?: 'off' | 'cached' | 'full' | Choices;
}

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

/** One WebGPU device with its memory, kernels and tape. */
export class Engine {
  readonly info: EngineInfo;
  readonly check: boolean;
  /** @internal What src/launch/productForm.ts chooses from. */
  readonly choice: FamilyChoice;
  private readonly gpu: Device;
  private readonly inspector: Inspector;
  private readonly table: ChoiceTable;
  private readonly tuning: 'off' | 'cached' | 'full';
  private readonly constants = new Constants((value) => this.gpu.pool.wrap(this.gpu.constant(value), 0, 16));
  private scopes: Set<Tensor>[] = [];
  private recording = true;
  /** @internal What `recorded()` is recording, if anything. */
  capture: Capture | null = null;
  private rehearsal: Rehearsal | null = null;
  /** Noted before the next launch. */
  private before: Work | undefined;
  /** What was known of contents before a function that only looks as if it wrote them. */
  private journal: Map<Contents, Contents> | null = null;
  /** @internal The tensors that the op of the moment has checked, by its names for them. */
  named: Readonly<Record<string, Tensor>> = {};
  /** @internal Calls of `tune()`, each of which may have changed what ops choose. */
  tunings = 0;

  /** @internal Use `createEngine()`. */
  constructor(
    gpu: Device,
    checking: boolean,
    choice: FamilyChoice,
    table: ChoiceTable,
    tuning: 'off' | 'cached' | 'full',
  ) {
    this.gpu = gpu;
    this.table = table;
    this.tuning = tuning;
    this.check = checking;
    this.choice = choice;
    this.info = { ...gpu.info, families: choice.families, matmulPrecision: choice.precision };
    table.info = this.info;
    this.inspector = new Inspector(this);
  }

  /** The GPUDevice. What you give its queue comes after all that was recorded so far. */
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
    this.capture?.uploads.push(values.slice());
    if (!this.capture?.imagined) this.gpu.queue.write(storage, values);
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

  /** Runs `fn` without recording for gradients: EMA targets, evaluation. */
  noGrad<T>(fn: () => T): T {
    check.callback('noGrad', 'fn', fn);
    const before = this.recording;
    this.recording = false;
    try {
      return check.synchronous('noGrad', 'fn', fn());
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
    this.checkList('prepare', list);
    for (const item of list) this.rehearse((kernel, { tuning }) => this.gpu.pipeline(kernel, tuning), item);
  }

  /**
   * Measures how the ops that these functions call are best done on this adapter: tile shapes, schedules. What is clearly
   * faster, and agrees with what was done before, is taken from now on, and remembered for later processes. The functions
   * run without effect, and their kernels many times on memory of the tuner's: `await engine.tune([() => ntXent(z0,
   * z1).backward()])`. Nothing is ever measured outside of this call.
   */
  async tune(list: readonly (() => unknown)[], options?: TuneOptions): Promise<TuneReport> {
    this.assertAlive('tune');
    this.checkList('tune', list);
    const { budget, margin, clock, onMeasured } = check.options('tune', options, {
      budget: 30,
      margin: 0.05,
      clock: () => performance.now(),
      onMeasured: (() => {}) as NonNullable<TuneOptions['onMeasured']>,
    });
    check.positive('tune', 'budget', budget);
    check.nonNegative('tune', 'margin', margin);
    check.callback('tune', 'clock', clock);
    check.callback('tune', 'onMeasured', onMeasured);
    await this.sync(); // earlier trouble is not the tuner's
    const report = await tune(this, this.gpu, this.table, list, {
      budget,
      margin,
      clock,
      onMeasured,
      fresh: this.tuning === 'full',
    });
    this.tunings++;
    const place = this.tuning === 'off' ? null : await rememberChoices(this.table);
    return { ...report, place };
  }

  /**
   * What `fn` would launch, and why: nothing runs. `engine.explain(() => ntXent(z0, z1).backward())`
   */
  explain(fn: () => unknown): Explained[] {
    this.assertAlive('explain');
    check.callback('explain', 'fn', fn);
    const launches: Explained[] = [];
    this.rehearse((kernel, options) => launches.push(explained(kernel, options)), fn);
    return launches;
  }

  /**
   * All that was chosen so far, and what is remembered: plain JSON, to be kept with a checkpoint. An engine made with
   * `createEngine({ tune: choices })` on the same adapter gives the same bits, whatever was measured since.
   */
  choices(): Choices {
    return this.table.export();
  }

  /** Resolves when the GPU has done all that was recorded; rejects with what went wrong. */
  async sync(): Promise<void> {
    this.inspector.report();
    await this.gpu.sync('sync', () => this.inspector.report());
  }

  /**
   * Records what `build` does on tensors of these shapes as a plan, to be encoded into a command encoder or compute pass
   * of yours on buffers of yours, as often as you like.
   */
  plan(inputs: PlanInputs, build: (inputs: Record<string, Tensor>) => Record<string, Tensor>): Plan {
    this.assertAlive('plan');
    check.plain('plan', 'inputs', inputs);
    check.callback('plan', 'build', build);
    return new Plan(this, this.gpu, inputs, build);
  }

  /**
   * Records what `fn` does on the GPU at its first call, and replays it at later ones: the same bits, without JavaScript
   * for each op. `fn` may call `backward()` and an optimiser's `step()`.
   *
   * Inputs of other shapes are recorded apart; the four used last are kept. What `fn` reads besides its inputs (weights,
   * running moments) is read anew at every call, in the same memory. Numbers are not: a learning rate belongs into
   * `optimizer.learningRate`, any other number that changes into a one-element tensor that you `write()`. The second call
   * runs `fn` once more to compare, and refuses other numbers, other labels or other work; with `check` on, every call does.
   *
   * @param fn takes Tensors, and returns Tensors (alone, or in arrays and plain objects). It gets stand-ins for the inputs,
   * without values: their gradients reach you as results. It cannot read, nor call another recorded function.
   */
  recorded<I extends readonly Tensor[], O>(fn: (...inputs: I) => O): Recorded<I, O> {
    this.assertAlive('recorded');
    if (typeof fn !== 'function') this.fail('recorded', `fn is ${check.say(fn)}, expected a function of Tensors.`);
    return recorded(this, this.gpu, fn);
  }

  /** Frees all GPU memory of the engine, and the device if it is the engine's own. */
  destroy(): void {
    this.flush();
    this.constants.destroy();
    this.gpu.destroy();
  }

  private checkList(op: string, list: readonly (() => unknown)[]): void {
    if (!check.every(list, (item) => typeof item === 'function'))
      this.fail(op, `list is ${check.say(list)}, expected an array of functions that call ops.`);
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
    return this.table.ask(choice, sizes, among);
  }

  /**
   * @internal Runs `fn` with its launches handed to `instead`, and leaves everything as it was: tensors that it makes are
   * freed, and gradients of leaves are what they were. Returns where its results would be.
   */
  rehearse(instead: (kernel: KernelSource, options: LaunchOptions) => void, fn: () => unknown): readonly Result[] {
    const rehearsal = new Rehearsal();
    const before = this.rehearsal;
    this.rehearsal = rehearsal;
    try {
      const whole = (): void => {
        fn();
        rehearsal.finish();
      };
      this.withoutWriting(() => this.gpu.withoutLaunching(instead, () => this.unscoped(() => this.scope(whole))));
    } finally {
      this.rehearsal = before;
      rehearsal.end();
    }
    return rehearsal.results;
  }

  /** @internal Before a leaf's gradient changes. */
  holdGradient(leaf: Tensor): void {
    this.rehearsal?.hold(leaf);
  }

  /** @internal */
  inspect(op: string, tensors: Readonly<Record<string, Tensor>>): void {
    if (this.rehearsal) return; // nothing would answer
    this.inspector.finite(op, tensors);
  }

  /** @internal With `check` on: remembers to reject the next read if a row of `norms` is zero. */
  inspectDirections(
    op: string,
    nameOf: (row: number) => string,
    inverseNorms: Storage,
    rows: number,
    ...also: readonly Storage[]
  ): void {
    if (this.check && !this.rehearsal) this.inspector.directions(op, nameOf, inverseNorms, rows, also);
  }

  /** @internal As `Inspector.watchingApart`. */
  watchingApart(fn: () => void): Watch | null {
    return this.inspector.watchingApart(fn);
  }

  /** @internal As `Inspector.expect`. */
  expect(...question: Parameters<Inspector['expect']>): void {
    this.inspector.expect(...question);
  }

  /** @internal Runs `fn`, whose launches write nothing: what is known of tensors' contents stays. */
  withoutWriting<T>(fn: () => T): T {
    const before = this.journal;
    const journal = new Map<Contents, Contents>();
    this.journal = journal;
    try {
      return fn();
    } finally {
      this.journal = before;
      for (const [contents, { version, writer, failure }] of journal)
        Object.assign(contents, { version, writer, failure });
    }
  }

  /** @internal Counts a write, so that a gradient that needs the numbers before it is refused. */
  wrote(contents: Contents, writer: string): void {
    if (this.journal && !this.journal.has(contents)) this.journal.set(contents, { ...contents });
    contents.version++;
    contents.writer = writer;
  }

  /** @internal Throws the first cause where these are not the numbers that were asked for. */
  assertComputed(storage: Storage): void {
    storage.contents.failure?.throw();
  }

  /** @internal Runs `fn` with what it does beside its launches noted down. */
  recordingInto<T>(capture: Capture, fn: () => T): T {
    this.capture = capture;
    try {
      return fn();
    } finally {
      this.capture = null;
    }
  }

  /** @internal What happens once at every run of a function, recorded or not. */
  repeated(repeat: Repeat): void {
    repeat.advance();
    this.capture?.repeats.push(repeat);
    this.rehearsal?.undo.push(repeat.undo);
  }

  /** @internal One number that does not change, as a tensor; kept for the engine's life, so owned by nobody. */
  constant(value: number): Tensor {
    return this.adopt(this.constants.get(value, this.capture !== null).retain(), [], 'f32', false);
  }

  /** @internal */
  async read(op: string, tensor: Tensor): Promise<ArrayBuffer> {
    if (this.capture) {
      this.capture.refused ??= new GramianError(`${op}: ${UNKNOWN}`);
      return new Promise(() => {}); // the recording fails; this must not fail too, with nobody listening
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
    // What is rehearsed is looked at later, when counts have been taken back.
    const numbers = this.rehearsal && typeof params === 'function' ? params() : params;
    this.gpu.run(kernel, { params: numbers, buffers: storages, groups, work, maybe, tuning, overwrites, before });
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
        groups: Math.ceil(range.count / 1024),
        work: range.count,
        overwrites: ['out'],
      });
    }
  }

  /** @internal total += more */
  accumulate(total: Tensor, more: Tensor): void {
    for (const range of ranges(this, total.size))
      this.run(accumulate, {
        params: { count: range.count },
        buffers: { total: part(total, range), more: part(more, range) },
        groups: Math.ceil(range.count / 1024),
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
      overwrites: part.size === into.size ? ['out'] : [],
    });
    into.storage.contents.writer = 'a copy into it';
  }

  /** @internal The same numbers, in memory of their own. */
  copy(tensor: Tensor): Tensor {
    const copy = this.empty(tensor.shape, 'copy', tensor.dtype);
    for (const range of ranges(this, tensor.size))
      this.run(place, {
        params: { count: range.count, offset: 0 },
        buffers: { x: part(tensor, range), out: part(copy, range) },
        groups: Math.ceil(range.count / 256),
        work: range.count,
      });
    return copy;
  }

  /** @internal Refuses what needs numbers while there are none. */
  assertNumbers(op: string): void {
    if (this.capture) this.fail(op, UNKNOWN);
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
    this.rehearsal?.outputs.push(output);
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
  get recordsGradients(): boolean {
    return this.recording;
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
    matmulPrecision,
    families,
    tune: tuning,
  } = check.options('createEngine', options, {
    device: undefined as GPUDevice | undefined,
    adapter: 'auto' as NonNullable<EngineOptions['adapter']>,
    powerPreference: 'high-performance' as GPUPowerPreference,
    check: false as boolean,
    matmulPrecision: 'highest' as MatmulPrecision,
    families: undefined as readonly Family[] | undefined,
    tune: 'cached' as NonNullable<EngineOptions['tune']>,
  });
  check.oneOf('createEngine', 'adapter', adapter, ['auto', 'hardware', 'software']);
  check.oneOf('createEngine', 'matmulPrecision', matmulPrecision, PRECISIONS);
  check.oneOf('createEngine', 'powerPreference', powerPreference, ['high-performance', 'low-power']);
  if (device !== undefined && typeof device?.createBuffer !== 'function')
    throw new GramianError(`createEngine: device is ${check.say(device)}, expected a GPUDevice.`);
  if (!isChoices(tuning) && !['off', 'cached', 'full'].includes(tuning))
    throw new GramianError(
      `createEngine: tune = ${check.say(tuning)}, expected "off" or "cached" or "full", or the choices() of an engine.`,
    );
  checkFamilies(families);
  const gpu = await openDevice({ device, adapter, powerPreference });
  try {
    const choice = chooseFamilies(gpu.info, matmulPrecision, families);
    const table = await openChoices(gpu.info, tuning);
    return new Engine(gpu, checking === true, choice, table, isChoices(tuning) ? 'off' : tuning);
  } catch (error) {
    gpu.destroy();
    throw error;
  }
}

function* tensorsIn(value: unknown): Generator<Tensor> {
  if (value instanceof Tensor) yield value;
  else if (Array.isArray(value)) for (const item of value) yield* tensorsIn(item);
  else if (value && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype)
    for (const item of Object.values(value)) yield* tensorsIn(item);
}

/** Before a device is opened for them. */
function checkFamilies(asked: readonly Family[] | undefined): void {
  if (asked !== undefined && !check.every(asked, (family) => FAMILIES.includes(family as Family)))
    throw new GramianError(`createEngine: families = ${listed(asked)}, expected an array of ${FAMILIES.join(', ')}.`);
}

/** `["f16"]` as it was given, or what came in its place. */
function listed(asked: unknown): string {
  return Array.isArray(asked) && asked.length < 9 ? `[${Array.from(asked, check.say).join()}]` : check.say(asked);
}
