import type { RowRange } from '../core/chunks.ts';
import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { inner_rows, off_diagonal, outlier_features, outlier_rows, outlier_squares } from '../gpu/kernels.generated.ts';
import { type Features, featureColumns, featureRows } from '../launch/features.ts';
import { launchGram } from '../launch/gram.ts';
import { leftRows, type Operand, type Packed, packedRows, packedTranspose } from '../launch/pack.ts';
import { launchProduct } from '../launch/product.ts';
import type { Term } from '../launch/reduce.ts';
import { roundUp, rowTuning } from '../launch/tile.ts';
import type { Choice } from '../tuning/choices.ts';

/**
 * What lies off the diagonal of C = scale X0^T X1, D x D, X the standardised (or centred) features of two views or of one.
 *
 * For N > D, C itself. For N < D the N x N Gram matrices K = X X^T instead, since |C|^2 = scale^2 <K0, K1> and X1 C^T =
 * scale K1 X0, for 6 N D min(N, D) operations and O(N min(N, D)) memory either way. The second form gives the whole of C,
 * with the diagonal to be taken off by the caller.
 */
export interface OffDiagonal {
  /** Sums that make up sum_{d != e} C_de^2, plus C_dd^2 of the features that are no outliers where `whole`. */
  readonly squares: readonly Term[];
  /** For each view v, but for a factor: sum_e x_e C_de over the other view's features e for each feature d of it; none for a value alone. */
  readonly gradients: readonly Tensor[];
  /** Whether `squares` and `gradients` contain e = d, for features that are no outliers. */
  readonly whole: boolean;
  release(): void;
}

/** C itself or the Gram matrices of the rows. Sizes are N, D and the views (1 or 2). */
const FORM: Choice<'primal' | 'dual'> = {
  name: 'second-order form',
  options: {
    primal: ([n, d, views]) => ({ flops: 3 * views * n * d * d, dispatches: 2 + 3 * views }),
    dual: ([n, d, views]) => ({ flops: 3 * views * n * n * d, dispatches: 1 + 5 * views }),
  },
};

/** The smaller Gram matrix; where they are nearly of one size, the faster form: both then take O(N D) memory. */
function isDual(context: Context, rows: number, columns: number, views: 1 | 2): boolean {
  if (Math.max(rows, columns) > 2 * Math.min(rows, columns)) return rows < columns;
  return context.choose(FORM, [rows, columns, views]).option === 'dual';
}

const OUTLIERS = 16; // features at least, and one for as many rows: see `autoDual`

/** Of two views. No feature is an outlier. */
export function crossOffDiagonal(
  context: Context,
  op: string,
  views: readonly [Features, Features],
  scale: number,
  wanted: boolean,
): OffDiagonal {
  const { rows, columns } = views[0];
  return isDual(context, rows, columns, 2)
    ? crossDual(context, op, views, scale, wanted)
    : primal(context, op, views, scale, wanted);
}

/** Of one view with itself. */
export function autoOffDiagonal(
  context: Context,
  op: string,
  view: Features,
  scale: number,
  wanted: boolean,
): OffDiagonal {
  if (isDual(context, view.rows, view.columns, 1)) return autoDual(context, op, view, scale, wanted);
  return primal(context, op, [view], scale, wanted);
}

function primal(context: Context, op: string, views: readonly Features[], scale: number, wanted: boolean): OffDiagonal {
  const [{ rows, columns }] = views;
  const packed = views.map((view) => featureRows(context, op, view));
  const stride = roundUp(columns, 4);
  const c = context.scratch(columns * stride, op);
  launchGram(context, op, columns, rows, packed[0], packed[packed.length - 1], { of: c, at: 0, stride }, { scale });
  const squares = context.scratch(columns, op);
  const { tuning, rowsPerGroup } = rowTuning(context);
  context.run(off_diagonal, {
    params: { n: columns, stride },
    buffers: { c, squares },
    groups: Math.ceil(columns / rowsPerGroup),
    work: 2 * columns * columns,
    tuning,
  });
  const gradients = !wanted
    ? []
    : views.map((_, v) => {
        // sum_e x_e C_de needs C's transpose for the first of two views; of one view, C is its own.
        const source = { of: c, rows: columns, columns, stride };
        const matrix =
          views.length === 2 && v === 0 ? packedTranspose(context, op, source) : packedRows(context, op, source);
        const { of, stride: across } = packed[views.length - 1 - v];
        const { along, operand } = leftRows(context, op, { of, rows, columns, stride: across }, columns);
        const gradient = context.unscoped(() => context.empty([rows, columns], op));
        const size = { rows, columns, depth: columns };
        launchProduct(context, size, { ...operand, along }, matrix, { of: gradient, at: 0, stride: columns });
        operand.release();
        matrix.release();
        return gradient;
      });
  for (const { release } of packed) release();
  c.release();
  return { squares: [{ of: squares, count: columns }], gradients, whole: false, release: () => squares.release() };
}

