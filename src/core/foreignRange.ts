import { USAGE } from '../gpu/buffers.ts';
import { formatBytes } from '../gpu/errors.ts';
import * as check from './check.ts';
import { bytesOf, checkLayout, isPacked, type Layout } from './layout.ts';
import type { DataType } from './tensorData.ts';

export interface FromBufferOptions {
  /** Bytes, a multiple of 256 (WebGPU binds no other); default 0. */
  offset?: number;
  /** Bytes from there; default: just what the shape needs. */
  size?: number;
  /** Default `'f32'`. Ops read `'f16'` through a conversion to f32; its gradient is f16 again. */
  dtype?: DataType;
  /**
   * Entries from the start of a row (what the last extent counts) to that of the next, where they do not follow each other:
   * rows that are padded, or columns of something wider. Ops read a packed copy; the gradient has the same stride.
   */
  rowStride?: number;
  requiresGrad?: boolean;
}

/** A range of somebody's GPUBuffer that can be bound. */
export interface ForeignRange extends Layout {
  readonly offset: number;
  readonly bytes: number;
  readonly requiresGrad: boolean;
}

/** What `engine.fromBuffer()` was given, checked. */
export function foreignRange(
  buffer: GPUBuffer,
  shape: readonly number[],
  options: FromBufferOptions | undefined,
  mostBound: number,
): ForeignRange {
  const op = 'fromBuffer';
  if (typeof buffer?.size !== 'number') check.fail(op, `${check.came('buffer', buffer, 'is')}, expected a GPUBuffer.`);
  const extents = check.shape(op, shape);
  const { offset, size, dtype, rowStride, requiresGrad } = check.options(op, options, {
    offset: 0,
    size: undefined as number | undefined,
    dtype: 'f32' as DataType,
    rowStride: undefined as number | undefined,
    requiresGrad: false,
  });
  const layout = checkLayout(op, extents, dtype, rowStride);
  const needed = bytesOf(layout);
  const spread = layout.rowStride === null ? '' : ` with rowStride = ${layout.rowStride}`;
  check.integer(op, 'offset', offset, 0, buffer.size);
  if (offset % 256 !== 0)
    check.fail(op, `offset = ${offset}, expected a multiple of 256; copy the range to such an offset first.`);
  if (offset + needed > buffer.size)
    check.fail(
      op,
      `buffer has ${buffer.size} bytes, expected ${offset + needed} for [${extents.join(', ')}]${spread} at ${offset}.`,
    );
  if (size !== undefined) check.integer(op, 'size', size, 0, buffer.size);
  if (size !== undefined && size < needed)
    check.fail(op, `size = ${size}, expected at least ${needed} for [${extents.join(', ')}]${spread}.`);
  const packed = 4 * extents.reduce((a, b) => a * b, 1);
  if (!isPacked(layout) && Math.max(packed, needed) > mostBound)
    check.fail(
      op,
      `[${extents.join(', ')}] is converted in ${formatBytes(Math.max(packed, needed))}, this adapter binds at most ${formatBytes(mostBound)}; take fewer rows at a time.`,
    );
  if ((buffer.usage & USAGE.STORAGE) === 0) check.fail(op, 'buffer lacks usage STORAGE, expected a storage buffer.');
  return { ...layout, offset, bytes: needed, requiresGrad };
}
