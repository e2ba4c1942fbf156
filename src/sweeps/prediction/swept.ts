import { fill } from '../../core/fills.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { Storage } from '../../gpu/buffers.ts';
import { accumulate, swav_rows } from '../../gpu/kernels.generated.ts';
import { copyRows, leftRows, packedTranspose } from '../../launch/pack.ts';
import { rowsPerPanel } from '../../launch/points.ts';
import { launchProduct } from '../../launch/product.ts';
import type { Columns } from '../../launch/rowPass.ts';
import { type Scores, type Side, startScaling, startState } from '../../launch/scaling.ts';
import { launchScalingWeights, updateScaling } from '../../launch/scalingSweep.ts';
import { roundUp } from '../../launch/tile.ts';
import type { Units } from '../../launch/unitRows.ts';
import { sub } from '../../ops/arithmetic.ts';
import { mean } from '../../ops/sum.ts';
import type { Prediction, SwappedProblem } from './problem.ts';

/**
 * In panels of prototypes from the plans' factors: neither scores nor codes are stored. Codes enter loss and gradient of the views only through t_a = Q_a C, [N, D]: what row n of view v loses is
 * |A(v)| log Z_v[n] - u_v[n].sum_{a in A(v)} t_a[n] / tau.
 * The prototypes are less their mean there, which P and the loss do not know, as rows of P and Q sum to 1: where prototypes share a
 * direction, P C and Q C would be that direction each, and their difference what rounding left of it.
 */
export const sweptPrediction: Prediction = (
  problem,
  units,
  { temperature, epsilon, iterations },
  { losses, gradients, share },
) => {
  const { context, op, rows, stride, toPrototypes } = problem;
  const asGiven = alongFeatures(problem, problem.prototypes);
  const less = context.noGrad(() => context.scope(() => sub(problem.prototypes, mean(problem.prototypes, 0))));
  const centred = alongFeatures(problem, less);
  const centredRows = copyRows(context, op, { of: less, rows: less.shape[0], columns: less.shape[1] }, less.shape[0]);
  less.dispose();
  const targets = [0, 1].map((source) => {
    const target = context.scratch(problem.floats, op);
    fill(context, target, problem.floats, 0);
    const others = toPrototypes ? sumOfOthers(problem, units, source) : null;
    const plan = codes(problem, asGiven, units[source], epsilon, iterations);
    sweep(problem, plan, centredRows, target, 1, others && { rows: others.of, scale: -share });
    others?.release();
    plan.release();
    return target;
  });
  units.forEach((view, v) => {
    const plan = predictions(problem, centred, view, temperature);
    const sources = v === 0 ? 2 : v === 1 ? 1 : 3;
    context.run(swav_rows, {
      params: {
        rows,
        first_row: v * rows,
        row_stride4: stride / 4,
        prototypes: problem.prototypes.shape[0],
        sources,
        inverse_temperature: 1 / temperature,
        share,
      },
      buffers: {
        units: view.rows,
        targets0: targets[0],
        targets1: targets[1],
        prediction: plan.samples.u,
        losses,
        g: gradients[v],
      },
      groups: Math.ceil(rows / 64),
      work: 4 * rows * stride,
    });
    const scale = (sources === 3 ? 2 : 1) * share;
    if (toPrototypes) sweep(problem, plan, centredRows, gradients[v], scale, { rows: view.rows, scale });
    plan.release();
  });
  for (const storage of [...targets, asGiven, centred, centredRows]) storage.release();
};

/** Prototypes as the operand of products along the features. */
type FeatureOperand = Columns & { release(): void };

function alongFeatures({ context, op }: SwappedProblem, x: Tensor): FeatureOperand {
  const [rows, columns] = x.shape;
  const { of, stride, release } = packedTranspose(context, op, { of: x, rows, columns });
  return { of: of as Storage, stride, rows, release };
}

/** A plan between samples and prototypes, by its factors. */
interface TransportPlan {
  readonly samples: Side;
  readonly prototypes: Side;
  readonly scores: Scores;
  release(): void;
}

