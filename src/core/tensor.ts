import type { Storage } from '../gpu/buffers.ts';
import { UsedAfterDisposeError } from '../gpu/errors.ts';
import type { Context } from './context.ts';
import { fromLayout, isPacked, toLayout } from './layout.ts';
import { came, fail } from './say.ts';
import { backward, type TapeNode } from './tape.ts';
import { type DataType, type Numbers, numbers, type TensorData } from './tensorData.ts';

export type { DataType };

const ARRAYS = { f32: Float32Array, f16: Float32Array, i32: Int32Array, u32: Uint32Array } as const;

/** Numbers on the GPU, row-major. Made by an engine or by an op, not by `new`. */
export class Tensor implements Disposable {
  /** @internal */
  readonly context: Context;
  /** Extents, outermost first; `[]` is one number. */
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly size: number;
  readonly dtype: DataType;
  /** Entries from the start of a row to that of the next in `buffer`; null where rows follow each other. */
  readonly rowStride: number | null;
  readonly requiresGrad: boolean;
  /** Gradient of the last `backward()` calls, summed until `zeroGrad()`; only leaves (tensors that no op made) get one. */
  grad: Tensor | null = null;
  /** @internal Where the numbers lie, as `dtype` and `rowStride` say. */
  readonly memory: Storage;
  /** @internal Whether kernels read `memory` as it is. */
  readonly packed: boolean;
  #copy: Storage | null = null;
  /** @internal The tape's record of the op that made this tensor; null for a leaf. */
  node: TapeNode | null = null;
  /** @internal The scope that frees this tensor at its end. */
  owner: Set<Tensor> | null = null;
  /** @internal Number of the submit after which it was disposed, or -1. */
  disposedAt = -1;

  /** @internal Extents over which the rows of this matrix lay before they were flattened; null where they were none. */
  leading: readonly number[] | null = null;

  /** @internal */
  constructor(
    context: Context,
    memory: Storage,
    shape: readonly number[],
    dtype: DataType,
    requiresGrad: boolean,
    rowStride: number | null = null,
  ) {
    if (typeof context?.fail !== 'function')
      fail('Tensor', `${came('engine', context, 'is')}, expected what createEngine makes; its tensor() makes Tensors.`);
    this.context = context;
    this.memory = memory;
    this.shape = shape;
    let size = 1;
    for (const extent of shape) size *= extent;
    this.size = size;
    this.dtype = dtype;
    this.rowStride = rowStride;
    this.packed = isPacked(this);
    this.requiresGrad = requiresGrad;
  }

  /** What made it; ops know it as their context. */
  get engine(): Context {
    return this.context;
  }

  /** @internal What kernels read: f32 (or i32, u32), row after row. */
  get storage(): Storage {
    if (this.packed) return this.memory;
    this.#copy ??= fromLayout(this.context, this, this.memory);
    return this.#copy;
  }

  /** @internal The type of `storage`. */
  get readAs(): DataType {
    return this.dtype === 'f16' ? 'f32' : this.dtype;
  }

  /** @internal The numbers in `memory` may be others by now: they are converted anew. */
  refresh(): void {
    this.#copy?.release();
    this.#copy = null;
  }

  get disposed(): boolean {
    return this.disposedAt >= 0;
  }

  /**
   * The GPUBuffer that holds the numbers, from `offset` on. Bind it with an explicit size (`4 * size` bytes, half of that for
   * f16): pooled buffers are larger than the tensor. Reading this property submits all work encoded so far, so that what you
   * submit next comes after it.
   */
  get buffer(): GPUBuffer {
    this.#assertUsable('buffer');
    this.context.observers.assertNumbers('buffer');
    this.context.assertComputed(this.memory);
    this.context.flush();
    return this.memory.expose();
  }

  /** Where in `buffer` the numbers begin, in bytes. */
  get offset(): number {
    return this.memory.offset;
  }

  /** The numbers, read back from the GPU, row after row. */
  async data(): Promise<Float32Array> {
    this.#assertUsable('data');
    this.refresh();
    const bytes = await this.#read('data');
    return new ARRAYS[this.dtype](bytes) as Float32Array;
  }

