import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import { append_column, row_lse, row_weights } from '../gpu/kernels.generated.ts';
import { copyRows } from '../launch/pack.ts';
import { addToLeft, addToRight, type Panel, walkPanels } from '../launch/panels.ts';
import { featuresOf, makePoints, type PointsGradient, type WeighedPoints } from '../launch/points.ts';
import { EMPTY, launchRowPass } from '../launch/rowPass.ts';
import { roundUp } from '../launch/tile.ts';
import { add, mul } from '../ops/arithmetic.ts';
import { reshape } from '../ops/reshape.ts';
import { similarityLogSumExp } from '../ops/similarityLogSumExp.ts';

/** Rows of a teacher and the prototypes that they are assigned to; constants. */
export interface Assigned {
  /** [N, D] */
  readonly rows: Tensor;
  /** [K, D] */
  readonly prototypes: Tensor;
  readonly temperature: number;
  /** [K], added to the logits of each prototype */
  readonly bias: Tensor;
}

/**
 * sum_k t_ik v_k, t = softmax over k of rows . prototypes / temperature + bias: of K targets a row, which are never stored,
 * what a linear loss of them needs. The gradient flows to `values` [K, E] alone, and makes the targets again.
 */
export function softTargets(
  op: string,
  context: Context,
  { rows, prototypes, temperature, bias }: Assigned,
  values: Tensor,
): Tensor {
  const [n] = rows.shape;
  const [k, columns] = values.shape;
  const one = context.full([n], 1);
  const means = context.empty([n, columns], op);
  const toMeans = gathered(means, n);
  const tops = context.empty([n], op);
  walkTargets(
    op,
    [rows, prototypes, bias, one],
    temperature,
    values,
    (panel, weighed) => addToLeft(context, toMeans, panel, weighed, 1),
    tops,
  );
  // Targets of what is not finite may be numbers on some adapters: their log-sum-exp is none, and 0 times it shows that.
  const shown = context.noGrad(() => context.scope(() => add(means, mul(reshape(tops, [n, 1]), 0))));
  means.dispose();
  tops.dispose();
  return context.record(op, [values], shown, {
    saved: [rows, prototypes, bias, one],
    backward: (dy, saved) => {
      let to: PointsGradient | null = null; // made once the copies of what the targets are made of are gone
      walkTargets(op, saved, temperature, dy, (panel, slopes) => {
        to ??= gathered(context.empty([k, columns], op), k);
        addToRight(context, op, to, panel, slopes, 1);
      });
      return [(to as PointsGradient | null)?.into.of as Tensor];
    },
  });
}

/** Shows `visit` the targets, a panel of prototypes at a time, and what they weigh; `tops` gets the rows' log-sum-exps. */
function walkTargets(
  op: string,
  [rows, prototypes, bias, one]: readonly Tensor[],
  temperature: number,
  weighed: Tensor,
  visit: (panel: Panel, weighed: WeighedPoints) => void,
  tops?: Tensor,
): void {
  const { context } = rows;
  const [left, right] = context.noGrad(() =>
    context.scope(() => {
      const scaled = withColumn(op, mul(rows, 1 / temperature), one);
      return [
        makePoints(context, op, 'teacher', scaled, 'dot'),
        makePoints(context, op, 'prototypes', withColumn(op, prototypes, bias), 'dot'),
      ];
    }),
  );
  const pass = launchRowPass(context, op, featuresOf(left), featuresOf(right), left.columns, {
    temperature: context.constant(1),
  });
  if (tops)
    context.run(row_lse, {
      params: { rows: tops.size, scale: 1, none: EMPTY.weightless },
      buffers: { tops: pass.top, sums: pass.sum, lse: tops },
      groups: Math.ceil(tops.size / 64),
      work: 4 * tops.size,
    });
  const values = rowsAlone(context, op, weighed);
  const buffers = { tops: pass.top, sums: pass.sum, dy: one };
  const weighing = { kernel: row_weights, params: { scale: 1 }, buffers, tuning: { SKIP: 0 } };
  walkPanels(context, op, left, right, weighing, (panel) => visit(panel, values));
  for (const held of [left, right, pass, values]) held.release();
}

/** A matrix as what is weighed: its rows, padded. */
function rowsAlone(context: Context, op: string, x: Tensor): WeighedPoints & { release(): void } {
  const [count, columns] = x.shape;
  const rows = copyRows(context, op, { of: x, rows: count, columns }, roundUp(count, 4));
  return { metric: 'dot', count, columns, rows, rowStride: roundUp(columns, 4), release: () => rows.release() };
}

/** Room for weighted sums, `count` rows of them, in a tensor. */
function gathered(into: Tensor, count: number): PointsGradient {
  const columns = into.shape[1];
  const points = { metric: 'dot', count, columns, rows: into.storage, rowStride: columns, units: null } as const;
  return { points, into: { of: into, at: 0, stride: columns }, begun: false };
}

/** The bias by which columns of the K assignments have equal mass: Sinkhorn's, its last step the rows' own softmax. */
export function sinkhornBias(
  op: string,
  { rows, prototypes, temperature }: Omit<Assigned, 'bias'>,
  iterations: number,
): Tensor {
  const { context } = rows;
  const [[n], [k]] = [rows.shape, prototypes.shape];
  return context.noGrad(() =>
    context.scope(() => {
      const [ofRows, ofColumns] = [context.full([n], 1), context.full([k], 1)];
      const scaled = mul(rows, 1 / temperature);
      let own = mul(ofRows, 0);
      let bias = mul(ofColumns, 0);
      for (let step = 0; step < iterations; step++) {
        if (step > 0)
          own = level(
            similarityLogSumExp(withColumn(op, scaled, ofRows), withColumn(op, prototypes, bias), { metric: 'dot' }),
            n,
          );
        bias = level(
          similarityLogSumExp(withColumn(op, prototypes, ofColumns), withColumn(op, scaled, own), { metric: 'dot' }),
          k,
        );
      }
      return bias;
    }),
  );
}

/** What makes sums that have these logarithms 1 / count each. */
function level(lse: Tensor, count: number): Tensor {
  return add(mul(lse, -1), -Math.log(count));
}

/** [N, D + 1]: logits that are products of rows have a term of one side alone in the column that the other side has 1 in. */
function withColumn(op: string, x: Tensor, column: Tensor): Tensor {
  const { context } = x;
  const [rows, columns] = x.shape;
  const out = context.empty([rows, columns + 1], op);
  context.run(append_column, {
    params: { count: out.size, columns },
    buffers: { x, column, out },
    groups: Math.ceil(out.size / 256),
    work: out.size,
  });
  return out;
}
