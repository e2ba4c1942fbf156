import * as check from '../core/check.ts';
import type { Tensor } from '../core/tensor.ts';
import { sgd as plain, sgd_momentum as withMomentum } from '../gpu/kernels.generated.ts';
import { type Optimizer, optimizer } from './optimizer.ts';

export type { Optimizer } from './optimizer.ts';

export interface SGDOptions {
  /** A larger one takes longer steps. */
  learningRate: number;
  /** In [0, 1); default 0. A larger one remembers earlier gradients for longer. */
  momentum?: number;
  /** L2 penalty, added to the gradients of parameters with more than one dimension; default 0. A larger one keeps them smaller. */
  weightDecay?: number;
  /** Looks ahead along the momentum (which must then be above 0); default false. */
  nesterov?: boolean;
}

const GROUP = 64;

/**
 * Stochastic gradient descent, as in PyTorch: g += weightDecay w, v = momentum v + g (v = g at first),
 * w -= learningRate v, or learningRate (g + momentum v) with `nesterov`. Unlike PyTorch's default, biases and norm
 * parameters (one dimension or less) do not decay.
 * @param parameters named leaves with `requiresGrad`
 */
export function sgd(parameters: Readonly<Record<string, Tensor>>, options: SGDOptions): Optimizer {
  const op = 'sgd';
  const { learningRate, momentum, weightDecay, nesterov } = check.options(op, options, {
    learningRate: check.REQUIRED as number,
    momentum: 0,
    weightDecay: 0,
    nesterov: false,
  });
  check.fraction(op, 'momentum', momentum);
  if (nesterov && momentum === 0) check.fail(op, 'momentum = 0, expected it above 0 with nesterov.');
  const [own, along] = nesterov ? [1, momentum] : [0, 1];
  return optimizer(parameters, {
    op,
    moments: momentum > 0 ? ['velocity'] : [],
    learningRate,
    weightDecay,
    launch(context, { weights, gradient, moments, decay }, now) {
      const count = weights.size;
      const common = { groups: Math.ceil(count / GROUP), work: 4 * count };
      if (momentum > 0)
        context.run(withMomentum, {
          params: () => ({ count, rate: now().learningRate, decay, momentum, own, along }),
          buffers: { gradient, velocity: moments.velocity, weights },
          ...common,
        });
      else
        context.run(plain, {
          params: () => ({ count, rate: now().learningRate, decay }),
          buffers: { gradient, weights },
          ...common,
        });
    },
  });
}
