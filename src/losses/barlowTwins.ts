import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { withMatrices } from '../ops/reshape.ts';
import { redundancy } from '../sweeps/redundancy.ts';

export interface BarlowTwinsOptions {
  /**
   * Weight of what lies off the diagonal. Default 0.0051, the authors' code; the paper says 0.005. A larger one asks for features that are
   * less alike, at the cost of views that agree less.
   */
  lambda?: number;
  /** Added to each feature's variance. Default 1e-5, as batch norm has it; a larger one counts features of little variance less. */
  epsilon?: number;
}

/**
 * Barlow Twins (Zbontar et al. 2021, arXiv 2103.03230).
 *
 * L = sum_d (C_dd - 1)^2 + lambda sum_{d != e} C_de^2, C = X0^T X1 / N the cross-correlation of the features, each
 * standardised over the batch by its biased variance + epsilon. No factor 1/2, no division by D, as in the authors' code.
 * A constant feature has C_dd = 0.
 * @param z0 [N, D] or [..., D] raw embeddings of the first view, N >= 2
 * @param z1 [N, D] or [..., D] raw embeddings of the second view
 * @returns one number; gradients flow to z0 and z1
 */
export function barlowTwins(z0: Tensor, z1: Tensor, options?: BarlowTwinsOptions): Tensor {
  const op = 'barlowTwins';
  const context = check.contextOf(op, { z0, z1 });
  check.rows(op, 'z0', z0);
  check.sameShape(op, 'z0', z0, 'z1', z1);
  const { lambda, epsilon } = check.options(op, options, { lambda: 0.0051, epsilon: 1e-5 });
  check.weight(op, 'lambda', lambda);
  check.positive(op, 'epsilon', epsilon);
  return withMatrices([z0, z1], (a, b) => redundancy(context, op, a, b, { lambda, epsilon }));
}
