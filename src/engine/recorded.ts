import * as check from '../core/check.ts';
import type { Engine } from '../core/context.ts';
import type { Watch } from '../core/inspect.ts';
import { type DataType, Tensor } from '../core/tensor.ts';
import { IMAGINED, Reserve, type Storage } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { UsedAfterDisposeError } from '../gpu/errors.ts';
import { type Work, writeWork } from '../gpu/failures.ts';
import type { Launch } from '../gpu/queue.ts';
import { Capture, type Captured, capturing } from './capture.ts';

const OP = 'recorded';
const SHAPES_KEPT = 4;

/** A function of tensors whose work on the GPU is recorded at its first call and replayed at later ones. */
export interface Recorded<I extends readonly Tensor[], O> extends Disposable {
  /** Runs it. The results of every call lie in the same memory: read or copy them before the next call. */
  (...inputs: I): O;
  /** Frees what the recordings hold; results that are still held keep their memory. */
  dispose(): void;
}

/** A tensor that `fn` returned. */
interface Output {
  readonly storage: Storage;
  readonly shape: readonly number[];
  readonly dtype: DataType;
}

interface Observed {
  readonly capture: Capture;
  readonly inputs: readonly Storage[];
  readonly outputs: readonly Output[];
  /** What `fn` returned, with a fresh tensor for each output. */
  readonly shape: (fresh: (i: number) => Tensor) => unknown;
  readonly watch: Watch | null;
  readonly source: Source;
}

type Source = Reserve | typeof IMAGINED;

/** See `Engine.recorded`. */
export function recorded<I extends readonly Tensor[], O>(
  engine: Engine,
  device: Device,
  fn: (...inputs: I) => O,
): Recorded<I, O> {
  const run = fn as unknown as (...inputs: Tensor[]) => unknown;
  const kept = new Map<string, Recording>(); // the least recently used one first
  let disposed = false;

  const step = (...inputs: I): O => {
    engine.assertAlive(OP);
    if (disposed) throw new UsedAfterDisposeError(`${OP}: the step was disposed, expected a live one.`);
    if (!device.launching)
      engine.fail(
        OP,
        'called inside of a function that is recorded, planned, prepared or tuned, expected it outside; call fn itself there.',
      );
    const key = keyOf(engine, inputs);
    let recording = kept.get(key);
    if (recording) {
      kept.delete(key);
      kept.set(key, recording);
      recording.assertCompiled();
      const fresh = !recording.confirmed || engine.check;
      if (fresh) recording.confirm(run, inputs);
      return recording.run(inputs, fresh) as O;
    }
    recording = new Recording(engine, device, run, inputs);
    if (kept.size >= SHAPES_KEPT) {
      const [oldest, dropped] = kept.entries().next().value as [string, Recording];
      kept.delete(oldest);
      dropped.dispose();
    }
    kept.set(key, recording);
    return recording.run(inputs, true) as O;
  };

  const dispose = (): void => {
    disposed = true;
    for (const recording of kept.values()) recording.dispose();
    kept.clear();
  };
  return Object.assign(step, { dispose, [Symbol.dispose]: dispose });
}

/** What must be equal for a recording to serve. */
function keyOf(engine: Engine, inputs: readonly Tensor[]): string {
  let key = `${engine.recordsGradients ? '' : 'noGrad'}${engine.tunings}`;
  inputs.forEach((input, i) => {
    if (!(input instanceof Tensor)) engine.fail(OP, `inputs[${i}] is ${check.say(input)}, expected a Tensor.`);
    if (input.engine !== engine) engine.fail(OP, `inputs[${i}] lives on another device.`);
    if (input.disposed)
      throw new UsedAfterDisposeError(
        `${OP}: inputs[${i}] was disposed (or its scope ended) after submit ${input.disposedAt}, expected a live Tensor.`,
      );
    key += `;${input.shape},${input.dtype},${input.requiresGrad}`;
  });
  return key;
}

