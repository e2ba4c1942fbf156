import * as check from '../core/checkTensor.ts';
import { Tensor } from '../core/tensor.ts';
import { withMatrices } from '../ops/reshape.ts';
import { pairSigmoid } from '../sweeps/pairSigmoid.ts';

export interface SigLIPOptions {
  /**
   * The multiplier of the cosines itself: a number above 0, or a live one-element Tensor (which then gets a gradient). Default 10, where
   * the authors begin to train it. A larger one judges each pair more sharply.
   */
  logitScale?: number | Tensor;
  /**
   * Added to every logit: a number, or a live one-element Tensor (which then gets a gradient). Default -10, where
   * the authors begin: most pairs are none. A larger one takes more pairs for true before they are trained.
   */
  bias?: number | Tensor;
}

/**
 * The pairwise sigmoid loss of SigLIP (Zhai et al. 2023, arXiv 2303.15343).
 *
 * L = (1/N) sum_ij log(1 + exp(-y_ij (t a_i.b_j + bias))) over unit rows, t = logitScale; y_ij = 1 for i = j, else -1.
 * A sum over N^2 pairs, divided by N.
 * @param a [N, D] or [..., D] raw embeddings of one side (images; normalised inside)
 * @param b [N, D] or [..., D] raw embeddings of the other side (texts); row i is the positive of a's row i
 * @returns one number; gradients flow to a, b, and a live logitScale and bias
 */
export function sigLip(a: Tensor, b: Tensor, options?: SigLIPOptions): Tensor {
  const op = 'sigLip';
  const context = check.contextOf(op, { a, b });
  check.rows(op, 'a', a);
  check.sameShape(op, 'a', a, 'b', b);
  const given = check.options(op, options, { logitScale: 10 as number | Tensor, bias: -10 as number | Tensor });
  const logitScale = check.logitScale(op, given.logitScale);
  const { bias } = given;
  if (bias instanceof Tensor) check.oneNumber(op, 'bias', bias);
  else check.logits(op, 'bias', bias);
  if (logitScale instanceof Tensor) check.contextOf(op, { a, logitScale });
  if (bias instanceof Tensor) check.contextOf(op, { a, bias });
  const [scale, shift] = [logitScale, bias].map((x) => (x instanceof Tensor ? x : context.constant(x)));
  const loss = withMatrices([a, b], (x, y) => pairSigmoid(op, x, y, scale, shift));
  if (scale !== logitScale) scale.dispose();
  if (shift !== bias) shift.dispose();
  return loss;
}
