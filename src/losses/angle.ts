import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import { add, mul, sub } from '../ops/arithmetic.ts';
import { concat } from '../ops/concat.ts';
import { normalizeOf } from '../ops/normalize.ts';
import { slice } from '../ops/slice.ts';
import { sum } from '../ops/sum.ts';
import { transpose } from '../ops/transpose.ts';
import { relu } from '../ops/unary.ts';
import { rankedPairs } from '../sweeps/ranking.ts';

export interface AnglEOptions {
  /** What the angles' terms are multiplied by, above 0. Default 20; a larger one looks at the pairs that are most out of order. */
  scale?: number;
}

/**
 * AnglE (Li and Li 2023, arXiv 2309.12871), as sentence-transformers has it: its term of complex quotients, ranked as CoSENT's.
 *
 * L = log(1 + sum over pairs i, j with score_i < score_j of e^(v_i - v_j)), v = scale |sum of the real and imaginary parts of a / b|:
 * the first half of a row are real parts and the second imaginary ones, and the quotient is divided by its own length.
 * @param a [N, D] or [..., D] raw embeddings; an odd D counts as one more column of zeros
 * @param b [N, D] or [..., D]; row i makes a pair with row i of a
 * @param scores N numbers, a Float32Array or an array: how alike the rows of each pair are
 * @returns one number; gradients flow to both
 */
export function angle(a: Tensor, b: Tensor, scores: Float32Array | readonly number[], options?: AnglEOptions): Tensor {
  const op = 'angle';
  return rankedPairs(op, { a, b }, scores, options, (x, y) => {
    const [[re, im], [otherRe, otherIm]] = Object.entries({ a: x, b: y }).map(([name, rows]) =>
      parts(x.context, transpose(normalizeOf(op, name, rows))),
    );
    // (re + i im) / (c + i d) of unit rows has the parts re c + im d and im c - re d.
    const whole = sum(add(mul(re, sub(otherRe, otherIm)), mul(im, add(otherRe, otherIm))), 0);
    return add(relu(whole), relu(mul(whole, -1)));
  });
}

/** Real and imaginary parts [D / 2, N] of rows that lie as columns. */
function parts(context: Context, columns: Tensor): [Tensor, Tensor] {
  const [d, n] = columns.shape;
  const half = Math.ceil(d / 2);
  if (2 * half === d) return [slice(columns, 0, half), slice(columns, half, d)];
  const zeros = context.full([1, n], 0);
  return [slice(columns, 0, half), half < d ? concat([slice(columns, half, d), zeros]) : zeros];
}
