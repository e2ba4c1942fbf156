import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import { countInto } from '../launch/gatherRows.ts';
import { add, mul, sub } from '../ops/arithmetic.ts';
import { concat } from '../ops/concat.ts';
import { logSumExp } from '../ops/logSumExp.ts';
import { normalizeOf } from '../ops/normalize.ts';
import { reducePairs } from '../ops/pairReduction.ts';
import { reshape } from '../ops/reshape.ts';
import { mean, sum } from '../ops/sum.ts';

/** Which rows are asked, and of which: a block of the matrix between all rows of all tuples. */
export type Direction = 'queryToDocument' | 'queryToQuery' | 'documentToQuery' | 'documentToDocument';

/** Negatives whose logits grow by alpha times their score, which counts as a constant there. */
export interface Hardness {
  readonly on: 'inBatch' | 'hard' | 'all';
  readonly alpha: number;
}

export interface TupleContrast {
  readonly scale: number;
  readonly metric: 'cosine' | 'dot';
  readonly directions: readonly Direction[];
  /** One denominator of all blocks, or one a block. */
  readonly partition: 'joint' | 'perDirection';
  readonly hardness?: Hardness;
}

/**
 * The mean over the anchors i of log sum exp over their candidates - scale s(q_i, d_i): rows i of the queries q and of all
 * documents belong to one tuple, the first documents are the positives. No block is stored; each is walked again for its gradient.
 *
 * The positive is left out of the sums and comes back as log(count + sum exp(others - positive)), which keeps the digits of a loss near 0.
 */
export function tupleContrast(
  op: string,
  context: Context,
  queries: Tensor,
  documents: readonly Tensor[],
  { scale, metric, directions, partition, hardness }: TupleContrast,
): Tensor {
  const [n] = queries.shape;
  const all = documents.length === 1 ? documents[0] : concat(documents);
  const harder = (on: Hardness['on']): number =>
    scale + (hardness && (hardness.on === on || hardness.on === 'all') ? hardness.alpha : 0);
  const blocks: Readonly<Record<Direction, () => Tensor>> = {
    queryToDocument: () => block(queries, all, harder('inBatch'), documents.length > 1 ? harder('hard') : null),
    queryToQuery: () => block(queries, undefined, scale, null),
    documentToQuery: () => block(documents[0], queries, scale, null),
    documentToDocument: () => block(documents[0], all, scale, null),
  };
  const positives = mul(pairScores(op, { queries, documents: documents[0] }, metric), scale);
  const gaps = directions.map((direction) => sub(blocks[direction](), positives));
  if (partition === 'perDirection')
    return mul(gaps.map((gap) => mean(logSumWith([gap], 1))).reduce(add), 1 / gaps.length);
  return mean(logSumWith(gaps, directions.includes('documentToQuery') ? 2 : 1));

  /** log(count + sum of exp of the gaps), [N] */
  function logSumWith(list: readonly Tensor[], count: number): Tensor {
    const own = context.full([n], Math.log(count));
    return logSumExp(reshape(concat([...list, own]), [list.length + 1, n]), 0);
  }

  /** log sum exp of each anchor's row, the positive left out; the rest of its tuple too where its factor is null. */
  function block(anchors: Tensor, candidates: Tensor | undefined, others: number, tuple: number | null): Tensor {
    const count = (candidates ?? anchors).shape[0];
    const labels = context.unscoped(() => context.empty([n + count], op, 'i32'));
    countInto(context, labels, 0);
    return reducePairs(
      op,
      context,
      { queries: anchors, documents: candidates },
      {
        metric,
        value: VALUE,
        derivative: 'slope',
        reduce: 'logsumexp',
        labels,
        parameters: { slope: scale, period: n, others, tuple: tuple ?? 0, tuple_at: tuple === null ? NOT_COUNTED : 0 },
      },
    );
  }
}

/** s(a_i, b_i), [N] */
export function pairScores(op: string, sides: Readonly<Record<string, Tensor>>, metric: 'cosine' | 'dot'): Tensor {
  const [a, b] = Object.entries(sides).map(([name, side]) => (metric === 'dot' ? side : normalizeOf(op, name, side)));
  return sum(mul(a, b), 1);
}

const NOT_COUNTED = -1e30; // what is no larger adds nothing to a log-sum-exp

// Labels count the anchors' rows, then the candidates': those of a tuple are equal modulo the number of anchors, and the
// positive is the first of them. Where rows meet themselves i and j change places for the gradient, and both still hold.
const VALUE =
  'select(select(others * s, tuple * s + tuple_at, label_j % i32(period) == label_i % i32(period)), ' +
  '-1e30, label_j - label_i == i32(period))';
