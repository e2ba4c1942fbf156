import * as check from '../core/check.ts';
import type { Tensor } from '../core/tensor.ts';
import { lars_squares, lars as larsKernel } from '../gpu/kernels.generated.ts';
import { launchSum } from '../launch/reduce.ts';
import { factor, type Optimizer, optimizer } from './optimizer.ts';

export interface LARSOptions {
  /** A larger one takes longer steps; each parameter's is in proportion to its own norm. */
  learningRate: number;
  /** In [0, 1); default 0.9. A larger one remembers earlier gradients for longer. */
  momentum?: number;
  /** L2 penalty on parameters with more than one dimension; default 1e-6, SimCLR's. A larger one keeps them smaller. */
  weightDecay?: number;
  /** The trust coefficient eta; default 1e-3, the paper's. A larger one takes longer steps. */
  trust?: number;
  /**
   * Where the learning rate stands. `'outside'` (default): of the momentum, w -= rate v, as BYOL, Barlow Twins, VICReg
   * and MoCo v3 have it. `'inside'`: v += rate q g, w -= v, SimCLR's classic momentum. They differ wherever the rate changes.
   */
  rate?: 'inside' | 'outside';
}

const GROUP = 64;
const SLICES = 1024;

/**
 * LARS (You et al. 2017, arXiv 1708.03888), the optimiser of large batches: g += weightDecay w, q = trust |w| / |g|,
 * v = momentum v + q g, w -= learningRate v. Biases and norm parameters (one dimension or less) neither decay nor adapt:
 * q = 1, as it is where |w| or |g| is 0.
 * @param parameters named leaves with `requiresGrad`
 */
export function lars(parameters: Readonly<Record<string, Tensor>>, options: LARSOptions): Optimizer {
  const op = 'lars';
  const { learningRate, momentum, weightDecay, trust, rate } = check.options(op, options, {
    learningRate: check.REQUIRED as number,
    momentum: 0.9,
    weightDecay: 1e-6,
    trust: 1e-3,
    rate: 'outside' as 'inside' | 'outside',
  });
  check.fraction(op, 'momentum', momentum);
  factor(op, 'trust', trust);
  check.oneOf(op, 'rate', rate, ['inside', 'outside']);
  return optimizer(parameters, {
    op,
    moments: ['velocity'],
    learningRate,
    weightDecay,
    launch(context, { weights, gradient, moments, decay }, now) {
      const count = weights.size;
      const adapts = weights.shape.length > 1 && trust > 0;
      const squares = context.scratch(2, op);
      if (adapts) {
        const slices = Math.min(SLICES, Math.ceil(count / GROUP));
        const partial = context.scratch(2 * slices, op);
        context.run(lars_squares, {
          params: { count, slices, decay },
          buffers: { gradient, weights, partial },
          groups: Math.ceil(slices / GROUP),
          work: 4 * count,
        });
        launchSum(context, partial, squares, { outer: 2, reduced: slices, inner: 1 });
        partial.release();
      }
      context.run(larsKernel, {
        params: () => {
          const { learningRate: present } = now();
          const [inside, outside] = rate === 'inside' ? [present, 1] : [1, present];
          return { count, inside, outside, decay, momentum, trust: adapts ? trust : 0 };
        },
        buffers: { gradient, squares, velocity: moments.velocity, weights },
        groups: Math.ceil(count / GROUP),
        work: 6 * count,
      });
      squares.release();
    },
  });
}
