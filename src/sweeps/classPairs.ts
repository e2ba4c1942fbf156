import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { copyInto } from '../core/fills.ts';
import type { Tensor } from '../core/tensor.ts';
import { relu_grad } from '../gpu/kernels.generated.ts';
import { launchPair } from '../launch/broadcast.ts';
import { countInto } from '../launch/gatherRows.ts';
import { add, div, sub } from '../ops/arithmetic.ts';
import { concat } from '../ops/concat.ts';
import { type Labels, labelTensor } from '../ops/labels.ts';
import { logSumExp } from '../ops/logSumExp.ts';
import { type PairTerms, reducePairs } from '../ops/pairReduction.ts';
import { reshape } from '../ops/reshape.ts';
import { sum } from '../ops/sum.ts';
import { relu } from '../ops/unary.ts';

/** Rows [N, D] and the numbers of their classes [N]. */
export interface Labelled {
  readonly name: string;
  readonly rows: Tensor;
  readonly labels: Tensor;
}

/** Labels of the rows of `z`, [N, D] or [..., D], checked and on the GPU before anything is launched: [N]. */
export function labelsOfRows(op: string, name: string, labels: Labels, z: Tensor, classes = 2 ** 31): Tensor {
  const leading = z.shape.slice(0, -1);
  const rows = leading.reduce((a, b) => a * b, 1);
  return labelTensor(op, name, labels, z.context, { rows, leading, classes });
}

/** How many classes a matrix has that holds a row for each, as long as the rows of `z`. */
export function checkClasses(op: string, z: Tensor, name: string, matrix: Tensor): number {
  const [, columns] = check.rows(op, 'z', z);
  const [classes, theirs] = check.matrix(op, name, matrix);
  if (theirs !== columns) check.fail(op, `${name} has ${theirs} columns, expected ${columns} to match z.`);
  return classes;
}

/** 0, 1, ... for a row a class. */
export function classNumbers(context: Context, op: string, classes: number): Tensor {
  const numbers = context.empty([classes], op, 'i32');
  countInto(context, numbers, 0);
  return numbers;
}

/** A reduction of the pairs (i, j) of one class, or of different ones. */
export interface ClassPairs extends Pick<PairTerms, 'metric' | 'reduce' | 'parameters'> {
  /** f and df/ds of the pairs that count, WGSL in `s` and the names of `parameters`: see `pairReduction`. */
  readonly value: string;
  readonly derivative: string;
  readonly of: 'same' | 'different';
}

/**
 * Sums or log-sum-exps over the pairs of two labelled sets, or of one with itself, where no row meets itself. What both kinds
 * of pairs have in common is one kernel: which kind counts is a parameter.
 */
export function reduceClassPairs(
  op: string,
  context: Context,
  a: Labelled,
  b: Labelled | undefined,
  { value, derivative, of, parameters, ...how }: ClassPairs,
): Tensor {
  const sides = b ? [a, b] : [a, a];
  const counts = sides.map(({ rows }) => rows.shape[0]);
  const labels = context.unscoped(() => context.empty([counts[0] + counts[1]], op, 'i32'));
  sides.forEach(({ labels: own }, s) => {
    copyInto(context, labels, own, s * counts[0]);
  });
  const counted = `(label_i == label_j) == (same > 0.5)`;
  const nothing = how.reduce === 'sum' ? '0.0' : '-1e30';
  return reducePairs(
    op,
    context,
    { [a.name]: a.rows, [b ? b.name : '']: b?.rows },
    {
      ...how,
      value: `select(${nothing}, ${value}, ${counted})`,
      derivative: how.reduce === 'sum' ? `select(0.0, ${derivative}, ${counted})` : derivative,
      exclude: b ? undefined : 'self',
      labels,
      parameters: { ...parameters, same: of === 'same' ? 1 : 0 },
    },
  );
}

/** log(1 + e^x) of numbers [N], at any size */
export function softplus(x: Tensor): Tensor {
  const { context } = x;
  const zeros = context.full(x.shape, 0);
  return logSumExp(reshape(concat([x, zeros]), [2, x.size]), 0);
}

/** The mean of the terms above 0, as the pytorch-metric-learning library's AvgNonZeroReducer has it; 0 where there is none. */
export function meanOfPositive(terms: Tensor): Tensor {
  const count = terms.context.noGrad(() => countPositive(terms));
  return div(sum(terms), atLeastOne(count));
}

/** How many numbers are above 0. */
export function countPositive(x: Tensor): Tensor {
  const { context } = x;
  const positive = context.empty(x.shape, 'count');
  launchPair(context, relu_grad, 1, x, positive); // 1, or 0 where x is not above 0
  return sum(positive);
}

/** max(x, 1) of counts that divide */
export function atLeastOne(count: Tensor): Tensor {
  return add(relu(sub(count, 1)), 1);
}
