import * as check from '../../core/checkTensor.ts';
import type { Tensor } from '../../core/tensor.ts';
import { launchTotal } from '../../launch/reduce.ts';
import { roundUp } from '../../launch/tile.ts';
import { makeUnits, noReflection, unitsBackward } from '../../launch/unitRows.ts';
import { mul } from '../../ops/arithmetic.ts';
import type { SwappedPrediction, SwappedProblem } from './problem.ts';
import { scoresFit, storedPrediction } from './stored.ts';
import { sweptPrediction } from './swept.ts';

/**
 * SwAV's core: L = 1 / (2 (V - 1) N) sum_v sum_n sum_{a in A(v)} -sum_k Q_a[n, k] log P_v[n, k], A(v) = {0, 1} without v.
 * Scores and codes are stored while they are not much larger than what they are of, else swept. One call computes loss and
 * gradient; the tape keeps the gradient.
 */
export function swappedPrediction(
  op: string,
  views: readonly Tensor[],
  prototypes: Tensor,
  options: SwappedPrediction,
): Tensor {
  const { context } = prototypes;
  const { queues, temperature } = options;
  const [rows, columns] = views[0].shape;
  check.bindableInput(op, context, 'prototypes', prototypes);
  const wanted = context.needsGrad(...views, prototypes);
  const still = noReflection(context, op, columns); // as the prototypes
  const units = views.map((view, v) => {
    const queue = v < queues.length ? { [`queue[${v}]`]: queues[v] } : {};
    return makeUnits(context, op, { [`views[${v}]`]: view, ...queue }, 4, still);
  });
  still.release();
  const stride = roundUp(columns, 4);
  const problem: SwappedProblem = {
    context,
    op,
    prototypes,
    rows,
    floats: roundUp(rows, 4) * stride,
    stride,
    toPrototypes: wanted ? context.unscoped(() => context.full(prototypes.shape, 0)) : null,
  };
  const losses = context.scratch(views.length * rows, op);
  const gradients = units.map(() => context.scratch(problem.floats, op));
  const share = 1 / (2 * (views.length - 1) * rows * temperature);
  const predict = scoresFit(problem, units) ? storedPrediction : sweptPrediction;
  predict(problem, units, options, { losses, gradients, share });
  const loss = context.empty([], op);
  launchTotal(context, losses, loss, views.length * rows, share * temperature);
  losses.release();
  return context.record(op, [...views, prototypes, ...queues], loss, {
    release: () => {
      for (const storage of [...units, ...gradients]) storage.release();
      problem.toPrototypes?.dispose();
    },
    backward: (dy) => [
      ...views.map((view, v) =>
        view.requiresGrad ? unitsBackward(context, op, units[v], [rows], gradients[v], { dy })[0] : null,
      ),
      prototypes.requiresGrad ? mul(problem.toPrototypes as Tensor, dy) : null,
      ...queues.map(() => null),
    ],
  });
}
