import type { Context } from '../../core/context.ts';
import { fillBits } from '../../core/fills.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { Storage } from '../../gpu/buffers.ts';
import { anchored_rows, cross_log_means, cross_recompute } from '../../gpu/kernels.generated.ts';
import { findCancelling, rowsToRecompute } from '../../launch/cancellation.ts';
import type { Points, PointsGradient } from '../../launch/points.ts';
import { rowTuning } from '../../launch/tile.ts';
import type { CrossSums } from './scores.ts';

/** One of two sides that are each other's columns, and its gradient, where one is wanted. */
export interface CrossSide {
  readonly points: Points;
  readonly to: PointsGradient | null;
  /** Where its numbers begin in those of both sides. */
  readonly at: number;
}

/** The softmaxes of both sides: log2 Z and 1 - p_positive of all rows, and the positives' scores. */
interface CrossSoftmax extends CrossSums {
  readonly positives: Storage;
  readonly scale: Tensor;
}

/**
 * The gradient of the rows of both sides where it all but cancels, once more from what rows are apart from the first of their
 * side: see kernels/pairs/cross_recompute.wgsl.
 * @param factor what all weights are multiplied by
 */
export function recomputeCross(
  context: Context,
  op: string,
  sides: readonly [CrossSide, CrossSide],
  { log2Z, miss, positives, scale }: CrossSoftmax,
  factor: number,
): void {
  const cancels = sides.map(
    ({ points, to, at }) =>
      to && findCancelling(context, op, { ...points, g: to.into.of as Storage }, { of: miss, at, scale: factor }),
  );
  const some = cancels[0] ?? cancels[1];
  if (!some) return;
  const { count: n, columns, rowStride: stride } = sides[0].points;
  const { tuning, rowsPerGroup } = rowTuning(context);
  const ROWS = rowsToRecompute(context);
  const work = 4 * n * n * columns;
  const logMeans = context.scratch(4 * (sides[1].at + n), op);
  const any = context.scratch(1, op);
  fillBits(context, any, 1, 0);
  const each = (then: (own: CrossSide, other: CrossSide, s: number) => void): void =>
    sides.forEach((own, s) => {
      then(own, sides[1 - s], s);
    });
  const apart = sides.map(() => context.scratch(n * stride, op));
  each(({ points, at }, other, s) =>
    context.run(anchored_rows, {
      params: { rows: n, columns, stride, at },
      buffers: {
        units: points.rows,
        others: other.points.rows,
        inverse_norms: points.units?.inverseNorms as Storage,
        cancels: cancels[s] ?? some,
        apart: apart[s],
        log_means: logMeans,
        any,
      },
      groups: Math.ceil(n / rowsPerGroup),
      work: 8 * n * columns,
      tuning,
    }),
  );
  each((own, other, s) =>
    context.run(cross_log_means, {
      params: { n, columns, stride, own_at: own.at, other_at: other.at },
      buffers: {
        own: apart[s],
        others: apart[1 - s],
        any,
        log2_z: log2Z,
        miss,
        positives,
        logit_scale: scale,
        log_means: logMeans,
      },
      groups: Math.ceil(n / ROWS),
      work,
      conditional: true,
      tuning: { ROWS },
    }),
  );
  each((own, other, s) => {
    const g = own.to?.into.of as Storage | undefined;
    const mine = cancels[s];
    if (!g || !mine) return;
    context.run(cross_recompute, {
      params: { n, columns, stride, own_at: own.at, other_at: other.at, scale: factor },
      buffers: {
        own: apart[s],
        others: apart[1 - s],
        units: own.points.rows,
        other_units: other.points.rows,
        log_means: logMeans,
        logit_scale: scale,
        cancels: mine,
        g,
      },
      groups: Math.ceil(n / ROWS),
      work,
      conditional: true,
      tuning: { ROWS },
    });
  });
  for (const storage of [...cancels, logMeans, any, ...apart]) storage?.release();
}
