import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import {
  nearest_merge,
  row_nearest,
  row_nearest_chord,
  row_nearest_distance,
  top_k,
} from '../gpu/kernels.generated.ts';
import { placedBetween } from '../launch/operands.ts';
import { featuresOf, launchSimilarity, METRICS, type Metric, makePoints, type Points } from '../launch/points.ts';
import { SKIP } from '../launch/rowPass.ts';
import { roundUp, tileOf } from '../launch/tile.ts';

export interface NearestOptions {
  /** Rows of `b` for each row of `a`, 1 to 256. Default 1. */
  k?: number;
  /** `'cosine'` (default; rows are normalised inside) or `'dot'`: the largest; or `'sqeuclidean'`: the smallest |a_i - b_j|^2. */
  metric?: Metric;
  /** `'self'`: leaves out j = i. */
  exclude?: 'self';
}

/** Both [N, k], the nearest first, of equally near rows the lower number first. */
export interface Nearest {
  /** i32 */
  readonly indices: Tensor;
  readonly scores: Tensor;
}

/** Where the same goes inside of an op. */
interface Found {
  readonly indices: Tensor | Storage;
  readonly scores: Tensor | Storage;
}

export const MAX_NEIGHBOURS = 256;
// Scores in flight: small enough for a cache where the CPU computes them, large enough to fill a GPU.
const BLOCK_BYTES = { software: 2 ** 24, hardware: 2 ** 27 };

/**
 * The k nearest rows of `b` for every row of `a` (top-k by score), without the N x M matrix: O(N k) memory beside a
 * bounded block of scores, and none for k = 1.
 * @param a [N, D]
 * @param b [M, D]; without it, `a` against itself
 * @returns row numbers and scores, without gradients. A score that is NaN counts as the nearest of all, so that it is seen;
 * where all of `b` is infinitely far, the row number says nothing
 */
export function nearest(a: Tensor, b?: Tensor, options?: NearestOptions): Nearest {
  const op = 'nearest';
  const alone = b === undefined;
  const context = check.contextOf(op, alone ? { a } : { a, b });
  const { k, metric, exclude } = check.options(op, options, {
    k: 1,
    metric: 'cosine' as Metric,
    exclude: undefined as 'self' | undefined,
  });
  check.oneOf(op, 'metric', metric, METRICS);
  if (exclude !== undefined) check.oneOf(op, 'exclude', exclude, ['self']);
  const [n] = check.matrix(op, 'a', a);
  if (!alone) check.sameColumns(op, 'a', a, 'b', b);
  const m = (b ?? a).shape[0];
  if (exclude && m !== n)
    check.fail(op, `b has ${m} rows, expected ${n} to match a, since exclude = "self" pairs them.`);
  if (exclude && m === 1) check.fail(op, 'b has 1 row, expected at least 2, since exclude = "self" leaves out one.');
  check.integer(op, 'k', k, 1, Math.min(MAX_NEIGHBOURS, exclude ? m - 1 : m));
  check.bindable(op, context, [n, k]);
  const left = makePoints(context, op, 'a', a, metric);
  const right = alone ? left : makePoints(context, op, 'b', b, metric);
  const found = {
    indices: context.empty([n, k], op, 'i32'),
    scores: context.empty([n, k], op),
  };
  launchNearest(context, op, left, right, found, { k, exclude });
  left.release();
  if (!alone) right.release();
  context.opEnded();
  return found;
}

/** Fills `found` with the k nearest of `b` for each of `a`. */
export function launchNearest(
  context: Context,
  op: string,
  a: Points,
  b: Points,
  found: Found,
  { k, exclude }: { k: number; exclude?: 'self' },
): void {
  if (k === 1) launchNearestOne(context, op, a, b, found, { exclude });
  else launchTopK(context, op, a, b, found, { k, exclude });
}

/**
 * The nearest row alone, from one sweep that stores no score.
 * @param chord for the cosine: by the distance of unit rows, whose digits tell near rows apart; scores are |u_i - u_j|^2
 */
