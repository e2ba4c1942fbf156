import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import type { Tuning } from '../gpu/kernel.ts';
import { partial_totals, row_total, uniformity, uniformity_deficit } from '../gpu/kernels.generated.ts';
import { launchSum } from '../launch/reduce.ts';
import { launchRowPass } from '../launch/rowPass.ts';
import { roundUp, tileOf } from '../launch/tile.ts';
import { DISTANCES } from './pairKernels.ts';
import { recordPull } from './pairPull.ts';
import { type Sweep, sweepTriangle, unitsOf } from './pairSweep.ts';

const DISTANCE_SCALE = -0.5; // a squared distance of 2 is a logit of -1 / temperature

/**
 * log mean_{i < j} exp(-|u_i - u_j|^2 / (2 temperature)): one log-sum-exp over the triangle, whose weights
 * w_ij = 2 e_ij / sum over all ordered pairs are those of a contrast in which every row has the same Z, and no positive.
 */
export function pairUniformity(op: string, z: Tensor, temperature: Tensor, { shifted }: { shifted: boolean }): Tensor {
  const { engine } = z;
  const wanted = engine.needsGrad(z);
  const sweep = shifted ? sweepTriangle(engine, op, { z }, temperature, DISTANCES, wanted) : unitsOf(engine, op, { z });
  const n = sweep.units.count;
  const total = totalOf(op, sweep, temperature);
  const tuning = { RUNNING: shifted ? 0 : 1 };
  const deficits = deficitsOf(op, sweep, temperature, total, tuning);
  const loss = engine.empty([], op);
  const weighing = engine.scratch(2, op);
  const miss = engine.scratch(n, op);
  engine.run(uniformity, {
    params: { n, deficits: deficits.count },
    buffers: { total, temperature, loss, weighing, miss, deficits: deficits.of },
    groups: Math.ceil(n / 64),
    work: 8 * n,
    tuning,
  });
  total.release();
  deficits.of.release();
  return recordPull(op, { z }, temperature, loss, {
    pairs: DISTANCES,
    sweep,
    rows: { weighing },
    reaches: miss,
    slopes: null,
    factor: 1,
  });
}

/** What e_ij lack of 1, in parts, where the batch has all but collapsed: see kernels/uniformity_deficit.wgsl. */
function deficitsOf(
  op: string,
  { units }: Sweep,
  temperature: Tensor,
  total: Storage,
  own: Tuning,
): { of: Storage; count: number } {
  const { engine } = temperature;
  const { count: n, columns } = units;
  const { tuning, rows: tileRows, columns: tileColumns } = tileOf(engine, 'row pass', n, n, columns);
  const strips = Math.ceil(n / tileRows);
  const wanted = Math.ceil((engine.info.software ? 16 : 1024) / strips);
  const width = roundUp(Math.ceil(n / wanted), tileColumns);
  const slices = Math.ceil(n / width);
  const of = engine.scratch(strips * slices, op);
  engine.run(uniformity_deficit, {
    params: { n, columns, stride4: units.paddedRows / 4, slices, slice_columns: width },
    buffers: { lhs: units.transposed, rhs: units.transposed, temperature, total, deficits: of },
    groups: strips * slices,
    work: n * n * (columns + 16),
    tuning: { ...tuning, ...own },
  });
  return { of, count: strips * slices };
}

/** The mean of e_ij over all ordered pairs; of a sweep with maxima, their top and sum: see kernels/row_total.wgsl. */
function totalOf(op: string, { units, partial }: Sweep, temperature: Tensor): Storage {
  const { engine } = temperature;
  const n = units.count;
  const groups = Math.ceil(n / 64);
  if (partial) {
    const statistics = engine.scratch(4 * n, op);
    engine.run(partial_totals, {
      params: { n, ...partial.layout, start: 0, first: 0 },
      buffers: { partial: partial.of, temperature, statistics },
      groups,
      work: n * partial.layout.blocks * partial.layout.slots,
    });
    partial.of.release();
    const total = engine.scratch(4, op);
    launchSum(engine, statistics, total, { outer: 1, reduced: n, inner: 4, scale: 1 / (n * (n - 1)) });
    statistics.release();
    return total;
  }
  const columns = { of: units.transposed, stride: units.paddedRows, rows: n };
  const pass = launchRowPass(engine, op, columns, columns, units.columns, {
    distance: true,
    skip: 'self',
    scale: DISTANCE_SCALE,
    temperature,
  });
  const total = engine.scratch(2, op);
  engine.run(row_total, {
    params: { rows: n, scale: DISTANCE_SCALE },
    buffers: { tops: pass.top, sums: pass.sum, temperature, total },
    groups: 1,
    work: 8 * n,
    tuning: { LANES: 64 },
  });
  pass.release();
  return total;
}
