import * as check from '../core/checkTensor.ts';
import { Tensor } from '../core/tensor.ts';
import { withMatrices } from '../ops/reshape.ts';
import { checkedEpsilon } from '../ops/sinkhorn.ts';
import { swappedPrediction } from '../sweeps/prediction/swapped.ts';

export interface SwAVOptions {
  /** Of the predictions; a number above 0. Default 0.1, the paper's; a larger one asks for less decided predictions. */
  temperature?: number;
  /**
   * Entropic regularisation of the codes; a number of at least 1e-6, see `sinkhorn`. Default 0.05,
   * the paper's; a larger one makes codes that are closer to uniform.
   */
  epsilon?: number;
  /** Sinkhorn iterations, an integer in [1, 1000]. Default 3, the paper's; more fill the prototypes more evenly. */
  iterations?: number;
  /** Older embeddings [L, D] that only help to balance the codes: one queue for both sources, or one for each. */
  queue?: Tensor | readonly [Tensor, Tensor];
}

/**
 * SwAV, swapped prediction of cluster assignments (Caron et al. 2020, arXiv 2006.09882).
 *
 * L = (1/2) sum_{a in {0, 1}} 1/(V - 1) sum_{v != a} mean_n [ -sum_k Q_a[n, k] log P_v[n, k] ], P_v = softmax(u_v C^T / tau),
 * Q_a = Sinkhorn codes of u_a C^T (its queue's rows stacked before it): see `sinkhorn`. u: unit rows, C: prototypes as given.
 * @param views V >= 2 raw embeddings [N, D] or [..., D] (normalised inside); the first two are the sources of codes, all predict
 * @param prototypes [K, D], used as they are: the method, not the loss, renormalises them
 * @returns one number; gradients flow to all views and the prototypes, through the predictions; none to codes and queue
 */
export function swav(views: readonly Tensor[], prototypes: Tensor, options?: SwAVOptions): Tensor {
  const op = 'swav';
  if (!Array.isArray(views) || views.length < 2)
    check.fail(
      op,
      `${Array.isArray(views) ? `views are ${views.length} in number` : check.came('views', views, 'are')}, expected an array of at least 2 Tensors.`,
    );
  const named = check.tensors(op, 'views', views);
  check.contextOf(op, { ...named, prototypes });
  views.forEach((view, v) => {
    check.rows(op, `views[${v}]`, view);
    check.sameShape(op, 'views[0]', views[0], `views[${v}]`, view);
  });
  const given = check.options(op, options, {
    temperature: 0.1,
    epsilon: 0.05,
    iterations: 3,
    queue: undefined as SwAVOptions['queue'],
  });
  const temperature = check.divisor(op, 'temperature', given.temperature);
  const epsilon = checkedEpsilon(op, given.epsilon);
  const iterations = check.integer(op, 'iterations', given.iterations, 1, 1000);
  const queues = queuesOf(op, given.queue);
  queues.forEach((queue, a) => {
    check.contextOf(op, { 'views[0]': views[0], [`queue[${a}]`]: queue });
  });
  return withMatrices(views, (...matrices) => {
    check.sameColumns(op, 'views[0]', matrices[0], 'prototypes', prototypes);
    queues.forEach((queue, a) => {
      check.sameColumns(op, 'views[0]', matrices[0], `queue[${a}]`, queue);
    });
    return swappedPrediction(op, matrices, prototypes, { temperature, epsilon, iterations, queues });
  });
}

function queuesOf(op: string, queue: unknown): Tensor[] {
  if (queue === undefined) return [];
  if (queue instanceof Tensor) return [queue, queue];
  if (!Array.isArray(queue))
    check.fail(op, `${check.came('queue', queue, 'is')}, expected a Tensor [L, D] or two of them.`);
  if (queue.length !== 2)
    check.fail(op, `queue has ${queue.length} elements, expected a Tensor [L, D] or two of them.`);
  return Object.values(check.tensors(op, 'queue', queue));
}
