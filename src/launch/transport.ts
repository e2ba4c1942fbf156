import type { Context } from '../core/context.ts';
import { fillBits } from '../core/fills.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { cached_gradient, transport_control, transport_radius, transport_start } from '../gpu/kernels.generated.ts';
import { cacheScores, launchPlan } from './cachedScores.ts';
import { leftRows } from './pack.ts';
import { addToGradient, featuresOf, type Points, type PointsGradient, rowsOf, rowsPerPanel } from './points.ts';
import { type CachedScores, plainAt, type Scores, type Side, startScaling } from './scaling.ts';
import { launchScalingWeights, updateScaling } from './scalingSweep.ts';
import { tileOf } from './tile.ts';

/** Without `tolerance`: exactly this many iterations. With it: at most, and until the marginal error is within it. */
export interface Stop {
  readonly iterations: number;
  readonly tolerance?: number;
}

/** The options as documented: the tolerance's default applies where no number of iterations is given. */
export function stopOf(iterations: number | undefined, tolerance: number | undefined): Stop {
  if (iterations === undefined) return { iterations: MOST_ITERATIONS, tolerance: tolerance ?? DEFAULT_TOLERANCE };
  return { iterations, tolerance };
}

export const DEFAULT_TOLERANCE = 1e-6;
const MOST_ITERATIONS = 500;
/**
 * Costs in powers of two up to which the powers themselves serve. From g = 0 no update moves log2 factors further from the
 * solution than they were, and that is within half the range: factors stay below 2^(2 RANGE), which leaves 2^40 for
 * over-relaxation and sums. With a marginal penalty they are below 2^(4 RANGE_UNBALANCED).
 */
const RANGE = 40;
const RANGE_UNBALANCED = 20;
const MOST_SYMMETRIC = 50; // their error halves in each: f32 has no digits after 30 from any start

/** A transport plan between points, by its factors: P_ij = u_i w_j exp(-|x_i - y_j|^2 / (2 epsilon)) / (N M). */
export interface Coupling {
  readonly x: Points;
  readonly y: Points;
  readonly rows: Side;
  readonly columns: Side;
  readonly scores: Scores;
  /** Marginals of the rows less the wanted ones, relative to 1 / N, as they are at the end. */
  readonly excess: Storage;
  /** Its ITERATIONS are counted where there is a tolerance. */
  readonly state: Storage;
  release(): void;
}

/** Costs of squared distances: |x - y|^2 / 2. */
function costs({ columns }: Points, epsilon: number): Scores {
  return { depth: columns, scale: -0.5 / epsilon, distance: true };
}

/** Costs in powers of two up to which all count as small against epsilon: sums of powers less 1 lose nothing to larger ones. */
const SMALL_COSTS = 2;

/** Bits of the largest |p - x_0|^2 of all points; release it. Its fourfold bounds every squared distance among them. */
export function squaredRadiusOf(context: Context, op: string, x: Points, y: Points): Storage {
  const squaredRadius = context.scratch(1, op);
  fillBits(context, squaredRadius, 1, 0);
  for (const { rows, count, columns, rowStride } of [x, y])
    context.run(transport_radius, {
      params: { rows: count, columns, stride: rowStride },
      buffers: { x: rows, origin: x.rows, squared_radius: squaredRadius },
      groups: Math.ceil(count / 64),
      work: 3 * count * columns,
    });
  return squaredRadius;
}

/** The state of an iteration that has not begun, and that knows whether all costs are small against epsilon. */
function begin(context: Context, op: string, squaredRadius: Storage, epsilon: number): Storage {
  const state = context.scratch(16, op);
  context.run(transport_start, {
    params: { most: (SMALL_COSTS * epsilon * Math.LN2) / 2 },
    buffers: { squared_radius: squaredRadius, state },
    groups: 1,
    work: 16,
  });
  return state;
}

export interface SinkhornSettings {
  readonly epsilon: number;
  /** How far the points are from one of them, see `squaredRadiusOf`. */
  readonly squaredRadius: Storage;
  /** KL penalty of both marginals; Infinity: they are exact. */
  readonly rho?: number;
  readonly stop: Stop;
  /** Costs that take no more bytes than this are computed once and cached. Default: none are. */
  readonly cache?: number;
  /** Whether gradients will be asked for: they read what was cached. */
  readonly withGradient?: boolean;
}

