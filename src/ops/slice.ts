import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { from_layout, pad_range, to_layout } from '../gpu/kernels.generated.ts';
import { launchSum } from '../launch/reduce.ts';

/**
 * Rows start .. end - 1 along the first dimension, as a copy.
 * @param x [N, ...]
 * @returns [end - start, ...]
 */
export function slice(x: Tensor, start: number, end: number): Tensor {
  const op = 'slice';
  const context = check.contextOf(op, { x });
  const [rows, ...rest] = x.shape;
  if (rows === undefined) check.fail(op, 'x is one number, expected at least one dimension.');
  check.integer(op, 'start', start, 0, rows - 1);
  check.integer(op, 'end', end, start + 1, rows);
  const width = rest.reduce((a, b) => a * b, 1);
  const y = context.empty([end - start, ...rest], op);
  launchSum(context, x, y, { outer: 1, reduced: 1, inner: y.size, offset: start * width });
  return context.record(op, [x], y, {
    backward: (dy) => {
      const dx = context.empty(x.shape, op);
      context.run(pad_range, {
        params: { count: dx.size, start: start * width, length: dy.size },
        buffers: { x: dy, out: dx },
        groups: Math.ceil(dx.size / 256),
        work: dx.size,
      });
      return [dx];
    },
  });
}

/** The first `count` columns of a matrix, as a copy: [N, count]. */
export function leadingColumns(op: string, x: Tensor, count: number): Tensor {
  const { context } = x;
  const [rows, columns] = x.shape;
  if (count === columns) return x;
  const y = context.empty([rows, count], op);
  context.run(from_layout, {
    params: { count: y.size, columns: count, stride: columns },
    buffers: { x, out: y },
    groups: Math.ceil(y.size / 256),
    work: y.size,
  });
  return context.record(op, [x], y, {
    backward: (dy) => {
      const dx = context.empty(x.shape, op);
      context.run(to_layout, {
        params: { rows, columns: count, stride: columns, words: dx.size },
        buffers: { x: dy, out: dx },
        groups: Math.ceil(dx.size / 256),
        work: dx.size,
      });
      return [dx];
    },
  });
}