function crossDual(
  context: Context,
  op: string,
  views: readonly [Features, Features],
  scale: number,
  wanted: boolean,
): OffDiagonal {
  const { rows, columns } = views[0];
  const grams = views.map((view) => rowGram(context, op, view, scale));
  const squares = context.scratch(rows, op);
  launchInner(context, grams[0], grams[1], squares, rows);
  const gradients = !wanted
    ? []
    : views.map((view, v) => {
        const gradient = context.unscoped(() => context.empty([rows, columns], op));
        for (const piece of pieces(view)) gradientRows(context, op, view, piece, grams[1 - v], gradient).release();
        return gradient;
      });
  for (const { of } of grams) (of as Storage).release();
  return { squares: [{ of: squares, count: rows }], gradients, whole: true, release: () => squares.release() };
}

/**
 * |K|^2 is the whole of C, so what lies off the diagonal is a difference, and one feature that outweighs the others would
 * leave no digit of it; nor would its own share in K x_d leave any of its gradient. So the M features of largest spread
 * are not in K: their M x D covariances are computed as such, and add up without a difference. Of the others, uncorrelated
 * at random, the diagonal is then at most N / 2M = 8 times what lies off it, whatever the spreads.
 */
function autoDual(context: Context, op: string, view: Features, scale: number, wanted: boolean): OffDiagonal {
  const { z, rows, columns, moments } = view;
  const count = Math.min(columns, Math.max(OUTLIERS, Math.ceil(rows / OUTLIERS)));
  const outliers = context.scratch(count, op);
  context.run(outlier_features, {
    params: { columns, count },
    buffers: { moments, outliers },
    groups: 1,
    work: 8 * count * columns,
  });
  const stride = roundUp(count, 4);
  const outlierRows = context.scratch(rows * stride, op);
  context.run(outlier_rows, {
    params: { rows, columns, count, out_stride: stride },
    buffers: { z, moments, outliers, out: outlierRows },
    groups: Math.ceil((rows * stride) / 256),
    work: 4 * rows * stride,
  });
  const gram = rowGram(context, op, view, scale);
  const otherSquares = context.scratch(rows, op);
  launchInner(context, gram, gram, otherSquares, rows);
  const outlierSquares = context.scratch(columns, op);
  const gradient = wanted ? context.unscoped(() => context.empty([rows, columns], op)) : null;
  for (const piece of pieces(view)) {
    const own = gradient
      ? gradientRows(context, op, view, piece, gram, gradient)
      : featureRows(context, op, view, piece);
    const products = { of: context.scratch(count * own.stride, op), at: 0, stride: own.stride };
    const lhs = { of: outlierRows, at: 0, stride, along: 'columns' as const };
    launchProduct(context, { rows: count, columns: piece.count, depth: rows }, lhs, own, products, { scale });
    own.release();
    context.run(outlier_squares, {
      params: { count, stride: products.stride, first: piece.first, columns: piece.count },
      buffers: { outliers, moments, products: products.of, squares: outlierSquares },
      groups: Math.ceil(piece.count / 64),
      work: 2 * count * piece.count,
    });
    if (gradient) {
      const { along, operand } = leftRows(context, op, { of: outlierRows, rows, columns: count, stride }, piece.count);
      const size = { rows, columns: piece.count, depth: count };
      const to = { of: gradient, at: piece.first, stride: columns };
      launchProduct(context, size, { ...operand, along }, products, to, { accumulating: true });
      operand.release();
    }
    products.of.release();
  }
  for (const storage of [outliers, outlierRows, gram.of as Storage]) storage.release();
  const release = (): void => {
    otherSquares.release();
    outlierSquares.release();
  };
  const squares = [
    { of: otherSquares, count: rows },
    { of: outlierSquares, count: columns },
  ];
  return { squares, gradients: gradient ? [gradient] : [], whole: true, release };
}

/** Ranges of features that are laid out at a time, so that the copies stay within O(N^2) floats. */
function pieces({ rows, columns }: Features): RowRange[] {
  const width = Math.max(1024, 8 * roundUp(rows, 16));
  return Array.from({ length: Math.ceil(columns / width) }, (_, i) => ({
    first: i * width,
    count: Math.min(width, columns - i * width),
  }));
}

/** scale * sum over the features that are no outliers of x_d x_d^T: [N, N] */
function rowGram(context: Context, op: string, view: Features, scale: number): Operand {
  const { rows } = view;
  const stride = roundUp(rows, 4);
  const out = { of: context.scratch(rows * stride, op), at: 0, stride };
  for (const piece of pieces(view)) {
    const transposed = featureColumns(context, op, view, piece);
    launchGram(context, op, rows, piece.count, transposed, transposed, out, { scale, accumulating: piece.first > 0 });
    transposed.release();
  }
  return out;
}

/** gradient[:, piece] = K X[:, piece]; returns the features as they were laid out for it. */
function gradientRows(
  context: Context,
  op: string,
  view: Features,
  piece: RowRange,
  gram: Operand,
  gradient: Tensor,
): Packed {
  const { rows, columns } = view;
  const own = featureRows(context, op, view, piece);
  const size = { rows, columns: piece.count, depth: rows };
  launchProduct(context, size, { ...gram, along: 'columns' }, own, { of: gradient, at: piece.first, stride: columns });
  return own;
}

/** out[i] = sum_j a_ij b_ij */
function launchInner(context: Context, a: Operand, b: Operand, out: Storage, n: number): void {
  const { tuning, rowsPerGroup } = rowTuning(context);
  context.run(inner_rows, {
    params: { n, stride: a.stride },
    buffers: { a: a.of, b: b.of, out },
    groups: Math.ceil(n / rowsPerGroup),
    work: n * n,
    tuning,
  });
}
