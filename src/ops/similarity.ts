import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { leftRows, packedRows } from '../launch/pack.ts';
import {
  addToGradient,
  finishGradient,
  launchSimilarity,
  METRICS,
  type Metric,
  makePoints,
  startGradient,
} from '../launch/points.ts';

export interface SimilarityOptions {
  /** `'cosine'` (default; rows are normalised inside), `'dot'`, or `'sqeuclidean'`: +|a_i - b_j|^2. */
  metric?: Metric;
  /** A factor. Default 1. */
  scale?: number;
}

/**
 * Every row of `a` against every row of `b`, stored: the full matrix. `similarityLogSumExp` and the losses never store it.
 * @param a [N, D]
 * @param b [M, D]; without it, `a` against itself
 * @returns [N, M], scale * s_ij; gradients flow to both
 */
export function similarity(a: Tensor, b?: Tensor, options?: SimilarityOptions): Tensor {
  const op = 'similarity';
  const alone = b === undefined;
  const context = check.contextOf(op, alone ? { a } : { a, b });
  const { metric, scale } = check.options(op, options, { metric: 'cosine' as Metric, scale: 1 });
  check.oneOf(op, 'metric', metric, METRICS);
  check.finite(op, 'scale', scale);
  const [n] = check.matrix(op, 'a', a);
  if (!alone) check.sameColumns(op, 'a', a, 'b', b);
  const m = (b ?? a).shape[0];
  check.bindable(op, context, [n, m], 'use similarityLogSumExp, which does not store it');
  const left = makePoints(context, op, 'a', a, metric, 'own');
  const right = alone ? left : makePoints(context, op, 'b', b, metric, left);
  const s = context.empty([n, m], op);
  launchSimilarity(context, left, right, { of: s, at: 0, stride: m }, scale);
  const release = (): void => {
    left.release();
    if (!alone) right.release();
  };
  return context.record(op, alone ? [a] : [a, b], s, {
    release,
    backward: (ds) => {
      const toLeft = startGradient(context, op, left);
      const toRight = alone ? toLeft : startGradient(context, op, right);
      const { along, operand: rows } = leftRows(context, op, { of: ds, rows: n, columns: m }, left.columns);
      addToGradient(
        context,
        toLeft,
        { first: 0, count: n },
        { ...rows, along },
        { points: right, from: 0, depth: m },
        { scale },
      );
      rows.release();
      const columns = packedRows(context, op, { of: ds, rows: n, columns: m });
      const weights = { ...columns, along: 'columns' as const };
      addToGradient(
        context,
        toRight,
        { first: 0, count: m },
        weights,
        { points: left, from: 0, depth: n },
        { scale, more: alone },
      );
      columns.release();
      return alone
        ? [finishGradient(context, op, toLeft)]
        : [finishGradient(context, op, toLeft), finishGradient(context, op, toRight)];
    },
  });
}