  /** The one number of a one-element tensor. */
  async item(): Promise<number> {
    this.#assertUsable('item');
    if (this.size !== 1) this.context.fail('item', `tensor is [${this.shape.join(', ')}], expected one number.`);
    this.refresh();
    return new ARRAYS[this.dtype](await this.#read('item'))[0];
  }

  async #read(op: string): Promise<ArrayBuffer> {
    const { context } = this;
    if (context.observers.withoutNumbers) {
      context.observers.refuse(op);
      return new Promise(() => {}); // the capture fails; this must not fail too, with nobody listening
    }
    const storage = this.storage.retain(); // a dispose() during the await must not free what is being read
    try {
      return await context.lowLevel.read(op, storage, 4 * this.size, () => context.inspector.report());
    } finally {
      storage.release();
    }
  }

  /** Adds d(this)/d(leaf) to the `grad` of every leaf with `requiresGrad` that this one number depends on. */
  backward(): void {
    this.#assertUsable('backward');
    backward(this);
  }

  /**
   * Overwrites the numbers. What was computed before keeps the values that it got from the old ones; a `backward()` that
   * still needs them is refused. New numbers also end a failure: the tensor can be used again.
   * @param data as many numbers as the tensor has, of its type; nested or flat
   */
  write(data: TensorData): void {
    this.#assertUsable('write');
    const { values, dtype, shape } = numbers('write', data);
    if (values.length !== this.size)
      this.context.fail(
        'write',
        `data has ${values.length} numbers, expected ${this.size} for [${this.shape.join(', ')}].`,
      );
    if (shape.length > 1 && shape.join() !== this.shape.join())
      this.context.fail('write', `data is [${shape.join(', ')}], expected [${this.shape.join(', ')}].`);
    if (dtype !== this.readAs) this.context.fail('write', `data holds ${dtype}, expected ${this.readAs}.`);
    this.context.observers.assertNumbers('write');
    if (this.packed) this.#overwrite(values);
    else this.#overwriteInLayout(values);
  }

  #overwrite(values: Numbers['values']): void {
    const { context, memory } = this;
    context.lowLevel.queue.write(memory, values);
    context.wrote(memory.contents, 'write()');
    if (!memory.contents.inParts) memory.contents.failure = memory.slot?.failure ?? null;
  }

  #overwriteInLayout(values: Numbers['values']): void {
    const { context, memory } = this;
    const { pool, queue } = context.lowLevel;
    const packed = pool.acquire(values.byteLength, 'write', true);
    queue.write(packed, values);
    toLayout(context, packed, this, memory);
    packed.release();
    memory.contents.writer = 'write()';
    context.opEnded();
  }

  zeroGrad(): void {
    this.context.observers.current?.leaf?.(this, true);
    this.grad?.dispose();
    this.grad = null;
  }

  /** The same numbers (no copy), cut off from the tape. */
  detach(): Tensor {
    this.#assertUsable('detach');
    return this.context.handle(this, this.memory);
  }

  /** Gives the memory back; twice is harmless. Values that a pending gradient needs live on inside the tape. */
  dispose(): void {
    if (this.disposed) return;
    this.disposedAt = this.context.submits;
    this.owner?.delete(this);
    this.owner = null;
    this.zeroGrad();
    this.node?.release();
    this.refresh();
    this.memory.release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** Says so to frameworks that wrap all they find in a Proxy (Vue does), through which a class like this cannot be used. */
  get [Symbol.toStringTag](): string {
    return 'Tensor';
  }

  #assertUsable(op: string): void {
    this.context.assertAlive(op);
    if (this.disposed)
      throw new UsedAfterDisposeError(
        `${op}: the tensor [${this.shape.join(', ')}] was disposed (or its scope ended) after submit ${this.disposedAt}.`,
      );
  }
}

/** The tensors in a value: alone, or in arrays and plain objects. */
export function* tensorsIn(value: unknown): Generator<Tensor> {
  if (value instanceof Tensor) yield value;
  else if (Array.isArray(value)) for (const item of value) yield* tensorsIn(item);
  else if (value && typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype)
    for (const item of Object.values(value)) yield* tensorsIn(item);
}
