import type { Context } from '../../core/context.ts';
import { fill } from '../../core/fills.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { Storage } from '../../gpu/buffers.ts';
import type { KernelSource } from '../../gpu/kernel.ts';
import {
  cross_pass,
  cross_pass_cached,
  cross_pass_gap,
  cross_pass_gap_cached,
  cross_weights,
  cross_weights_gap,
} from '../../gpu/kernels.generated.ts';
import type { PairPanel } from '../../launch/pairPanels.ts';
import { featuresOf, type Points } from '../../launch/points.ts';
import { launchSum, launchTotal } from '../../launch/reduce.ts';
import { gapPositives, makeOffset, offsetColumns } from '../../launch/sideOffset.ts';
import type { Units } from '../../launch/unitRows.ts';

/** Per-row numbers that the weights of both sides are made of: log2 Z, and 1 - p of the positive. */
export interface CrossSums {
  readonly log2Z: Storage;
  readonly miss: Storage;
}

/** Turns panels of pairs into weights, one after the other. */
export interface CrossWeights {
  weigh(panel: PairPanel): void;
  /** After the last panel: the mean over all rows of d loss_i / d scale, where it is wanted and these weights know it. */
  slope(wanted: boolean): Tensor | null;
}

/** How the scores of two sides are made: the kernels of the pass over all pairs, and the weights of the gradient. */
export interface CrossScores {
  /** With `cached`, products of all pairs are stored. */
  readonly pass: { readonly sums: KernelSource; readonly cached: KernelSource };
  readonly buffers: Readonly<Record<string, Storage>>;
  readonly pairs: 'products' | 'distances';
  /** What squared distances are less, a number a column. */
  readonly origin: Storage | null;
  /** GAP of the kernels that read them. */
  readonly gap: 0 | 1;
  /** s_ii: there already, or to be filled by kernels/pairs/cross_rows.wgsl. */
  readonly positives: Storage;
  /** @param cached whether panels come as the pass stored them */
  weights(sums: CrossSums, scale: Tensor, panels: number, cached: boolean): CrossWeights;
  release(): void;
}

interface Sides {
  readonly op: string;
  readonly context: Context;
  readonly a: Points;
  readonly b: Points;
}

/** Products of unit rows. */
export function productCrossScores({ op, context, b }: Sides): CrossScores {
  const side = b.paddedRows;
  const positives = context.scratch(side, op);
  return {
    pass: { sums: cross_pass, cached: cross_pass_cached },
    buffers: {},
    pairs: 'products',
    origin: null,
    gap: 0,
    positives,
    weights: ({ log2Z, miss }, scale) => ({
      weigh: ({ of, first, count, stride }) =>
        context.run(cross_weights, {
          params: { n: b.count, first, count, width4: stride / 4, side4: side / 4 },
          buffers: { log2_z: log2Z, miss, logit_scale: scale, weights: of },
          ...sizeOf(count, stride),
        }),
      slope: () => null,
    }),
    release: () => positives.release(),
  };
}

/**
 * Differences of rows, for a scale of the caller's (see lib/cross_gaps.wgsl): its gradient is what little scores differ by
 * where rows share a direction. Shifts both sides' transposed rows in place.
 */
export function differenceCrossScores({ op, context, a, b }: Sides): CrossScores {
  const { count: n, columns } = a;
  const side = b.paddedRows;
  const [a_, b_] = [a, b].map(({ rows, rowStride }) => ({ of: rows, stride: rowStride }));
  const offset = makeOffset(context, op, a_, b_, n, columns, (a.units as Units).reflection);
  // What scores are less besides, a number a row, those of b from `side` on; then which rows are zero.
  const shortfalls = context.scratch(4 * side, op);
  offsetColumns(context, offset, featuresOf(a), columns, shortfalls, { side: 'a', blankAt: 2 * side });
  offsetColumns(context, offset, featuresOf(b), columns, shortfalls, { side: 'b', first: side, blankAt: 3 * side });
  const positives = context.scratch(side, op);
  const origins = context.scratch(side, op);
  gapPositives(context, offset, a_, b_, { rows: n, columns }, positives, origins, { both: true });
  return {
    pass: { sums: cross_pass_gap, cached: cross_pass_gap_cached },
    buffers: { shortfalls, origins },
    pairs: 'distances',
    origin: origins,
    gap: 1,
    positives,
    weights: ({ log2Z, miss }, scale, panels, cached) => {
      const totals = context.scratch(64 * panels, op); // one a panel, each where it can be bound
      fill(context, totals, 64 * panels, 0);
      let done = 0;
      return {
        weigh: ({ of, first, count, stride }) => {
          const parts = partsOf(count, stride);
          const slopes = context.scratch(parts, op);
          context.run(cross_weights_gap, {
            params: { n, first, count, width4: stride / 4, side4: side / 4 },
            buffers: { log2_z: log2Z, miss, logit_scale: scale, weights: of, shortfalls, positives, slopes },
            ...sizeOf(count, stride),
            tuning: { SQUARES: cached ? 0 : 1 },
          });
          launchTotal(context, slopes, totals.range(256 * done++, 4), parts);
          slopes.release();
        },
        slope: (wanted) => {
          const slope = wanted ? context.empty([], op) : null;
          if (slope)
            launchSum(context, totals, slope, { outer: 1, reduced: 64 * panels, inner: 1, scale: 1 / (2 * n) });
          totals.release();
          return slope;
        },
      };
    },
    release: () => {
      for (const held of [offset, shortfalls, positives, origins]) held.release();
    },
  };
}

/** Invocations that weigh a panel: 8 rows of 4 columns each. */
function partsOf(count: number, stride: number): number {
  return Math.ceil(count / 8) * (stride / 4);
}

function sizeOf(count: number, stride: number): { groups: number; work: number } {
  return { groups: Math.ceil(partsOf(count, stride) / 64), work: 8 * count * stride };
}
