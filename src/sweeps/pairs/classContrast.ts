import type { Context } from '../../core/context.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { Storage } from '../../gpu/buffers.ts';
import {
  class_apart,
  class_gaps,
  class_mean_expm1,
  class_means,
  class_members,
  class_numbers,
  class_sums,
  lonely_share,
  partial_totals,
  row_pass_class,
  row_pass_gap_class,
  row_statistics,
  sup_con_panel,
  sup_con_recompute,
  sup_con_row_block,
  sup_con_rows,
  sup_con_sums,
  sup_con_sums_cached,
  sup_con_sums_per_invocation,
  sup_con_sums_per_invocation_cached,
  sup_con_weights_cached,
} from '../../gpu/kernels.generated.ts';
import { findCancelling, recompute, rowsToRecompute } from '../../launch/cancellation.ts';
import { launchSum } from '../../launch/reduce.ts';
import { type Units, unitsBackward } from '../../launch/unitRows.ts';
import { type Exponentials, temperatureGradient } from '../temperature.ts';
import type { PairGradient, PairKernels, PairProblem, Views } from './problem.ts';
import { type RowPass, runningMaximum } from './runningMaximum.ts';
import { scheduleOf } from './schedule.ts';

/** Rows of one class are positives of each other. */
const KERNELS: PairKernels = {
  perInvocation: { sums: sup_con_sums_per_invocation, cached: sup_con_sums_per_invocation_cached, maxEdge: 2048 },
  workgroup: { sums: sup_con_sums, cached: sup_con_sums_cached, maxEdge: 256 },
  sumsPerRow: 2,
  cachedWeights: { kernel: sup_con_weights_cached, temperature: false },
  panel: sup_con_panel,
  rowBlock: sup_con_row_block,
  matrixUnits: null,
  forms: ['tile', 'halves'],
};

const ROW_PASSES: Readonly<Record<'maximum' | 'gaps', RowPass>> = {
  maximum: { kernel: row_pass_class, scale: 1, gaps: false },
  gaps: { kernel: row_pass_gap_class, scale: -1, gaps: true },
};

/** Rows of all views, numbered by class, and each class's rows; `classContrast` disposes of both tensors. */
export interface Classes {
  /** One more than the largest class number; a class may be empty. */
  readonly count: number;
  /** [n] */
  readonly of: Tensor;
  /** Where each class starts and the last ends, then the n rows class by class: sums over a class need no atomics. */
  readonly members: Tensor;
}

/** Rows numbered by class: 0, 1, ... in the order in which labels first occur. */
export interface Numbered {
  readonly of: Uint32Array<ArrayBuffer>;
  /** Rows of each class. */
  readonly sizes: readonly number[];
}

export function numberedByClass(labels: Int32Array): Numbered {
  const numbers = new Map<number, number>();
  const sizes: number[] = [];
  const of = Uint32Array.from(labels, (label) => {
    const known = numbers.get(label) ?? sizes.push(0) - 1;
    numbers.set(label, known);
    sizes[known]++;
    return known;
  });
  return { of, sizes };
}

export function classesOf(context: Context, { of, sizes }: Numbered): Classes {
  const members = new Uint32Array(sizes.length + 1 + of.length);
  sizes.forEach((size, c) => {
    members[c + 1] = members[c] + size;
  });
  const next = members.slice(0, sizes.length);
  of.forEach((c, row) => {
    members[sizes.length + 1 + next[c]++] = row;
  });
  const [classes, byClass] = context.unscoped(() => [of, members].map((list) => context.tensor(list)));
  return { count: sizes.length, of: classes, members: byClass };
}

/** Of labels [rows] that stay on the GPU: a class is numbered by its first row. */
export function classesOnGPU(op: string, labels: Tensor, views: number): Classes {
  const { context, size: rows } = labels;
  const n = views * rows;
  const params = { rows, n };
  const [of, members] = context.unscoped(() => [n, rows + 1 + n].map((count) => context.empty([count], op, 'u32')));
  context.run(class_numbers, {
    params,
    buffers: { labels, classes: of },
    groups: Math.ceil(n / 64),
    work: (n * rows) / 2,
  });
  context.run(class_members, {
    params,
    buffers: { classes: of, members },
    groups: Math.ceil((n + 1) / 64),
    work: n * n,
  });
  return { count: rows, of, members };
}

/** n over the number of rows that are not alone in their class: what makes a mean over all one over these. */
export function lonelyShare(op: string, { of, members, count }: Classes): Tensor {
  const { context, size: n } = of;
  const share = context.empty([], op);
  context.run(lonely_share, { params: { rows: count, n }, buffers: { members, share }, groups: 1, work: n });
  return share;
}

/**
 * SupCon's core: the rows of one class are positives of each other, all others negatives; a row without positives has
 * loss 0. loss = factor * sum_i of log Z_i - mean over P_i of s_ij / tau, or - log mean over P_i of exp(s_ij / tau) where
 * `inside`. The positives' mean comes from class sums in O(n d); the sweep adds up negatives and positives apart, so that
 * a row with one positive is NT-Xent's, and keeps its digits near zero.
 */
