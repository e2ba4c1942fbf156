import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';

/**
 * The same numbers in another type: `'f16'` rounds to the nearest (past 65,504 to Infinity) and takes half the bytes, for
 * buffers of others; `'f32'` is what ops compute in, and what they make of f16 by themselves.
 * @returns x's shape; the gradient flows through as it is
 */
export function cast(x: Tensor, dtype: 'f32' | 'f16'): Tensor {
  const op = 'cast';
  const context = check.contextOf(op, { x });
  check.oneOf(op, 'dtype', dtype, ['f32', 'f16']);
  check.bindableInput(op, context, 'x', x);
  const { shape } = x;
  const y =
    dtype === 'f32' ? context.alias(x, shape, false) : context.inLayout(x, { shape, dtype, rowStride: null }, op);
  return context.record(op, [x], y, { backward: (dy) => [context.alias(dy, shape, false)] });
}
