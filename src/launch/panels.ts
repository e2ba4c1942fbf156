import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import type { KernelSource, Params, Tuning } from '../gpu/kernel.ts';
import { placedBetween } from './operands.ts';
import { leftRows } from './pack.ts';
import {
  addToGradient,
  featuresOf,
  finishGradient,
  type Points,
  type PointsGradient,
  rowsPerPanel,
  startGradient,
  type WeighedPoints,
} from './points.ts';
import { shrunk, tileOf } from './tile.ts';

/** A kernel that writes the weights w[j - first, i] of a panel, and what it needs beside the points. */
export interface Weighing {
  readonly kernel: KernelSource;
  readonly params?: Params;
  readonly buffers: Readonly<Record<string, Tensor | Storage>>;
  readonly tuning: Tuning;
  /** The most rows and columns an invocation may take where its sums are in registers. Default: any tile's. */
  readonly most?: { rows: number; columns: number };
}

/** A panel of weights w[j - first, i] of `count` columns j, and all rows i. */
export interface Panel {
  readonly weights: Storage;
  /** From one column j of the panel to the next, in floats. */
  readonly width: number;
  readonly first: number;
  readonly count: number;
}

/**
 * Gradients of both sides' raw rows from w_ij = d loss / d s_ij, of which a panel of columns j exists at a time. Of rows
 * against themselves the kernel writes w_ij + w_ji (its BOTH is 1): its weighted sum is the whole gradient of the rows.
 */
export function gradientInPanels(
  context: Context,
  op: string,
  left: Points,
  right: Points,
  scale: number,
  weighing: Weighing,
): Tensor[] {
  const alone = left === right;
  const toLeft = startGradient(context, op, left);
  const toRight = alone ? toLeft : startGradient(context, op, right);
  walkPanels(context, op, left, right, weighing, (panel) => {
    addToLeft(context, toLeft, panel, right, scale);
    if (!alone) addToRight(context, op, toRight, panel, left, scale);
  });
  const da = finishGradient(context, op, toLeft);
  return alone ? [da] : [da, finishGradient(context, op, toRight)];
}

/** Makes the weights a panel at a time, and shows each to `visit`. */
export function walkPanels(
  context: Context,
  op: string,
  left: Points,
  right: Points,
  { kernel, params, buffers, tuning: own, most }: Weighing,
  visit: (panel: Panel) => void,
): void {
  const any = tileOf(context, 'pairs', right.count, left.count, left.columns);
  const { tuning, rows: tileRows, columns: tileColumns } = most && any.tuning.REGISTERS !== 0 ? shrunk(any, most) : any;
  const width = left.paddedRows;
  const strips = Math.ceil(width / tileColumns);
  const panel = rowsPerPanel(context, left, right.count);
  const weights = context.scratch(panel * width, op);
  for (let first = 0; first < right.count; first += panel) {
    const count = Math.min(panel, right.count - first);
    context.run(kernel, {
      params: {
        rows: right.count,
        columns: left.count,
        depth: left.columns,
        lhs_stride4: right.paddedRows / 4,
        rhs_stride4: left.paddedRows / 4,
        first,
        count,
        width4: width / 4,
        strips,
        ...params,
      },
      buffers: { lhs: right.transposed, rhs: left.transposed, weights, ...buffers },
      groups: Math.ceil(count / tileRows) * strips,
      work: count * width * (left.columns + 16),
      ...placedBetween(context, { ...featuresOf(right), rows: count }, featuresOf(left), left.columns, {
        ...tuning,
        ...own,
        BOTH: left === right ? 1 : 0,
      }),
    });
    visit({ weights, width, first, count });
  }
  weights.release();
}

/** Adds sum_j w_ij of the points j of the panel to every row i. */
export function addToLeft(
  context: Context,
  to: PointsGradient,
  { weights, width, first, count }: Panel,
  points: WeighedPoints,
  scale: number,
): void {
  const all = { first: 0, count: to.points.count };
  const w = { of: weights, at: 0, stride: width, along: 'columns' } as const;
  addToGradient(context, to, all, w, { points, from: first, depth: count }, { scale });
  to.begun = true;
}

/** Adds sum_i w_ij of the points i to the rows j of the panel, which are in no other. */
export function addToRight(
  context: Context,
  op: string,
  to: PointsGradient,
  { weights, width, first, count }: Panel,
  points: WeighedPoints,
  scale: number,
): void {
  const { along, operand } = leftRows(context, op, { of: weights, rows: count, columns: width }, to.points.columns);
  const others = { points, from: 0, depth: points.count };
  addToGradient(context, to, { first, count }, { ...operand, along }, others, { scale });
  operand.release();
}
