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
import { type Binding, droppedGroups } from '../gpu/pipelines.ts';
import { SLOT_BYTES } from '../gpu/queue.ts';
import { Capture, type CapturedLaunch } from './capture.ts';
import { type BufferRange, inputOf, outputsOf, type PlanInputs, rangesOf } from './planArguments.ts';

/** A host that never repeats a buffer must not fill the memory. */
const MOST_GROUPS = 64;

/**
 * CapturedLaunch work that runs inside somebody else's command encoder or compute pass, on their buffers: the lowest level of
 * being a guest. Scratch memory and parameters belong to the plan, so encoding creates nothing but bind groups.
 */
export class Plan {
  /** Elements of each input and output buffer. */
  readonly sizes: Readonly<Record<string, number>>;
  private readonly bytes = new Map<string, number>();
  private readonly context: Context;
  private readonly device: Device;
  private readonly steps: CapturedLaunch[];
  private readonly reserve = new Reserve();
  private readonly foreign = new Set<Storage>();
  private readonly named = new Map<Storage, string>();
  private readonly params: GPUBuffer;
  private groups = new Map<string, readonly GPUBindGroup[]>();
  /** By number, of the steps that bind none of the caller's buffers: the same whatever those are. */
  private readonly ownGroups = new Map<number, GPUBindGroup>();
  private readonly bufferIds = new WeakMap<GPUBuffer, number>();
  private nextId = 0;
  private disposed = false;
  private encoded = false;
  private failure: Failure | null = null;
  /** Names of the outputs. */
  private readonly results = new Set<string>();
  /** Memory of others that the steps write. */
  private readonly written = new Set<Storage>();

  /** @internal Use `engine.plan()`. */
  constructor(context: Context, inputs: PlanInputs, build: (inputs: Record<string, Tensor>) => Record<string, Tensor>) {
    this.context = context;
    const device = context.lowLevel;
    this.device = device;
    const sizes: Record<string, number> = Object.create(null);
    const capture = new Capture(device);
    this.steps = capture.launches;
    const body = (): void => {
      const tensors: Record<string, Tensor> = Object.create(null);
      for (const [name, input] of Object.entries(inputs)) {
        const { requiresGrad, ...layout } = inputOf(name, input);
        const tensor = context.placeholder(layout, requiresGrad);
        tensors[name] = tensor;
        sizes[name] = tensor.size;
        this.bytes.set(name, bytesOf(tensor));
        this.named.set(tensor.memory, name);
      }
      const outputs = outputsOf(context, build(tensors), capture);
      for (const [name, output] of Object.entries(outputs)) {
        if (Object.hasOwn(sizes, name)) throw new GramianError(`plan: output "${name}" has the name of an input.`);
        sizes[name] = output.size;
        this.bytes.set(name, bytesOf(output));
        this.results.add(name);
        // What the steps do not write into memory of its own goes there by a copy.
        const own = this.isWritten(output.memory) && !this.named.has(output.memory);
        this.named.set(own ? output.memory : copyOf(context, output), name);
      }
      for (const tensor of Object.values(tensors)) tensor.zeroGrad();
      const lost = this.takeBackGrads(capture);
      if (lost)
        context.fail(
          'plan',
          `build leaves a grad to a tensor [${lost.shape.join(', ')}] that is no input, expected it among the outputs; return it, or detach() that tensor.`,
        );
      this.keepForeign();
    };
    try {
      device.pool.within(this.reserve, () => capture.run(context, body));
    } catch (error) {
      this.takeBackGrads(capture);
      capture.undoHooks();
      this.free();
      throw error;
    }
    this.sizes = sizes;

    const params = new Uint32Array((Math.max(1, this.steps.length) * SLOT_BYTES) / 4);
    for (const [i, step] of this.steps.entries()) params.set(step.params, (i * SLOT_BYTES) / 4);
    this.params = device.gpu.createBuffer({
      label: 'gramian plan',
      size: params.byteLength,
      usage: USAGE.UNIFORM | USAGE.COPY_DST,
    });
    device.gpu.queue.writeBuffer(this.params, 0, params);
  }

