import type { Context } from '../../core/context.ts';
import { fill } from '../../core/fills.ts';
import { contrast_panel } from '../../gpu/kernels.generated.ts';
import { placedBetween } from '../../launch/operands.ts';
import { featuresOf } from '../../launch/points.ts';
import { launchSum } from '../../launch/reduce.ts';
import { roundUp, tileOf } from '../../launch/tile.ts';
import type { Units } from '../../launch/unitRows.ts';
import { type Candidates, gather, panelOf, type RowSweep } from './panel.ts';

/** Every exponential relative to the largest logit that there can be, 1 / temperature. */
export function shiftedSweep(
  context: Context,
  op: string,
  units: Units,
  candidates: Candidates,
  known: number,
  wanted: boolean,
): RowSweep {
  const { columns, count, positives, temperature } = candidates;
  const { count: n, columns: d, paddedRows: width } = units;
  const { tuning, rows: tileRows, columns: tileColumns } = tileOf(context, 'pairs', count, n, d);
  const [tops, sums, weighteds] = [0, 1, 2].map(() => context.scratch(width, op));
  fill(context, tops, n, Math.LOG2E / known);
  fill(context, weighteds, n, 0); // of use to a live temperature alone
  const strips = Math.ceil(width / tileColumns);
  const panel = panelOf(context, op, units, candidates);
  const slots = roundUp(panel.width, tileRows) / tuning.TM;
  const partial = context.scratch(slots * width, op);
  const gathered = wanted ? context.scratch(width * units.rowStride, op) : null;
  panel.each(columns, (weights, keys, first, own) => {
    context.run(contrast_panel, {
      params: {
        rows: n,
        columns: own,
        depth: d,
        lhs_stride4: keys.paddedRows / 4,
        rhs_stride4: width / 4,
        first,
        width4: width / 4,
        strips,
      },
      buffers: {
        lhs: keys.transposed,
        rhs: units.transposed,
        temperature: temperature.of,
        positives,
        weights,
        partial,
      },
      groups: Math.ceil(own / tileRows) * strips,
      work: own * width * (d + 16),
      ...placedBetween(context, { ...featuresOf(keys), rows: own }, { ...featuresOf(units), rows: n }, d, tuning),
    });
    const reduced = roundUp(own, tileRows) / tuning.TM;
    launchSum(context, partial, sums, { outer: 1, reduced, inner: width, accumulating: first > 0 });
    if (gathered) gather(context, units, weights, keys, own, gathered, first > 0);
  });
  partial.release();
  return { tops, sums, weighteds, gathered };
}
