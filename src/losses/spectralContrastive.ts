import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { add, div, mul, sub } from '../ops/arithmetic.ts';
import { matmul } from '../ops/matmul.ts';
import { reducePairs } from '../ops/pairReduction.ts';
import { reshape, withMatrices } from '../ops/reshape.ts';
import { mean, sum } from '../ops/sum.ts';
import { relu, sqrt, square } from '../ops/unary.ts';

export interface SpectralContrastiveOptions {
  /** Rows longer than sqrt(mu) are cut to that length; the loss is divided by mu. Default 1; a larger one lets rows grow. */
  mu?: number;
}

/**
 * The spectral contrastive loss (HaoChen et al. 2021, arXiv 2106.04156).
 *
 * L = ( -2 mean_i z_i.z'_i + 1 / (N (N - 1)) sum_{i != j} (z_i.z'_j)^2 ) / mu over rows cut to the ball |z|^2 <= mu.
 * @param z0 [N, D] or [..., D] raw embeddings of the first view, N >= 2
 * @param z1 [N, D] or [..., D] raw embeddings of the second view
 * @returns one number; gradients flow to both
 */
export function spectralContrastive(z0: Tensor, z1: Tensor, options?: SpectralContrastiveOptions): Tensor {
  const op = 'spectralContrastive';
  const context = check.contextOf(op, { z0, z1 });
  const [n, d] = check.rows(op, 'z0', z0);
  check.sameShape(op, 'z0', z0, 'z1', z1);
  if (n < 2) check.fail(op, 'z0 has 1 row, expected at least 2 to make a pair.');
  const { mu } = check.options(op, options, { mu: 1 });
  check.positive(op, 'mu', mu);
  const core = (z: Tensor, other: Tensor): Tensor => {
    const [a, b] = [z, other].map((rows) => inBall(rows, Math.sqrt(mu)));
    const own = sum(mul(a, b), 1);
    const apart = mul(d < n ? whole(a, b, own) : sum(apartOf(a, b)), 1 / (n * (n - 1)));
    return mul(sub(apart, mul(mean(own), 2)), 1 / mu);
  };
  /** Of the features' second moments: sum_ij (a_i.b_j)^2 = <A^T A, B^T B>, less the pairs of one row. */
  const whole = (a: Tensor, b: Tensor, own: Tensor): Tensor => {
    const [left, right] = [a, b].map((rows) => matmul(rows, rows, { transposeA: true }));
    return sub(sum(mul(left, right)), sum(square(own)));
  };
  const apartOf = (a: Tensor, b: Tensor): Tensor =>
    reducePairs(
      op,
      context,
      { z0: a, z1: b },
      {
        metric: 'dot',
        value: 's * s',
        derivative: '2.0 * s',
        reduce: 'sum',
        exclude: 'self',
        labels: null,
        parameters: {},
      },
    );
  return context.scope(() => withMatrices([z0, z1], core));
}

/** Rows longer than the radius, cut to it. */
function inBall(rows: Tensor, radius: number): Tensor {
  const [n] = rows.shape;
  const lengths = sqrt(sum(square(rows), 1));
  return div(rows, reshape(add(relu(sub(mul(lengths, 1 / radius), 1)), 1), [n, 1]));
}
