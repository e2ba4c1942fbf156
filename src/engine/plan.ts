import * as check from '../core/check.ts';
import type { Context } from '../core/context.ts';
import { copy } from '../core/fills.ts';
import { bytesOf } from '../core/layout.ts';
import type { Tensor } from '../core/tensor.ts';
import { Reserve, type Storage, USAGE } from '../gpu/buffers.ts';
import type { Device } from '../gpu/device.ts';
import { GramianError, UsedAfterDisposeError } from '../gpu/errors.ts';
import type { Failure } from '../gpu/failures.ts';
import { fold } from '../gpu/grid.ts';
import { SLOT_BYTES } from '../gpu/launch.ts';
import { type Binding, droppedGroups, groupOf } from '../gpu/pipelines.ts';
import { Capture, type CapturedLaunch } from './capture.ts';
import { type BufferRange, inputOf, outputsOf, type PlanInputs, rangesOf } from './planArguments.ts';

/**
 * Bind groups that a step keeps. Hosts take turns among few buffers for one thing (jax-js among eight); one that never repeats
 * a buffer must not fill the memory.
 */
const MOST_GROUPS = 16;

/**
 * CapturedLaunch work that runs inside somebody else's command encoder or compute pass, on their buffers: the lowest level of
 * being a guest. Scratch memory and parameters belong to the plan, so encoding creates nothing but bind groups.
 */
export class Plan {
  /** Elements of each input and output buffer. */
  readonly sizes: Readonly<Record<string, number>>;
  readonly #bytes = new Map<string, number>();
  readonly #context: Context;
  readonly #device: Device;
  readonly #steps: CapturedLaunch[];
  readonly #reserve = new Reserve();
  readonly #foreign = new Set<Storage>();
  readonly #named = new Map<Storage, string>();
  readonly #params: GPUBuffer;
  /** Of each step, by those of the caller's buffers that it binds; the last of a map is the one used last. */
  readonly #groups: Map<string, GPUBindGroup>[];
  /** Of each step, what it binds of the caller's. */
  readonly #given: (readonly string[])[];
  readonly #bufferIds = new WeakMap<GPUBuffer, number>();
  #nextId = 0;
  #disposed = false;
  #encoded = false;
  #failure: Failure | null = null;
  /** Names of the outputs. */
  readonly #results = new Set<string>();
  /** Memory of others that the steps write. */
  readonly #written = new Set<Storage>();

