import type { Tensor } from '../../core/tensor.ts';
import type { Storage } from '../../gpu/buffers.ts';
import type { KernelSource, Params, Tuning } from '../../gpu/kernel.ts';
import {
  nt_xent_panel,
  nt_xent_panel_fragments,
  nt_xent_recompute,
  nt_xent_row_block,
  nt_xent_rows,
  nt_xent_rows_running,
  nt_xent_sums,
  nt_xent_sums_cached,
  nt_xent_sums_fragments,
  nt_xent_sums_per_invocation,
  nt_xent_sums_per_invocation_cached,
  nt_xent_weights_cached,
  row_pass,
  row_pass_gap,
} from '../../gpu/kernels.generated.ts';
import { addPositives, recompute } from '../../launch/cancellation.ts';
import { launchSum } from '../../launch/reduce.ts';
import { type Units, unitsBackward } from '../../launch/unitRows.ts';
import { type Exponentials, exponentials, temperatureGradient } from '../temperature.ts';
import type { PairGradient, PairKernels, PairProblem, Views } from './problem.ts';
import { type RowPass, runningMaximum } from './runningMaximum.ts';
import { scheduleOf } from './schedule.ts';

/** Rows i and i + n/2 are positives of each other. */
const KERNELS: PairKernels = {
  perInvocation: { sums: nt_xent_sums_per_invocation, cached: nt_xent_sums_per_invocation_cached, maxEdge: 2048 },
  workgroup: { sums: nt_xent_sums, cached: nt_xent_sums_cached, maxEdge: 512 },
  sumsPerRow: 1,
  cachedWeights: { kernel: nt_xent_weights_cached, temperature: true },
  panel: nt_xent_panel,
  rowBlock: nt_xent_row_block,
  matrixUnits: { sums: nt_xent_sums_fragments, panel: nt_xent_panel_fragments },
  forms: ['tile', 'halves', 'fragments'],
};

const ROW_PASSES: Readonly<Record<'maximum' | 'gaps', RowPass>> = {
  maximum: { kernel: row_pass, scale: 1, gaps: false },
  gaps: { kernel: row_pass_gap, scale: -1, gaps: true },
};

/** The pairs of NT-Xent; `gramian probe` measures their schedules alone. */
export function contrastProblem(op: string, views: Views, temperature: Tensor, wanted: boolean): PairProblem {
  const { context } = temperature;
  return { op, context, views, temperature, kernels: KERNELS, buffers: {}, wanted };
}

/**
 * NT-Xent's core: rows i and i + n/2 of the stacked views are positives of each other, all others negatives.
 * loss = factor * mean_i log(1 + sum_{j not in {i, positive}} exp((s_ij - s_positive) / tau)), s = cosine; `decoupled`
 * leaves out the 1. The n x n matrix is never stored: `scheduleOf` has the ways to do without.
 */
export function pairContrast(
  op: string,
  views: Views,
  temperature: number | Tensor,
  options: { factor: number; decoupled?: boolean },
): Tensor {
  const by = exponentials(temperature);
  if (typeof temperature !== 'number') return contrastBy(by, op, views, temperature, options);
  const constant = Object.values(views)[0].context.constant(temperature);
  const loss = contrastBy(by, op, views, constant, options);
  constant.dispose();
  return loss;
}

function contrastBy(
  by: Exponentials,
  op: string,
  views: Views,
  temperature: Tensor,
  { factor, decoupled = false }: { factor: number; decoupled?: boolean },
): Tensor {
  const [z0, z1] = Object.values(views);
  const { context } = z0;
  const n = 2 * z0.shape[0];
  const problem = contrastProblem(op, views, temperature, context.needsGrad(z0, z1, temperature));
  const [losses, log2Z, miss] = [0, 1, 2].map(() => context.scratch(n, op));
  const launchRows = (
    kernel: KernelSource,
    { rows: units, rowStride }: Units,
    { params, buffers, tuning }: { params?: Params; buffers: Readonly<Record<string, Storage>>; tuning?: Tuning },
  ): void =>
    context.run(kernel, {
      params: { n, row_stride4: rowStride / 4, ...params },
      buffers: { ...buffers, units, temperature, losses, log2_z: log2Z, miss },
      groups: Math.ceil(n / 64),
      work: n * z0.shape[1],
      tuning: { DECOUPLED: decoupled ? 1 : 0, ...tuning },
    });
  let pairs: PairGradient;
  let slopes: Storage | null = null;
  if (by === 'shift') {
    const schedule = scheduleOf(problem);
    const { of: partial, layout } = schedule.sums();
    launchRows(nt_xent_rows, schedule.units, { params: layout, buffers: { partial } });
    partial.release();
    pairs = schedule;
  } else {
    const running = runningMaximum(problem, ROW_PASSES[by]);
    const { passes, release } = running.statistics(['pair']);
    const [{ top: tops, sum: sums, weighted: weighteds }] = passes;
    const tuning = { GAP: by === 'gaps' ? 1 : 0 };
    launchRows(nt_xent_rows_running, running.units, { buffers: { tops, sums, weighteds }, tuning });
    slopes = sums.retain(); // the kernel put them in place of the sums
    release();
    pairs = running;
  }
  const loss = context.empty([], op);
  launchSum(context, losses, loss, { outer: 1, reduced: n, inner: 1, scale: factor / n });
  losses.release();
  return context.record(op, [z0, z1, temperature], loss, {
    saved: [temperature],
    release: () => {
      for (const held of [pairs, log2Z, miss, slopes]) held?.release();
    },
    backward: (dy, [tau]) => {
      const { units } = pairs;
      const gathered = { ...units, g: pairs.gradient(tau, { log2_z: log2Z }) };
      const cancels = addPositives(context, op, gathered, units.inverseNorms, miss);
      recompute(context, nt_xent_recompute, gathered, cancels, {
        others: n,
        buffers: { temperature: tau, log2_z: log2Z, miss },
      });
      cancels.release();
      const slope = { dy, factor: factor / n, temperature: tau };
      const [d0, d1] = unitsBackward(context, op, units, [n / 2, n / 2], gathered.g, slope);
      gathered.g.release();
      const dTau =
        slopes && temperature.requiresGrad
          ? temperatureGradient(op, { of: slopes, at: 0 }, n, slope.factor, dy, tau)
          : null;
      return [d0, d1, dTau];
    },
  });
}
