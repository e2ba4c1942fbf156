import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import { Reserve, SHAPE_ONLY, type Storage } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { UsedAfterDisposeError } from '../gpu/errors.ts';
import { type Effect, writeEffect } from '../gpu/failures.ts';
import type { Launch } from '../gpu/launch.ts';
import { type CapturedFunction, captureFunction, isMade, takeBack } from './capture.ts';
import { assertSameWork } from './sameWork.ts';

const OP = 'recorded';

/** The launches of one call, ready to be asked for again. */
export class Replay {
  /** A second run of the function has asked for the same work. */
  confirmed = false;
  readonly #context: Context;
  readonly #device: Device;
  readonly #reserve = new Reserve();
  readonly #captured: CapturedFunction;
  readonly #launches: Launch[] = [];
  /** Positions of the launches that bind an input. */
  readonly #onInputs: number[] = [];
  /** Tensors that are neither made by `fn` nor given to it, with a place where they are used. */
  readonly #closedOver = new Map<Storage, string>();
  readonly #written = new Set<Storage>();
  /** The grad of every leaf that `fn` left one in, or left without. */
  readonly #grads: { leaf: Tensor; before: Storage | null | 'any'; after: Storage | null }[] = [];
  readonly #slots = new Set<{ usedAt: number }>();
  /** What `fn` makes, and computes anew at every call. */
  #made: readonly Storage[] = [];
  #fresh: Effect = writeEffect();
  #bound: readonly Storage[] = [];

