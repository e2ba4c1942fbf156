import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { add, div } from '../ops/arithmetic.ts';
import type { Labels } from '../ops/labels.ts';
import { normalizeOf } from '../ops/normalize.ts';
import { withMatrices } from '../ops/reshape.ts';
import { sum } from '../ops/sum.ts';
import { atLeastOne, labelsOfRows, reduceClassPairs } from '../sweeps/classPairs.ts';

export interface ContrastiveOptions {
  /** What positives may be apart (`'euclidean'`), or are to be alike (`'cosine'`). Default 0. */
  positiveMargin?: number;
  /** What negatives are to be apart, or may be alike. Default 1. */
  negativeMargin?: number;
  /** `'euclidean'` (default): the distance of unit rows. `'cosine'`: their cosine, for which the default margins mean nothing. */
  metric?: 'euclidean' | 'cosine';
  /** `'nonZero'` (default): the means of the pairs whose term is above 0. `'mean'`: of all pairs of a kind. */
  reduction?: 'nonZero' | 'mean';
}

/**
 * Contrastive loss (Hadsell et al. 2006), as the pytorch-metric-learning library has it.
 *
 * L = mean_(i,p) max(0, d_ip - positiveMargin) + mean_(i,n) max(0, negativeMargin - d_in), each mean over its terms above 0: i and
 * p share a label, i and n do not; d is the distance of unit rows. By cosines, s in place of -d.
 * @param z [N, D] or [..., D] raw embeddings (normalised inside)
 * @param labels N integers in [0, 2^31): an Int32Array, or a tensor of i32 or u32
 * @returns one number; the gradient flows to z, 0 from rows that coincide
 */
export function contrastive(z: Tensor, labels: Labels, options?: ContrastiveOptions): Tensor {
  const op = 'contrastive';
  const context = check.contextOf(op, { z });
  check.rows(op, 'z', z);
  const { positiveMargin, negativeMargin, metric, reduction } = check.options(op, options, {
    positiveMargin: 0,
    negativeMargin: 1,
    metric: 'euclidean' as 'euclidean' | 'cosine',
    reduction: 'nonZero' as 'nonZero' | 'mean',
  });
  check.logits(op, 'positiveMargin', positiveMargin);
  check.logits(op, 'negativeMargin', negativeMargin);
  check.oneOf(op, 'metric', metric, ['euclidean', 'cosine']);
  check.oneOf(op, 'reduction', reduction, ['nonZero', 'mean']);
  const euclidean = metric === 'euclidean';
  const core = (matrix: Tensor, numbers: Tensor): Tensor => {
    const rows = euclidean ? normalizeOf(op, 'z', matrix) : matrix;
    const [distance, slope] = euclidean ? ['sqrt(s)', 'select(0.5 / sqrt(s), 0.0, s <= 0.0)'] : ['(-s)', '(-1.0)'];
    const term = `max(way * (${distance} - at), 0.0)`;
    const above = `select(0.0, 1.0, ${term} > 0.0)`;
    // A kind's terms, and how many of them count: one kernel, since only parameters differ.
    const total = (of: 'same' | 'different', margin: number, counted: 'terms' | 'above' | 'all'): Tensor =>
      sum(
        reduceClassPairs(op, context, { name: 'z', rows, labels: numbers }, undefined, {
          metric: euclidean ? 'sqeuclidean' : 'cosine',
          reduce: 'sum',
          value: `select(select(${term}, ${above}, counted > 0.5), 1.0, counted > 1.5)`,
          derivative: `way * ${slope} * ${above}`,
          of,
          parameters: {
            way: of === 'same' ? 1 : -1,
            at: euclidean ? margin : -margin,
            counted: ['terms', 'above', 'all'].indexOf(counted),
          },
        }),
      );
    const kind = (of: 'same' | 'different', margin: number): Tensor => {
      const count = context.noGrad(() => total(of, margin, reduction === 'mean' ? 'all' : 'above'));
      return div(total(of, margin, 'terms'), atLeastOne(count));
    };
    return add(kind('same', positiveMargin), kind('different', negativeMargin));
  };
  return context.scope(() => {
    const numbers = labelsOfRows(op, 'labels', labels, z);
    return withMatrices([z], (rows) => core(rows, numbers));
  });
}