  /** @internal Use `engine.plan()`. */
  constructor(context: Context, inputs: PlanInputs, build: (inputs: Record<string, Tensor>) => Record<string, Tensor>) {
    this.#context = context;
    const device = context.lowLevel;
    this.#device = device;
    const sizes: Record<string, number> = Object.create(null);
    const capture = new Capture(device, { insidePass: true });
    this.#steps = capture.launches;
    const body = (): void => {
      const tensors: Record<string, Tensor> = Object.create(null);
      for (const [name, input] of Object.entries(inputs)) {
        const { requiresGrad, ...layout } = inputOf(name, input);
        const tensor = context.placeholder(layout, requiresGrad);
        tensors[name] = tensor;
        sizes[name] = tensor.size;
        this.#bytes.set(name, bytesOf(tensor));
        this.#named.set(tensor.memory, name);
      }
      const outputs = outputsOf(context, build(tensors), capture);
      for (const [name, output] of Object.entries(outputs)) {
        if (Object.hasOwn(sizes, name)) throw new GramianError(`plan: output "${name}" has the name of an input.`);
        sizes[name] = output.size;
        this.#bytes.set(name, bytesOf(output));
        this.#results.add(name);
        // What the steps do not write into memory of its own goes there by a copy.
        const own = this.#isWritten(output.memory) && !this.#named.has(output.memory);
        this.#named.set(own ? output.memory : copyOf(context, output), name);
      }
      for (const tensor of Object.values(tensors)) tensor.zeroGrad();
      const lost = this.#takeBackGrads(capture);
      if (lost)
        context.fail(
          'plan',
          `build leaves a grad to a tensor [${lost.shape.join(', ')}] that is no input, expected it among the outputs; return it, or detach() that tensor.`,
        );
      this.#keepForeign();
    };
    try {
      device.pool.within(this.#reserve, () => capture.run(context, body));
    } catch (error) {
      this.#takeBackGrads(capture);
      capture.undoHooks();
      this.#free();
      throw error;
    }
    this.sizes = sizes;
    this.#groups = this.#steps.map(() => new Map());
    this.#given = this.#steps.map(({ storages }) => [
      ...new Set(storages.flatMap((storage) => this.#named.get(storage.whole ?? storage) ?? [])),
    ]);

    const params = new Uint32Array((Math.max(1, this.#steps.length) * SLOT_BYTES) / 4);
    for (const [i, step] of this.#steps.entries()) params.set(step.params, (i * SLOT_BYTES) / 4);
    this.#params = device.gpu.createBuffer({
      label: 'gramian plan',
      size: params.byteLength,
      usage: USAGE.UNIFORM | USAGE.COPY_DST,
    });
    device.gpu.queue.writeBuffer(this.#params, 0, params);
  }

  /** Whether a step writes this memory, and it is the plan's. */
  #isWritten(storage: Storage): boolean {
    if (storage.slot?.reserve !== this.#reserve || storage.slot.uploaded) return false;
    return this.#steps.some(({ storages, pipeline: { kernel } }) =>
      storages.some((to, i) => (to.whole ?? to) === storage && kernel.buffers[i].access === 'read_write'),
    );
  }

  /**
   * A tensor made outside keeps no grad: what `build` computed for it is there only when the plan runs. Returns the first
   * whose grad is not among the outputs, so that nobody would ever see it.
   */
  #takeBackGrads({ leaves }: Capture): Tensor | null {
    let lost: Tensor | null = null;
    for (const leaf of leaves.keys()) {
      const { grad } = leaf;
      if (leaf.disposed || !grad || grad.memory.slot?.reserve !== this.#reserve) continue;
      if (!this.#named.has(grad.memory)) lost ??= leaf;
      leaf.grad = null;
      grad.dispose();
    }
    return lost;
  }

  /** What the function uses and did not make lives as long as the plan, but for inputs and outputs: those are the caller's. */
  #keepForeign(): void {
    for (const { storages, pipeline } of this.#steps)
      storages.forEach((bound, i) => {
        const storage = bound.whole ?? bound;
        if (storage.slot?.reserve === this.#reserve || this.#named.has(storage)) return;
        if (!this.#foreign.has(storage)) this.#foreign.add(storage.retain());
        if (pipeline.kernel.buffers[i].access === 'read_write') this.#written.add(storage);
      });
  }

  #free(): void {
    for (const storage of this.#foreign) storage.release();
    if (this.#encoded) this.#device.pool.abandon(this.#reserve);
    else this.#device.pool.close(this.#reserve);
  }

  /**
   * Encodes the plan. It runs when you submit.
   * @param target your encoder (the plan opens one compute pass), or your compute pass
   * @param buffers a range for every input and output, by name; two names may not share a buffer if one is written
   */
  encode(
    target: GPUCommandEncoder | GPUComputePassEncoder,
    buffers: Readonly<Record<string, GPUBuffer | BufferRange>>,
  ): void {
    this.#context.assertAlive('encode');
    this.#context.observers.assertNumbers('encode');
    if (this.#disposed) throw new UsedAfterDisposeError('encode: the plan was disposed, expected a live one.');
    if (
      typeof target !== 'object' ||
      target === null ||
      !('beginComputePass' in target || 'dispatchWorkgroups' in target)
    )
      this.#context.fail(
        'encode',
        `${check.came('target', target, 'is')}, expected a GPUCommandEncoder or GPUComputePassEncoder.`,
      );
    check.plain('encode', 'buffers', buffers);
    const failure = this.#failure;
    this.#failure = null;
    failure?.throw(); // of the call before: the GPU answers later
    const ranges = rangesOf(this.#bytes, buffers);
    this.#assertReady();
    this.#device.queue.beforeRun?.(); // the host may submit this before what it holds back
    this.#context.flush(); // what the plan closes over may still be on its way
    const groups = this.#bindGroups(ranges);
    this.#encoded = true;
    for (const storage of this.#foreign) this.#device.pool.lend(storage);
    for (const storage of this.#written) this.#context.wrote(storage.contents, 'a plan');
    for (const [name, { buffer, offset, bytes }] of ranges)
      if (this.#results.has(name))
        for (const contents of this.#device.pool.ranges.within(buffer, offset, bytes))
          this.#context.wrote(contents, 'a plan');
    const own = 'beginComputePass' in target ? target.beginComputePass({ label: 'gramian plan' }) : null;
    const pass = own ?? (target as GPUComputePassEncoder);
    let set: GPUComputePipeline | null = null;
    for (let i = 0; i < this.#steps.length; i++) {
      const { pipeline, groups: count, grid } = this.#steps[i];
      if (pipeline.pipeline !== set) pass.setPipeline(pipeline.pipeline);
      set = pipeline.pipeline;
      pass.setBindGroup(0, groups[i], [i * SLOT_BYTES]);
      const [x, y, z] = grid ?? [...fold(count), 1];
      pass.dispatchWorkgroups(x, y, z);
    }
    own?.end();
    this.#device.queue.paceHost();
  }

  /**
   * Frees the plan's memory. Once it has been encoded, a command buffer of yours may still name that memory and only be
   * submitted later: it then goes when the garbage collector finds nothing that names it.
   */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#dropGroups(0);
    this.#free();
    if (!this.#encoded) this.#params.destroy();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** As `Tensor`'s. */
  get [Symbol.toStringTag](): string {
    return 'Plan';
  }

  #bindGroups(ranges: Map<string, Binding>): readonly GPUBindGroup[] {
    this.#refuseShared(ranges);
    const keys = new Map(
      [...ranges].map(([name, { buffer, offset }]) => [name, `${this.#idOf(buffer)}:${offset}`] as const),
    );
    const { gpu } = this.#device;
    let made = 0;
    const groups = this.#groups.map((known, at) => {
      const given = this.#given[at];
      const key = given.map((name) => keys.get(name)).join();
      let group = known.get(key);
      if (!group && made++ === 0) gpu.pushErrorScope('validation');
      group ??= this.#groupOf(this.#steps[at], ranges);
      if (given.length > 0) known.delete(key);
      known.set(key, group);
      return group;
    });
    if (made > 0) this.#takeAnswer(gpu.popErrorScope());
    this.#dropGroups(MOST_GROUPS);
    return groups;
  }

  /** Of the GPU, for bind groups that were made: any of them may be what was refused. */
  #takeAnswer(answer: Promise<GPUError | null>): void {
    answer.then(
      (error) => {
        if (!error) return;
        for (const known of this.#groups) known.clear();
        const { message } = error;
        this.#failure = this.#device.failures.add(new GramianError(`encode: a buffer cannot be bound: ${message}`));
      },
      () => {}, // the device is gone: its own log says so
    );
  }

  #groupOf({ pipeline, storages }: CapturedLaunch, ranges: Map<string, Binding>): GPUBindGroup {
    const bound = storages.map((storage): Binding => {
      const { whole, offset, bytes } = storage;
      const name = this.#named.get(whole ?? storage);
      if (name === undefined) return storage;
      const range = ranges.get(name) as Binding;
      // A part of a tensor too large to bind at once is at its place in the caller's range, too.
      return whole ? { buffer: range.buffer, offset: range.offset + offset - whole.offset, bytes } : range;
    });
    return groupOf(this.#device.gpu, pipeline, this.#params, bound);
  }

  #dropGroups(most: number): void {
    let dropped = 0;
    for (const known of this.#groups)
      for (const oldest of known.keys()) {
        if (known.size <= most) break;
        known.delete(oldest);
        dropped++;
      }
    droppedGroups(dropped);
  }

  /** What the plan needs is there, and is what was asked for. */
  #assertReady(): void {
    const { failures } = this.#device;
    for (const storage of this.#foreign) this.#context.assertComputed(storage);
    if (!failures.any) return;
    for (const { pipeline, storages } of this.#steps) {
      if (pipeline.failure) failures.add(pipeline.failure).throw();
      for (const { slot } of storages) slot?.failure?.throw();
    }
  }

  /** WebGPU binds no buffer for writing that the same dispatch binds elsewhere, not even for another range of it. */
  #refuseShared(ranges: Map<string, Binding>): void {
    for (const [name, { buffer }] of ranges)
      for (const [other, { buffer: of }] of ranges)
        if (name !== other && buffer === of && this.#results.has(name))
          this.#context.fail(
            'encode',
            `${name} and ${other} share a buffer, expected one of its own for what is written.`,
          );
    for (const [name, { buffer }] of ranges)
      for (const storage of this.#foreign)
        if (storage.buffer === buffer && (this.#results.has(name) || this.#written.has(storage)))
          this.#context.fail(
            'encode',
            `${name} shares its buffer with a tensor that the plan closes over, expected another.`,
          );
  }

  #idOf(buffer: GPUBuffer): number {
    const id = this.#bufferIds.get(buffer) ?? this.#nextId++;
    this.#bufferIds.set(buffer, id);
    return id;
  }
}

/** Its memory, word by word. */
function copyOf(context: Context, tensor: Tensor): Storage {
  const { memory } = context.laidOut(tensor, 'copy');
  const size = bytesOf(tensor) / 4;
  copy(context, { storage: tensor.memory, size }, { storage: memory, size });
  return memory;
}
