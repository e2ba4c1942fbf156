import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';

/** The same numbers under another shape of as many elements; nothing is copied. */
export function reshape(x: Tensor, shape: readonly number[]): Tensor {
  const op = 'reshape';
  check.contextOf(op, { x });
  const extents = check.shape(op, shape);
  const size = extents.reduce((a, b) => a * b, 1);
  if (size !== x.size)
    check.fail(
      op,
      `[${extents.join(', ')}] has ${size} elements, expected ${x.size} to match x [${x.shape.join(', ')}].`,
    );
  return view(x, extents);
}

function view(x: Tensor, shape: readonly number[]): Tensor {
  const { context } = x;
  const y = context.alias(x, shape, false);
  return context.record('reshape', [x], y, { backward: (dy) => [context.alias(dy, x.shape, false)] });
}

/**
 * Calls `fn` with rows [..., D] as matrices [rows, D], which are views: gradients come back in the shape of the rows. Each was
 * checked by `check.contextOf` and `check.rows`.
 */
export function withMatrices<const T extends readonly Tensor[]>(rows: T, fn: (...matrices: T) => Tensor): Tensor {
  if (rows.every(({ shape }) => shape.length === 2)) return fn(...rows);
  const flat = (x: Tensor): Tensor => {
    const columns = x.shape[x.shape.length - 1];
    if (x.shape.length === 2) return x;
    const matrix = view(x, [x.size / columns, columns]);
    matrix.leading = x.shape.slice(0, -1);
    return matrix;
  };
  return rows[0].context.scope(() => fn(...(rows.map(flat) as unknown as T)));
}
