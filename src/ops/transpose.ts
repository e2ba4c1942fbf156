import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { launchTranspose } from '../launch/pack.ts';

/** The transpose of a matrix, as a copy. */
export function transpose(x: Tensor): Tensor {
  const op = 'transpose';
  const context = check.contextOf(op, { x });
  const [rows, columns] = check.matrix(op, 'x', x);
  check.bindableInput(op, context, 'x', x);
  const y = context.empty([columns, rows], op);
  launchTranspose(context, { of: x, rows, columns }, y);
  return context.record(op, [x], y, {
    backward: (dy) => {
      const dx = context.empty([rows, columns], op);
      launchTranspose(context, { of: dy, rows: columns, columns: rows }, dx);
      return [dx];
    },
  });
}
