import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import {
  scaling_pass,
  scaling_pass_distance,
  scaling_update,
  scaling_weights,
  scaling_weights_distance,
} from '../gpu/kernels.generated.ts';
import { updateFromCache, weightsFromCache } from './cachedScores.ts';
import { placedBetween } from './operands.ts';
import type { Scaling, ScalingUpdate, Scores, Side } from './scaling.ts';
import { roundUp, tileOf } from './tile.ts';

// A sweep over all pairs, in tiles: the scores of a pair are computed where they are needed, or read where they are cached.

const LOG2E = Math.LOG2E;
const SMALL = 65536; // floats that partial sums may take however few the points are

/** Sweeps all pairs once and gives the rows the factors that their marginals ask for; nothing of the plan is stored. */
export function updateScaling(
  context: Context,
  op: string,
  rows: Side,
  columns: Side,
  scores: Scores,
  update: ScalingUpdate,
): void {
  if (scores.cached) return updateFromCache(context, rows, columns, scores.scale, scores.cached, update);
  const { state, conditional } = update;
  const [a, b] = [rows.points, columns.points];
  const { depth, distance, scale } = scores;
  const { tuning, rows: tileRows, columns: tileColumns } = tileOf(context, 'row pass', a.rows, b.rows, depth);
  const strips = Math.ceil(a.rows / tileRows);
  // Slices enough that a few rows fill the machine too, their parts within 2 N D floats or what does not matter.
  const affordable = Math.floor(Math.max(2 * a.rows * depth, SMALL) / (2 * tuning.WX * a.rows));
  const wanted = Math.max(1, Math.min(8, affordable, Math.ceil((context.info.software ? 16 : 1024) / strips)));
  const width = roundUp(Math.ceil(b.rows / wanted), tileColumns);
  const slices = Math.ceil(b.rows / width);
  const parts = slices * tuning.WX;
  const partial = context.scratch(2 * parts * a.rows, op);
  context.run(distance ? scaling_pass_distance : scaling_pass, {
    params: {
      rows: a.rows,
      columns: b.rows,
      depth,
      lhs_stride4: a.stride / 4,
      rhs_stride4: b.stride / 4,
      slices,
      slice_columns: width,
      scale: scale * LOG2E,
    },
    buffers: { lhs: a.of, rhs: b.of, own: rows.u, other: columns.u, state, partial },
    groups: strips * slices,
    work: a.rows * b.rows * (depth + 16),
    conditional,
    ...placedBetween(context, a, b, depth, tuning),
  });
  launchScalingUpdate(context, partial, rows.u, { rows: a.rows, columns: b.rows, parts }, update);
  partial.release();
}

/** Merges the partial sums of a pass and updates the rows' factors. */
export function launchScalingUpdate(
  context: Context,
  partial: Storage,
  u: Scaling,
  { rows, columns, parts }: { rows: number; columns: number; parts: number },
  { step = 1, kappa = 0, state, excess, conditional }: ScalingUpdate,
): void {
  context.run(scaling_update, {
    params: { rows, parts, columns, step, kappa, damping: 1 / (1 + kappa) },
    buffers: { partial, state, u, excess },
    groups: Math.ceil(rows / 64),
    work: rows * (4 * parts + 32),
    conditional,
  });
}

/** w[j - first, i] = share * dy u_i u_j exp(score_ij) for `count` columns j of a panel, rows i padded to `width`. */
export function launchScalingWeights(
  context: Context,
  rows: Side,
  columns: Side,
  { depth, scale, distance, cached }: Scores,
  panel: { first: number; count: number; width: number; share: number },
  dy: Tensor,
  weights: Storage,
): void {
  if (cached) return weightsFromCache(context, rows, columns, scale, cached, panel, dy, weights);
  const { first, count, width, share } = panel;
  const { tuning, rows: tileRows, columns: tileColumns } = tileOf(context, 'pairs', columns.points.rows, width, depth);
  const strips = Math.ceil(width / tileColumns);
  context.run(distance ? scaling_weights_distance : scaling_weights, {
    params: {
      rows: columns.points.rows,
      columns: rows.points.rows,
      depth,
      lhs_stride4: columns.points.stride / 4,
      rhs_stride4: rows.points.stride / 4,
      first,
      count,
      width4: width / 4,
      strips,
      scale: scale * LOG2E,
      share,
    },
    buffers: { lhs: columns.points.of, rhs: rows.points.of, own: columns.u, other: rows.u, dy, weights },
    groups: Math.ceil(count / tileRows) * strips,
    work: count * width * (depth + 16),
    ...placedBetween(context, { ...columns.points, rows: count }, rows.points, depth, tuning),
  });
}
