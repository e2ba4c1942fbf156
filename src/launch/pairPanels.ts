import type { Context } from '../core/context.ts';
import type { Storage } from '../gpu/buffers.ts';
import { leftRows } from './pack.ts';
import { addToGradient, type Points, type PointsGradient, rowsPerPanel } from './points.ts';
import { launchProduct } from './product.ts';

/** Rows `first` to `first + count` of a matrix over all pairs of rows of two sets. */
export interface PairPanel {
  /** [count, stride] floats */
  readonly of: Storage;
  readonly first: number;
  readonly count: number;
  readonly stride: number;
}

/**
 * Goes through the matrix of all pairs, a panel of rows of `a` at a time: `weigh` turns a_i.b_j into weights w_ij in place,
 * zeros behind them, and their weighted sums are added up: sum_j w_ij b_j for a, sum_i w_ij a_i for b. Scratch stays within
 * 4 N D floats.
 * @param cached the products of all pairs, where they are still there; overwritten
 * @param pairs what `weigh` gets where they are not: |a_i - b_j|^2 with `'distances'`, less `origin`, a number a column
 */
export function weighPairs(
  context: Context,
  op: string,
  a: Points,
  b: Points,
  weigh: (panel: PairPanel) => void,
  {
    toA,
    toB,
    cached,
    scale,
    pairs = 'products',
    origin = null,
  }: {
    toA: PointsGradient | null;
    toB: PointsGradient | null;
    cached?: Storage | null;
    scale: number;
    pairs?: 'products' | 'distances';
    origin?: Storage | null;
  },
): void {
  const stride = b.paddedRows;
  const width = cached ? a.count : rowsPerPanel(context, b, a.count);
  const of = cached ?? context.scratch(width * stride, op);
  for (let first = 0; first < a.count; first += width) {
    const count = Math.min(width, a.count - first);
    if (!cached)
      launchProduct(
        context,
        { rows: count, columns: b.count, depth: a.columns },
        { of: a.transposed, at: first, stride: a.paddedRows, along: 'columns' },
        { of: b.transposed, at: 0, stride: b.paddedRows },
        { of, at: 0, stride },
        { pairs, origin },
      );
    weigh({ of, first, count, stride });
    if (toB) {
      const weights = { of, at: 0, stride, along: 'columns' as const };
      addToGradient(
        context,
        toB,
        { first: 0, count: b.count },
        weights,
        { points: a, from: first, depth: count },
        { scale },
      );
      toB.begun = true;
    }
    if (toA) {
      const { along, operand } = leftRows(context, op, { of, rows: count, columns: stride }, a.columns);
      const others = { points: b, from: 0, depth: b.count };
      addToGradient(context, toA, { first, count }, { ...operand, along }, others, { scale });
      operand.release();
    }
  }
  if (!cached) of.release();
}

/** Panels that `weighPairs` goes through without `cached`. */
export function countPanels(context: Context, a: Points, b: Points): number {
  return Math.ceil(a.count / rowsPerPanel(context, b, a.count));
}
