import * as check from '../core/checkTensor.ts';
import { Tensor } from '../core/tensor.ts';
import { withMatrices } from '../ops/reshape.ts';
import { crossContrast } from '../sweeps/cross/contrast.ts';

export interface CLIPOptions {
  /**
   * The multiplier of the cosines itself: a number above 0, or a live one-element Tensor (which then gets a gradient). Default 1 / 0.07,
   * where the authors begin to train it. A larger one looks at the hardest negatives.
   */
  logitScale?: number | Tensor;
}

/**
 * The contrastive loss of CLIP (Radford et al. 2021, arXiv 2103.00020).
 *
 * L = (1/2N) sum_i [ log sum_j exp(g a_i.b_j) + log sum_j exp(g a_j.b_i) - 2 g a_i.b_i ] over unit rows, g = logitScale.
 * CLIP learns s with g = exp(s), clamped to g <= 100: exp and clamp are the caller's.
 * @param a [N, D] or [..., D] raw embeddings of one side (images; normalised inside)
 * @param b [N, D] or [..., D] raw embeddings of the other side (texts); row i is the positive of a's row i
 * @returns one number; gradients flow to a, b and a live logitScale
 */
export function clip(a: Tensor, b: Tensor, options?: CLIPOptions): Tensor {
  const op = 'clip';
  const context = check.contextOf(op, { a, b });
  check.rows(op, 'a', a);
  check.sameShape(op, 'a', a, 'b', b);
  const given = check.options(op, options, { logitScale: (1 / 0.07) as number | Tensor });
  const logitScale = check.logitScale(op, given.logitScale);
  const live = logitScale instanceof Tensor;
  if (live) check.contextOf(op, { a, logitScale });
  const scale = live ? logitScale : context.constant(logitScale);
  const loss = withMatrices([a, b], (x, y) => crossContrast(op, x, y, scale, live));
  if (!live) scale.dispose();
  return loss;
}
