import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import { mul } from '../ops/arithmetic.ts';
import { concat } from '../ops/concat.ts';
import { logSumExp } from '../ops/logSumExp.ts';
import { reducePairs } from '../ops/pairReduction.ts';
import { reshape, withMatrices } from '../ops/reshape.ts';
import { transpose } from '../ops/transpose.ts';

/**
 * The loss of pairs of rows whose values, times `scale` (20 where the options do not say), are to be in the order of their
 * scores, after making sure of all that it is given.
 */
export function rankedPairs(
  op: string,
  { a, b }: Readonly<Record<'a' | 'b', Tensor>>,
  scores: unknown,
  options: { readonly scale?: number } | undefined,
  valuesOf: (a: Tensor, b: Tensor) => Tensor,
): Tensor {
  const context = check.contextOf(op, { a, b });
  const [n] = check.rows(op, 'a', a);
  check.sameShape(op, 'a', a, 'b', b);
  const { scale } = check.options(op, options, { scale: 20 });
  check.logits(op, 'scale', check.positive(op, 'scale', scale));
  const ranks = ranksOf(op, scores, n);
  return context.scope(() =>
    withMatrices([a, b], (x, y) => rankingLogSum(op, context, mul(valuesOf(x, y), scale), ranks)),
  );
}

/**
 * log(1 + sum over i, j with score_i < score_j of e^(v_i - v_j)): values v are to be in the order of the scores. Each difference
 * is a product of rows (v_i, 1) and (1, -v_j), so the sweep over pairs of rows is the one of embeddings.
 * @param v [N]
 * @param ranks places of the scores in their order, equal ones on one place
 */
function rankingLogSum(op: string, context: Context, v: Tensor, ranks: Int32Array): Tensor {
  const [n] = v.shape;
  const ones = context.full([n], 1);
  const rowsOf = (...columns: Tensor[]): Tensor => transpose(reshape(concat(columns), [2, n]));
  const labels = context.unscoped(() => context.tensor(Int32Array.from([...ranks, ...ranks])));
  const sums = reducePairs(
    op,
    context,
    { lower: rowsOf(v, ones), higher: rowsOf(ones, mul(v, -1)) },
    {
      metric: 'dot',
      value: 'select(-1e30, s, label_i < label_j)',
      derivative: '1.0',
      reduce: 'logsumexp',
      labels,
      parameters: {},
    },
  );
  const nothing = context.full([1], 0);
  return reshape(logSumExp(reshape(concat([sums, nothing]), [1, n + 1]), 1), []);
}

/** Places of the scores in ascending order: what pairs are told apart by, whatever numbers they are. */
function ranksOf(op: string, scores: unknown, count: number): Int32Array {
  if (!(scores instanceof Float32Array || scores instanceof Float64Array || Array.isArray(scores)))
    check.fail(op, `${check.came('scores', scores, 'are')}, expected an array of numbers or a Float32Array.`);
  if (scores.length !== count) check.fail(op, `scores has ${scores.length} numbers, expected ${count}, one a row.`);
  for (let i = 0; i < count; i++)
    if (typeof scores[i] !== 'number' || Number.isNaN(scores[i]))
      check.fail(op, `${check.came(`scores[${i}]`, scores[i])}, expected a number.`);
  const sorted = [...new Set(scores as ArrayLike<number> & Iterable<number>)].sort((a, b) => a - b);
  const places = new Map(sorted.map((score, place) => [score, place]));
  return Int32Array.from(scores as ArrayLike<number>, (score) => places.get(score) as number);
}
