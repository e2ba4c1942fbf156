import * as check from '../core/check.ts';
import type { Tensor } from '../core/tensor.ts';
import { adam_w } from '../gpu/kernels.generated.ts';
import { inFours } from '../launch/tile.ts';
import { type Optimizer, optimizer } from './optimizer.ts';

export type { Optimizer } from './optimizer.ts';

export interface AdamWOptions {
  /** Default 1e-3, as PyTorch has it; a larger one takes longer steps. */
  learningRate?: number;
  /** Of the gradients' average. Default 0.9; a larger one, below 1, remembers longer. */
  beta1?: number;
  /** Of the squares' average. Default 0.999; a larger one, below 1, remembers longer. */
  beta2?: number;
  /** Added to the root of the squares. Default 1e-8; a larger one shortens steps where gradients are small. */
  epsilon?: number;
  /**
   * Pulls the weights of parameters with more than one dimension towards 0, apart from the gradient; default 0.01,
   * a larger one pulls harder.
   */
  weightDecay?: number;
}

const GROUP = 64;

/**
 * AdamW (Loshchilov & Hutter 2019, arXiv 1711.05101), as in PyTorch: w *= 1 - learningRate weightDecay, then
 * w -= learningRate mHat / (sqrt(vHat) + epsilon) with both moments corrected for their bias. Unlike PyTorch's default,
 * biases and norm parameters (one dimension or less) do not decay. The correction counts the optimiser's steps: give
 * parameters that join late an optimiser of their own.
 * @param parameters named leaves with `requiresGrad`
 */
export function adamW(parameters: Readonly<Record<string, Tensor>>, options?: AdamWOptions): Optimizer {
  const op = 'adamW';
  const { learningRate, beta1, beta2, epsilon, weightDecay } = check.options(op, options, {
    learningRate: 1e-3,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0.01,
  });
  check.fraction(op, 'beta1', beta1);
  check.fraction(op, 'beta2', beta2);
  check.positive(op, 'epsilon', epsilon); // with 0 a gradient of 0 is 0 / 0
  return optimizer(parameters, {
    op,
    moments: ['first', 'second'],
    learningRate,
    weightDecay,
    launch(context, { weights, gradient, moments, decay }, now) {
      const { tuning, numbers: count } = inFours(context, weights.size);
      context.run(adam_w, {
        params: () => {
          const { learningRate: rate, step } = now();
          return {
            count,
            rate: rate / (1 - beta1 ** step),
            keep: 1 - rate * decay,
            beta1,
            rise1: 1 - beta1,
            beta2,
            rise2: 1 - beta2,
            root: 1 / Math.sqrt(1 - beta2 ** step),
            epsilon,
          };
        },
        buffers: { gradient, first: moments.first, second: moments.second, weights },
        groups: Math.ceil(count / GROUP),
        work: 8 * weights.size,
        tuning,
      });
    },
  });
}
