import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { add, div, mul, sub } from '../ops/arithmetic.ts';
import { matmul } from '../ops/matmul.ts';
import { withMatrices } from '../ops/reshape.ts';
import { mean, sum } from '../ops/sum.ts';
import { sqrt, square } from '../ops/unary.ts';

export interface CKAOptions {
  /**
   * Default false: the biased estimate, in [0, 1], which is near 1 for independent data of more features than rows (0.94 at
   * 64 x 1,024). True: without that bias, around 0 there, so half the time below; N at least 4.
   */
  debiased?: boolean;
}

/**
 * Linear centred kernel alignment (Kornblith et al. 2019, arXiv 1905.00414; debiased: Song et al. 2012): how alike two
 * representations of the same rows are, whatever rotates or scales them all.
 *
 * L = |X^T Y|_F^2 / (|X^T X|_F |Y^T Y|_F) over centred features: a similarity, 1 where they agree. No N x N matrix is made.
 * @param x [N, D] or [..., D] the first representation, N >= 2
 * @param y [N, E] or [..., E] the second, of as many rows
 * @returns one number; gradients flow to both
 */
export function cka(x: Tensor, y: Tensor, options?: CKAOptions): Tensor {
  const op = 'cka';
  const context = check.contextOf(op, { x, y });
  const [n] = check.rows(op, 'x', x);
  const [m] = check.rows(op, 'y', y);
  if (m !== n) check.fail(op, `y has ${m} rows, expected ${n} to match x.`);
  const { debiased } = check.options(op, options, { debiased: false });
  const least = debiased ? 4 : 2;
  if (n < least) check.fail(op, `x has ${n} row${n > 1 ? 's' : ''}, expected at least ${least}.`);
  const core = (a: Tensor, b: Tensor): Tensor => {
    const [p, q] = [a, b].map((rows) => sub(rows, mean(rows, 0)));
    const alike = debiased ? unbiased : biased;
    return div(alike(p, q), sqrt(mul(alike(p, p), alike(q, q))));
  };
  /** |A^T B|_F^2 */
  const biased = (a: Tensor, b: Tensor): Tensor => sum(square(matmul(a, b, { transposeA: true })));
  /** The same of Gram matrices without their diagonals, but for a factor that the ratio does not see. */
  const unbiased = (a: Tensor, b: Tensor): Tensor => {
    const [ownA, ownB] = [a, b].map((rows) => sum(square(rows), 1)); // the diagonals
    // Centred rows add up to 0, so each row of a Gram matrix does, and without its diagonal to minus that.
    const rows = mul(sum(mul(ownA, ownB)), n / (n - 2));
    const all = mul(mul(sum(ownA), sum(ownB)), 1 / ((n - 1) * (n - 2)));
    return add(sub(biased(a, b), rows), all);
  };
  return context.scope(() => withMatrices([x, y], core));
}