export function classContrast(
  op: string,
  views: Views,
  given: Classes,
  temperature: Tensor,
  { by, factor, inside }: { by: Exponentials; factor: number; inside: boolean },
): Tensor {
  const list = Object.values(views);
  const { context } = list[0];
  const lengths = list.map(({ shape }) => shape[0]);
  const { of: classes } = given;
  const n = classes.size;
  const wanted = context.needsGrad(...list, temperature);
  const problem: PairProblem = {
    op,
    context,
    views,
    temperature,
    kernels: KERNELS,
    buffers: { classes },
    wanted,
  };
  const { pairs, statistics } = by === 'shift' ? shiftedStatistics(problem, n) : runningStatistics(problem, n, by);
  const means = positiveMeans(op, pairs.units, given, by);
  const results = context.scratch(2 * n, op);
  const rowFactors = context.scratch(4 * n, op);
  const [targetWeights, misses, cancellationScales] = [0, 1, 2].map(() => context.scratch(n, op));
  context.run(sup_con_rows, {
    params: { n },
    buffers: {
      statistics,
      means,
      temperature,
      results,
      row_factors: rowFactors,
      target_weights: targetWeights,
      misses,
      cancellation_scales: cancellationScales,
    },
    groups: Math.ceil(n / 64),
    work: 64 * n,
    tuning: { INSIDE: inside ? 1 : 0, GAP: by === 'gaps' ? 1 : 0 },
  });
  statistics.release();
  means.release();
  const loss = context.empty([], op);
  launchSum(context, results, loss, { outer: 1, reduced: n, inner: 1, scale: factor });
  const rows = { row_factors: rowFactors, target_weights: targetWeights, classes: classes.storage.retain() };
  classes.dispose();
  return context.record(op, [...list, temperature], loss, {
    saved: [temperature],
    release: () => {
      for (const held of [pairs, results, misses, cancellationScales, ...Object.values(rows)]) held.release();
    },
    backward: (dy, [tau]) => {
      const { units } = pairs;
      const gathered = { ...units, g: pairs.gradient(tau, rows) };
      const cancels = findCancelling(context, op, gathered, { of: cancellationScales });
      const meanExpm1 = context.scratch(2 * n, op);
      const ROWS = rowsToRecompute(context);
      context.run(class_mean_expm1, {
        params: { n, columns: units.columns, row_stride: units.rowStride },
        buffers: {
          units: units.rows,
          cancels,
          temperature: tau,
          classes: rows.classes,
          row_factors: rowFactors,
          misses,
          mean_expm1: meanExpm1,
        },
        groups: Math.ceil(n / ROWS),
        work: 2 * n * n * units.columns,
        conditional: true,
        tuning: { ROWS },
      });
      recompute(context, sup_con_recompute, gathered, cancels, {
        others: n,
        buffers: { temperature: tau, ...rows, mean_expm1: meanExpm1 },
      });
      cancels.release();
      meanExpm1.release();
      const slope = { dy, factor, temperature: tau };
      const gradients = unitsBackward(context, op, units, lengths, gathered.g, slope);
      gathered.g.release();
      const live = temperature.requiresGrad;
      return [...gradients, live ? temperatureGradient(op, { of: results, at: n }, n, factor, dy, tau) : null];
    },
  });
}

/** Of each row: the mean cosine with its positives, or with `'gaps'` minus what it is short of 1; and their number. */
function positiveMeans(op: string, units: Units, given: Classes, by: Exponentials): Storage {
  const { of: classes, members, count } = given;
  const { context } = classes;
  const row_stride4 = units.rowStride / 4;
  const n = units.count;
  const sumUp = (of: Storage, stride4: number): Storage => {
    const sums = context.scratch(4 * count * stride4, op);
    context.run(class_sums, {
      params: { classes: count, row_stride4: stride4 },
      buffers: { units: of, members, sums },
      groups: Math.ceil((count * stride4) / 64),
      work: 4 * n * stride4,
    });
    return sums;
  };
  const sums = sumUp(units.rows, row_stride4);
  const means = context.scratch(2 * n, op);
  const size = { groups: Math.ceil(n / 64), work: n * units.columns };
  if (by === 'gaps') {
    const apart = context.scratch(4 * n, op);
    const buffers = { units: units.rows, sums, classes, members, apart };
    context.run(class_apart, { params: { n, row_stride4 }, buffers, ...size });
    const spreads = sumUp(apart, 1);
    context.run(class_gaps, { params: { n }, buffers: { apart, spreads, classes, members, means }, ...size });
    for (const storage of [apart, spreads]) storage.release();
  } else {
    const buffers = { units: units.rows, sums, classes, members, means };
    context.run(class_means, { params: { n, row_stride4 }, buffers, ...size });
  }
  members.dispose();
  sums.release();
  return means;
}

/** (sum, top, weighted, level) of each row's negatives, then of its positives: see kernels/pairs/row_statistics.wgsl. */
interface Statistics {
  readonly pairs: PairGradient;
  readonly statistics: Storage;
}

function shiftedStatistics(problem: PairProblem, n: number): Statistics {
  const { op, context } = problem;
  const pairs = scheduleOf(problem);
  const { of: partial, behind, layout } = pairs.sums();
  const statistics = context.scratch(8 * n, op);
  for (const positives of [0, 1])
    context.run(partial_totals, {
      params: { n, ...layout, start: positives * behind, first: positives * n },
      buffers: { partial, statistics },
      groups: Math.ceil(n / 64),
      work: n * layout.blocks * layout.slots,
    });
  partial.release();
  return { pairs, statistics };
}

function runningStatistics(problem: PairProblem, n: number, by: 'maximum' | 'gaps'): Statistics {
  const { op, context, temperature } = problem;
  const pairs = runningMaximum(problem, ROW_PASSES[by]);
  const { passes, shortfalls, release } = pairs.statistics(['class', 'others']);
  const statistics = context.scratch(8 * n, op);
  passes.forEach(({ top: tops, sum: sums, weighted: weighteds }, positives) => {
    context.run(row_statistics, {
      params: { n, first: positives * n, gap: by === 'gaps' ? 1 : 0 },
      buffers: { tops, sums, weighteds, shortfalls: shortfalls ?? tops, temperature, statistics },
      groups: Math.ceil(n / 64),
      work: 8 * n,
    });
  });
  release();
  return { pairs, statistics };
}
