import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';

/** The same numbers under another shape of as many elements; nothing is copied. */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  const op = 'reshape';
  const context = check.contextOf(op, { x });
  const extents = check.shape(op, shape);
  const size = extents.reduce((a, b) => a * b, 1);
  if (size !== x.size)
    check.fail(
      op,
      `[${extents.join(', ')}] has ${size} elements, expected ${x.size} to match x [${x.shape.join(', ')}].`,
    );
  const y = context.alias(x, extents, false);
  return context.record(op, [x], y, { backward: (dy) => [context.alias(dy, x.shape, false)] });
}
