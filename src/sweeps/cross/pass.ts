import type { Context } from '../../core/context.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { Storage } from '../../gpu/buffers.ts';
import { cross_merge } from '../../gpu/kernels.generated.ts';
import { placedBetween } from '../../launch/operands.ts';
import { featuresOf, type Points, rowsPerPanel } from '../../launch/points.ts';
import { roundUp, tileOf } from '../../launch/tile.ts';
import type { CrossScores } from './scores.ts';

/**
 * Tops and sums of all rows, and from `paddedRows` on of all columns, without their positives: one evaluation of each tile.
 * @param whole in one panel of rows
 * @param cache room for the products of all pairs; null: nothing is stored
 */
export function crossPass(
  context: Context,
  op: string,
  a: Points,
  b: Points,
  scale: Tensor,
  scores: CrossScores,
  { whole, cache }: { whole: boolean; cache: Storage | null },
): { tops: Storage; sums: Storage } {
  const { count: n, columns: depth } = a;
  const { tuning, rows: tileRows, columns: tileColumns } = tileOf(context, 'row pass', n, n, depth);
  const side = b.paddedRows;
  const panel = whole ? n : rowsPerPanel(context, b, n); // the same, and so are the sums' bits, whoever wants a gradient
  const groups = context.info.software ? 16 : 1024;
  const strips = Math.ceil(panel / tileRows);
  // Slices enough that a few rows fill the machine too, their parts within N D floats.
  const affordable = Math.floor((n * depth) / (2 * tuning.WX * panel));
  const slices = Math.max(1, Math.min(Math.ceil(groups / strips), affordable));
  const width = roundUp(Math.ceil(n / slices), tileColumns);
  const cut = Math.ceil(n / width);
  const rowParts = context.scratch(cut * tuning.WX * 2 * panel, op);
  const columnParts = context.scratch((roundUp(panel, tileRows) / tuning.TM) * 2 * side, op);
  const [tops, sums] = [0, 1].map(() => context.scratch(2 * side, op));
  for (let first = 0; first < n; first += panel) {
    const count = Math.min(panel, n - first);
    context.run(cache ? scores.pass.cached : scores.pass.sums, {
      params: {
        n,
        depth,
        lhs_stride4: a.paddedRows / 4,
        rhs_stride4: b.paddedRows / 4,
        first,
        count,
        slices: cut,
        slice_columns: width,
        width4: side / 4,
      },
      buffers: {
        lhs: a.transposed,
        rhs: b.transposed,
        logit_scale: scale,
        row_parts: rowParts,
        column_parts: columnParts,
        ...(cache ? { products: cache } : {}),
        ...scores.buffers,
      },
      groups: Math.ceil(count / tileRows) * cut,
      work: count * n * (depth + 32),
      ...placedBetween(context, { ...featuresOf(a), rows: count }, featuresOf(b), depth, tuning),
    });
    const merge = (from: Storage, entries: number, parts: number, stride: number, at: number, more: boolean): void =>
      context.run(cross_merge, {
        params: { count: entries, parts, stride, at, more: more ? 1 : 0 },
        buffers: { parts: from, tops, sums },
        groups: Math.ceil(entries / 64),
        work: 8 * entries * parts,
      });
    merge(rowParts, count, cut * tuning.WX, count, first, false);
    merge(columnParts, n, Math.ceil(count / tuning.TM), side, side, first > 0);
  }
  rowParts.release();
  columnParts.release();
  return { tops, sums };
}
