import type { Context } from '../../core/context.ts';
import { contrast_panel_running, scale_rows } from '../../gpu/kernels.generated.ts';
import { launchProduct } from '../../launch/product.ts';
import { rowTuning } from '../../launch/tile.ts';
import type { Units } from '../../launch/unitRows.ts';
import { type Candidates, gather, panelOf, type RowSweep } from './panel.ts';
import type { PanelScores } from './scores.ts';

/**
 * A maximum for each row, with which falls what was gathered: for temperatures that one shift cannot serve, that only the GPU
 * knows, or that differ by column.
 */
export function runningSweep(
  context: Context,
  op: string,
  units: Units,
  candidates: Candidates,
  scores: PanelScores,
  wanted: boolean,
): RowSweep {
  const { columns, positives, temperature } = candidates;
  const { count: n, columns: d, paddedRows: width, rowStride } = units;
  const { tuning, rowsPerGroup } = rowTuning(context);
  const [tops, sums, weighteds, falls] = [0, 1, 2, 3].map(() => context.scratch(n, op));
  const panel = panelOf(context, op, units, candidates);
  const gathered = wanted ? context.scratch(width * rowStride, op) : null;
  panel.each(columns, (weights, keys, first, own) => {
    const shortfalls = scores.prepare(keys, own);
    launchProduct(
      context,
      { rows: own, columns: n, depth: d },
      { of: keys.transposed, at: 0, stride: keys.paddedRows, along: 'columns' },
      { of: units.transposed, at: 0, stride: width },
      { of: weights, at: 0, stride: width },
      { pairs: scores.pairs, origin: scores.origin },
    );
    context.run(contrast_panel_running, {
      params: { rows: n, columns: own, stride: width, first, temperatures: temperature.count },
      buffers: {
        temperature: temperature.of,
        positives,
        weights,
        tops,
        sums,
        weighteds,
        falls,
        shortfalls,
      },
      groups: Math.ceil(n / rowsPerGroup),
      work: 32 * n * own,
      tuning: { ...tuning, GAP: scores.gap },
    });
    if (!gathered) return;
    if (first > 0)
      context.run(scale_rows, {
        params: { rows: n, columns: d, stride: rowStride },
        buffers: { factors: falls, x: gathered },
        groups: Math.ceil((n * d) / 64),
        work: n * d,
      });
    gather(context, units, weights, keys, own, gathered, first > 0);
  });
  falls.release();
  return { tops, sums, weighteds, gathered };
}
