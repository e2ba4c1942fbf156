import * as check from '../core/check.ts';
import type { Tensor } from '../core/tensor.ts';
import { pairedRows } from '../sweeps/pairedRows.ts';

export interface AlignmentOptions {
  /** The power of the distance, above 0. Default 2, the paper's; a larger one looks at the pairs that are furthest apart. */
  alpha?: number;
}

const MAX_ALPHA = 100; // past it distances of up to 2 take powers that f32 does not hold

/**
 * Alignment of positive pairs (Wang & Isola 2020, arXiv 2005.10242).
 *
 * L = 1/N sum_i |u_i - v_i|^alpha over unit rows u of x and v of y.
 * @param x [N, D] or [..., D] raw embeddings of the first view (normalised inside)
 * @param y [N, D] or [..., D] raw embeddings of the second view
 * @returns one number; gradients flow to both. A pair at distance 0 has no gradient, whatever alpha
 */
export function alignment(x: Tensor, y: Tensor, options?: AlignmentOptions): Tensor {
  const op = 'alignment';
  const { alpha } = check.options(op, options, { alpha: 2 });
  check.positive(op, 'alpha', alpha);
  if (alpha > MAX_ALPHA) check.fail(op, `alpha = ${alpha}, expected at most ${MAX_ALPHA}.`);
  return pairedRows(op, { x, y }, { of: 'distance', alpha });
}
