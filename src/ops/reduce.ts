import type { Engine } from '../core/engine.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { sum as sumKernel } from '../gpu/kernels.generated.ts';

/** Extents around the summed dimension; `offset` in floats. */
export interface Reduction {
  readonly outer: number;
  readonly reduced: number;
  readonly inner: number;
  readonly scale?: number;
  readonly offset?: number;
}

/** out[o, i] = scale * sum over r of x[offset + (o, r, i)]: the one sum that every reduction is made of. */
export function launchSum(
  engine: Engine,
  x: Tensor | Storage,
  out: Tensor | Storage,
  { outer, reduced, inner, scale = 1, offset = 0 }: Reduction,
): void {
  // Few results: many lanes share one. Many: a lane each.
  const lanes = outer * inner < 1024 && reduced >= 64 ? 64 : 1;
  engine.run(sumKernel, {
    params: { outer, reduced, inner, scale, offset },
    buffers: { x, out },
    groups: Math.ceil((outer * inner * lanes) / 64),
    work: outer * reduced * inner,
    tuning: { LANES: lanes },
  });
}
