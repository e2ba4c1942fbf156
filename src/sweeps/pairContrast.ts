import type { Tensor } from '../core/tensor.ts';
import { nt_xent_rows, nt_xent_rows_running } from '../gpu/kernels.generated.ts';
import { launchSum } from '../launch/reduce.ts';
import { PARTNERS } from './pairKernels.ts';
import { recordPull } from './pairPull.ts';
import { type Exponentials, rowPassOf, sweepTriangle, unitsOf } from './pairSweep.ts';
import type { Slopes } from './temperature.ts';

/**
 * NT-Xent's core: rows i and i + n/2 of the stacked views are positives of each other, all others negatives.
 * loss = factor * mean_i log(1 + sum_{j not in {i, positive}} exp((s_ij - s_positive) / tau)), s = cosine; `decoupled`
 * leaves out the 1.
 *
 * Forward: every unordered pair once (triangle). Backward: A = G + G^T needs one product; the triangle is kept while it
 * fits in 4 n d floats (n <= 8 d), else recomputed in panels. Neither ever stores the n x n matrix.
 */
export function pairContrast(
  op: string,
  z0: Tensor,
  z1: Tensor,
  temperature: Tensor,
  { by, factor, decoupled = false }: { by: Exponentials; factor: number; decoupled?: boolean },
): Tensor {
  const { engine } = z0;
  const views = { z0, z1 };
  const shifted = by === 'shift';
  const tuning = { DECOUPLED: decoupled ? 1 : 0 };
  const wanted = engine.needsGrad(z0, z1, temperature);
  const sweep = shifted ? sweepTriangle(engine, op, views, temperature, PARTNERS, wanted) : unitsOf(engine, op, views);
  const { units } = sweep;
  const n = units.count;
  const [losses, log2Z, miss] = [0, 1, 2].map(() => engine.scratch(n, op));
  const common = { units: units.rows, temperature, losses, log2_z: log2Z, miss };
  const size = { groups: Math.ceil(n / 64), work: n * units.columns, tuning };
  let slopes: Slopes | null = null;
  if (sweep.partial) {
    const { of: partial, layout } = sweep.partial;
    engine.run(nt_xent_rows, {
      params: { n, ...layout, row_stride4: units.rowStride / 4 },
      buffers: { partial, ...common },
      ...size,
    });
    partial.release();
  } else {
    // For temperatures whose range one shift cannot cover, or that only the GPU knows: all pairs, a maximum for each row.
    const { top, sum, weighted } = rowPassOf(op, units, temperature, { skip: 'pair', by });
    engine.run(nt_xent_rows_running, {
      params: { n, row_stride4: units.rowStride / 4 },
      buffers: { tops: top, sums: sum, weighteds: weighted, ...common },
      ...size,
      tuning: { ...tuning, GAP: by === 'gaps' ? 1 : 0 },
    });
    top.release();
    weighted.release();
    slopes = { of: sum, at: 0 };
  }
  const loss = engine.empty([], op);
  launchSum(engine, losses, loss, { outer: 1, reduced: n, inner: 1, scale: factor / n });
  losses.release();
  return recordPull(op, views, temperature, loss, {
    pairs: PARTNERS,
    sweep,
    rows: { log2_z: log2Z },
    reaches: miss,
    slopes,
    factor: factor / n,
  });
}
