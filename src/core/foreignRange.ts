import { USAGE } from '../gpu/buffers.ts';
import * as check from './check.ts';
import type { DataType } from './tensorData.ts';

export interface FromBufferOptions {
  /** Bytes, a multiple of 256 (WebGPU binds no other); default 0. */
  offset?: number;
  /** Bytes from there; default: just what the shape needs. */
  size?: number;
  dtype?: DataType;
  requiresGrad?: boolean;
}

/** A range of somebody's GPUBuffer that can be bound. */
export interface ForeignRange {
  readonly offset: number;
  readonly bytes: number;
  readonly shape: number[];
  readonly dtype: DataType;
  readonly requiresGrad: boolean;
}

/** What `engine.fromBuffer()` was given, checked. */
export function foreignRange(
  buffer: GPUBuffer,
  shape: readonly number[],
  options: FromBufferOptions | undefined,
): ForeignRange {
  const op = 'fromBuffer';
  if (typeof buffer?.size !== 'number') check.fail(op, `buffer is ${check.say(buffer)}, expected a GPUBuffer.`);
  const extents = check.shape(op, shape);
  const needed = 4 * extents.reduce((a, b) => a * b, 1);
  const { offset, size, dtype, requiresGrad } = check.options(op, options, {
    offset: 0,
    size: needed,
    dtype: 'f32' as DataType,
    requiresGrad: false,
  });
  check.oneOf(op, 'dtype', dtype, ['f32', 'i32', 'u32']);
  check.integer(op, 'offset', offset, 0, buffer.size);
  if (offset % 256 !== 0)
    check.fail(op, `offset = ${offset}, expected a multiple of 256; copy the range to such an offset first.`);
  if (offset + needed > buffer.size)
    check.fail(
      op,
      `buffer has ${buffer.size} bytes, expected ${offset + needed} for [${extents.join(', ')}] at ${offset}.`,
    );
  check.integer(op, 'size', size, 0, buffer.size);
  if (size < needed) check.fail(op, `size = ${size}, expected at least ${needed} for [${extents.join(', ')}].`);
  if ((buffer.usage & USAGE.STORAGE) === 0) check.fail(op, 'buffer lacks usage STORAGE, expected a storage buffer.');
  return { offset, bytes: needed, shape: extents, dtype, requiresGrad };
}
