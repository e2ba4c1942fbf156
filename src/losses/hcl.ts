import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { add, mul, sub } from '../ops/arithmetic.ts';
import { concat } from '../ops/concat.ts';
import { normalizeOf } from '../ops/normalize.ts';
import { pairReduction } from '../ops/pairReduction.ts';
import { withMatrices } from '../ops/reshape.ts';
import { mean, sum } from '../ops/sum.ts';
import { exp, log, neg, relu } from '../ops/unary.ts';

export interface HCLOptions {
  /** A number above 0. Default 0.5, the paper's; a larger one spreads the push over more negatives. */
  temperature?: number;
  /** How hard the hard negatives count; 0: all alike; a larger one looks at fewer of them. Default 1, the paper's. */
  beta?: number;
  /**
   * Probability that a negative is of the anchor's own class, in [0, 1). Default 0.1, for ten
   * classes; a larger one takes more away from what the negatives are worth.
   */
  tauPlus?: number;
}

/**
 * HCL, contrast with hard negatives (Robinson et al. 2021, arXiv 2010.04592), built on `pairReduction`.
 *
 * L = mean over the 2N rows of log(1 + G / e^p), p = u_i.u_pos / tau, over the K = 2N - 2 negatives j:
 * G = max((K sum_j e^((1+beta) s_ij / tau) / sum_j e^(beta s_ij / tau) - K tauPlus e^p) / (1 - tauPlus), K e^(-1/tau)).
 * @param z0 [N, D] or [..., D] raw embeddings of the first view (normalised inside)
 * @param z1 [N, D] or [..., D] raw embeddings of the second view; row i is the positive of z0's row i
 * @returns one number; gradients flow to z0 and z1, through the importances too, as in the official code. N = 1: 0
 */
export function hcl(z0: Tensor, z1: Tensor, options?: HCLOptions): Tensor {
  const op = 'hcl';
  const context = check.contextOf(op, { z0, z1 });
  const [n] = check.rows(op, 'z0', z0);
  check.sameShape(op, 'z0', z0, 'z1', z1);
  const { temperature, beta, tauPlus } = check.options(op, options, { temperature: 0.5, beta: 1, tauPlus: 0.1 });
  check.divisor(op, 'temperature', temperature);
  check.nonNegative(op, 'beta', beta);
  check.logits(op, '(1 + beta) / temperature', (1 + beta) / temperature);
  check.fraction(op, 'tauPlus', tauPlus);
  if (n === 1) return context.record(op, [z0, z1], context.full([], 0), { backward: () => [null, null] });
  const core = (a: Tensor, b: Tensor): Tensor => {
    const negatives = 2 * n - 2;
    const z = concat([a, b]);
    const labels = { a: Int32Array.from({ length: 2 * n }, (_, i) => i % n) }; // a row and its positive share one
    const hardness = (factor: number): Tensor =>
      pairReduction(z, undefined, {
        reduce: 'logsumexp',
        value: 'select(k * s, -1e30, label_i == label_j)',
        derivative: 'k',
        labels,
        parameters: { k: factor / temperature },
      });
    const one = mul(sum(mul(normalizeOf(op, 'z0', a), normalizeOf(op, 'z1', b)), 1), 1 / temperature);
    const positives = concat([one, one]);
    const gap = sub(add(sub(hardness(1 + beta), hardness(beta)), Math.log(negatives)), positives); // log (G's first term / e^p)
    // log(1 + G / e^p) = top + log(e^-top + G e^-top / e^p), whatever top is: so nothing overflows.
    const top = relu(gap).detach();
    const debiased = sub(exp(sub(gap, top)), mul(exp(neg(top)), negatives * tauPlus));
    const least = exp(sub(Math.log(negatives) - 1 / temperature, add(positives, top)));
    const rest = add(relu(sub(mul(debiased, 1 / (1 - tauPlus)), least)), least);
    return mean(add(top, log(add(exp(neg(top)), rest))));
  };
  return context.scope(() => withMatrices([z0, z1], core));
}