/** Runs `fn` without launching, on stand-ins for the inputs. */
function observe(
  engine: Engine,
  device: Device,
  fn: (...inputs: Tensor[]) => unknown,
  given: readonly Tensor[],
  source: Source,
): Observed {
  const capture = new Capture(source === IMAGINED);
  const inputs: Storage[] = [];
  const outputs: Output[] = [];
  let shape: Observed['shape'] = () => undefined;
  const body = (): void => {
    const standIns = given.map(({ shape, requiresGrad, dtype }) => engine.placeholder(shape, requiresGrad, dtype));
    for (const { storage } of standIns) inputs.push(storage);
    const result = fn(...standIns);
    if (capture.refused) throw capture.refused;
    shape = template(engine, result, outputs);
    standIns.forEach(({ grad }, i) => {
      if (grad && !outputs.some(({ storage }) => storage === grad.storage))
        engine.fail(
          OP,
          `fn leaves inputs[${i}] a grad, expected it among the results; return it, or pass a detach()ed input.`,
        );
    });
    // All that was made goes with the scope, but for the memory of results.
    for (const { storage } of outputs) if (isMade(source, storage)) storage.retain();
  };
  try {
    const watch = device.pool.within(source, () =>
      engine.watchingApart(() => capturing(engine, device, capture, body)),
    );
    return { capture, inputs, outputs, shape, watch, source };
  } catch (error) {
    takeBack(capture, source);
    throw error;
  }
}

/** Undoes what is left of a function that was observed and never ran. */
function takeBack(capture: Capture, source: Source): void {
  capture.undoRepeats();
  for (const leaf of capture.leaves.keys()) if (leaf.grad && isMade(source, leaf.grad.storage)) leaf.zeroGrad();
}

/** Whether this memory was taken while the function was observed. */
function isMade(source: Source, { slot, buffer }: Storage): boolean {
  return source === IMAGINED ? buffer === null : slot !== null && slot.reserve === source;
}

/** Lists the tensors of a result, and gives back a function that builds the result anew. */
function template(engine: Engine, value: unknown, outputs: Output[]): Observed['shape'] {
  if (value instanceof Tensor) {
    if (value.engine !== engine)
      engine.fail(OP, 'fn returned a Tensor of another engine, expected one of this engine.');
    const { storage, dtype } = value;
    const i = outputs.push({ storage, shape: value.shape, dtype }) - 1;
    return (fresh) => fresh(i);
  }
  if (value === undefined || value === null) return () => value;
  if (Array.isArray(value)) {
    const parts = value.map((item) => template(engine, item, outputs));
    return (fresh) => parts.map((part) => part(fresh));
  }
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    const parts = Object.entries(value).map(([name, item]) => [name, template(engine, item, outputs)] as const);
    return (fresh) => Object.fromEntries(parts.map(([name, part]) => [name, part(fresh)]));
  }
  return engine.fail(
    OP,
    `fn returned ${check.say(value)}, expected Tensors, alone or in arrays and plain objects; all else would stay as it is now.`,
  );
}

/** The launches of one call, ready to be asked for again. */
class Recording {
  /** A second run of the function has asked for the same work. */
  confirmed = false;
  private readonly engine: Engine;
  private readonly device: Device;
  private readonly reserve = new Reserve();
  private readonly seen: Observed;
  private readonly launches: Launch[] = [];
  /** Positions of the launches that bind an input. */
  private readonly onInputs: number[] = [];
  /** Tensors that are neither made by `fn` nor given to it, with a place where they are used. */
  private readonly closedOver = new Map<Storage, string>();
  private readonly written = new Set<Storage>();
  /** The grad of every leaf that `fn` left one in, or left without. */
  private readonly grads: { leaf: Tensor; before: Storage | null | 'any'; after: Storage | null }[] = [];
  private readonly slots = new Set<{ usedAt: number }>();
  /** What `fn` makes, and computes anew at every call. */
  private made: readonly Storage[] = [];
  private fresh: Work = writeWork();
  private bound: readonly Storage[] = [];

