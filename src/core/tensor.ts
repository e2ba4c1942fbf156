import type { Storage } from '../gpu/buffers.ts';
import { UsedAfterDisposeError } from '../gpu/errors.ts';
import type { Context } from './context.ts';
import { fail, say } from './say.ts';
import { backward, type TapeNode } from './tape.ts';
import { type DataType, numbers, type TensorData } from './tensorData.ts';

export type { DataType };

const ARRAYS = { f32: Float32Array, i32: Int32Array, u32: Uint32Array } as const;

/** Numbers on the GPU: row-major, never strided. Made by an engine or by an op, not by `new`. */
export class Tensor implements Disposable {
  /** @internal */
  readonly context: Context;
  /** Extents, outermost first; `[]` is one number. */
  readonly shape: readonly number[];
  /** Number of elements. */
  readonly size: number;
  readonly dtype: DataType;
  readonly requiresGrad: boolean;
  /** Gradient of the last `backward()` calls, summed until `zeroGrad()`; only leaves (tensors that no op made) get one. */
  grad: Tensor | null = null;
  /** @internal */
  readonly storage: Storage;
  /** @internal The tape's record of the op that made this tensor; null for a leaf. */
  node: TapeNode | null = null;
  /** @internal The scope that frees this tensor at its end. */
  owner: Set<Tensor> | null = null;
  /** @internal Number of the submit after which it was disposed, or -1. */
  disposedAt = -1;

  /** @internal */
  constructor(context: Context, storage: Storage, shape: readonly number[], dtype: DataType, requiresGrad: boolean) {
    if (typeof context?.fail !== 'function')
      fail('Tensor', `engine is ${say(context)}, expected what createEngine makes; its tensor() makes Tensors.`);
    this.context = context;
    this.storage = storage;
    this.shape = shape;
    let size = 1;
    for (const extent of shape) size *= extent;
    this.size = size;
    this.dtype = dtype;
    this.requiresGrad = requiresGrad;
  }

  /** What made it; ops know it as their context. */
  get engine(): Context {
    return this.context;
  }

  get disposed(): boolean {
    return this.disposedAt >= 0;
  }

  /**
   * The GPUBuffer that holds the numbers. Bind it with an explicit size (`4 * size` bytes): pooled buffers are larger than
   * the tensor. Reading this property submits all work encoded so far, so that what you submit next comes after it.
   */
  get buffer(): GPUBuffer {
    this.assertUsable('buffer');
    this.context.assertNumbers('buffer');
    this.context.assertComputed(this.storage);
    this.context.flush();
    return this.storage.expose();
  }

  /** The numbers, read back from the GPU. */
  async data(): Promise<Float32Array> {
    this.assertUsable('data');
    const bytes = await this.context.read('data', this);
    return new ARRAYS[this.dtype](bytes) as Float32Array;
  }

  /** The one number of a one-element tensor. */
  async item(): Promise<number> {
    this.assertUsable('item');
    if (this.size !== 1) this.context.fail('item', `tensor is [${this.shape.join(', ')}], expected one number.`);
    return new ARRAYS[this.dtype](await this.context.read('item', this))[0];
  }

  /** Adds d(this)/d(leaf) to the `grad` of every leaf with `requiresGrad` that this one number depends on. */
  backward(): void {
    this.assertUsable('backward');
    backward(this);
  }

  /**
   * Overwrites the numbers. What was computed before keeps the values that it got from the old ones; a `backward()` that
   * still needs them is refused. New numbers also end a failure: the tensor can be used again.
   * @param data as many numbers as the tensor has, of its type; nested or flat
   */
  write(data: TensorData): void {
    this.assertUsable('write');
    const { values, dtype, shape } = numbers('write', data);
    if (values.length !== this.size)
      this.context.fail(
        'write',
        `data has ${values.length} numbers, expected ${this.size} for [${this.shape.join(', ')}].`,
      );
    if (shape.length > 1 && shape.join() !== this.shape.join())
      this.context.fail('write', `data is [${shape.join(', ')}], expected [${this.shape.join(', ')}].`);
    if (dtype !== this.dtype) this.context.fail('write', `data holds ${dtype}, expected ${this.dtype}.`);
    this.context.write(this, values);
  }

  zeroGrad(): void {
    this.context.observers.current?.leaf?.(this, true);
    this.grad?.dispose();
    this.grad = null;
  }

  /** The same numbers (no copy), cut off from the tape. */
  detach(): Tensor {
    this.assertUsable('detach');
    return this.context.alias(this, this.shape, false);
  }

  /** Gives the memory back; twice is harmless. Values that a pending gradient needs live on inside the tape. */
  dispose(): void {
    if (this.disposed) return;
    this.disposedAt = this.context.submits;
    this.owner?.delete(this);
    this.owner = null;
    this.zeroGrad();
    this.node?.release();
    this.storage.release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  private assertUsable(op: string): void {
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
