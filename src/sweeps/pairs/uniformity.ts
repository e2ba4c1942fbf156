import type { Tensor } from '../../core/tensor.ts';
import type { Storage } from '../../gpu/buffers.ts';
import type { Tuning } from '../../gpu/kernel.ts';
import {
  partial_totals,
  row_pass_distance,
  row_total,
  uniformity,
  uniformity_deficit,
  uniformity_panel,
  uniformity_recompute,
  uniformity_row_block,
  uniformity_sums,
  uniformity_sums_cached,
  uniformity_sums_per_invocation,
  uniformity_sums_per_invocation_cached,
  uniformity_weights_cached,
} from '../../gpu/kernels.generated.ts';
import { findCancelling, recompute } from '../../launch/cancellation.ts';
import { launchSum } from '../../launch/reduce.ts';
import { roundUp, tileOf } from '../../launch/tile.ts';
import { type Units, unitsBackward } from '../../launch/unitRows.ts';
import type { PairGradient, PairKernels, PairProblem } from './problem.ts';
import { runningMaximum } from './runningMaximum.ts';
import { scheduleOf } from './schedule.ts';

/** No row has a positive. Pairs are told by |u_i - u_j|^2, which no family of lower precision makes, and not by u_i.u_j. */
const KERNELS: PairKernels = {
  perInvocation: { sums: uniformity_sums_per_invocation, cached: uniformity_sums_per_invocation_cached, maxEdge: 2048 },
  workgroup: { sums: uniformity_sums, cached: uniformity_sums_cached, maxEdge: 512 },
  sumsPerRow: 1,
  cachedWeights: { kernel: uniformity_weights_cached, temperature: false },
  panel: uniformity_panel,
  rowBlock: uniformity_row_block,
  matrixUnits: null,
  forms: ['tile'],
};

const DISTANCE_SCALE = -0.5; // a squared distance of 2 is a logit of -1 / temperature

/**
 * log mean_{i < j} exp(-|u_i - u_j|^2 / (2 temperature)): one log-sum-exp over the triangle, whose weights
 * w_ij = 2 e_ij / sum over all ordered pairs are those of a contrast in which every row has the same Z, and no positive.
 */
export function pairUniformity(op: string, z: Tensor, temperature: Tensor, { shifted }: { shifted: boolean }): Tensor {
  const { context } = z;
  const [n] = z.shape;
  const problem: PairProblem = {
    op,
    context,
    views: { z },
    temperature,
    kernels: KERNELS,
    buffers: {},
    wanted: context.needsGrad(z),
  };
  const { pairs, total } = shifted ? shiftedTotal(problem, n) : runningTotal(problem, n);
  const running = { RUNNING: shifted ? 0 : 1 };
  const deficits = deficitsOf(problem, pairs.units, total, running);
  const loss = context.empty([], op);
  const weighing = context.scratch(2, op);
  const miss = context.scratch(n, op);
  context.run(uniformity, {
    params: { n, deficits: deficits.count },
    buffers: { total, temperature, loss, weighing, miss, deficits: deficits.of },
    groups: Math.ceil(n / 64),
    work: 8 * n,
    tuning: running,
  });
  total.release();
  deficits.of.release();
  return context.record(op, [z, temperature], loss, {
    saved: [temperature],
    release: () => {
      for (const held of [pairs, weighing, miss]) held.release();
    },
    backward: (dy, [tau]) => {
      const { units } = pairs;
      const gathered = { ...units, g: pairs.gradient(tau, { weighing }) };
      const tuning = { DISTANCES: 1 };
      const cancels = findCancelling(context, op, gathered, { of: miss }, tuning);
      recompute(context, uniformity_recompute, gathered, cancels, {
        others: n,
        buffers: { temperature: tau, weighing },
        tuning,
      });
      cancels.release();
      const [dz] = unitsBackward(context, op, units, [n], gathered.g, { dy, temperature: tau });
      gathered.g.release();
      return [dz, null];
    },
  });
}

/** What e_ij lack of 1, in parts, where the batch has all but collapsed: see kernels/pairs/uniformity_deficit.wgsl. */
function deficitsOf(
  { op, context, temperature }: PairProblem,
  units: Units,
  total: Storage,
  own: Tuning,
): { of: Storage; count: number } {
  const { count: n, columns } = units;
  const { tuning, rows: tileRows, columns: tileColumns } = tileOf(context, 'row pass', n, n, columns);
  const strips = Math.ceil(n / tileRows);
  const wanted = Math.ceil((context.info.software ? 16 : 1024) / strips);
  const width = roundUp(Math.ceil(n / wanted), tileColumns);
  const slices = Math.ceil(n / width);
  const of = context.scratch(strips * slices, op);
  context.run(uniformity_deficit, {
    params: { n, columns, stride4: units.paddedRows / 4, slices, slice_columns: width },
    buffers: { lhs: units.transposed, rhs: units.transposed, temperature, total, deficits: of },
    groups: strips * slices,
    work: n * n * (columns + 16),
    tuning: { ...tuning, ...own },
  });
  return { of, count: strips * slices };
}

interface Total {
  readonly pairs: PairGradient;
  /** What kernels/pairs/uniformity.wgsl reads. */
  readonly total: Storage;
}

/** The mean of e_ij over all ordered pairs, in four parts. */
function shiftedTotal(problem: PairProblem, n: number): Total {
  const { op, context } = problem;
  const pairs = scheduleOf(problem);
  const { of: partial, layout } = pairs.sums();
  const statistics = context.scratch(4 * n, op);
  context.run(partial_totals, {
    params: { n, ...layout, start: 0, first: 0 },
    buffers: { partial, statistics },
    groups: Math.ceil(n / 64),
    work: n * layout.blocks * layout.slots,
  });
  partial.release();
  const total = context.scratch(4, op);
  launchSum(context, statistics, total, { outer: 1, reduced: n, inner: 4, scale: 1 / (n * (n - 1)) });
  statistics.release();
  return { pairs, total };
}

/** The top of all pairs, and their sum about it: see kernels/pairs/row_total.wgsl. */
function runningTotal(problem: PairProblem, n: number): Total {
  const { op, context, temperature } = problem;
  const pairs = runningMaximum(problem, { kernel: row_pass_distance, scale: DISTANCE_SCALE, gaps: false });
  const { passes, release } = pairs.statistics(['self']);
  const [{ top: tops, sum: sums }] = passes;
  const total = context.scratch(2, op);
  context.run(row_total, {
    params: { rows: n, scale: DISTANCE_SCALE },
    buffers: { tops, sums, temperature, total },
    groups: 1,
    work: 8 * n,
    tuning: { LANES: 64 },
  });
  release();
  return { pairs, total };
}
