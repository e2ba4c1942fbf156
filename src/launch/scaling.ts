import type { Context } from '../core/context.ts';
import { fill } from '../core/fills.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import {
  kept_columns,
  kept_columns_lanes,
  kept_distances,
  kept_plan,
  kept_powers,
  kept_rows,
  kept_rows_lanes,
  kept_weights,
  scaling_pass,
  scaling_pass_distance,
  scaling_start,
  scaling_update,
  scaling_weights,
  scaling_weights_distance,
} from '../gpu/kernels.generated.ts';
import { launchProduct } from './product.ts';
import type { Columns } from './rowPass.ts';
import { roundUp, rowTuning, tileOf } from './tile.ts';

/**
 * Factors of a transport plan: P_ij = u_i w_j exp(score_ij) / (N M), each factor a pair (e, r) that stands for (1 + r) 2^e. This
 * is the scaling form, as fast; its factors never leave the range of f32, so it serves where only log potentials would.
 * Behind the pairs, of `count` rounded up to 4, there is room for as many plain numbers: see kernels/transport/narrow.wgsl.
 */
export type Scaling = Storage;

const LOG2E = Math.LOG2E;

/** All factors 1. */
export function startScaling(context: Context, op: string, count: number): Scaling {
  const padded = roundUp(count, 4);
  const u = context.scratch(3 * padded, op);
  context.run(scaling_start, {
    params: { count: padded },
    buffers: { u },
    groups: Math.ceil(padded / 256),
    work: padded,
  });
  return u;
}

/** Where the plain numbers of `count` factors start. */
export const plainAt = (count: number): number => 2 * roundUp(count, 4);

/** Where an iteration stands: kept on the GPU. At zero it goes on, without over-relaxation. */
export function startState(context: Context, op: string): Storage {
  const state = context.scratch(16, op);
  fill(context, state, 16, 0);
  return state;
}

/** A set of points (or unit rows, or prototypes) with its factors. */
export interface Side {
  readonly points: Columns;
  readonly u: Scaling;
}

/** Scores of all pairs: scale * s_ij, s the product or, with `distance`, the squared distance. */
export interface Scores {
  readonly depth: number;
  readonly scale: number;
  readonly distance: boolean;
  readonly kept?: Kept;
}

/** The distances, or the powers of two that the plan takes of them: [columns j of the plan, stride], rows i next to each other. */
export interface Kept {
  readonly of: Storage;
  readonly rows: Columns;
  readonly stride: number;
  /** One u32, what they are (FORM in kernels/transport/narrow.wgsl); on software adapters, where they may be powers. */
  readonly form: Storage | null;
  release(): void;
}

/**
 * Computes all squared distances once, for updates and weights that read them; release `kept` when they are done.
 * @param range where powers are dear, on software adapters, and no |score| is above this many powers of two, 2^score is kept
 * instead: an update is then a multiplication an entry. The GPU looks; nobody waits.
 * @param state what says whether all costs are small against epsilon
 */
export function keepScores(
  context: Context,
  op: string,
  rows: Columns,
  columns: Columns,
  scores: Scores,
  range: number,
  state: Storage,
): Scores {
  const stride = keptStride(context, rows.rows);
  const of = context.scratch(columns.rows * stride, op);
  const form = lanesAlone(context) ? context.scratch(1, op) : null;
  if (form) fill(context, form, 1, 0);
  const release = (): void => {
    of.release();
    form?.release();
  };
  const kept: Kept = { of, rows, stride, form, release };
  if (form) keepPowers(context, columns, scores, kept, form, range, state);
  else
    launchProduct(
      context,
      { rows: columns.rows, columns: rows.rows, depth: scores.depth },
      { of: columns.of, at: 0, stride: columns.stride, along: 'columns' },
      { of: rows.of, at: 0, stride: rows.stride },
      { of, at: 0, stride },
      { pairs: 'distances' },
    );
  return { ...scores, kept };
}

/** Floats from one row that is kept to the next. */
function keptStride(context: Context, columns: number): number {
  const stride = roundUp(columns, 4);
  // Where lanes have rows of their own: a power of two apart, all would lie in one set of a CPU's cache. Gradients of
  // 2,048 x 2,048 x 64 took 52 ms, not 47.
  return lanesAlone(context) && stride % 512 === 0 ? stride + 16 : stride;
}

/** 2^score, or distances where one of them is beyond the range: the first launch says so in `form`. */
function keepPowers(
  context: Context,
  columns: Columns,
  scores: Scores,
  { of, rows, stride }: Kept,
  form: Storage,
  range: number,
  state: Storage,
): void {
  const size = { rows: columns.rows, columns: rows.rows, depth: scores.depth };
  const { tuning, ...tile } = tileOf(context, 'product', size.rows, size.columns, size.depth);
  const strips = Math.ceil(size.columns / tile.columns);
  for (const kernel of [kept_powers, kept_distances])
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
      buffers: { lhs: columns.of, rhs: rows.of, scores: of, form, ...(kernel === kept_powers ? { state } : {}) },
      groups: Math.ceil(size.rows / tile.rows) * strips,
      work: 2 * size.rows * size.columns * size.depth,
      maybe: kernel === kept_distances,
      tuning,
    });
}