  constructor(engine: Engine, device: Device, fn: (...inputs: Tensor[]) => unknown, inputs: readonly Tensor[]) {
    this.engine = engine;
    this.device = device;
    try {
      this.seen = observe(engine, device, fn, inputs, this.reserve);
    } catch (error) {
      device.pool.close(this.reserve);
      throw error;
    }
    try {
      this.prepare();
    } catch (error) {
      takeBack(this.seen.capture, this.reserve);
      this.dispose();
      throw error;
    }
  }

  private prepare(): void {
    const { capture, inputs } = this.seen;
    const made = new Set<Storage>();
    capture.launches.forEach(({ pipeline, storages, params, groups, work, maybe, overwrites, before }, i) => {
      const { kernel } = pipeline;
      const wholes = storages.map((storage) => storage.whole ?? storage);
      wholes.forEach((storage, b) => {
        const { name, access } = kernel.buffers[b];
        if (access === 'read_write') this.written.add(storage);
        const { slot } = storage;
        if (slot) this.slots.add(slot);
        if (slot && !slot.uploaded && isMade(this.reserve, storage)) made.add(storage);
        if (!isMade(this.reserve, storage) && !inputs.includes(storage) && !this.closedOver.has(storage))
          this.closedOver.set(storage, `${name} of ${kernel.name}`);
        if (access === 'read_write' && slot?.uploaded && isMade(this.reserve, storage))
          this.engine.fail(OP, `${kernel.name} writes ${name}, which fn makes from numbers; make that tensor outside.`);
      });
      if (wholes.some((storage) => inputs.includes(storage))) this.onInputs.push(i);
      this.launches.push({ pipeline, kernel, storages, group: null, params, groups, work, maybe, overwrites, before });
    });
    this.made = [...made];
    this.fresh = writeWork(...made);
    for (const [leaf, before] of capture.leaves) {
      if (leaf.disposed) continue; // made by fn
      const after = leaf.grad?.storage ?? null;
      if (after && isMade(this.reserve, after)) after.retain();
      this.grads.push({ leaf, before, after });
    }
  }

  /** A kernel that does not compile fails every call with its own sentence. */
  assertCompiled(): void {
    const { failures } = this.device;
    if (failures.any)
      for (const { pipeline } of this.launches) if (pipeline.failure) failures.add(pipeline.failure).throw();
  }

  /** Runs `fn` once more without launching, and refuses what a replay would do differently. */
  confirm(fn: (...inputs: Tensor[]) => unknown, inputs: readonly Tensor[]): void {
    this.checkGrads();
    const again = observe(this.engine, this.device, fn, inputs, IMAGINED);
    try {
      compare(this.engine, this.seen, again);
    } catch (error) {
      takeBack(again.capture, IMAGINED);
      throw error;
    }
    this.leaveGrads(); // those of the second run have no memory
    this.confirmed = true;
  }

