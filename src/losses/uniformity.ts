import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { withMatrices } from '../ops/reshape.ts';
import { pairUniformity } from '../sweeps/pairs/uniformity.ts';
import { canShift } from '../sweeps/temperature.ts';

export interface UniformityOptions {
  /** Sharpness of the Gaussian potential, a number above 0. Default 2, the paper's; a larger one looks at the nearest rows. */
  t?: number;
}

const MAX_T = 1e28; // past it logits of 2 t meet the kernels' floor

/**
 * Uniformity (Wang and Isola 2020, arXiv 2005.10242): how evenly rows spread over the sphere.
 *
 * L = log mean_{i < j} exp(-t |u_i - u_j|^2) over the unit rows u. At most 0, which it is where all rows agree.
 * @param z [N, D] or [..., D] raw embeddings (normalised inside), N at least 2
 * @returns one number; the gradient flows to z
 */
export function uniformity(z: Tensor, options?: UniformityOptions): Tensor {
  const op = 'uniformity';
  const context = check.contextOf(op, { z });
  const [rows] = check.rows(op, 'z', z);
  if (rows < 2) check.fail(op, `z has ${rows} row, expected at least 2 to make a pair.`);
  const { t } = check.options(op, options, { t: 2 });
  check.positive(op, 't', t);
  if (t > MAX_T) check.fail(op, `t = ${t}, expected at most ${MAX_T}.`);
  // |u - v|^2 = 2 - 2 u.v: the potential is exp((u.v - 1) / temperature) with this temperature.
  const temperature = 1 / (2 * t);
  const tau = context.constant(temperature);
  const loss = withMatrices([z], (matrix) => pairUniformity(op, matrix, tau, { shifted: canShift(temperature) }));
  tau.dispose();
  return loss;
}
