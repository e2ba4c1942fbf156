import type { Context } from '../../core/context.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { Storage } from '../../gpu/buffers.ts';
import { gapPositives, makeOffset, offsetColumns, type SideRows } from '../../launch/sideOffset.ts';
import type { Units } from '../../launch/unitRows.ts';
import type { Keys } from './panel.ts';

/** How the scores of the query's rows and a panel of columns are made. */
export interface PanelScores {
  readonly pairs: 'products' | 'distances';
  /** What squared distances are less, a number for each row of the query. */
  readonly origin: Storage | null;
  /** GAP of the kernels that read them. */
  readonly gap: 0 | 1;
  /** Readies the first `count` columns of a panel; what kernels/pairs/contrast_panel_running.wgsl reads as their shortfalls. */
  prepare(keys: Keys, count: number): Storage | Tensor;
  release(): void;
}

/** Products of unit rows. `unread` is bound, as something has to be. */
export function productPanelScores(unread: Storage | Tensor): PanelScores {
  return { pairs: 'products', origin: null, gap: 0, prepare: () => unread, release: () => {} };
}

/**
 * Differences of rows less an offset, for the gradient of a live temperature: see lib/gap_scores.wgsl. Shifts the query's
 * transposed rows in place.
 * @param own the positive of each row, with the very bits of its column: less an axis that is put back it is rounded otherwise
 * @param results the positives' scores go there, from 2 N on
 */
export function differencePanelScores(
  context: Context,
  op: string,
  units: Units,
  own: SideRows,
  results: Storage,
): PanelScores {
  const { count: rows, columns, paddedRows, rowStride } = units;
  const query = { of: units.rows, stride: rowStride };
  const offset = makeOffset(context, op, query, own, rows, columns, units.reflection);
  const origins = context.scratch(paddedRows, op);
  gapPositives(context, offset, query, own, { rows, columns }, results, origins, { both: false, at: 2 * rows });
  const terms = context.scratch(rows, op); // the same for all columns
  offsetColumns(context, offset, { of: units.transposed, stride: paddedRows, rows }, columns, terms, { side: 'a' });
  terms.release();
  let shortfalls: Storage | null = null;
  return {
    pairs: 'distances',
    origin: origins,
    gap: 1,
    prepare: (keys, count) => {
      shortfalls ??= context.scratch(keys.count, op);
      const panel = { of: keys.transposed, stride: keys.paddedRows, rows: count };
      offsetColumns(context, offset, panel, columns, shortfalls, { side: 'b' });
      return shortfalls;
    },
    release: () => {
      offset.release();
      origins.release();
      shortfalls?.release();
    },
  };
}
