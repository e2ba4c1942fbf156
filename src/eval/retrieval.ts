import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { METRICS, type Metric, makePoints } from '../launch/points.ts';
import { checkLabels } from '../ops/labels.ts';
import { launchNearest, MAX_NEIGHBOURS } from '../ops/nearest.ts';

export interface RetrievalOptions {
  /** [N, D] */
  queries: Tensor;
  /** N integers in [0, 2^31). A document of a query's number is relevant to it: a class, or the number of a pair. */
  queryLabels: Int32Array;
  /** [M, D] what is searched. Default: the queries themselves, where no row finds itself. */
  documents?: Tensor;
  /** M integers; with `documents`. */
  documentLabels?: Int32Array;
  /** How many of the nearest count for `accuracy`, `recall`, `mrr`, `ndcg` and `map`, at most 256; M if that is less. Default 10. */
  k?: number;
  /** What is nearest: `'cosine'` (default), `'dot'` or `'sqeuclidean'`. */
  metric?: Metric;
}

/** Means over the queries that have a relevant document, each in [0, 1]. R is how many a query has. */
export interface RetrievalScores {
  /** Queries with a relevant document: the others count nowhere. */
  readonly asked: number;
  /** Whether the nearest document is relevant (precision@1, and recall@1 of metric learning). */
  readonly precisionAt1: number;
  /** Whether any of the k nearest is (accuracy@k of retrieval, recall@k of metric learning). */
  readonly accuracy: number;
  /** The share of the relevant documents that is among the k nearest. */
  readonly recall: number;
  /** 1 / the place of the first relevant document, 0 past k. */
  readonly mrr: number;
  /** Discounted cumulative gain of the k nearest, over the largest possible. */
  readonly ndcg: number;
  /** Average precision at k: of each relevant document among them the precision up to it, over min(k, R). */
  readonly map: number;
  /** The share of the R nearest that is relevant; NaN where some R is above 256. */
  readonly rPrecision: number;
  /** Average precision over the R nearest (Musgrave et al. 2020, arXiv 2003.08505); NaN where some R is above 256. */
  readonly mapAtR: number;
}

/**
 * How well relevant documents are found by the distance of embeddings. Of equally near documents the one with the lower number
 * comes first.
 */
export async function retrieval(options: RetrievalOptions): Promise<RetrievalScores> {
  const op = 'retrieval';
  const given = check.options(op, options, {
    queries: check.REQUIRED as Tensor,
    queryLabels: check.REQUIRED as Int32Array,
    documents: undefined as Tensor | undefined,
    documentLabels: undefined as Int32Array | undefined,
    k: 10,
    metric: 'cosine' as Metric,
  });
  const { queries, documents = queries, metric } = given;
  const context = check.contextOf(op, { queries, documents });
  const alone = given.documents === undefined;
  const [rows] = check.matrix(op, 'queries', queries);
  const [others] = check.matrix(op, 'documents', documents);
  check.sameColumns(op, 'queries', queries, 'documents', documents);
  const asked = checkLabels(op, 'queryLabels', given.queryLabels, rows, 2 ** 31);
  if (alone && given.documentLabels !== undefined)
    check.fail(op, 'documentLabels came without documents, expected both or neither.');
  const known = alone ? asked : checkLabels(op, 'documentLabels', given.documentLabels, others, 2 ** 31);
  const reach = alone ? others - 1 : others;
  if (reach < 1) check.fail(op, 'queries has 1 row, expected at least 2, since no row finds itself.');
  check.oneOf(op, 'metric', metric, METRICS);
  const k = Math.min(reach, check.integer(op, 'k', given.k, 1, MAX_NEIGHBOURS));

  const sizes = new Map<number, number>();
  for (const label of known) sizes.set(label, (sizes.get(label) ?? 0) + 1);
  const relevant = Array.from(asked, (label) => (sizes.get(label) ?? 0) - (alone ? 1 : 0));
  const most = relevant.reduce((top, count) => Math.max(top, count), 0);
  const depth = Math.min(reach, Math.max(k, most), MAX_NEIGHBOURS);
  check.bindable(op, context, [rows, depth]);
  const indices = context.unscoped(() => context.empty([rows, depth], op, 'i32'));
  context.scope(() => {
    const left = makePoints(context, op, 'queries', queries, metric);
    const right = alone ? left : makePoints(context, op, 'documents', documents, metric);
    const scores = context.empty([rows, depth], op);
    launchNearest(context, op, left, right, { indices, scores }, { k: depth, exclude: alone ? 'self' : undefined });
    left.release();
    if (!alone) right.release();
  });
  context.opEnded();
  try {
    const found = (await indices.data()) as unknown as Int32Array;
    const hits = (i: number): boolean[] =>
      Array.from(found.subarray(i * depth, (i + 1) * depth), (j) => known[j] === asked[i]);
    const each = relevant.flatMap((count, i) => (count > 0 ? [scoresOf(hits(i), count, k)] : []));
    const mean = (of: (one: QueryScores) => number): number =>
      each.reduce((sum, one) => sum + of(one), 0) / Math.max(each.length, 1);
    const whole = most <= depth ? 1 : Number.NaN; // R documents were looked at
    return {
      asked: each.length,
      precisionAt1: mean((one) => one.precisionAt1),
      accuracy: mean((one) => one.accuracy),
      recall: mean((one) => one.recall),
      mrr: mean((one) => one.mrr),
      ndcg: mean((one) => one.ndcg),
      map: mean((one) => one.map),
      rPrecision: whole * mean((one) => one.rPrecision),
      mapAtR: whole * mean((one) => one.mapAtR),
    };
  } finally {
    indices.dispose();
  }
}

type QueryScores = Omit<RetrievalScores, 'asked'>;

/** Of one query: whether each of the nearest is relevant, the nearest first, of `relevant` that there are. */
function scoresOf(hits: readonly boolean[], relevant: number, k: number): QueryScores {
  const among = (count: number): number => hits.slice(0, count).filter(Boolean).length;
  const precisions = (count: number): number =>
    hits.slice(0, count).reduce((sum, hit, at) => sum + (hit ? among(at + 1) / (at + 1) : 0), 0);
  const gain = (at: number): number => 1 / Math.log2(at + 2);
  const first = hits.indexOf(true);
  const gained = hits.slice(0, k).reduce((sum, hit, at) => sum + (hit ? gain(at) : 0), 0);
  const possible = Array.from({ length: Math.min(k, relevant) }, (_, at) => gain(at));
  return {
    precisionAt1: hits[0] ? 1 : 0,
    accuracy: among(k) > 0 ? 1 : 0,
    recall: among(k) / relevant,
    mrr: first >= 0 && first < k ? 1 / (first + 1) : 0,
    ndcg: gained / possible.reduce((a, b) => a + b),
    map: precisions(k) / Math.min(k, relevant),
    rPrecision: among(relevant) / relevant,
    mapAtR: precisions(relevant) / relevant,
  };
}
