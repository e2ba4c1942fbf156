import type { Tensor } from '../core/tensor.ts';
import { pairedRows } from '../sweeps/pairedRows.ts';

/**
 * One direction of SimSiam's loss (Chen & He 2020, arXiv 2011.10566); the paper adds simSiam(p0, z1) and simSiam(p1, z0).
 *
 * L = -1/(2N) sum_i cos(p_i, z_i), in [-1/2, 1/2].
 * @param prediction [N, D] or [..., D] of the predictor
 * @param projection [N, D] or [..., D] of the projector, for the other view
 * @returns one number; the gradient flows to prediction. The projection is a constant here: exactly zero
 */
export function simSiam(prediction: Tensor, projection: Tensor): Tensor {
  return pairedRows('simSiam', { prediction, projection }, { of: 'cosine', offset: -0.5, scale: 0.25 });
}
