import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { withMatrices } from '../ops/reshape.ts';
import { type Direction, type Hardness, tupleContrast } from '../sweeps/tuples.ts';

export interface MultipleNegativesOptions {
  /** What scores are multiplied by, a number above 0. Default 20; a larger one looks at the hardest negatives. */
  scale?: number;
  /** `'cosine'` (default; rows are normalised inside) or `'dot'`. */
  metric?: 'cosine' | 'dot';
  /**
   * Which rows meet which. Default `['queryToDocument']`: each query and all documents. `'queryToQuery'`: and the other queries;
   * `'documentToQuery'`: each positive and all queries; `'documentToDocument'`: and the documents of other tuples. All four are GTE's.
   */
  directions?: readonly Direction[];
  /** `'joint'` (default): one denominator of all directions. `'perDirection'`: one each, and their mean; without `'queryToQuery'`
   * and `'documentToDocument'`, which hold no positive. */
  partition?: 'joint' | 'perDirection';
  /**
   * Negatives whose logits grow by alpha (0 or above) times their score, a constant for the gradient: documents of other tuples
   * (`'inBatch'`), the own hard negatives (`'hard'`), or both (`'all'`). Default: none; papers take 5 and 9. A larger alpha
   * looks at harder ones.
   */
  hardness?: { on: 'inBatch' | 'hard' | 'all'; alpha: number };
}

const DIRECTIONS = ['queryToDocument', 'queryToQuery', 'documentToQuery', 'documentToDocument'] as const;

/**
 * Multiple negatives ranking, InfoNCE over tuples (Henderson et al. 2017, arXiv 1705.00652; its four directions: GTE, Li et al.
 * 2023, arXiv 2308.03281), as sentence-transformers has it.
 *
 * L = 1/N sum_i [ log sum_c exp(scale s(i, c)) - scale s(q_i, d_i) ] over the candidates c of query i: all documents, and what
 * the directions add. Two directions with the positive in one denominator count it twice: L is log 2 at least.
 * @param queries [N, D] or [..., D]
 * @param documents of the same shape: the positives, row i that of query i; or an array of them and of hard negatives
 * @returns one number; gradients flow to queries and all documents
 */
export function multipleNegatives(
  queries: Tensor,
  documents: Tensor | readonly Tensor[],
  options?: MultipleNegativesOptions,
): Tensor {
  const op = 'multipleNegatives';
  const list = checkTuples(op, queries, documents);
  const given = check.options(op, options, {
    scale: 20,
    metric: 'cosine' as 'cosine' | 'dot',
    directions: ['queryToDocument'] as readonly Direction[],
    partition: 'joint' as 'joint' | 'perDirection',
    hardness: undefined as Hardness | undefined,
  });
  check.logits(op, 'scale', check.positive(op, 'scale', given.scale));
  check.oneOf(op, 'metric', given.metric, ['cosine', 'dot']);
  check.oneOf(op, 'partition', given.partition, ['joint', 'perDirection']);
  checkDirections(op, given.directions, given.partition);
  const hardness = given.hardness === undefined ? undefined : checkHardness(op, given.hardness);
  const { context } = queries;
  return context.scope(() =>
    withMatrices([queries, ...list], (q, ...d) => tupleContrast(op, context, q, d, { ...given, hardness })),
  );
}

/** The sets of documents, each as large as the queries. */
export function checkTuples(op: string, queries: Tensor, documents: Tensor | readonly Tensor[]): readonly Tensor[] {
  const several = Array.isArray(documents);
  if (several && documents.length === 0) check.fail(op, 'documents has 0 tensors, expected at least the positives.');
  const named = several ? check.tensors(op, 'documents', documents) : { documents: documents as Tensor };
  check.contextOf(op, { queries, ...named });
  check.rows(op, 'queries', queries);
  for (const [name, set] of Object.entries(named)) check.sameShape(op, 'queries', queries, name, set);
  return Object.values(named);
}

function checkDirections(op: string, directions: readonly Direction[], partition: string): void {
  if (
    !check.every(directions, (one) => DIRECTIONS.includes(one as Direction)) ||
    !directions.includes('queryToDocument')
  )
    check.fail(
      op,
      `${check.came('directions', directions, 'are')}, expected an array of "queryToDocument" and perhaps ` +
        `"queryToQuery", "documentToQuery", "documentToDocument".`,
    );
  if (new Set(directions).size !== directions.length)
    check.fail(op, `directions name one twice ([${directions.join(', ')}]), expected each once.`);
  const without = directions.find((one) => one === 'queryToQuery' || one === 'documentToDocument');
  if (partition === 'perDirection' && without)
    check.fail(
      op,
      `partition = "perDirection" with "${without}", expected directions whose candidates hold the positive.`,
    );
}

function checkHardness(op: string, given: unknown): Hardness {
  const { on, alpha } = check.options(
    op,
    given as Hardness,
    { on: check.REQUIRED as Hardness['on'], alpha: check.REQUIRED as number },
    'hardness',
  );
  check.oneOf(op, 'hardness.on', on, ['inBatch', 'hard', 'all']);
  check.weight(op, 'hardness.alpha', alpha);
  return { on, alpha };
}
