import * as check from '../core/checkTensor.ts';
import { Tensor } from '../core/tensor.ts';
import { withMatrices } from '../ops/reshape.ts';
import { pairContrast } from '../sweeps/pairs/contrast.ts';

export interface NTXentOptions {
  /**
   * A number above 0, or a live one-element Tensor (which then gets a gradient). Default 0.5, SimCLR's
   * for small images. A larger one spreads the push over more negatives, a smaller one looks at the hardest.
   */
  temperature?: number | Tensor;
  /** `'paper'` (default): mean over the 2 N rows. `'official'`: twice that, as google-research/simclr adds two means. */
  convention?: 'paper' | 'official';
}

/**
 * NT-Xent, the loss of SimCLR (Chen et al. 2020, arXiv 2002.05709).
 *
 * L = (c / 2N) sum_i [ log sum_{j != i} exp(u_i.u_j / tau) - u_i.u_pos(i) / tau ] over the 2N unit rows u of both views;
 * c = 1 (`'paper'`) or 2 (`'official'`).
 * @param z0 [N, D] or [..., D] raw embeddings of the first view (normalised inside)
 * @param z1 [N, D] or [..., D] raw embeddings of the second view; row i is the positive of z0's row i
 * @returns one number; gradients flow to z0, z1 and a live temperature
 */
export function ntXent(z0: Tensor, z1: Tensor, options?: NTXentOptions): Tensor {
  const op = 'ntXent';
  check.contextOf(op, { z0, z1 });
  check.rows(op, 'z0', z0);
  check.sameShape(op, 'z0', z0, 'z1', z1);
  const given = check.options(op, options, {
    temperature: 0.5 as number | Tensor,
    convention: 'paper' as 'paper' | 'official',
  });
  check.oneOf(op, 'convention', given.convention, ['paper', 'official']);
  const temperature = check.temperature(op, given.temperature);
  if (temperature instanceof Tensor) check.contextOf(op, { z0, temperature });
  return withMatrices([z0, z1], (a, b) =>
    pairContrast(op, { z0: a, z1: b }, temperature, { factor: given.convention === 'official' ? 2 : 1 }),
  );
}
