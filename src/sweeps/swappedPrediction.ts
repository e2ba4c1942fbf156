import type { Engine } from '../core/engine.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { accumulate, swav_rows } from '../gpu/kernels.generated.ts';
import { leftRows } from '../launch/pack.ts';
import { featuresOf, makePoints, type Points, panelWidth, rowsOf } from '../launch/points.ts';
import { launchTotal } from '../launch/reduce.ts';
import {
  keepScores,
  launchScalingWeights,
  type Scores,
  type Side,
  startScaling,
  startState,
  updateScaling,
} from '../launch/scaling.ts';
import { launchProduct, roundUp } from '../launch/tile.ts';
import { makeUnits, noTurn, type Units, unitsBackward } from '../launch/units.ts';
import { mul } from '../ops/arithmetic.ts';

export interface SwappedPrediction {
  readonly temperature: number;
  readonly epsilon: number;
  readonly iterations: number;
  /** A queue for each of the two code sources, or none. */
  readonly queues: readonly Tensor[];
}

/** What all sweeps of one loss share. */
interface Batch {
  readonly engine: Engine;
  readonly op: string;
  readonly prototypes: Points;
  /** Rows of a view. */
  readonly rows: number;
  /** Floats of [N rounded up to 4, D rounded up to 4]. */
  readonly floats: number;
  readonly stride: number;
  /** Gradient for the prototypes [K, D], null where nobody asks for it. */
  readonly toPrototypes: Tensor | null;
}

/**
 * SwAV's core. The codes enter the loss and the gradient of the views only through t_a = Q_a C, [N, D]:
 * L = 1 / (2 (V - 1) N) sum_v sum_n [ |A(v)| log Z_v[n] - u_v[n].sum_{a in A(v)} t_a[n] / tau ], A(v) = {0, 1} without v.
 * A plan is swept in panels of prototypes from its factors and, where they are small, its scores: codes are never stored. One call computes loss
 * and gradient; the tape keeps the gradient.
 */
export function swappedPrediction(
  op: string,
  views: readonly Tensor[],
  prototypes: Tensor,
  { temperature, epsilon, iterations, queues }: SwappedPrediction,
): Tensor {
  const { engine } = prototypes;
  const [rows, columns] = views[0].shape;
  const wanted = engine.needsGrad(...views, prototypes);
  const still = noTurn(engine, op, columns); // as the prototypes
  const units = views.map((view, v) => {
    const queue = v < queues.length ? { [`queue[${v}]`]: queues[v] } : {};
    return makeUnits(engine, op, { [`views[${v}]`]: view, ...queue }, 4, still);
  });
  still.release();
  const stride = roundUp(columns, 4);
  const batch: Batch = {
    engine,
    op,
    prototypes: makePoints(engine, op, 'prototypes', prototypes, 'dot'),
    rows,
    floats: roundUp(rows, 4) * stride,
    stride,
    toPrototypes: wanted ? engine.unscoped(() => engine.full(prototypes.shape, 0)) : null,
  };
  const share = 1 / (2 * (views.length - 1) * rows * temperature);
  const targets = [0, 1].map((source) => {
    const target = engine.scratch(batch.floats, op);
    engine.fill(target, batch.floats, 0);
    const others = wanted ? sumOfOthers(batch, units, source) : null;
    const plan = codes(batch, units[source], epsilon, iterations);
    sweep(batch, plan, target, 1, others && { rows: others.of, scale: -share });
    others?.release();
    plan.release();
    return target;
  });

  const losses = engine.scratch(views.length * rows, op);
  const gradients = units.map((view, v) => {
    const gradient = engine.scratch(batch.floats, op);
    const plan = predictions(batch, view, temperature);
    const sources = v === 0 ? 2 : v === 1 ? 1 : 3;
    engine.run(swav_rows, {
      params: {
        rows,
        first_row: v * rows,
        row_stride4: stride / 4,
        prototypes: batch.prototypes.count,
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
        g: gradient,
      },
      groups: Math.ceil(rows / 64),
      work: 4 * rows * stride,
    });
    const scale = (sources === 3 ? 2 : 1) * share;
    if (wanted) sweep(batch, plan, gradient, scale, { rows: view.rows, scale });
    plan.release();
    return gradient;
  });
  const loss = engine.empty([], op);
  launchTotal(engine, losses, loss, views.length * rows, 1 / (2 * (views.length - 1) * rows));
  for (const storage of [...targets, losses]) storage.release();
  batch.prototypes.release();
  return engine.record(op, [...views, prototypes, ...queues], loss, {
    release: () => {
      for (const storage of [...units, ...gradients]) storage.release();
      batch.toPrototypes?.dispose();
    },
    backward: (dy) => [
      ...views.map((view, v) =>
        view.requiresGrad ? unitsBackward(engine, op, units[v], [rows], gradients[v], { dy })[0] : null,
      ),
      prototypes.requiresGrad ? mul(batch.toPrototypes as Tensor, dy) : null,
      ...queues.map(() => null),
    ],
  });
}

