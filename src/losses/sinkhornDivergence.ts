import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import { debiased_terms } from '../gpu/kernels.generated.ts';
import { finishGradient, makePoints, startGradient } from '../launch/points.ts';
import { launchTotal } from '../launch/reduce.ts';
import { couple, coupleSelf, couplingGradient, type Stop, squaredRadiusOf } from '../launch/transport.ts';
import { checkedStop } from '../ops/entropicOT.ts';
import { withMatrices } from '../ops/reshape.ts';

export interface SinkhornDivergenceOptions {
  /** Weight of the entropy, a number above 0, in units of the cost. A larger one converges faster, and blurs finer differences of the clouds. */
  epsilon: number;
  /** Pairs of updates (f, then g); without `tolerance` exactly so many, with it at most. Default: at most 500. More come closer. */
  iterations?: number;
  /** Relative L1 error of the marginals to stop at; a larger one stops earlier. Default 1e-6, where `iterations` is not given. */
  tolerance?: number;
}

/**
 * The Sinkhorn divergence between two clouds of points (Feydy et al. 2019, arXiv 1810.08278): entropic transport, debiased.
 *
 * S(x, y) = OT(x, y) - OT(x, x) / 2 - OT(y, y) / 2 with the dual values of `entropicOT`, cost |x - y|^2 / 2, uniform weights.
 * The terms of one cloud with itself are symmetric, f = g, and take averaged updates.
 * @param x [N, D] or [..., D]
 * @param y [M, D] or [..., D]
 * @returns one number >= 0, 0 for equal clouds; gradients flow to both, by the envelope theorem
 */
export function sinkhornDivergence(x: Tensor, y: Tensor, options: SinkhornDivergenceOptions): Tensor {
  const op = 'sinkhornDivergence';
  const context = check.contextOf(op, { x, y });
  const given = check.options(op, options, {
    epsilon: undefined as number | undefined,
    iterations: undefined as number | undefined,
    tolerance: undefined as number | undefined,
  });
  const epsilon = check.divisor(op, 'epsilon', given.epsilon);
  const stop = checkedStop(op, given);
  check.rows(op, 'x', x);
  check.rows(op, 'y', y);
  return withMatrices([x, y], (a, b) => divergence(op, context, a, b, epsilon, stop));
}

function divergence(op: string, context: Context, x: Tensor, y: Tensor, epsilon: number, stop: Stop): Tensor {
  check.sameColumns(op, 'x', x, 'y', y);
  const [left, right] = [
    makePoints(context, op, 'x', x, 'sqeuclidean'),
    makePoints(context, op, 'y', y, 'sqeuclidean'),
  ];
  const plan = { epsilon, stop, squaredRadius: squaredRadiusOf(context, op, left, right) };
  const across = couple(context, op, left, right, plan);
  const [withinX, withinY] = [left, right].map((points) => coupleSelf(context, op, points, plan));
  plan.squaredRadius.release();
  const [n, m] = [left.count, right.count];
  const terms = context.scratch(n + m, op);
  for (const [u, within, first, count] of [
    [across.rows.u, withinX, 0, n],
    [across.columns.u, withinY, n, m],
  ] as const)
    context.run(debiased_terms, {
      params: { rows: count, first, scale: (epsilon * Math.LN2) / count, half: (0.5 * epsilon) / count },
      buffers: { u, w: within.rows.u, excess: within.excess, terms },
      groups: Math.ceil(count / 64),
      work: 16 * count,
    });
  const value = context.empty([], op);
  launchTotal(context, terms, value, n + m);
  terms.release();
  return context.record(op, [x, y], value, {
    release: () => {
      for (const storage of [across, withinX, withinY, left, right]) storage.release();
    },
    backward: (dy) => {
      const toX = x.requiresGrad ? startGradient(context, op, left) : null;
      const toY = y.requiresGrad ? startGradient(context, op, right) : null;
      couplingGradient(context, op, across, toX, toY, 1, dy);
      // A symmetric plan has each point once as a row and once as a column.
      if (toX) couplingGradient(context, op, withinX, toX, null, -1, dy);
      if (toY) couplingGradient(context, op, withinY, toY, null, -1, dy);
      return [toX && finishGradient(context, op, toX), toY && finishGradient(context, op, toY)];
    },
  });
}