function startPlan(
  { context, op }: SwappedProblem,
  prototypes: Columns,
  units: Units,
  count: number,
  inverse: number,
): TransportPlan {
  const points = { of: units.transposed, stride: units.paddedRows, rows: count };
  const samples = { points, u: startScaling(context, op, count) };
  const others = { points: prototypes, u: startScaling(context, op, prototypes.rows) };
  const scores = { depth: units.columns, scale: inverse, distance: false };
  const release = (): void => {
    samples.u.release();
    others.u.release();
  };
  return { samples, prototypes: others, scores, release };
}

/** Q_a: Sinkhorn over the view's rows and its queue's; the factors of the first rows are those of the view. */
function codes(
  problem: SwappedProblem,
  prototypes: Columns,
  units: Units,
  epsilon: number,
  iterations: number,
): TransportPlan {
  const { context, op } = problem;
  const plan = startPlan(problem, prototypes, units, units.count, 1 / epsilon);
  const state = startState(context, op);
  const excess = context.scratch(Math.max(units.count, prototypes.rows), op);
  for (let t = 0; t < iterations; t++) {
    updateScaling(context, op, plan.prototypes, plan.samples, plan.scores, { state, excess });
    updateScaling(context, op, plan.samples, plan.prototypes, plan.scores, { state, excess });
  }
  state.release();
  excess.release();
  const samples = { ...plan.samples, points: { ...plan.samples.points, rows: problem.rows } };
  return { ...plan, samples };
}

/** P_v = softmax(scores / tau): one update of the samples, and none of the prototypes. */
function predictions(problem: SwappedProblem, prototypes: Columns, units: Units, temperature: number): TransportPlan {
  const { context, op } = problem;
  const plan = startPlan(problem, prototypes, units, problem.rows, 1 / temperature);
  const state = startState(context, op);
  const excess = context.scratch(problem.rows, op);
  updateScaling(context, op, plan.samples, plan.prototypes, plan.scores, { state, excess });
  state.release();
  excess.release();
  return plan;
}

/** out[n] += scale sum_k P_nk c_k, c the centred prototypes, and with `also` rows r: dC[k] += also.scale sum_n P_nk r_n. */
function sweep(
  { context, op, prototypes, rows, stride, toPrototypes }: SwappedProblem,
  plan: TransportPlan,
  centredRows: Storage,
  out: Storage,
  scale: number,
  also: { rows: Storage; scale: number } | null,
): void {
  const [all, columns] = prototypes.shape;
  const width = roundUp(rows, 4);
  const panel = rowsPerPanel(context, { paddedRows: width, columns }, all);
  const weights = context.scratch(panel * width, op);
  const one = context.constant(1);
  for (let first = 0; first < all; first += panel) {
    const count = Math.min(panel, all - first);
    const share = 1 / all;
    launchScalingWeights(
      context,
      plan.samples,
      plan.prototypes,
      plan.scores,
      { first, count, width, share },
      one,
      weights,
    );
    launchProduct(
      context,
      { rows, columns, depth: count },
      { of: weights, at: 0, stride: width, along: 'columns' },
      { of: centredRows, at: first * stride, stride },
      { of: out, at: 0, stride },
      { scale, accumulating: true },
    );
    if (!also || !toPrototypes) continue;
    const { along, operand } = leftRows(context, op, { of: weights, rows: count, columns: width }, columns);
    launchProduct(
      context,
      { rows: count, columns, depth: rows },
      { ...operand, along },
      { of: also.rows, at: 0, stride },
      { of: toPrototypes, at: first * columns, stride: columns },
      { scale: also.scale, accumulating: true },
    );
    operand.release();
  }
  one.dispose();
  weights.release();
}

/** The unit rows of all views but `source`, added up. */
function sumOfOthers(
  { context, op, floats }: SwappedProblem,
  units: readonly Units[],
  source: number,
): { of: Storage; release(): void } {
  if (units.length === 2) return { of: units[1 - source].rows, release: () => {} };
  const total = context.scratch(floats, op);
  fill(context, total, floats, 0);
  units.forEach((view, v) => {
    if (v === source) return;
    context.run(accumulate, {
      params: { count: floats },
      buffers: { total, more: view.rows },
      groups: Math.ceil(floats / 1024),
      work: 2 * floats,
    });
  });
  return { of: total, release: () => total.release() };
}
