import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { gatherInto } from '../launch/gatherRows.ts';
import { add, mul } from '../ops/arithmetic.ts';
import { withConstants } from '../ops/constants.ts';
import { nearest } from '../ops/nearest.ts';
import { withMatrices } from '../ops/reshape.ts';
import { mean } from '../ops/sum.ts';
import { tupleContrast } from '../sweeps/tuples.ts';

export interface NNCLROptions {
  /** A number above 0. Default 0.1; a larger one spreads the push over more rows, a smaller one looks at the hardest. */
  temperature?: number;
}

/**
 * NNCLR (Dwibedi et al. 2021, arXiv 2104.14548): the positive of a prediction is its other view's nearest neighbour in a support set.
 *
 * L = mean_i [ log sum_j exp(n_i.p_j / tau) - n_i.p_i / tau ] over unit rows: n_i is the row of the support nearest to z0's row i by
 * cosine, p are the predictions z1. One direction of the paper's two; their mean is the loss of a step.
 * @param z0 [N, D] or [..., D] raw embeddings of the first view, whose neighbours are taken; a constant
 * @param z1 [N, D] or [..., D] raw predictions of the second view (normalised inside)
 * @param support [K, D] raw embeddings of earlier batches; a constant
 * @returns one number; the gradient flows to z1
 */
export function nnclr(z0: Tensor, z1: Tensor, support: Tensor, options?: NNCLROptions): Tensor {
  const op = 'nnclr';
  const context = check.contextOf(op, { z0, z1, support });
  check.rows(op, 'z0', z0);
  check.sameShape(op, 'z0', z0, 'z1', z1);
  const { temperature } = check.options(op, options, { temperature: 0.1 });
  check.divisor(op, 'temperature', temperature);
  const core = (rows: Tensor, predictions: Tensor): Tensor => {
    check.sameColumns(op, 'z0', rows, 'support', support);
    const { indices, scores } = nearest(rows, support);
    const neighbours = context.empty(rows.shape, op);
    gatherInto(context, support, indices, neighbours);
    const seen = mul(mean(scores), 0); // a row that is not finite has no neighbour: 0, or what shows it
    const loss = tupleContrast(op, context, neighbours, [predictions], {
      scale: 1 / temperature,
      metric: 'cosine',
      directions: ['queryToDocument'],
      partition: 'joint',
    });
    return add(loss, seen);
  };
  return context.scope(() => withConstants(op, withMatrices([z0, z1], core), [z0, support]));
}
