import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import { row_lse, row_weights, row_weights_distance } from '../gpu/kernels.generated.ts';
import { gradientInPanels } from '../launch/panels.ts';
import { featuresOf, METRICS, type Metric, makePoints, type Points } from '../launch/points.ts';
import { EMPTY, launchRowPass, type RowStatistics, SKIP } from '../launch/rowPass.ts';

export interface SimilarityLogSumExpOptions {
  /** `'cosine'` (default; rows are normalised inside), `'dot'`, or `'sqeuclidean'`: +|a_i - b_j|^2. */
  metric?: Metric;
  /** A factor, of any sign; -1 / (2 h^2) with `'sqeuclidean'` is a Gaussian kernel. Default 1. */
  scale?: number;
  /** `'self'`: leaves out j = i. */
  exclude?: 'self';
}

/**
 * log sum_j exp(scale * s_ij) for every row i of `a` over all rows j of `b`. The matrix is never stored: memory stays linear
 * in N and M, at the price of computing s twice.
 * @param a [N, D]
 * @param b [M, D]; without it, `a` against itself
 * @returns [N]; -1e30 with gradient 0 for a row that has no j (one row, `exclude: 'self'`)
 */
export function similarityLogSumExp(a: Tensor, b?: Tensor, options?: SimilarityLogSumExpOptions): Tensor {
  const op = 'similarityLogSumExp';
  const alone = b === undefined;
  const context = check.contextOf(op, alone ? { a } : { a, b });
  const { metric, scale, exclude } = check.options(op, options, {
    metric: 'cosine' as Metric,
    scale: 1,
    exclude: undefined as 'self' | undefined,
  });
  check.oneOf(op, 'metric', metric, METRICS);
  check.logits(op, 'scale', scale);
  if (exclude !== undefined) check.oneOf(op, 'exclude', exclude, ['self']);
  const [n] = check.matrix(op, 'a', a);
  if (!alone) check.sameColumns(op, 'a', a, 'b', b);
  if (!alone && exclude && b.shape[0] !== n)
    check.fail(op, `b has ${b.shape[0]} rows, expected ${n} to match a, since exclude = "self" pairs them.`);
  const left = makePoints(context, op, 'a', a, metric, 'own');
  const right = alone ? left : makePoints(context, op, 'b', b, metric, left);
  const pass = launchRowPass(context, op, featuresOf(left), featuresOf(right), left.columns, {
    distance: metric === 'sqeuclidean',
    skip: exclude ?? 'none',
    scale,
    temperature: context.constant(1),
  });
  const lse = context.empty([n], op);
  context.run(row_lse, {
    params: { rows: n, scale, none: exclude && n === 1 ? EMPTY.floor : EMPTY.weightless },
    buffers: { tops: pass.top, sums: pass.sum, lse },
    groups: Math.ceil(n / 64),
    work: 4 * n,
  });
  const release = (): void => {
    pass.release();
    left.release();
    if (!alone) right.release();
  };
  return context.record(op, alone ? [a] : [a, b], lse, {
    release,
    backward: (dy) => backward(context, op, left, right, pass, dy, { scale, skip: exclude ?? 'none' }),
  });
}

/** w_ij = dy_i exp(scale s_ij - lse_i), a panel of columns j at a time, and its weighted sums for both sides. */
function backward(
  context: Context,
  op: string,
  left: Points,
  right: Points,
  { top, sum }: RowStatistics,
  dy: Tensor,
  { scale, skip }: { scale: number; skip: 'none' | 'self' },
): Tensor[] {
  const kernel = left.metric === 'sqeuclidean' ? row_weights_distance : row_weights;
  return gradientInPanels(context, op, left, right, scale, {
    kernel,
    params: { scale },
    buffers: { tops: top, sums: sum, dy },
    tuning: { SKIP: SKIP[skip] },
  });
}
