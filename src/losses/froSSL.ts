import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { add, mul, sub } from '../ops/arithmetic.ts';
import { matmul } from '../ops/matmul.ts';
import { normalizeOf } from '../ops/normalize.ts';
import { withMatrices } from '../ops/reshape.ts';
import { mean, sum } from '../ops/sum.ts';
import { transpose } from '../ops/transpose.ts';
import { log, square } from '../ops/unary.ts';

/**
 * FroSSL (Skean et al. 2023, arXiv 2310.02903): features of unit length, spread by the Frobenius norm of their Gram matrix.
 *
 * L = sum over both views of [ log |X^T X / D|_F^2 + 2 D mean_nd (X - mean view)^2 ], X: the view's columns at length 1, not
 * centred, as the authors' code has it. The smaller of X^T X and X X^T is made: both have one norm.
 * @param z0 [N, D] or [..., D] raw embeddings of the first view
 * @param z1 [N, D] or [..., D] raw embeddings of the second view
 * @returns one number; gradients flow to both
 */
export function froSSL(z0: Tensor, z1: Tensor): Tensor {
  const op = 'froSSL';
  const context = check.contextOf(op, { z0, z1 });
  const [n, d] = check.rows(op, 'z0', z0);
  check.sameShape(op, 'z0', z0, 'z1', z1);
  const core = (...views: Tensor[]): Tensor => {
    const features = views.map((z, v) => normalizeOf(op, `z${v}`, transpose(z))); // [D, N]
    const spread = features.map((x) => {
      const gram = matmul(x, x, d < n ? { transposeB: true } : { transposeA: true });
      return log(sum(square(mul(gram, 1 / d))));
    });
    // Both views lie half of their distance from their mean: a quarter of its square, twice.
    const apart = mul(mean(square(sub(features[0], features[1]))), d);
    return add(spread.reduce(add), apart);
  };
  return context.scope(() => withMatrices([z0, z1], core));
}
