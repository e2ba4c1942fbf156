import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { potentials, transport_report } from '../gpu/kernels.generated.ts';
import { finishGradient, makePoints, startGradient } from '../launch/points.ts';
import { launchTotal } from '../launch/reduce.ts';
import { couple, couplingGradient, DEFAULT_TOLERANCE, squaredRadiusOf, stopOf } from '../launch/transport.ts';

export interface EntropicOTOptions {
  /** Weight of the entropy, a number above 0, in units of the cost. A larger one converges faster, to a plan that is more spread out. */
  epsilon: number;
  /** Pairs of updates (f, then g); without `tolerance` exactly so many, with it at most. Default: at most 500. More come closer. */
  iterations?: number;
  /** Relative L1 error of the marginals to stop at; a larger one stops earlier. Default 1e-6, where `iterations` is not given. */
  tolerance?: number;
  /** KL penalty of both marginals (unbalanced transport); the larger, the nearer they are. Default Infinity: the marginals are exact. */
  rho?: number;
}

/** Bytes of costs that are cached: 2,048 x 2,048. A constant, so that memory stays linear in the points. */
const MOST_CACHED = 2 ** 24;

export interface EntropicOTResult {
  /** The dual value, one number; its gradient flows to x and y. */
  readonly value: Tensor;
  /** The potential of x, [N]; a constant. */
  readonly f: Tensor;
  /** The potential of y, [M]; a constant. */
  readonly g: Tensor;
  /** Relative L1 error of the row marginals (those of the columns are exact), one number. */
  readonly marginalError: Tensor;
  /** 1 where it is within the tolerance, else 0. */
  readonly converged: Tensor;
  /** Pairs of updates that were done. */
  readonly iterations: Tensor;
}

/**
 * Entropic optimal transport between two clouds of points with uniform weights a_i = 1/N, b_j = 1/M:
 * min_P sum_ij P_ij |x_i - y_j|^2 / 2 + epsilon KL(P | a b^T), P 1 = a, P^T 1 = b, by Sinkhorn's algorithm in its log-domain
 * form. P_ij = a_i b_j exp((f_i + g_j - |x_i - y_j|^2 / 2) / epsilon). With `rho` the constraints become
 * rho KL(P 1 | a) + rho KL(P^T 1 | b). Costs up to 16 MiB are cached until the gradient; else memory is O(N + M) beside packed points.
 * @param x [N, D]
 * @param y [M, D]
 * @returns value, potentials and diagnostics, all Tensors; the gradient of the value is the envelope theorem's
 */
export function entropicOT(x: Tensor, y: Tensor, options: EntropicOTOptions): EntropicOTResult {
  const op = 'entropicOT';
  const context = check.contextOf(op, { x, y });
  const given = check.options(op, options, {
    epsilon: undefined as number | undefined,
    iterations: undefined as number | undefined,
    tolerance: undefined as number | undefined,
    rho: Number.POSITIVE_INFINITY,
  });
  const epsilon = check.divisor(op, 'epsilon', given.epsilon);
  const stop = checkedStop(op, given);
  if (given.rho !== Number.POSITIVE_INFINITY) check.divisor(op, 'rho', given.rho);
  const { rho } = given;
  check.sameColumns(op, 'x', x, 'y', y);
  const [left, right] = [
    makePoints(context, op, 'x', x, 'sqeuclidean'),
    makePoints(context, op, 'y', y, 'sqeuclidean'),
  ];
  const squaredRadius = squaredRadiusOf(context, op, left, right);
  const withGradient = context.needsGrad(x, y);
  const plan = couple(context, op, left, right, {
    epsilon,
    squaredRadius,
    rho,
    stop,
    cache: MOST_CACHED,
    withGradient,
  });
  squaredRadius.release();
  const [n, m] = [left.count, right.count];
  const f = context.empty([n], op);
  const g = context.empty([m], op);
  const terms = context.scratch(n + m, op);
  // After g's update sum_ij P_ij = mean_j exp(-g_j / rho): the entropy's term joins g's.
  for (const [u, potential, first, count, weight] of [
    [plan.rows.u, f, 0, n, 1],
    [plan.columns.u, g, n, m, 1 + epsilon / rho],
  ] as const)
    context.run(potentials, {
      params: {
        rows: count,
        first,
        scale: epsilon * Math.LN2,
        weight: weight / count,
        inverse_rho: 1 / rho,
      },
      buffers: { u, f: potential, terms },
      groups: Math.ceil(count / 64),
      work: 16 * count,
    });
  const value = context.empty([], op);
  launchTotal(context, terms, value, n + m);
  terms.release();
  const [marginalError, converged, iterations] = [0, 1, 2].map(() => context.empty([], op));
  context.run(transport_report, {
    params: {
      rows: n,
      fixed_iterations: stop.tolerance === undefined ? stop.iterations : 0,
      tolerance: stop.tolerance ?? DEFAULT_TOLERANCE,
    },
    buffers: { excess: plan.excess, state: plan.state, marginal_error: marginalError, converged, iterations },
    groups: 1,
    work: n,
    tuning: { LANES: context.info.software ? 1 : 64 },
  });
  context.record(op, [x, y], value, {
    release: () => {
      for (const storage of [plan, left, right]) storage.release();
    },
    backward: (dy) => {
      const toX = x.requiresGrad ? startGradient(context, op, left) : null;
      const toY = y.requiresGrad ? startGradient(context, op, right) : null;
      couplingGradient(context, op, plan, toX, toY, 1, dy);
      return [toX && finishGradient(context, op, toX), toY && finishGradient(context, op, toY)];
    },
  });
  return { value, f, g, marginalError, converged, iterations };
}

/** When to stop, from the options `iterations` and `tolerance`. */
export function checkedStop(op: string, given: { iterations?: number; tolerance?: number }): ReturnType<typeof stopOf> {
  if (given.iterations !== undefined) check.integer(op, 'iterations', given.iterations, 1, 100_000);
  if (given.tolerance !== undefined) check.positive(op, 'tolerance', given.tolerance);
  return stopOf(given.iterations, given.tolerance);
}