  /** Whether a step writes this memory, and it is the plan's. */
  private isWritten(storage: Storage): boolean {
    if (storage.slot?.reserve !== this.reserve || storage.slot.uploaded) return false;
    return this.steps.some(({ storages, pipeline: { kernel } }) =>
      storages.some((to, i) => (to.whole ?? to) === storage && kernel.buffers[i].access === 'read_write'),
    );
  }

  /**
   * A tensor made outside keeps no grad: what `build` computed for it is there only when the plan runs. Returns the first
   * whose grad is not among the outputs, so that nobody would ever see it.
   */
  private takeBackGrads({ leaves }: Capture): Tensor | null {
    let lost: Tensor | null = null;
    for (const leaf of leaves.keys()) {
      const { grad } = leaf;
      if (leaf.disposed || !grad || grad.memory.slot?.reserve !== this.reserve) continue;
      if (!this.named.has(grad.memory)) lost ??= leaf;
      leaf.grad = null;
      grad.dispose();
    }
    return lost;
  }

  /** What the function uses and did not make lives as long as the plan, but for inputs and outputs: those are the caller's. */
  private keepForeign(): void {
    for (const { storages, pipeline } of this.steps)
      storages.forEach((bound, i) => {
        const storage = bound.whole ?? bound;
        if (storage.slot?.reserve === this.reserve || this.named.has(storage)) return;
        if (!this.foreign.has(storage)) this.foreign.add(storage.retain());
        if (pipeline.kernel.buffers[i].access === 'read_write') this.written.add(storage);
      });
  }

  private free(): void {
    for (const storage of this.foreign) storage.release();
    if (this.encoded) this.device.pool.abandon(this.reserve);
    else this.device.pool.close(this.reserve);
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
    this.context.assertAlive('encode');
    this.context.observers.assertNumbers('encode');
    if (this.disposed) throw new UsedAfterDisposeError('encode: the plan was disposed, expected a live one.');
    if (
      typeof target !== 'object' ||
      target === null ||
      !('beginComputePass' in target || 'dispatchWorkgroups' in target)
    )
      this.context.fail(
        'encode',
        `${check.came('target', target, 'is')}, expected a GPUCommandEncoder or GPUComputePassEncoder.`,
      );
    check.plain('encode', 'buffers', buffers);
    const { failure } = this;
    this.failure = null;
    failure?.throw(); // of the call before: the GPU answers later
    const ranges = rangesOf(this.bytes, buffers);
    this.assertReady();
    this.device.queue.beforeRun?.(); // the host may submit this before what it holds back
    this.context.flush(); // what the plan closes over may still be on its way
    const groups = this.bindGroups(ranges);
    this.encoded = true;
    for (const storage of this.foreign) this.device.pool.lend(storage);
    for (const storage of this.written) this.context.wrote(storage.contents, 'a plan');
    for (const [name, { buffer, offset, bytes }] of ranges)
      if (this.results.has(name))
        for (const contents of this.device.pool.ranges.within(buffer, offset, bytes))
          this.context.wrote(contents, 'a plan');
    const own = 'beginComputePass' in target ? target.beginComputePass({ label: 'gramian plan' }) : null;
    const pass = own ?? (target as GPUComputePassEncoder);
    let set: GPUComputePipeline | null = null;
    for (let i = 0; i < this.steps.length; i++) {
      const { pipeline, groups: count, grid } = this.steps[i];
      if (pipeline.pipeline !== set) pass.setPipeline(pipeline.pipeline);
      set = pipeline.pipeline;
      pass.setBindGroup(0, groups[i], [i * SLOT_BYTES]);
      const [x, y, z] = grid ?? [...fold(count), 1];
      pass.dispatchWorkgroups(x, y, z);
    }
    own?.end();
    this.device.queue.paceHost();
  }

