import * as check from '../core/checkTensor.ts';
import type { RowRange } from '../core/chunks.ts';
import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import {
  feature_columns,
  feature_moments,
  feature_rows,
  feature_slices,
  standard_grad,
  standard_grad_sums,
} from '../gpu/kernels.generated.ts';
import type { Packed } from './pack.ts';
import { launchSum } from './reduce.ts';
import { roundUp } from './tile.ts';

const SLICE_ROWS = 128; // rows whose sums one lane makes: short chains, and lanes enough for a tall narrow matrix
const CELL_ROWS = 16; // rows whose elements one lane makes

/** The features (columns) of a batch with their moments, from which kernels centre or standardise as they read. */
export interface Features {
  readonly z: Tensor;
  readonly rows: number;
  readonly columns: number;
  /** [columns] of `Moments`, see kernels/features/standard.wgsl */
  readonly moments: Storage;
  /** Added to the variances before features are divided by their deviations; undefined where they are only centred. */
  readonly epsilon: number | undefined;
  release(): void;
}

/** Mean and spread of every feature. With `epsilon` features are standardised by the biased variance, else only centred. */
export function makeFeatures(context: Context, op: string, name: string, z: Tensor, epsilon?: number): Features {
  const [rows, columns] = check.matrix(op, name, z);
  if (rows < 2) check.fail(op, `${name} has 1 row, expected at least 2 to take a variance.`);
  check.bindableInput(op, context, name, z);
  const { slices, ...slice } = rowSlices(rows, columns);
  const means = context.scratch(slices * columns, op);
  const spreads = context.scratch(slices * columns, op);
  context.run(feature_slices, {
    params: { rows, columns, ...slice },
    buffers: { z, means, spreads },
    groups: slices * slice.strips,
    work: 4 * rows * columns,
  });
  const moments = context.scratch(4 * columns, op);
  context.run(feature_moments, {
    params: {
      rows,
      columns,
      slices,
      slice_rows: slice.slice_rows,
      standardising: epsilon === undefined ? 0 : 1,
      epsilon: epsilon ?? 0,
    },
    buffers: { means, spreads, moments },
    groups: Math.ceil(columns / 64),
    work: 6 * slices * columns,
  });
  means.release();
  spreads.release();
  return { z, rows, columns, moments, epsilon, release: () => moments.release() };
}

/** How column kernels share a matrix: a lane a column and slice of rows, 64 columns a workgroup. */
export function rowSlices(
  rows: number,
  columns: number,
  most = SLICE_ROWS,
): { slices: number; slice_rows: number; strips: number } {
  return { slices: Math.ceil(rows / most), slice_rows: Math.min(rows, most), strips: Math.ceil(columns / 64) };
}

/** The same for kernels that sum nothing: `engine.run`'s groups, and params. */
export function rowCells(
  rows: number,
  columns: number,
): { groups: number; cells: { slice_rows: number; strips: number } } {
  const { slices, ...cells } = rowSlices(rows, columns, CELL_ROWS);
  return { groups: slices * cells.strips, cells };
}

/** A range of features, or all, as rows along them: [rows, count rounded up to 4]. */
export function featureRows(
  context: Context,
  op: string,
  { z, rows, columns, moments }: Features,
  { first, count }: RowRange = { first: 0, count: columns },
): Packed {
  const stride = roundUp(count, 4);
  const out = context.scratch(rows * stride, op);
  const { groups, cells } = rowCells(rows, stride);
  context.run(feature_rows, {
    params: { rows, columns, ...cells, first, count, out_stride: stride },
    buffers: { z, moments, out },
    groups,
    work: 4 * rows * stride,
  });
  return { of: out, at: 0, stride, release: () => out.release() };
}

/** A range of features transposed, zeros in place of outliers: [count, rows rounded up to 4]. */
export function featureColumns(
  context: Context,
  op: string,
  { z, rows, columns, moments }: Features,
  { first, count }: RowRange,
): Packed {
  const stride = roundUp(rows, 4);
  const out = context.scratch(count * stride, op);
  context.run(feature_columns, {
    params: { rows, columns, first, count, out_stride: stride },
    buffers: { z, moments, out },
    groups: Math.ceil((Math.ceil(count / 4) * (stride / 4)) / 64),
    work: 6 * count * stride,
  });
  return { of: out, at: 0, stride, release: () => out.release() };
}

/**
 * In place: `g` becomes dy times the gradient for the raw features, from factor * g + own * (the other view's standardised
 * features), the gradient for the standardised ones.
 */
export function standardBackward(
  context: Context,
  op: string,
  features: Features,
  other: Features,
  { g, own, factor, dy }: { g: Tensor; own: Storage; factor: number; dy: Tensor },
): void {
  const { z, rows, columns, moments } = features;
  const shared = { z, moments, other: other.z, other_moments: other.moments, own, g };
  const { slices, ...slice } = rowSlices(rows, columns);
  const partial = context.scratch(2 * slices * columns, op);
  context.run(standard_grad_sums, {
    params: { rows, columns, factor, ...slice },
    buffers: { ...shared, sums: partial },
    groups: slices * slice.strips,
    work: 8 * rows * columns,
  });
  const sums = context.scratch(2 * columns, op);
  launchSum(context, partial, sums, { outer: 1, reduced: slices, inner: 2 * columns });
  partial.release();
  const { groups, cells } = rowCells(rows, columns);
  context.run(standard_grad, {
    params: { rows, columns, ...cells, factor, epsilon: features.epsilon ?? 0 },
    buffers: { ...shared, sums, dy },
    groups,
    work: 10 * rows * columns,
  });
  sums.release();
}
