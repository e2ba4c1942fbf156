import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Labels } from '../ops/labels.ts';
import { marginSoftmax, onCosine } from '../sweeps/marginSoftmax.ts';

export interface CosFaceOptions {
  /** Taken off the own class's cosine. Default 0.35; a larger one asks for tighter classes. */
  margin?: number;
  /** What cosines are multiplied by, above 0. Default 64; a larger one looks at the hardest classes. */
  scale?: number;
}

/**
 * CosFace (Wang et al. 2018, arXiv 1801.09414): softmax over classes by cosine, with a margin on the own class's.
 *
 * L = mean_i cross-entropy of scale (cos(theta_ic) - margin [c = y_i]).
 * @param z [N, D] or [..., D] raw embeddings (normalised inside)
 * @param weights [C, D], a row a class, normalised inside
 * @param labels N integers in [0, C): an Int32Array, or a tensor of i32 or u32
 * @returns one number; gradients flow to z and the weights
 */
export function cosFace(z: Tensor, weights: Tensor, labels: Labels, options?: CosFaceOptions): Tensor {
  const op = 'cosFace';
  const { margin, scale } = check.options(op, options, { margin: 0.35, scale: 64 });
  check.within(op, 'margin', margin, -10, 10);
  check.logits(op, 'scale', check.positive(op, 'scale', scale));
  return marginSoftmax(op, z, { weights }, labels, scale, onCosine(margin));
}
