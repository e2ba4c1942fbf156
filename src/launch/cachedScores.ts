import type { Context } from '../core/context.ts';
import { fill } from '../core/fills.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import {
  cached_columns,
  cached_columns_per_invocation,
  cached_distances,
  cached_plan,
  cached_powers,
  cached_rows,
  cached_rows_per_invocation,
  cached_weights,
} from '../gpu/kernels.generated.ts';
import { placedBetween } from './operands.ts';
import { launchProduct } from './product.ts';
import type { Columns } from './rowPass.ts';
import { type CachedScores, type ScalingUpdate, type Scores, type Side, splitScale } from './scaling.ts';
import { roundUp, rowTuning, tileOf } from './tile.ts';

// Scores that are computed once and read by every update, where they fit.

/**
 * Computes all squared distances once, for updates and weights that read them; release `cached` when they are done.
 * @param range where powers are dear, on software adapters, and no |score| is above this many powers of two, 2^score is cached
 * instead: an update is then a multiplication an entry. The GPU looks; nobody waits.
 * @param state what says whether all costs are small against epsilon
 */
export function cacheScores(
  context: Context,
  op: string,
  rows: Columns,
  columns: Columns,
  scores: Scores,
  range: number,
  state: Storage,
): Scores {
  const stride = cachedStride(context, rows.rows);
  const of = context.scratch(columns.rows * stride, op);
  const form = lanesAlone(context) ? context.scratch(1, op) : null;
  if (form) fill(context, form, 1, 0);
  const release = (): void => {
    of.release();
    form?.release();
  };
  const cached: CachedScores = { of, rows, stride, form, release };
  if (form) cachePowers(context, columns, scores, cached, form, range, state);
  else
    launchProduct(
      context,
      { rows: columns.rows, columns: rows.rows, depth: scores.depth },
      { of: columns.of, at: 0, stride: columns.stride, along: 'columns' },
      { of: rows.of, at: 0, stride: rows.stride },
      { of, at: 0, stride },
      { pairs: 'distances' },
    );
  return { ...scores, cached };
}

/** Floats from one cached row to the next. */
function cachedStride(context: Context, columns: number): number {
  const stride = roundUp(columns, 4);
  // Where lanes have rows of their own: a power of two apart, all would lie in one set of a CPU's cache. Gradients of
  // 2,048 x 2,048 x 64 took 52 ms, not 47.
  return lanesAlone(context) && stride % 512 === 0 ? stride + 16 : stride;
}

/** 2^score, or distances where one of them is beyond the range: the first launch says so in `form`. */
function cachePowers(
  context: Context,
  columns: Columns,
  scores: Scores,
  { of, rows, stride }: CachedScores,
  form: Storage,
  range: number,
  state: Storage,
): void {
  const size = { rows: columns.rows, columns: rows.rows, depth: scores.depth };
  const { tuning, ...tile } = tileOf(context, 'product', size.rows, size.columns, size.depth);
  const strips = Math.ceil(size.columns / tile.columns);
  for (const kernel of [cached_powers, cached_distances])
    context.run(kernel, {
      params: {
        ...size,
        strips,
        lhs_stride4: columns.stride / 4,
        rhs_stride4: rows.stride / 4,
        stride4: stride / 4,
        ...splitScale(scores.scale),
        range,
      },
      buffers: { lhs: columns.of, rhs: rows.of, scores: of, form, ...(kernel === cached_powers ? { state } : {}) },
      groups: Math.ceil(size.rows / tile.rows) * strips,
      work: 2 * size.rows * size.columns * size.depth,
      conditional: kernel === cached_distances,
      ...placedBetween(context, columns, rows, scores.depth, tuning),
    });
}

/** Software adapters: waiting lanes and powers are dear, so that a lane has rows or columns of its own. */
function lanesAlone(context: Context): boolean {
  return context.info.software && !context.choice.forced;
}

/** The same in one launch, by a read of the scores. */
export function updateFromCache(
  context: Context,
  rows: Side,
  columns: Side,
  scale: number,
  cached: Omit<CachedScores, 'release'>,
  { step = 1, kappa = 0, state, excess, conditional }: ScalingUpdate,
): void {
  const down = cached.rows === rows.points;
  const [own, others] = [rows.points.rows, columns.points.rows];
  const params = {
    rows: down ? others : own,
    columns: down ? own : others,
    ...splitScale(scale),
    step,
    kappa,
    damping: 1 / (1 + kappa),
  };
  const buffers = { scores: cached.of, w: columns.u, state, u: rows.u, excess };
  const work = 16 * own * others;
  if (cached.form) {
    context.run(down ? cached_columns_per_invocation : cached_rows_per_invocation, {
      params: { ...params, stride4: cached.stride / 4 },
      buffers: { ...buffers, form: cached.form },
      groups: Math.ceil(own / (down ? 128 : 32)),
      work,
      conditional,
    });
    return;
  }
  const { tuning, rowsPerGroup } = rowTuning(context);
  context.run(down ? cached_columns : cached_rows, {
    params: { ...params, stride: cached.stride },
    buffers,
    groups: Math.ceil(own / (down ? 16 : rowsPerGroup)),
    work,
    conditional,
    tuning: down ? {} : tuning,
  });
}

/** CachedScores scores become the plan itself, for the last time that they are read; powers stay, with their factors apart. */
export function launchPlan(
  context: Context,
  rows: Side,
  columns: Side,
  scale: number,
  cached: CachedScores,
  form: Storage,
): void {
  const count = columns.points.rows;
  context.run(cached_plan, {
    params: { rows: count, columns: rows.points.rows, stride4: cached.stride / 4, ...splitScale(scale) },
    buffers: { form, w: columns.u, u: rows.u, scores: cached.of },
    groups: Math.ceil(cached.stride / 64),
    work: 12 * count * cached.stride,
    conditional: true,
  });
}

/** `launchScalingWeights` by a read of the scores. */
export function weightsFromCache(
  context: Context,
  rows: Side,
  columns: Side,
  scale: number,
  cached: CachedScores,
  panel: { first: number; count: number; width: number; share: number },
  dy: Tensor,
  weights: Storage,
): void {
  const { first, count, width, share } = panel;
  context.run(cached_weights, {
    params: {
      rows: count,
      columns: rows.points.rows,
      first,
      stride4: cached.stride / 4,
      width4: width / 4,
      ...splitScale(scale),
      share,
    },
    buffers: { scores: cached.of, own: columns.u, other: rows.u, dy, weights },
    groups: Math.ceil((count * width) / 256),
    work: 12 * count * width,
  });
}
