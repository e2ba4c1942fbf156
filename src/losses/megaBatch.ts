import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { add, mul, sub } from '../ops/arithmetic.ts';
import { nearest } from '../ops/nearest.ts';
import { withMatrices } from '../ops/reshape.ts';
import { mean } from '../ops/sum.ts';
import { relu } from '../ops/unary.ts';
import { classNumbers, reduceClassPairs } from '../sweeps/classPairs.ts';
import { pairScores } from '../sweeps/tuples.ts';

export interface MegaBatchOptions {
  /** The cosine that pairs are to reach. Default 0.8; a larger one asks for more. */
  positiveMargin?: number;
  /** The cosine that the nearest other row may have. Default 0.3; a larger one asks for less. */
  negativeMargin?: number;
}

/**
 * Mega-batch margin (Wieting and Gimpel 2018, arXiv 1711.05732): each row against the hardest other row of a large batch.
 *
 * L = mean_i [ max(0, positiveMargin - s_ii) + max(0, max_(j != i) s_ij - negativeMargin) ] over the cosines s of a's and b's rows.
 * @param a [N, D] or [..., D] raw embeddings (normalised inside), N >= 2
 * @param b [N, D] or [..., D]; row i belongs to row i of a
 * @returns one number; gradients flow to both, not through the choice of the hardest row
 */
export function megaBatch(a: Tensor, b: Tensor, options?: MegaBatchOptions): Tensor {
  const op = 'megaBatch';
  const context = check.contextOf(op, { a, b });
  const [n] = check.rows(op, 'a', a);
  check.sameShape(op, 'a', a, 'b', b);
  if (n < 2) check.fail(op, 'a has 1 row, expected at least 2, since each row needs another one.');
  const given = check.options(op, options, { positiveMargin: 0.8, negativeMargin: 0.3 });
  check.within(op, 'positiveMargin', given.positiveMargin, -10, 10);
  check.within(op, 'negativeMargin', given.negativeMargin, -10, 10);
  const core = (rows: Tensor, others: Tensor): Tensor => {
    const { indices } = nearest(rows, others, { exclude: 'self' });
    // The scores of the rows that were chosen: row i is of the class of its hardest row.
    const own = { name: 'a', rows, labels: context.alias(indices, [n], false) };
    const columns = { name: 'b', rows: others, labels: classNumbers(context, op, n) };
    const hardest = reduceClassPairs(op, context, own, columns, {
      metric: 'cosine',
      reduce: 'sum',
      value: 's',
      derivative: '1.0',
      of: 'same',
      parameters: {},
    });
    const pull = relu(add(mul(pairScores(op, { a: rows, b: others }, 'cosine'), -1), given.positiveMargin));
    return mean(add(pull, relu(sub(hardest, given.negativeMargin))));
  };
  return context.scope(() => withMatrices([a, b], core));
}
