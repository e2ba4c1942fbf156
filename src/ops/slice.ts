import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { pad_range } from '../gpu/kernels.generated.ts';
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
