import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Labels } from '../ops/labels.ts';
import { marginSoftmax } from '../sweeps/marginSoftmax.ts';

export interface ArcFaceOptions {
  /** Added to the angle between a row and its class weight, in degrees, 0 to 180. Default 28.6; a larger one asks for tighter classes. */
  margin?: number;
  /** What cosines are multiplied by, above 0. Default 64; a larger one looks at the hardest classes. */
  scale?: number;
}

/**
 * ArcFace (Deng et al. 2018, arXiv 1801.07698): softmax over classes by angle, with a margin on the own class's.
 *
 * L = mean_i cross-entropy of scale cos(theta_ic), where the own class has cos(theta + m), or cos(theta) - m sin m once theta
 * passes pi - m. No arc cosine is taken: a row that equals its class weight has a gradient.
 * @param z [N, D] or [..., D] raw embeddings (normalised inside)
 * @param weights [C, D], a row a class, normalised inside
 * @param labels N integers in [0, C): an Int32Array, or a tensor of i32 or u32
 * @returns one number; gradients flow to z and the weights
 */
export function arcFace(z: Tensor, weights: Tensor, labels: Labels, options?: ArcFaceOptions): Tensor {
  const op = 'arcFace';
  const { margin, scale } = check.options(op, options, { margin: 28.6, scale: 64 });
  check.within(op, 'margin', margin, 0, 180);
  check.logits(op, 'scale', check.positive(op, 'scale', scale));
  const angle = (margin * Math.PI) / 180;
  return marginSoftmax(op, z, { weights }, labels, scale, {
    cosine: Math.cos(angle),
    sine: Math.sin(angle),
    edge: -Math.cos(angle),
    below: angle * Math.sin(angle),
    margin: 0,
  });
}