  constructor(context: Context, fn: (...inputs: Tensor[]) => unknown, inputs: readonly Tensor[]) {
    this.#context = context;
    this.#device = context.lowLevel;
    try {
      this.#captured = captureFunction(context, fn, inputs, this.#reserve);
    } catch (error) {
      this.#device.pool.close(this.#reserve);
      throw error;
    }
    try {
      this.#prepare();
    } catch (error) {
      takeBack(this.#captured.capture, this.#reserve);
      this.dispose();
      throw error;
    }
  }

  #prepare(): void {
    const { capture, inputs } = this.#captured;
    const made = new Set<Storage>();
    capture.launches.forEach((launch, i) => {
      const { kernel, storages } = launch;
      const wholes = storages.map((storage) => storage.whole ?? storage);
      wholes.forEach((storage, b) => {
        const { name, access } = kernel.buffers[b];
        if (access === 'read_write') this.#written.add(storage);
        const { slot } = storage;
        if (slot) this.#slots.add(slot);
        if (slot && !slot.uploaded && isMade(this.#reserve, storage)) made.add(storage);
        if (!isMade(this.#reserve, storage) && !inputs.includes(storage) && !this.#closedOver.has(storage))
          this.#closedOver.set(storage, `${name} of ${kernel.name}`);
        if (access === 'read_write' && slot?.uploaded && isMade(this.#reserve, storage))
          this.#context.fail(
            OP,
            `${kernel.name} writes ${name}, which fn makes from numbers; make that tensor outside.`,
          );
      });
      if (wholes.some((storage) => inputs.includes(storage))) this.#onInputs.push(i);
      this.#launches.push({ ...launch });
    });
    this.#made = [...made];
    this.#fresh = writeEffect(...made);
    for (const [leaf, before] of capture.leaves) {
      if (leaf.disposed) continue; // made by fn
      const after = leaf.grad?.memory ?? null;
      if (after && isMade(this.#reserve, after)) after.retain();
      this.#grads.push({ leaf, before, after });
    }
  }

  /** A kernel that does not compile fails every call with its own sentence. */
  assertCompiled(): void {
    const { failures } = this.#device;
    if (failures.any)
      for (const { pipeline } of this.#launches) if (pipeline.failure) failures.add(pipeline.failure).throw();
  }

  /** Runs `fn` once more without launching, and refuses what a replay would do differently. */
  confirm(fn: (...inputs: Tensor[]) => unknown, inputs: readonly Tensor[]): void {
    this.#checkGrads();
    const again = captureFunction(this.#context, fn, inputs, SHAPE_ONLY);
    try {
      assertSameWork(this.#context, this.#captured, again);
    } catch (error) {
      takeBack(again.capture, SHAPE_ONLY);
      throw error;
    }
    this.#leaveGrads(); // those of the second run have no memory
    this.confirmed = true;
  }

  /** @param fresh `fn` itself has just run: what it does beside its launches is done. */
  run(inputs: readonly Tensor[], fresh: boolean): unknown {
    const context = this.#context;
    const device = this.#device;
    const captured = this.#captured;
    const { capture, outputs, watch } = captured;
    try {
      for (const [storage, place] of this.#closedOver)
        if (!storage.alive)
          throw new UsedAfterDisposeError(`${OP}: ${place} was disposed, expected a live Tensor; pass it as an input.`);
      if (device.failures.any) {
        for (const storage of this.#closedOver.keys()) context.assertComputed(storage);
        for (const { memory } of inputs) context.assertComputed(memory);
      }
      if (!fresh) this.#checkGrads();
      this.#bind(inputs);
    } catch (error) {
      if (fresh) takeBack(capture, this.#reserve);
      throw error;
    }
    if (!fresh) for (const { advance } of capture.hooks) advance();
    for (const { repack } of capture.launches) repack?.();
    const { queue } = device;
    queue.note(this.#fresh);
    if (device.failures.any) for (const { contents, slot } of this.#made) contents.failure = slot?.failure ?? null;
    if (watch)
      context.inspector.expect(watch, {
        now: (storage) => this.#now(storage),
        writtenWith: (of) => this.#writtenWith(of),
      });
    for (const storage of this.#written) context.wrote(this.#now(storage).contents, 'a recorded step');
    for (const launch of this.#launches) device.launch(launch);
    const { current } = queue;
    for (const slot of this.#slots) slot.usedAt = current;
    for (const { memory } of inputs) if (memory.slot) memory.slot.usedAt = current;
    this.#leaveGrads();
    context.opEnded();
    return captured.shape((i) => {
      const { storage, layout } = outputs[i];
      const at = captured.inputs.indexOf(storage);
      return context.handle(layout, at < 0 ? storage : inputs[at].memory);
    });
  }

  dispose(): void {
    const { outputs, watch } = this.#captured;
    for (const { storage } of outputs) if (isMade(this.#reserve, storage)) storage.release();
    for (const { after } of this.#grads) if (after && isMade(this.#reserve, after)) after.release();
    watch?.found.release();
    this.#device.pool.close(this.#reserve);
    this.#launches.length = 0;
  }

  #checkGrads(): void {
    for (const { leaf, before } of this.#grads) {
      const now = leaf.grad?.memory ?? null;
      if (before === 'any' || leaf.disposed || now === before) continue;
      const said = now === null ? 'is gone' : before === null ? 'is there already' : 'is another one';
      this.#context.fail(
        OP,
        `the grad of a leaf [${leaf.shape.join(', ')}] ${said}, expected it as it was when fn was recorded; call zeroGrad() inside of fn.`,
      );
    }
  }

  /** Leaves the grads as `fn` does. */
  #leaveGrads(): void {
    for (const { leaf, after } of this.#grads) {
      if (leaf.disposed || (leaf.grad?.memory ?? null) === after) continue;
      leaf.zeroGrad();
      if (after) leaf.grad = this.#context.unscoped(() => this.#context.handle(leaf, after));
    }
  }

  /** What a call has in the place of a stand-in, or of a range of one; all else is what it is. */
  #now(storage: Storage): Storage {
    const whole = storage.whole ?? storage;
    const i = this.#captured.inputs.indexOf(whole);
    if (i < 0) return storage;
    const own = this.#bound[i];
    return whole === storage ? own : own.range(storage.offset - whole.offset, storage.bytes);
  }

  #writtenWith(storage: Storage): Storage[] {
    const of = this.#captured.capture.launches.filter(
      ({ storages, pipeline: { kernel } }) => kernel.buffers[storages.indexOf(storage)]?.access === 'read_write',
    );
    return of.flatMap(({ storages, pipeline: { kernel } }) =>
      storages.filter((_, b) => kernel.buffers[b].access === 'read_write'),
    );
  }

  /** Binds the inputs in their stand-ins' places, where they are not those of the last call. */
  #bind(inputs: readonly Tensor[]): void {
    const bound = this.#bound;
    const changed = bound.length !== inputs.length || inputs.some(({ memory }, i) => memory !== bound[i]);
    if (!changed) return;
    inputs.forEach(({ memory: storage }, i) => {
      if (isMade(this.#reserve, storage))
        this.#context.fail(OP, `inputs[${i}] is a result of this step, which overwrites it; copy it first.`);
      const written = this.#written.has(this.#captured.inputs[i]);
      const shares =
        [...this.#closedOver.keys()].some(
          (other) => other.buffer === storage.buffer && (written || this.#written.has(other)),
        ) ||
        inputs.some(
          (other, j) =>
            j !== i &&
            other.memory.buffer === storage.buffer &&
            (written || this.#written.has(this.#captured.inputs[j])),
        );
      if (shares) this.#context.fail(OP, `inputs[${i}] shares its memory with a tensor that fn writes; copy it first.`);
    });
    this.#bound = inputs.map(({ memory }) => memory);
    for (const at of this.#onInputs) {
      const storages = this.#captured.capture.launches[at].storages.map((storage) => this.#now(storage));
      this.#launches[at] = { ...this.#launches[at], storages, group: null };
    }
  }
}
