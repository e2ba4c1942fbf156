import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { launchTranspose } from '../launch/pack.ts';

/** The transpose of a matrix, as a copy. */
export function transpose(x: Tensor): Tensor {
  const op = 'transpose';
  const engine = check.engineOf(op, { x });
  const [rows, columns] = check.matrix(op, 'x', x);
  check.bindableInput(op, engine, 'x', x);
  const y = engine.empty([columns, rows], op);
  launchTranspose(engine, { of: x, rows, columns }, y);
  return engine.record(op, [x], y, {
    backward: (dy) => {
      const dx = engine.empty([rows, columns], op);
      launchTranspose(engine, { of: dy, rows: columns, columns: rows }, dx);
      return [dx];
    },
  });
}