  /** @param fresh `fn` itself has just run: what it does beside its launches is done. */
  run(inputs: readonly Tensor[], fresh: boolean): unknown {
    const { engine, device, seen } = this;
    const { capture, outputs, watch } = seen;
    try {
      for (const [storage, place] of this.closedOver)
        if (!storage.alive)
          throw new UsedAfterDisposeError(`${OP}: ${place} was disposed, expected a live Tensor; pass it as an input.`);
      if (device.failures.any) {
        for (const storage of this.closedOver.keys()) engine.assertComputed(storage);
        for (const { storage } of inputs) engine.assertComputed(storage);
      }
      if (!fresh) this.checkGrads();
      this.bind(inputs);
    } catch (error) {
      if (fresh) takeBack(capture, this.reserve);
      throw error;
    }
    if (!fresh) for (const { advance } of capture.repeats) advance();
    for (const { repack } of capture.launches) repack?.();
    const { queue } = device;
    queue.note(this.fresh);
    if (device.failures.any) for (const { contents, slot } of this.made) contents.failure = slot?.failure ?? null;
    if (watch) engine.expect(watch, { now: (storage) => this.now(storage), writtenWith: (of) => this.writtenWith(of) });
    for (const storage of this.written) engine.wrote(this.now(storage).contents, 'a recorded step');
    for (const launch of this.launches) queue.launch(launch);
    const { current } = queue;
    for (const slot of this.slots) slot.usedAt = current;
    for (const { storage } of inputs) if (storage.slot) storage.slot.usedAt = current;
    this.leaveGrads();
    engine.opEnded();
    return seen.shape((i) => {
      const { storage, shape, dtype } = outputs[i];
      const at = seen.inputs.indexOf(storage);
      return engine.alias({ storage: at < 0 ? storage : inputs[at].storage, dtype }, shape, false);
    });
  }

  dispose(): void {
    const { outputs, watch } = this.seen;
    for (const { storage } of outputs) if (isMade(this.reserve, storage)) storage.release();
    for (const { after } of this.grads) if (after && isMade(this.reserve, after)) after.release();
    watch?.found.release();
    this.device.pool.close(this.reserve);
    this.launches.length = 0;
  }

  private checkGrads(): void {
    for (const { leaf, before } of this.grads) {
      const now = leaf.grad?.storage ?? null;
      if (before === 'any' || leaf.disposed || now === before) continue;
      const said = now === null ? 'is gone' : before === null ? 'is there already' : 'is another one';
      this.engine.fail(
        OP,
        `the grad of a leaf [${leaf.shape.join(', ')}] ${said}, expected it as it was when fn was recorded; call zeroGrad() inside of fn.`,
      );
    }
  }

  /** Leaves the grads as `fn` does. */
  private leaveGrads(): void {
    for (const { leaf, after } of this.grads) {
      if (leaf.disposed || (leaf.grad?.storage ?? null) === after) continue;
      leaf.zeroGrad();
      if (after)
        leaf.grad = this.engine.unscoped(() => this.engine.alias({ storage: after, dtype: 'f32' }, leaf.shape, false));
    }
  }

  /** What a call has in the place of a stand-in, or of a range of one; all else is what it is. */
  private now(storage: Storage): Storage {
    const whole = storage.whole ?? storage;
    const i = this.seen.inputs.indexOf(whole);
    if (i < 0) return storage;
    const own = this.bound[i];
    return whole === storage ? own : own.range(storage.offset - whole.offset, storage.bytes);
  }

  private writtenWith(storage: Storage): Storage[] {
    const of = this.seen.capture.launches.filter(
      ({ storages, pipeline: { kernel } }) => kernel.buffers[storages.indexOf(storage)]?.access === 'read_write',
    );
    return of.flatMap(({ storages, pipeline: { kernel } }) =>
      storages.filter((_, b) => kernel.buffers[b].access === 'read_write'),
    );
  }

  /** Binds the inputs in their stand-ins' places, where they are not those of the last call. */
  private bind(inputs: readonly Tensor[]): void {
    const { bound } = this;
    const changed = bound.length !== inputs.length || inputs.some(({ storage }, i) => storage !== bound[i]);
    if (!changed) return;
    inputs.forEach(({ storage }, i) => {
      if (isMade(this.reserve, storage))
        this.engine.fail(OP, `inputs[${i}] is a result of this step, which overwrites it; copy it first.`);
      const written = this.written.has(this.seen.inputs[i]);
      const shares =
        [...this.closedOver.keys()].some(
          (other) => other.buffer === storage.buffer && (written || this.written.has(other)),
        ) ||
        inputs.some(
          (other, j) =>
            j !== i && other.storage.buffer === storage.buffer && (written || this.written.has(this.seen.inputs[j])),
        );
      if (shares) this.engine.fail(OP, `inputs[${i}] shares its memory with a tensor that fn writes; copy it first.`);
    });
    this.bound = inputs.map(({ storage }) => storage);
    for (const at of this.onInputs) {
      const storages = this.seen.capture.launches[at].storages.map((storage) => this.now(storage));
      this.launches[at] = { ...this.launches[at], storages, group: null };
    }
  }
}