export function launchNearestOne(
  context: Context,
  op: string,
  a: Points,
  b: Points,
  found: Found,
  { exclude, chord = false }: { exclude?: 'self'; chord?: boolean },
): void {
  const { tuning, rows: tileRows, columns: tileColumns } = tileOf(context, 'row pass', a.count, b.count, a.columns);
  const strips = Math.ceil(a.count / tileRows);
  // Slices enough that a few rows fill the machine too; a lane keeps one number and its place for each.
  const wanted = Math.ceil((context.info.software ? 16 : 1024) / strips);
  const slices = Math.max(1, Math.min(wanted, Math.floor(a.columns / 2)));
  const width = roundUp(Math.ceil(b.count / slices), tileColumns);
  const cut = Math.ceil(b.count / width);
  const parts = cut * tuning.WX;
  const [scores, indices] = [0, 1].map(() => context.scratch(parts * a.count, op));
  const sign = chord ? -1 : signOf(a.metric);
  const [lhs, rhs] = [featuresOf(a), featuresOf(b)];
  context.run(chord ? row_nearest_chord : sign < 0 ? row_nearest_distance : row_nearest, {
    params: {
      rows: a.count,
      columns: b.count,
      depth: a.columns,
      lhs_stride4: lhs.stride / 4,
      rhs_stride4: rhs.stride / 4,
      slices: cut,
      slice_columns: width,
      scale: sign,
    },
    buffers: {
      lhs: lhs.of,
      rhs: rhs.of,
      part_scores: scores,
      part_indices: indices,
      ...(chord && b.units ? { inverse_norms: b.units.inverseNorms } : {}),
    },
    groups: strips * cut,
    work: (sign < 0 ? 2 : 1) * a.count * b.count * (a.columns + 16),
    ...placedBetween(context, lhs, rhs, a.columns, { ...tuning, SKIP: SKIP[exclude ?? 'none'] }),
  });
  context.run(nearest_merge, {
    params: { rows: a.count, columns: b.count, parts, sign },
    buffers: { part_scores: scores, part_indices: indices, scores: found.scores, indices: found.indices },
    groups: Math.ceil(a.count / 64),
    work: 4 * a.count * parts,
  });
  scores.release();
  indices.release();
}

const BLOCK_STEP = 64;

/** A block of rows of `a` at a time: their scores, and a heap of the best for each. */
function launchTopK(
  context: Context,
  op: string,
  a: Points,
  b: Points,
  found: Found,
  { k, exclude }: { k: number; exclude?: 'self' },
): void {
  const bytes = Math.min(
    BLOCK_BYTES[context.info.software ? 'software' : 'hardware'],
    context.info.limits.maxStorageBufferBindingSize,
  );
  const fitting = Math.floor(bytes / (4 * b.count) / BLOCK_STEP) * BLOCK_STEP;
  const width = Math.max(BLOCK_STEP, Math.min(fitting, roundUp(a.count, BLOCK_STEP)));
  const all = context.scratch(b.count * width, op);
  const best = context.scratch(k * width, op);
  const bestIndex = context.scratch(k * width, op);
  for (let first = 0; first < a.count; first += width) {
    const count = Math.min(width, a.count - first);
    launchSimilarity(context, b, a, { of: all, at: 0, stride: width }, 1, { first, count });
    context.run(top_k, {
      params: {
        rows: count,
        first_row: first,
        columns: b.count,
        stride: width,
        k,
        itself: exclude ? 1 : 0,
        sign: signOf(a.metric),
      },
      buffers: { all, best, best_index: bestIndex, scores: found.scores, indices: found.indices },
      groups: Math.ceil(count / 64),
      work: count * (2 * b.count + 128 * k),
    });
  }
  for (const storage of [all, best, bestIndex]) storage.release();
}

/** Whether the nearest has the largest score, or the smallest. */
function signOf(metric: Metric): number {
  return metric === 'sqeuclidean' ? -1 : 1;
}
