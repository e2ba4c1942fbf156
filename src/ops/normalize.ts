import * as check from '../core/checkTensor.ts';
import { part, ranges } from '../core/chunks.ts';
import type { Tensor } from '../core/tensor.ts';
import { normalize as normalizeKernel, unit_rows_grad } from '../gpu/kernels.generated.ts';
import { rowTuning } from '../launch/tile.ts';
import { noTurn } from '../launch/unitRows.ts';

/** Rows of length 1: x / max(|x|, 1e-12). A zero row stays zero and gets no gradient. */
export function normalize(x: Tensor): Tensor {
  const op = 'normalize';
  const engine = check.engineOf(op, { x });
  const [rows, columns] = check.matrix(op, 'x', x);
  const y = engine.empty([rows, columns], op);
  const inverseNorms = engine.empty([rows], op);
  const { tuning, rowsPerGroup } = rowTuning(engine);
  const cut = ranges(engine, rows, columns);
  for (const range of cut)
    engine.run(normalizeKernel, {
      params: { rows: range.count, columns },
      buffers: { z: part(x, range, columns), y: part(y, range, columns), inverse_norms: part(inverseNorms, range) },
      groups: Math.ceil(range.count / rowsPerGroup),
      work: 5 * range.count * columns,
      tuning,
    });
  engine.inspectDirections(op, (row) => `x[${row}]`, inverseNorms.storage, rows);
  const result = engine.record(op, [x], y, {
    saved: [y, inverseNorms],
    backward: (dy, [u, inverse]) => {
      const dx = engine.empty([rows, columns], op);
      const one = engine.constant(1);
      const turn = noTurn(engine, op, columns);
      for (const range of cut)
        engine.run(unit_rows_grad, {
          params: { rows: range.count, columns, first_row: 0, row_stride: columns, factor: 1 },
          buffers: {
            units: part(u, range, columns),
            inverse_norms: part(inverse, range),
            turn,
            g: part(dy, range, columns),
            dy: one,
            temperature: one,
            dz: part(dx, range, columns),
          },
          groups: Math.ceil(range.count / rowsPerGroup),
          work: 4 * range.count * columns,
          tuning,
        });
      turn.release();
      return [dx];
    },
  });
  inverseNorms.dispose();
  return result;
}
