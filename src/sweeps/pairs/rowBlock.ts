import type { Form } from '../../launch/productForm.ts';
import type { Tile } from '../../launch/tile.ts';
import type { PairProblem, PairSchedule } from './problem.ts';
import { makeTriangle } from './triangle.ts';

/** Features of the rows of a block, at most: two vec4s for each of its workgroup's 16 columns of invocations. */
export const WIDEST_ROW_BLOCK = 128;

/** Nothing is cached. The gradient is one launch: each workgroup computes the weights of a block of rows, and their sums. */
export function rowBlock(problem: PairProblem, tile: Tile, form: Form): PairSchedule {
  const { op, context, kernels } = problem;
  const { units, sums, release } = makeTriangle(problem, tile, form, { growing: true });
  return {
    units,
    sums: () => sums(null),
    gradient: (temperature, rows) => {
      const { paddedRows, rowStride, count: n, columns, transposed } = units;
      const gradient = context.scratch(paddedRows * rowStride, op);
      context.run(kernels.rowBlock, {
        params: { n, columns, stride4: paddedRows / 4, row_stride4: rowStride / 4 },
        buffers: { lhs: transposed, rhs: transposed, ...rows, temperature, rows: units.rows, g: gradient },
        groups: paddedRows / tile.rows,
        work: 2 * paddedRows * paddedRows * (columns + 16),
        tuning: { ...tile.tuning, FV: Math.ceil(columns / (4 * tile.tuning.WX)) },
      });
      return gradient;
    },
    release,
  };
}