  /**
   * Frees the plan's memory. Once it has been encoded, a command buffer of yours may still name that memory and only be
   * submitted later: it then goes when the garbage collector finds nothing that names it.
   */
  dispose(): void {
    if (this.disposed) return;
    this.disposed = true;
    this.dropGroups(0);
    droppedGroups(this.ownGroups.size);
    this.ownGroups.clear();
    this.free();
    if (!this.encoded) this.params.destroy();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private bindGroups(ranges: Map<string, Binding>): readonly GPUBindGroup[] {
    const key = [...ranges.values()].map(({ buffer, offset }) => `${this.idOf(buffer)}:${offset}`).join();
    const known = this.groups.get(key);
    if (known) {
      this.groups.delete(key);
      this.groups.set(key, known); // the last of the map is the one used last
      return known;
    }
    this.refuseShared(ranges);
    const { gpu, failures } = this.device;
    gpu.pushErrorScope('validation');
    const made = this.steps.map((step, i) => this.ownGroups.get(i) ?? this.groupOf(step, i, ranges));
    gpu.popErrorScope().then(
      (error) => {
        if (!error) return;
        this.groups.delete(key);
        this.ownGroups.clear(); // any of the groups may be what was refused
        this.failure = failures.add(new GramianError(`encode: a buffer cannot be bound: ${error.message}`));
      },
      () => {}, // the device is gone: its own log says so
    );
    this.groups.set(key, made);
    this.dropGroups(MOST_GROUPS);
    return made;
  }

  /** The bind group of step number `at`, kept where it is the plan's own. */
  private groupOf({ pipeline, storages }: CapturedLaunch, at: number, ranges: Map<string, Binding>): GPUBindGroup {
    const { kernel, layout } = pipeline;
    let given = false;
    const bound = kernel.buffers.map(({ binding }, i) => {
      const { whole, offset, bytes, buffer } = storages[i];
      const name = this.named.get(whole ?? storages[i]);
      given ||= name !== undefined;
      const range = name === undefined ? { buffer, offset, bytes } : (ranges.get(name) as Binding);
      // A part of a tensor too large to bind at once is at its place in the caller's range, too.
      const part = whole && name !== undefined ? { offset: range.offset + offset - whole.offset, bytes } : range;
      return { binding, resource: { buffer: range.buffer, offset: part.offset, size: part.bytes } };
    });
    const params = { buffer: this.params, offset: 0, size: kernel.params.bytes };
    const group = this.device.gpu.createBindGroup({
      layout,
      entries: [{ binding: kernel.params.binding, resource: params }, ...bound],
    });
    if (!given) this.ownGroups.set(at, group);
    return group;
  }

  /** Keeps the groups on so many sets of the caller's buffers. */
  private dropGroups(most: number): void {
    for (const oldest of this.groups.keys()) {
      if (this.groups.size <= most) break;
      this.groups.delete(oldest);
      droppedGroups(this.steps.length - this.ownGroups.size);
    }
  }

  /** What the plan needs is there, and is what was asked for. */
  private assertReady(): void {
    const { failures } = this.device;
    for (const storage of this.foreign) this.context.assertComputed(storage);
    if (!failures.any) return;
    for (const { pipeline, storages } of this.steps) {
      if (pipeline.failure) failures.add(pipeline.failure).throw();
      for (const { slot } of storages) slot?.failure?.throw();
    }
  }

  /** WebGPU binds no buffer for writing that the same dispatch binds elsewhere, not even for another range of it. */
  private refuseShared(ranges: Map<string, Binding>): void {
    for (const [name, { buffer }] of ranges)
      for (const [other, { buffer: of }] of ranges)
        if (name !== other && buffer === of && this.results.has(name))
          this.context.fail(
            'encode',
            `${name} and ${other} share a buffer, expected one of its own for what is written.`,
          );
    for (const [name, { buffer }] of ranges)
      for (const storage of this.foreign)
        if (storage.buffer === buffer && (this.results.has(name) || this.written.has(storage)))
          this.context.fail(
            'encode',
            `${name} shares its buffer with a tensor that the plan closes over, expected another.`,
          );
  }

  private idOf(buffer: GPUBuffer): number {
    const id = this.bufferIds.get(buffer) ?? this.nextId++;
    this.bufferIds.set(buffer, id);
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
