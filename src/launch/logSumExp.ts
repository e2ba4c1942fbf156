import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { log_sum_exp } from '../gpu/kernels.generated.ts';
import type { Reduction } from './reduce.ts';
import { lanesFor } from './tile.ts';

/** A log-sum-exp, and what the weights exp(x - top) / sum need of it: see kernels/rows/log_sum_exp.wgsl. */
export interface LogSumExp {
  readonly y: Tensor | Storage;
  readonly tops: Storage;
  readonly sums: Storage;
}

/** y[o, i] = log sum over r of exp(x[o, r, i]) */
export function launchLogSumExp(
  context: Context,
  x: Tensor | Storage,
  { y, tops, sums }: LogSumExp,
  { outer, reduced, inner }: Pick<Reduction, 'outer' | 'reduced' | 'inner'>,
): void {
  const { tuning, lanes } = lanesFor(context, outer * inner, reduced);
  context.run(log_sum_exp, {
    params: { outer, reduced, inner },
    buffers: { x, y, tops, sums },
    groups: Math.ceil((outer * inner * lanes) / 64),
    work: 8 * outer * reduced * inner,
    tuning,
  });
}