/** A plan between samples and prototypes, by its factors. */
interface Plan {
  readonly samples: Side;
  readonly prototypes: Side;
  readonly scores: Scores;
  release(): void;
}

function startPlan({ engine, op, prototypes }: Batch, units: Units, count: number, inverse: number): Plan {
  const points = { of: units.transposed, stride: units.paddedRows, rows: count };
  const samples = { points, u: startScaling(engine, op, count) };
  const others = { points: featuresOf(prototypes), u: startScaling(engine, op, prototypes.count) };
  const swept = { depth: units.columns, scale: inverse, distance: false };
  const kept = keeps(engine, points.stride, prototypes);
  const scores: Scores = kept ? keepScores(engine, op, points, others.points, swept) : swept;
  const release = (): void => {
    samples.u.release();
    others.u.release();
    scores.kept?.release();
  };
  return { samples, prototypes: others, scores, release };
}

/** Scores are kept, those of one plan at a time, while they take no more than KEPT times the memory of what they are of. */
const KEPT = 8;

function keeps(engine: Engine, rows: number, { count, columns }: Points): boolean {
  return (
    rows * count <= KEPT * (rows + count) * columns &&
    4 * rows * count <= engine.info.limits.maxStorageBufferBindingSize
  );
}

/** Q_a: Sinkhorn over the view's rows and its queue's; the factors of the first rows are those of the view. */
function codes(batch: Batch, units: Units, epsilon: number, iterations: number): Plan {
  const { engine, op } = batch;
  const plan = startPlan(batch, units, units.count, 1 / epsilon);
  const state = startState(engine, op);
  const excess = engine.scratch(Math.max(units.count, batch.prototypes.count), op);
  for (let t = 0; t < iterations; t++) {
    updateScaling(engine, op, plan.prototypes, plan.samples, plan.scores, { state, excess });
    updateScaling(engine, op, plan.samples, plan.prototypes, plan.scores, { state, excess });
  }
  state.release();
  excess.release();
  const samples = { ...plan.samples, points: { ...plan.samples.points, rows: batch.rows } };
  return { ...plan, samples };
}

/** P_v = softmax(scores / tau): one update of the samples, and none of the prototypes. */
function predictions(batch: Batch, units: Units, temperature: number): Plan {
  const { engine, op } = batch;
  const plan = startPlan(batch, units, batch.rows, 1 / temperature);
  const state = startState(engine, op);
  const excess = engine.scratch(batch.rows, op);
  updateScaling(engine, op, plan.samples, plan.prototypes, plan.scores, { state, excess });
  state.release();
  excess.release();
  return plan;
}

/** out[n] += scale sum_k P_nk c_k, and with `pulling` rows r: dC[k] += pulling.scale sum_n P_nk r_n. */
function sweep(
  { engine, op, prototypes, rows, stride, toPrototypes }: Batch,
  plan: Plan,
  out: Storage,
  scale: number,
  pulling: { rows: Storage; scale: number } | null,
): void {
  const columns = prototypes.columns;
  const width = roundUp(rows, 4);
  const panel = panelWidth(engine, { paddedRows: width, columns }, prototypes.count);
  const weights = engine.scratch(panel * width, op);
  const one = engine.constant(1);
  for (let first = 0; first < prototypes.count; first += panel) {
    const count = Math.min(panel, prototypes.count - first);
    const share = 1 / prototypes.count;
    launchScalingWeights(
      engine,
      plan.samples,
      plan.prototypes,
      plan.scores,
      { first, count, width, share },
      one,
      weights,
    );
    launchProduct(
      engine,
      { rows, columns, depth: count },
      { of: weights, at: 0, stride: width, along: 'columns' },
      rowsOf(prototypes, first),
      { of: out, at: 0, stride },
      { scale, accumulating: true },
    );
    if (!pulling || !toPrototypes) continue;
    const { along, operand } = leftRows(engine, op, { of: weights, rows: count, columns: width }, columns);
    launchProduct(
      engine,
      { rows: count, columns, depth: rows },
      { ...operand, along },
      { of: pulling.rows, at: 0, stride },
      { of: toPrototypes, at: first * columns, stride: columns },
      { scale: pulling.scale, accumulating: true },
    );
    operand.release();
  }
  one.dispose();
  weights.release();
}

/** The unit rows of all views but `source`, added up. */
function sumOfOthers(
  { engine, op, floats }: Batch,
  units: readonly Units[],
  source: number,
): { of: Storage; release(): void } {
  if (units.length === 2) return { of: units[1 - source].rows, release: () => {} };
  const total = engine.scratch(floats, op);
  engine.fill(total, floats, 0);
  units.forEach((view, v) => {
    if (v === source) return;
    engine.run(accumulate, {
      params: { count: floats },
      buffers: { total, more: view.rows },
      groups: Math.ceil(floats / 256),
      work: 2 * floats,
    });
  });
  return { of: total, release: () => total.release() };
}