/**
 * Sinkhorn's alternating updates, in pairs: f from g, then g from f, from g = 0. With a tolerance the updates are
 * over-relaxed, and the GPU decides when to stop; what was encoded beyond that does nothing.
 */
export function couple(
  context: Context,
  op: string,
  x: Points,
  y: Points,
  { epsilon, squaredRadius, rho = Number.POSITIVE_INFINITY, stop, cache = 0, withGradient = false }: SinkhornSettings,
): Coupling {
  const rows = { points: featuresOf(x), u: startScaling(context, op, x.count) };
  const columns = { points: featuresOf(y), u: startScaling(context, op, y.count) };
  const swept = costs(x, epsilon);
  const fits = 4 * x.paddedRows * y.count <= Math.min(cache, context.info.limits.maxStorageBufferBindingSize);
  const range = rho === Number.POSITIVE_INFINITY ? RANGE : RANGE_UNBALANCED;
  const [state, measuring] = [begin(context, op, squaredRadius, epsilon), begin(context, op, squaredRadius, epsilon)];
  const scores = fits ? cacheScores(context, op, rows.points, columns.points, swept, range, state) : swept;
  const [excess, others] = [context.scratch(x.count, op), context.scratch(y.count, op)];
  const kappa = epsilon / rho;
  const conditional = stop.tolerance !== undefined;
  context.encodeLoop(stop.iterations, () => {
    updateScaling(context, op, rows, columns, scores, { kappa, state, excess, conditional });
    updateScaling(context, op, columns, rows, scores, { kappa, state, excess: others, conditional });
    control(context, excess, state, x.count, stop, kappa === 0);
  });
  updateScaling(context, op, rows, columns, scores, { step: 0, kappa, state: measuring, excess });
  for (const storage of [measuring, others]) storage.release();
  if (!withGradient) scores.cached?.release();
  return coupling(x, y, rows, columns, withGradient ? scores : swept, excess, state);
}

/** The symmetric problem, f = g: averaged updates f <- (f + T f) / 2 from 0, whose error halves in each at least. */
export function coupleSelf(
  context: Context,
  op: string,
  x: Points,
  { epsilon, squaredRadius, stop }: SinkhornSettings,
): Coupling {
  const scores = costs(x, epsilon);
  const [points, u] = [featuresOf(x), startScaling(context, op, x.count)];
  const [state, measuring] = [begin(context, op, squaredRadius, epsilon), begin(context, op, squaredRadius, epsilon)];
  const excess = context.scratch(x.count, op);
  const side = { points, u };
  const conditional = stop.tolerance !== undefined;
  const most = conditional ? Math.min(stop.iterations, MOST_SYMMETRIC) : stop.iterations;
  context.encodeLoop(most, () => {
    updateScaling(context, op, side, side, scores, { step: 0.5, state, excess, conditional });
    control(context, excess, state, x.count, stop, false);
  });
  updateScaling(context, op, side, side, scores, { step: 0, state: measuring, excess });
  measuring.release();
  return coupling(x, x, side, side, scores, excess, state);
}

function coupling(
  x: Points,
  y: Points,
  rows: Side,
  columns: Side,
  scores: Scores,
  excess: Storage,
  state: Storage,
): Coupling {
  const release = (): void => {
    for (const storage of new Set([rows.u, columns.u, excess, state])) storage.release();
    scores.cached?.release();
  };
  return { x, y, rows, columns, scores, excess, state, release };
}

function control(
  context: Context,
  excess: Storage,
  state: Storage,
  rows: number,
  { iterations, tolerance }: Stop,
  relaxing: boolean,
): void {
  if (tolerance === undefined) return;
  context.run(transport_control, {
    params: { rows, most: iterations, relaxing: relaxing ? 1 : 0, tolerance },
    buffers: { excess, state },
    groups: 1,
    work: rows,
    conditional: true,
    tuning: { LANES: context.info.software ? 1 : 64 },
  });
}

