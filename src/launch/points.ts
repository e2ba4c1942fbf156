import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { differences, differences_rows } from '../gpu/kernels.generated.ts';
import { because } from '../tuning/choices.ts';
import { copyRows, type Operand, packedTranspose } from './pack.ts';
import { launchProduct } from './product.ts';
import type { Columns } from './rowPass.ts';
import { roundUp, tileOf } from './tile.ts';
import { makeUnits, noReflection, type Units, unitsBackward } from './unitRows.ts';

/** What s_ij is: the cosine, the product, or the squared distance of rows a_i and b_j. */
export type Metric = 'cosine' | 'dot' | 'sqeuclidean';

export const METRICS: readonly Metric[] = ['cosine', 'dot', 'sqeuclidean'];

/** The rows of a matrix as sweeps over pairs read them: in both layouts, unit length for the cosine, zeros behind them. */
export interface Points {
  readonly metric: Metric;
  readonly count: number;
  readonly columns: number;
  /** [paddedRows, rowStride] */
  readonly rows: Storage;
  readonly rowStride: number;
  readonly paddedRows: number;
  /** [columns, paddedRows] */
  readonly transposed: Storage;
  readonly units: Units | null;
  release(): void;
}

/**
 * @param reflection which reflection unit rows are in: that of `x` itself (see `makeReflection`), of the points that they meet, or
 * none, where they meet rows that are in none
 */
export function makePoints(
  context: Context,
  op: string,
  name: string,
  x: Tensor,
  metric: Metric,
  reflection: 'own' | 'none' | Points = 'none',
): Points {
  const [count, columns] = check.matrix(op, name, x);
  check.bindableInput(op, context, name, x);
  const paddedRows = roundUp(count, 4);
  if (metric === 'cosine') {
    const none = reflection === 'none' ? noReflection(context, op, columns) : undefined;
    const units = makeUnits(context, op, { [name]: x }, 4, none ?? (reflection as Points).units?.reflection);
    none?.release();
    const { rows, transposed, rowStride } = units;
    const release = (): void => units.release();
    return { metric, count, columns, rows, rowStride, paddedRows, transposed, units, release };
  }
  const source = { of: x, rows: count, columns };
  const rows = copyRows(context, op, source, paddedRows);
  const packed = packedTranspose(context, op, source, paddedRows);
  const transposed = packed.of as Storage;
  const release = (): void => {
    rows.release();
    packed.release();
  };
  return { metric, count, columns, rows, rowStride: roundUp(columns, 4), paddedRows, transposed, units: null, release };
}

/** What of points is weighed: their rows. */
export type WeighedPoints = Pick<Points, 'metric' | 'count' | 'columns' | 'rows' | 'rowStride'>;

/** The points as a left or right operand of a product along the features. */
export function featuresOf({
  transposed,
  paddedRows,
  count,
}: Pick<Points, 'transposed' | 'paddedRows' | 'count'>): Columns {
  return { of: transposed, stride: paddedRows, rows: count };
}

/** The points as the right operand of a product along the rows, from row `first` on. */
export function rowsOf({ rows, rowStride }: WeighedPoints, first = 0): Operand {
  return { of: rows, at: first * rowStride, stride: rowStride };
}

/** out[i, j] = scale * s_ij, for all rows i of `a` and a range of the rows j of `b` */
export function launchSimilarity(
  context: Context,
  a: Points,
  b: Points,
  out: Operand,
  scale: number,
  { first, count } = { first: 0, count: b.count },
): void {
  const size = { rows: a.count, columns: count, depth: a.columns };
  const lhs = { of: a.transposed, at: 0, stride: a.paddedRows };
  const rhs = { of: b.transposed, at: first, stride: b.paddedRows };
  const pairs = a.metric === 'sqeuclidean' ? 'distances' : 'products';
  launchProduct(context, size, { ...lhs, along: 'columns' }, rhs, out, { scale, pairs });
}

/** The gradient for one side's points, gathered by `addToGradient`, from which `finishGradient` makes that of the raw rows. */
export interface PointsGradient {
  readonly points: WeighedPoints & Pick<Points, 'units'>;
  readonly into: Operand;
  /** Whether something was gathered already. */
  begun: boolean;
}

/** Room for the gradient of the points: of the unit rows in scratch, of raw rows in the tensor that is the result. */
export function startGradient(context: Context, op: string, points: Points): PointsGradient {
  const { units, paddedRows, rowStride, count, columns } = points;
  const into = units
    ? { of: context.scratch(paddedRows * rowStride, op), at: 0, stride: rowStride }
    : { of: context.empty([count, columns], op), at: 0, stride: columns };
  return { points, into, begun: false };
}

/**
 * Adds sum_k w_ik d s_ik / d own_i * scale to `count` rows of the gradient from row `first` on.
 * @param weights w as a product's left operand
 * @param others the points k that are weighed, from row `from` on
 */
export function addToGradient(
  context: Context,
  to: PointsGradient,
  rows: { first: number; count: number },
  weights: Operand & { along: 'columns' | 'rows' },
  others: { points: WeighedPoints; from: number; depth: number },
  { scale, more = to.begun }: { scale: number; more?: boolean },
): void {
  const { points, into } = to;
  const size = { rows: rows.count, columns: points.columns, depth: others.depth };
  const out = { ...into, at: rows.first * into.stride };
  const rhs = rowsOf(others.points, others.from);
  if (points.metric !== 'sqeuclidean')
    return launchProduct(context, size, weights, rhs, out, { scale, accumulating: more });
  const own = rowsOf(points, rows.first);
  const {
    tuning,
    rows: tileRows,
    columns: tileColumns,
  } = tileOf(context, 'product', size.rows, size.columns, size.depth);
  const strips = Math.ceil(size.columns / tileColumns);
  context.run(weights.along === 'rows' ? differences_rows : differences, {
    params: {
      ...size,
      strips,
      lhs_at4: weights.at / 4,
      lhs_stride4: weights.stride / 4,
      rhs_at4: rhs.at / 4,
      rhs_stride4: rhs.stride / 4,
      own_at4: own.at / 4,
      own_stride4: own.stride / 4,
      out_at: out.at,
      out_stride: out.stride,
      scale: 2 * scale,
      accumulating: more ? 1 : 0,
    },
    buffers: { lhs: weights.of, rhs: rhs.of, own: own.of, out: out.of },
    groups: Math.ceil(size.rows / tileRows) * strips,
    work: 2 * size.rows * size.columns * size.depth,
    tuning: weights.chosen ? because(tuning, weights.chosen) : tuning,
  });
}

const PANEL_STEP = 16; // whatever the tile: what a panel adds up is part of the result's bits

/** Rows of a panel of weights against all of `points`: enough to keep launches few, within 4 N D floats and one binding. */
export function rowsPerPanel(
  context: Context,
  { paddedRows, columns }: Pick<Points, 'paddedRows' | 'columns'>,
  count: number,
): number {
  const wanted = Math.min(Math.max(paddedRows / 8, 128), 1024, 4 * columns, count);
  const bindable = context.info.limits.maxStorageBufferBindingSize / (4 * paddedRows);
  return Math.max(PANEL_STEP, Math.floor(Math.min(wanted, bindable) / PANEL_STEP) * PANEL_STEP);
}

/** The gradient for the raw rows. */
export function finishGradient(context: Context, op: string, { points, into }: PointsGradient): Tensor {
  if (!points.units) return into.of as Tensor;
  const gradient = into.of as Storage;
  const [dx] = unitsBackward(context, op, points.units, [points.count], gradient, { dy: context.constant(1) });
  gradient.release();
  return dx;
}
