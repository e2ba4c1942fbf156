import type { Storage } from '../../gpu/buffers.ts';
import { triangle_product } from '../../gpu/kernels.generated.ts';
import { placed } from '../../launch/operands.ts';
import type { Form } from '../../launch/productForm.ts';
import { type Tile, tileOf } from '../../launch/tile.ts';
import type { PairProblem, PairSchedule } from './problem.ts';
import { makeTriangle } from './triangle.ts';

/**
 * e_ij over the triangle are cached for the gradient, which makes weights of them in place and multiplies them as they lie:
 * A = G + G^T needs no more than one triangle.
 */
export function cachedTriangle(problem: PairProblem, tile: Tile, form: Form): PairSchedule {
  const { op, context, kernels, wanted } = problem;
  const { units, edge, blocks, count, sums, release } = makeTriangle(problem, tile, form, { growing: false });
  const entries = count * edge * edge;
  let cache: Storage | null = null;
  return {
    units,
    sums: () => {
      if (wanted) cache = context.scratch(entries, op);
      return sums(cache);
    },
    gradient: (temperature, rows) => {
      const { paddedRows, rowStride, count: n, columns } = units;
      const stored = cache as Storage;
      const gradient = context.scratch(paddedRows * rowStride, op);
      context.run(kernels.cachedWeights.kernel, {
        params: { n, edge },
        buffers: { ...rows, cache: stored, ...(kernels.cachedWeights.temperature ? { temperature } : {}) },
        groups: entries / (16 * 64), // 4 x 4 entries an invocation
        work: 8 * entries,
      });
      const { tuning, ...product } = tileOf(context, 'triangle product', n, columns, n);
      const strips = Math.ceil(columns / product.columns);
      const own = placed(
        context,
        { rows: n, columns, depth: paddedRows },
        tuning,
        { of: stored, at: 0, stride: edge, width: edge, rows: entries / edge },
        { of: units.rows, at: 0, stride: rowStride, width: rowStride, rows: paddedRows },
      );
      context.run(triangle_product, {
        params: { edge, blocks, row_stride4: rowStride / 4, columns, strips },
        buffers: { lhs: stored, rhs: units.rows, g: gradient },
        groups: (paddedRows / product.rows) * strips,
        work: paddedRows * paddedRows * columns,
        ...own,
      });
      return gradient;
    },
    release: () => {
      release();
      cache?.release();
    },
  };
}