/** Adds share dy sum_j P_ij (x_i - y_j) / (N M) for every row i, and its counterpart for every column if `toColumns`. */
export function couplingGradient(
  context: Context,
  op: string,
  plan: Coupling,
  toRows: PointsGradient | null,
  toColumns: PointsGradient | null,
  share: number,
  dy: Tensor,
): void {
  const { x, y, rows, columns, scores } = plan;
  if (scores.cached?.form)
    return cachedCouplingGradient(context, plan, scores.cached, scores.cached.form, toRows, toColumns, share, dy);
  const width = x.paddedRows;
  const panel = rowsPerPanel(context, x, y.count);
  const weights = context.scratch(panel * width, op);
  const each = share / (x.count * y.count);
  for (let first = 0; first < y.count; first += panel) {
    const count = Math.min(panel, y.count - first);
    launchScalingWeights(context, rows, columns, scores, { first, count, width, share: each }, dy, weights);
    if (toRows) {
      const all = { first: 0, count: x.count };
      const operand = { of: weights, at: 0, stride: width, along: 'columns' as const };
      addToGradient(context, toRows, all, operand, { points: y, from: first, depth: count }, { scale: 0.5 });
      toRows.begun = true;
    }
    if (toColumns) {
      const { along, operand } = leftRows(context, op, { of: weights, rows: count, columns: width }, y.columns);
      const others = { points: x, from: 0, depth: x.count };
      addToGradient(context, toColumns, { first, count }, { ...operand, along }, others, { scale: 0.5 });
      operand.release();
    }
  }
  if (toColumns) toColumns.begun = true;
  weights.release();
}

/** The same of a plan that is cached, read where it lies: by panels too, which are part of the bits. */
function cachedCouplingGradient(
  context: Context,
  { x, y, rows, columns, scores }: Coupling,
  cached: CachedScores,
  form: Storage,
  toRows: PointsGradient | null,
  toColumns: PointsGradient | null,
  share: number,
  dy: Tensor,
): void {
  const { of, stride } = cached;
  launchPlan(context, rows, columns, scores.scale, cached, form);
  const panel = rowsPerPanel(context, x, y.count);
  /** `count` rows of `to` from `first` on: the part that comes from `depth` points of the other side from `from` on. */
  const addGradient = (
    to: PointsGradient,
    lhs: { of: Storage; at: number; row: number; k: number },
    [own, other]: Side[],
    others: Points,
    at: Record<'first' | 'count' | 'from' | 'depth', number>,
  ) => {
    const { columns: features, rowStride } = to.points;
    const { tuning, ...tile } = tileOf(context, 'product', at.count, features, at.depth);
    const strips = Math.ceil(features / tile.columns);
    context.run(cached_gradient, {
      params: {
        rows: at.count,
        columns: features,
        depth: at.depth,
        strips,
        first_row: plainAt(own.points.rows) + at.first,
        first_k: plainAt(other.points.rows) + at.from,
        lhs_at: lhs.at,
        lhs_row: lhs.row,
        lhs_k: lhs.k,
        rhs_at4: rowsOf(others, at.from).at / 4,
        rhs_stride4: others.rowStride / 4,
        own_at4: rowsOf(to.points, at.first).at / 4,
        own_stride4: rowStride / 4,
        out_at: at.first * to.into.stride,
        out_stride: to.into.stride,
        scale: share / (x.count * y.count),
        accumulating: to.begun ? 1 : 0,
      },
      buffers: { lhs: lhs.of, rhs: others.rows, own: to.points.rows, form, u: own.u, w: other.u, dy, out: to.into.of },
      groups: Math.ceil(at.count / tile.rows) * strips,
      work: 2 * at.count * features * at.depth,
      tuning,
    });
  };
  for (let first = 0; first < y.count; first += panel) {
    const count = Math.min(panel, y.count - first);
    const operand = { of, at: first * stride };
    if (toColumns)
      addGradient(toColumns, { ...operand, row: stride, k: 1 }, [columns, rows], x, {
        first,
        count,
        from: 0,
        depth: x.count,
      });
    if (toRows) {
      addGradient(toRows, { ...operand, row: 1, k: stride }, [rows, columns], y, {
        first: 0,
        count: x.count,
        from: first,
        depth: count,
      });
      toRows.begun = true;
    }
  }
  if (toColumns) toColumns.begun = true;
}
