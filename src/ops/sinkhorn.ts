import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { launchCodes } from '../launch/codes.ts';

export interface SinkhornOptions {
  /**
   * Entropic regularisation, a number of at least 1e-6: f32 has no digits of scores near 1 for less.
   * Default 0.05, SwAV's; a larger one makes codes that are closer to uniform.
   */
  epsilon?: number;
  /** An integer in [1, 1000]. Default 3, SwAV's; more fill the prototypes more evenly. */
  iterations?: number;
}

/**
 * SwAV's codes of given scores (Caron et al. 2020, arXiv 2006.09882): exp(scores / epsilon), `iterations` times scaled to
 * equal column sums and then to row sums of 1. Only the rows, scaled last, are exact.
 *
 * The scaling factors carry their exponents apart: right for scores up to a million epsilon. Of larger ones rounding errors
 * decide, as in any f32. Scores [N, K] of any size that memory holds.
 * @param scores [N, K]; rows of a queue stacked by the caller count, too
 * @returns [N, K], rows sum to 1; a constant: no gradient flows through codes
 */
export function sinkhorn(scores: Tensor, options?: SinkhornOptions): Tensor {
  const op = 'sinkhorn';
  const context = check.contextOf(op, { scores });
  const [rows, columns] = check.matrix(op, 'scores', scores);
  const given = check.options(op, options, { epsilon: 0.05, iterations: 3 });
  const epsilon = checkedEpsilon(op, given.epsilon);
  const iterations = check.integer(op, 'iterations', given.iterations, 1, 1000);
  const codes = context.empty([rows, columns], op);
  launchCodes(context, op, { scores, rows, columns, epsilon, iterations }, codes.storage);
  context.opEnded();
  return codes;
}

/** Exponents of scores near 1 leave the integers of f32 below this, and the scores' own last digits decide the codes. */
const LEAST_EPSILON = 1e-6;

export function checkedEpsilon(op: string, value: unknown): number {
  const epsilon = check.divisor(op, 'epsilon', value);
  if (epsilon < LEAST_EPSILON)
    check.fail(
      op,
      `epsilon = ${epsilon}, expected at least ${LEAST_EPSILON.toExponential()}: for less, scores near 1 have too few digits in f32.`,
    );
  return epsilon;
}
