import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { withMatrices } from '../ops/reshape.ts';
import { spread } from '../sweeps/spread.ts';

export interface VICRegOptions {
  /** Weight of the distance between the views. Default 25, the paper's; a larger one asks for views that agree more. */
  invariance?: number;
  /** Weight of the hinge on each feature's deviation. Default 25, the paper's; a larger one holds collapse off more firmly. */
  variance?: number;
  /** Weight of the squared covariances. Default 1, the paper's; a larger one asks for features that are less alike. */
  covariance?: number;
  /** Added to each feature's variance. Default 1e-4, the authors' code; a larger one softens the hinge near collapse. */
  epsilon?: number;
  /**
   * `'official'` (default): the invariance is a mean over N and D, the variance a mean of both views', as in
   * facebookresearch/vicreg. `'paper'`: a mean over N of squared distances, and both views' variances added up.
   */
  convention?: 'official' | 'paper';
}

/**
 * VICReg (Bardes et al. 2022, arXiv 2105.04906).
 *
 * L = invariance mean_nd (z0 - z1)^2 + variance (V(z0) + V(z1)) / 2 + covariance (K(z0) + K(z1)), V = `varianceTerm`,
 * K = `covarianceTerm`; with `convention: 'paper'` the first term is D times and the second twice that.
 * @param z0 [N, D] or [..., D] raw embeddings of the first view, N >= 2 (centred inside, not normalised)
 * @param z1 [N, D] or [..., D] raw embeddings of the second view
 * @returns one number; gradients flow to z0 and z1
 */
export function vicReg(z0: Tensor, z1: Tensor, options?: VICRegOptions): Tensor {
  const op = 'vicReg';
  const context = check.contextOf(op, { z0, z1 });
  const [rows, columns] = check.rows(op, 'z0', z0);
  check.sameShape(op, 'z0', z0, 'z1', z1);
  const { convention, epsilon, ...weights } = check.options(op, options, {
    invariance: 25,
    variance: 25,
    covariance: 1,
    epsilon: 1e-4,
    convention: 'official' as 'official' | 'paper',
  });
  for (const [name, weight] of Object.entries(weights)) check.weight(op, name, weight);
  check.positive(op, 'epsilon', epsilon);
  check.oneOf(op, 'convention', convention, ['official', 'paper']);
  const paper = convention === 'paper';
  const terms = {
    invariance: weights.invariance / (paper ? rows : rows * columns),
    variance: weights.variance / (paper ? columns : 2 * columns),
    covariance: weights.covariance / columns,
    epsilon,
  };
  return withMatrices([z0, z1], (a, b) => spread(context, op, { z0: a, z1: b }, terms));
}

/**
 * VICReg's variance term of one view: mean_d max(0, 1 - s_d), s_d = sqrt(unbiased variance + epsilon).
 * @param z [N, D] or [..., D], N >= 2
 * @param options.epsilon default 1e-4
 * @returns one number; the gradient flows to z, and is 0 for features with s_d >= 1
 */
export function varianceTerm(z: Tensor, options?: { epsilon?: number }): Tensor {
  const op = 'varianceTerm';
  const context = check.contextOf(op, { z });
  const [, columns] = check.rows(op, 'z', z);
  const { epsilon } = check.options(op, options, { epsilon: 1e-4 });
  check.positive(op, 'epsilon', epsilon);
  return withMatrices([z], (matrix) =>
    spread(context, op, { z: matrix }, { invariance: 0, variance: 1 / columns, covariance: 0, epsilon }),
  );
}

/**
 * VICReg's covariance term of one view: (1 / D) sum_{d != e} C_de^2, C the unbiased covariance of the features.
 * @param z [N, D] or [..., D], N >= 2
 * @returns one number; the gradient flows to z
 */
export function covarianceTerm(z: Tensor): Tensor {
  const op = 'covarianceTerm';
  const context = check.contextOf(op, { z });
  const [, columns] = check.rows(op, 'z', z);
  return withMatrices([z], (matrix) =>
    spread(context, op, { z: matrix }, { invariance: 0, variance: 0, covariance: 1 / columns, epsilon: 1 }),
  );
}
