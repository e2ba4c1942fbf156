import type { Context } from '../../core/context.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { Storage } from '../../gpu/buffers.ts';
import { placedBetween } from '../../launch/operands.ts';
import { featuresOf } from '../../launch/points.ts';
import { launchProduct } from '../../launch/product.ts';
import type { Form } from '../../launch/productForm.ts';
import { type Tile, tileOf } from '../../launch/tile.ts';
import type { Units } from '../../launch/unitRows.ts';
import type { PairProblem, PairSchedule } from './problem.ts';
import { makeTriangle, type PairOperand } from './triangle.ts';

/** Nothing is cached. The gradient computes the weights again, a panel of columns at a time, within 4 n d floats. */
export function panels(problem: PairProblem, tile: Tile, form: Form): PairSchedule {
  const { units, operand, sums, release } = makeTriangle(problem, tile, form, { growing: true });
  return {
    units,
    sums: () => sums(null),
    gradient: (temperature, rows) => pairGradientInPanels(problem, tile, units, operand, temperature, rows),
    release,
  };
}

/** See `PairGradient.gradient`. */
export function pairGradientInPanels(
  { op, context, kernels }: PairProblem,
  tile: Tile,
  units: Units,
  operand: PairOperand,
  temperature: Tensor,
  rows: Readonly<Record<string, Storage>>,
): Storage {
  const { paddedRows, rowStride, count: n, columns } = units;
  const gradient = context.scratch(paddedRows * rowStride, op);
  const panel = columnsPerPanel(context, units, tile.columns);
  const product = tileOf(context, 'product', n, columns, panel);
  const weights = context.scratch(panel * paddedRows, op);
  const features = { ...featuresOf(units), of: operand.of };
  for (let first = 0; first < paddedRows; first += panel) {
    const here = Math.min(panel, paddedRows - first);
    const width = paddedRows - first;
    const strips = Math.ceil(width / tile.columns);
    context.run(kernels.panel, {
      params: { n, columns, stride4: paddedRows / 4, first, width4: width / 4, strips },
      buffers: { lhs: operand.of, rhs: operand.of, ...rows, temperature, weights },
      groups: Math.ceil(here / tile.rows) * strips,
      work: here * width * (columns + 32),
      ...placedBetween(context, { ...features, rows: here }, { ...features, rows: width }, columns, {
        ...tile.tuning,
        ...operand.tuning,
      }),
    });
    // Rows from the panel on gather from its columns; rows before it have gathered from theirs, and the panel from them.
    launchProduct(
      context,
      { rows: width, columns, depth: here },
      { of: weights, at: 0, stride: width, along: 'columns' },
      { of: units.rows, at: first * rowStride, stride: rowStride },
      { of: gradient, at: first * rowStride, stride: rowStride },
      { accumulating: first > 0, tile: product },
    );
    if (width > here)
      launchProduct(
        context,
        { rows: here, columns, depth: width - here },
        { of: weights, at: here, stride: width, along: 'rows' },
        { of: units.rows, at: (first + here) * rowStride, stride: rowStride },
        { of: gradient, at: first * rowStride, stride: rowStride },
        { accumulating: true, tile: product },
      );
  }
  weights.release();
  return gradient;
}

/** Columns a panel, a multiple of `step`: such that its n x width weights stay within 4 n d, and can be bound. */
export function columnsPerPanel(context: Context, { count: n, columns, paddedRows }: Units, step: number): number {
  const bindable = context.info.limits.maxStorageBufferBindingSize / (4 * paddedRows);
  return Math.max(step, Math.floor(Math.min(wantedWidth(n, columns), bindable) / step) * step);
}

/** Wide enough to keep launches few. */
export function wantedWidth(n: number, columns: number): number {
  return Math.min(Math.max(n / 8, 128), 1024, 4 * columns);
}
