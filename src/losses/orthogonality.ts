import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { add, mul, sub } from '../ops/arithmetic.ts';
import { matmul } from '../ops/matmul.ts';
import { normalizeOf } from '../ops/normalize.ts';
import { withMatrices } from '../ops/reshape.ts';
import { sum } from '../ops/sum.ts';
import { relu, square } from '../ops/unary.ts';

export interface OrthogonalityOptions {
  /** Weight of the squared mean cosine, 0 or above. Default 1. */
  mean?: number;
  /** Weight of what the mean squared cosine is above 1 / D, 0 or above. Default 1; a larger one spreads rows more evenly. */
  secondMoment?: number;
}

/**
 * Global orthogonal regularisation (Zhang et al. 2017, arXiv 1708.06320): cosines of different rows as those of random directions.
 *
 * L = mean m^2 + secondMoment max(0, q - 1 / D), m and q the mean cosine of two different rows and the mean of its square. Both
 * come of the unit rows' sum and their D x D (or N x N) products: no pair is walked.
 * @param z [N, D] or [..., D] raw embeddings (normalised inside), N >= 2
 * @returns one number; the gradient flows to z
 */
export function orthogonality(z: Tensor, options?: OrthogonalityOptions): Tensor {
  const op = 'orthogonality';
  const context = check.contextOf(op, { z });
  const [n, d] = check.rows(op, 'z', z);
  if (n < 2) check.fail(op, 'z has 1 row, expected at least 2 to make a pair.');
  const given = check.options(op, options, { mean: 1, secondMoment: 1 });
  check.weight(op, 'mean', given.mean);
  check.weight(op, 'secondMoment', given.secondMoment);
  const core = (rows: Tensor): Tensor => {
    const u = normalizeOf(op, 'z', rows);
    const own = sum(square(u), 1); // 1, but for rounding and rows of zeros
    const pairs = 1 / (n * (n - 1));
    const first = mul(sub(sum(square(sum(u, 0))), sum(own)), pairs);
    const gram = matmul(u, u, d < n ? { transposeA: true } : { transposeB: true });
    const second = mul(sub(sum(square(gram)), sum(square(own))), pairs);
    return add(mul(square(first), given.mean), mul(relu(sub(second, 1 / d)), given.secondMoment));
  };
  return context.scope(() => withMatrices([z], core));
}
