import * as check from '../core/checkTensor.ts';
import { part, ranges } from '../core/chunks.ts';
import { rowName } from '../core/inspect.ts';
import type { Tensor } from '../core/tensor.ts';
import { normalize as normalizeKernel, unit_rows_grad } from '../gpu/kernels.generated.ts';
import { rowTuning } from '../launch/tile.ts';
import { noReflection } from '../launch/unitRows.ts';

/** Rows of length 1: x / max(|x|, 1e-12). A zero row stays zero and gets no gradient. */
export function normalize(x: Tensor): Tensor {
  return normalizeOf('normalize', 'x', x);
}

/** `normalize` for what takes x under that name. */
export function normalizeOf(op: string, name: string, x: Tensor): Tensor {
  const context = check.contextOf(op, { [name]: x });
  const [rows, columns] = check.matrix(op, name, x);
  const { leading } = x;
  const y = context.empty([rows, columns], op);
  const inverseNorms = context.empty([rows], op);
  const { tuning, rowsPerGroup } = rowTuning(context);
  const cut = ranges(context, rows, columns);
  for (const range of cut)
    context.run(normalizeKernel, {
      params: { rows: range.count, columns },
      buffers: { z: part(x, range, columns), y: part(y, range, columns), inverse_norms: part(inverseNorms, range) },
      groups: Math.ceil(range.count / rowsPerGroup),
      work: 5 * range.count * columns,
      tuning,
    });
  context.inspectDirections(op, (row) => rowName(name, { leading }, row), inverseNorms.storage, rows);
  const result = context.record(op, [x], y, {
    saved: [y, inverseNorms],
    backward: (dy, [u, inverse]) => {
      const dx = context.empty([rows, columns], op);
      const one = context.constant(1);
      const reflection = noReflection(context, op, columns);
      for (const range of cut)
        context.run(unit_rows_grad, {
          params: { rows: range.count, columns, first_row: 0, row_stride: columns, factor: 1 },
          buffers: {
            units: part(u, range, columns),
            inverse_norms: part(inverse, range),
            reflection,
            g: part(dy, range, columns),
            dy: one,
            temperature: one,
            dz: part(dx, range, columns),
          },
          groups: Math.ceil(range.count / rowsPerGroup),
          work: 4 * range.count * columns,
          tuning,
        });
      reflection.release();
      return [dx];
    },
  });
  inverseNorms.dispose();
  return result;
}