/** Software adapters: waiting lanes and powers are dear, so that a lane has rows or columns of its own. */
function lanesAlone(context: Context): boolean {
  return context.info.software && !context.choice.forced;
}

/** A scale in powers of two: its first 12 bits, so that products with such numbers are exact in f32, and the rest. */
export function splitScale(natural: number): { scale: number; rest: number } {
  const exact = natural * LOG2E;
  const unit = 2 ** (Math.floor(Math.log2(Math.abs(exact))) - 11);
  const scale = Math.trunc(exact / unit) * unit;
  return { scale, rest: exact - scale };
}

export interface ScalingUpdate {
  /** Of the way to the factors that give the wanted marginal: 1, 1/2 for a symmetric plan, 0 to measure only. */
  readonly step?: number;
  /** epsilon / rho, 0 where the marginal is exact. */
  readonly kappa?: number;
  readonly state: Storage;
  /** What the marginals are above the wanted ones before the update, relative to 1 / N. */
  readonly excess: Storage;
  /** Whether `state` may say that there is nothing to do. */
  readonly maybe?: boolean;
}

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
  if (scores.kept) return updateFromKept(context, rows, columns, scores.scale, scores.kept, update);
  const { state, maybe } = update;
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
    maybe,
    tuning,
  });
  launchScalingUpdate(context, partial, rows.u, { rows: a.rows, columns: b.rows, parts }, update);
  partial.release();
}

/** The same in one launch, by a read of the scores. */
export function updateFromKept(
  context: Context,
  rows: Side,
  columns: Side,
  scale: number,
  kept: Omit<Kept, 'release'>,
  { step = 1, kappa = 0, state, excess, maybe }: ScalingUpdate,
): void {
  const down = kept.rows === rows.points;
  const [own, others] = [rows.points.rows, columns.points.rows];
  const params = {
    rows: down ? others : own,
    columns: down ? own : others,
    ...splitScale(scale),
    step,
    kappa,
    damping: 1 / (1 + kappa),
  };
  const buffers = { scores: kept.of, w: columns.u, state, u: rows.u, excess };
  const work = 16 * own * others;
  if (kept.form) {
    context.run(down ? kept_columns_lanes : kept_rows_lanes, {
      params: { ...params, stride4: kept.stride / 4 },
      buffers: { ...buffers, form: kept.form },
      groups: Math.ceil(own / (down ? 128 : 32)),
      work,
      maybe,
    });
    return;
  }
  const { tuning, rowsPerGroup } = rowTuning(context);
  context.run(down ? kept_columns : kept_rows, {
    params: { ...params, stride: kept.stride },
    buffers,
    groups: Math.ceil(own / (down ? 16 : rowsPerGroup)),
    work,
    maybe,
    tuning: down ? {} : tuning,
  });
}

/** Merges the partial sums of a pass and updates the rows' factors. */
export function launchScalingUpdate(
  context: Context,
  partial: Storage,
  u: Scaling,
  { rows, columns, parts }: { rows: number; columns: number; parts: number },
  { step = 1, kappa = 0, state, excess, maybe }: ScalingUpdate,
): void {
  context.run(scaling_update, {
    params: { rows, parts, columns, step, kappa, damping: 1 / (1 + kappa) },
    buffers: { partial, state, u, excess },
    groups: Math.ceil(rows / 64),
    work: rows * (4 * parts + 32),
    maybe,
  });
}

/** Kept scores become the plan itself, for the last time that they are read; powers stay, with their factors apart. */
export function launchPlan(
  context: Context,
  rows: Side,
  columns: Side,
  scale: number,
  kept: Kept,
  form: Storage,
): void {
  const count = columns.points.rows;
  context.run(kept_plan, {
    params: { rows: count, columns: rows.points.rows, stride4: kept.stride / 4, ...splitScale(scale) },
    buffers: { form, w: columns.u, u: rows.u, scores: kept.of },
    groups: Math.ceil(kept.stride / 64),
    work: 12 * count * kept.stride,
    maybe: true,
  });
}

/** w[j - first, i] = share * dy u_i u_j exp(score_ij) for `count` columns j of a panel, rows i padded to `width`. */
export function launchScalingWeights(
  context: Context,
  rows: Side,
  columns: Side,
  { depth, scale, distance, kept }: Scores,
  panel: { first: number; count: number; width: number; share: number },
  dy: Tensor,
  weights: Storage,
): void {
  if (kept) {
    const { first, count, width, share } = panel;
    context.run(kept_weights, {
      params: {
        rows: count,
        columns: rows.points.rows,
        first,
        stride4: kept.stride / 4,
        width4: width / 4,
        ...splitScale(scale),
        share,
      },
      buffers: { scores: kept.of, own: columns.u, other: rows.u, dy, weights },
      groups: Math.ceil((count * width) / 256),
      work: 12 * count * width,
    });
    return;
  }
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
      width4: width / 4,
      strips,
      scale: scale * LOG2E,
      share,
    },
    buffers: { lhs: columns.points.of, rhs: rows.points.of, own: columns.u, other: rows.u, dy, weights },
    groups: Math.ceil(count / tileRows) * strips,
    work: count * width * (depth + 16),
    tuning,
  });
}
