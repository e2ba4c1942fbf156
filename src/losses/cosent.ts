import type { Tensor } from '../core/tensor.ts';
import { rankedPairs } from '../sweeps/ranking.ts';
import { pairScores } from '../sweeps/tuples.ts';

export interface CoSENTOptions {
  /** What cosines are multiplied by, above 0. Default 20; a larger one looks at the pairs that are most out of order. */
  scale?: number;
}

/**
 * CoSENT (Su 2022), as sentence-transformers has it: cosines of pairs in the order of their scores.
 *
 * L = log(1 + sum over pairs i, j with score_i < score_j of e^(v_i - v_j)), v_i = scale cos(a_i, b_i): one number, no mean. Equal
 * scores do not meet; where all are equal it is 0.
 * @param a [N, D] or [..., D] raw embeddings (normalised inside)
 * @param b [N, D] or [..., D]; row i makes a pair with row i of a
 * @param scores N numbers, a Float32Array or an array: how alike the rows of each pair are
 * @returns one number; gradients flow to both
 */
export function cosent(
  a: Tensor,
  b: Tensor,
  scores: Float32Array | readonly number[],
  options?: CoSENTOptions,
): Tensor {
  const op = 'cosent';
  return rankedPairs(op, { a, b }, scores, options, (x, y) => pairScores(op, { a: x, b: y }, 'cosine'));
}
