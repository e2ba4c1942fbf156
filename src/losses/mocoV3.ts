import * as check from '../core/checkTensor.ts';
import { Tensor } from '../core/tensor.ts';
import { mul } from '../ops/arithmetic.ts';
import { sum } from '../ops/sum.ts';
import { contrastKeys } from './infoNCE.ts';

export interface MoCoV3Options {
  /**
   * A number above 0, or a live one-element Tensor (which then gets a gradient). Default 0.2, that of
   * the ViT recipe. A larger one spreads the push over more negatives, a smaller one looks at the hardest.
   */
  temperature?: number | Tensor;
}

/**
 * One direction of MoCo v3's loss (Chen et al. 2021, arXiv 2104.02057); the paper adds mocoV3(q0, k1) and mocoV3(q1, k0).
 *
 * L = 2 tau / N sum_i [ log sum_j exp(q_i.k_j / tau) - q_i.k_i / tau ] over unit rows and all N keys.
 * @param query [N, D] or [..., D] raw embeddings of the predictor (normalised inside)
 * @param key [N, D] or [..., D] of the momentum encoder; row i is the positive of query row i
 * @returns one number; gradients flow to query and a live temperature. The key is a constant: exactly zero
 */
export function mocoV3(query: Tensor, key: Tensor, options?: MoCoV3Options): Tensor {
  const op = 'mocoV3';
  const context = check.contextOf(op, { query, key });
  const given = check.options(op, options, { temperature: 0.2 as number | Tensor });
  const temperature = check.temperature(op, given.temperature);
  if (!(temperature instanceof Tensor)) return contrastKeys(op, context, { query, key }, temperature, 2 * temperature);
  const twice = contrastKeys(op, context, { query, key }, temperature, 2);
  const product = mul(twice, temperature);
  const loss = sum(product); // a temperature [1] makes a [1]
  twice.dispose();
  product.dispose();
  return loss;
}
