import type { Tensor } from '../core/tensor.ts';
import { pairedRows } from '../sweeps/pairedRows.ts';

/**
 * One direction of BYOL's loss (Grill et al. 2020, arXiv 2006.07733); the paper adds byol(p0, t1) and byol(p1, t0).
 *
 * L = 1/N sum_i (2 - 2 cos(p_i, t_i)), in [0, 4].
 * @param prediction [N, D] or [..., D] of the online predictor
 * @param target [N, D] or [..., D] of the target network
 * @returns one number; the gradient flows to prediction. The target is a constant: exactly zero
 */
export function byol(prediction: Tensor, target: Tensor): Tensor {
  return pairedRows('byol', { prediction, target }, { of: 'cosine' });
}
