import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { add } from '../ops/arithmetic.ts';
import type { Labels } from '../ops/labels.ts';
import { withMatrices } from '../ops/reshape.ts';
import { mean } from '../ops/sum.ts';
import { labelsOfRows, meanOfPositive, reduceClassPairs, softplus } from '../sweeps/classPairs.ts';

export interface CircleOptions {
  /** How far from 1 positives, and from 0 negatives, may stay. Default 0.4; a larger one asks for less. */
  margin?: number;
  /** Sharpness, above 0. Default 80; a larger one looks at the hardest pairs, and the loss grows with it. */
  gamma?: number;
  /** `'nonZero'` (default): the mean of the rows whose term is above 0. `'mean'`: of all rows. */
  reduction?: 'nonZero' | 'mean';
}

/**
 * Circle loss (Sun et al. 2020, arXiv 2002.10857), as the pytorch-metric-learning library has it.
 *
 * l_i = log(1 + sum_p exp(-gamma [1 + m - s_ip]_+ (s_ip - 1 + m)) sum_n exp(gamma [s_in + m]_+ (s_in - m))) over the other rows p
 * of i's label and the rows n of other labels; s are cosines, and the brackets count as constants. Without p or n it is 0.
 * @param z [N, D] or [..., D] raw embeddings (normalised inside)
 * @param labels N integers in [0, 2^31): an Int32Array, or a tensor of i32 or u32
 * @returns one number, the mean of the l_i above 0; the gradient flows to z
 */
export function circle(z: Tensor, labels: Labels, options?: CircleOptions): Tensor {
  const op = 'circle';
  const context = check.contextOf(op, { z });
  check.rows(op, 'z', z);
  const given = check.options(op, options, {
    margin: 0.4,
    gamma: 80,
    reduction: 'nonZero' as 'nonZero' | 'mean',
  });
  check.within(op, 'margin', given.margin, -10, 10);
  check.logits(op, 'gamma', check.positive(op, 'gamma', given.gamma));
  check.oneOf(op, 'reduction', given.reduction, ['nonZero', 'mean']);
  const { margin, gamma, reduction } = given;
  const core = (rows: Tensor, numbers: Tensor): Tensor => {
    // Of positives the bracket is 1 + m - s, of negatives s + m: both are at + way s, and the logit gamma [b]_+ (b - 2 m).
    const side = (of: 'same' | 'different'): Tensor =>
      reduceClassPairs(op, context, { name: 'z', rows, labels: numbers }, undefined, {
        metric: 'cosine',
        reduce: 'logsumexp',
        value: 'gamma * max(at + way * s, 0.0) * (at + way * s - 2.0 * margin)',
        derivative: 'way * gamma * max(at + way * s, 0.0)',
        of,
        parameters: { gamma, margin, ...(of === 'same' ? { at: 1 + margin, way: -1 } : { at: margin, way: 1 }) },
      });
    const terms = softplus(add(side('same'), side('different')));
    return reduction === 'mean' ? mean(terms) : meanOfPositive(terms);
  };
  return context.scope(() => {
    const numbers = labelsOfRows(op, 'labels', labels, z);
    return withMatrices([z], (rows) => core(rows, numbers));
  });
}