/** Refuses a second run that asks for other work than the first: a replay would repeat the first one's. */
function compare(engine: Engine, first: Observed, second: Observed): void {
  const refuse = (sentence: string): never => engine.fail(OP, sentence);
  const [a, b] = [first.capture, second.capture];
  const uploads = a.uploads.length === b.uploads.length && a.uploads.every((list, i) => equal(list, b.uploads[i]));
  if (!uploads)
    refuse(
      'fn uploads other numbers than at its first call, expected the same; make the tensor outside and pass it as an input.',
    );
  const roles = [rolesOf(first), rolesOf(second)];
  for (let i = 0; i < Math.max(a.launches.length, b.launches.length); i++) {
    const [was, is] = [a.launches[i], b.launches[i]];
    if (was?.pipeline !== is?.pipeline || was.groups !== is.groups)
      return refuse(
        `launch ${i} was ${name(was)} and is now ${name(is)}, expected the same work at every call; decide outside of fn.`,
      );
    const { kernel } = was.pipeline;
    if (!was.repack)
      for (const member of kernel.params.members) {
        const word = member.offset / 4;
        if (was.params[word] === is.params[word]) continue;
        const [before, now] = [was, is].map(({ params }) => numberAt(params, word, member.type));
        refuse(
          `${member.name} of ${kernel.name} was ${before} and is now ${now}, expected the same at every call; ` +
            'keep it in a tensor that you write(), or in optimizer.learningRate.',
        );
      }
    kernel.buffers.forEach((buffer, at) => {
      const [before, now] = [was.storages[at], is.storages[at]];
      if (!sameBinding(before, roles[0](before), now, roles[1](now)))
        refuse(
          `${buffer.name} of ${kernel.name} is another tensor than at the first call, expected the same; pass it as an input.`,
        );
    });
  }
}

/** An input's position, or when the storage first came up among those that `fn` made; itself where it is neither. */
function rolesOf({ capture, inputs, source }: Observed): (storage: Storage) => Storage | string {
  const order = new Map<Storage, number>();
  for (const { storages } of capture.launches)
    for (const storage of storages) {
      const whole = storage.whole ?? storage;
      if (isMade(source, whole) && !inputs.includes(whole) && !order.has(whole)) order.set(whole, order.size);
    }
  return (storage) => {
    const whole = storage.whole ?? storage;
    const input = inputs.indexOf(whole);
    if (input >= 0) return `input ${input}`;
    const made = order.get(whole);
    return made === undefined ? whole : `made ${made}`;
  };
}

function sameBinding(a: Storage, roleA: Storage | string, b: Storage, roleB: Storage | string): boolean {
  const place = (storage: Storage) => storage.offset - (storage.whole?.offset ?? storage.offset);
  if (a.bytes !== b.bytes || place(a) !== place(b)) return false;
  if (typeof roleA === 'string' || typeof roleB === 'string') return roleA === roleB;
  return roleA.buffer === roleB.buffer && roleA.offset === roleB.offset;
}

function name(launch: Captured | undefined): string {
  return launch ? `${launch.pipeline.kernel.name} of ${launch.groups} workgroups` : 'none';
}

function numberAt(params: Uint32Array<ArrayBuffer>, word: number, type: 'u32' | 'i32' | 'f32'): number {
  if (type === 'u32') return params[word];
  return type === 'f32' ? new Float32Array(params.buffer)[word] : new Int32Array(params.buffer)[word];
}

function equal(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false;
  return true;
}
