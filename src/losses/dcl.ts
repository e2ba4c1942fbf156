import * as check from '../core/checkTensor.ts';
import { Tensor } from '../core/tensor.ts';
import { withMatrices } from '../ops/reshape.ts';
import { pairContrast } from '../sweeps/pairs/contrast.ts';

export interface DCLOptions {
  /**
   * A number above 0, or a live one-element Tensor (which then gets a gradient). Default 0.1, the
   * authors' code's. A larger one spreads the push over more negatives, a smaller one looks at the hardest.
   */
  temperature?: number | Tensor;
}

/**
 * DCL, the decoupled contrastive loss (Yeh et al. 2021, arXiv 2110.06848): NT-Xent without the positive in the denominator.
 *
 * L = 1/2N sum_i [ log sum_{j not in {i, pos(i)}} exp(u_i.u_j / tau) - u_i.u_pos(i) / tau ] over the 2N unit rows u of
 * both views. Unbounded below. With N = 1 no row has a negative: no term, and the loss is 0.
 * @param z0 [N, D] or [..., D] raw embeddings of the first view (normalised inside)
 * @param z1 [N, D] or [..., D] raw embeddings of the second view; row i is the positive of z0's row i
 * @returns one number; gradients flow to z0, z1 and a live temperature
 */
export function dcl(z0: Tensor, z1: Tensor, options?: DCLOptions): Tensor {
  const op = 'dcl';
  check.contextOf(op, { z0, z1 });
  check.rows(op, 'z0', z0);
  check.sameShape(op, 'z0', z0, 'z1', z1);
  const given = check.options(op, options, { temperature: 0.1 as number | Tensor });
  const temperature = check.temperature(op, given.temperature);
  if (temperature instanceof Tensor) check.contextOf(op, { z0, temperature });
  return withMatrices([z0, z1], (a, b) =>
    pairContrast(op, { z0: a, z1: b }, temperature, { factor: 1, decoupled: true }),
  );
}
