import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import {
  class_apart,
  class_gaps,
  class_means,
  class_sums,
  partial_totals,
  row_statistics,
  sup_con_rows,
} from '../gpu/kernels.generated.ts';
import { launchSum } from '../launch/reduce.ts';
import { launchShortfalls } from '../launch/rowPass.ts';
import type { Units } from '../launch/unitRows.ts';
import { classPairs } from './pairKernels.ts';
import { recordPull } from './pairPull.ts';
import { type Exponentials, rowPassOf, type Sweep, sweepTriangle, unitsOf, type Views } from './pairSweep.ts';

/** Rows numbered by class: 0, 1, ... in the order in which labels first occur. */
export interface Classes {
  readonly of: Uint32Array<ArrayBuffer>;
  /** Rows of each class. */
  readonly sizes: readonly number[];
}

export function classesOf(labels: Int32Array): Classes {
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

/** Where each class starts and the last ends, then the rows class by class: sums over a class need no atomics. */
function membersOf({ of, sizes }: Classes): Uint32Array<ArrayBuffer> {
  const members = new Uint32Array(sizes.length + 1 + of.length);
  sizes.forEach((size, c) => {
    members[c + 1] = members[c] + size;
  });
  const next = members.slice(0, sizes.length);
  of.forEach((c, row) => {
    members[sizes.length + 1 + next[c]++] = row;
  });
  return members;
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
  const { engine } = list[0];
  const wanted = engine.needsGrad(...list, temperature);
  const classes = engine.unscoped(() => engine.tensor(given.of));
  const pairs = classPairs(classes);
  const sweep =
    by === 'shift' ? sweepTriangle(engine, op, views, temperature, pairs, wanted) : unitsOf(engine, op, views);
  const { units } = sweep;
  const n = units.count;
  const means = positiveMeans(op, units, given, classes, by);
  const statistics = rowStatistics(op, sweep, classes, temperature, by);
  const results = engine.scratch(2 * n, op);
  const pulls = engine.scratch(4 * n, op);
  const [holds, misses, reaches] = [0, 1, 2].map(() => engine.scratch(n, op));
  engine.run(sup_con_rows, {
    params: { n },
    buffers: { statistics, means, temperature, results, pulls, holds, misses, reaches },
    groups: Math.ceil(n / 64),
    work: 64 * n,
    tuning: { INSIDE: inside ? 1 : 0, GAP: by === 'gaps' ? 1 : 0 },
  });
  statistics.release();
  means.release();
  const loss = engine.empty([], op);
  launchSum(engine, results, loss, { outer: 1, reduced: n, inner: 1, scale: factor });
  const slopes = { of: results, at: n };
  const rows = { pulls, holds, classes: classes.storage.retain() };
  classes.dispose();
  return recordPull(op, views, temperature, loss, { pairs, sweep, rows, misses, reaches, slopes, factor });
}

/** Of each row: the mean cosine with its positives, or with `'gaps'` minus what it is short of 1; and their number. */
function positiveMeans(op: string, units: Units, given: Classes, classes: Tensor, by: Exponentials): Storage {
  const { engine } = classes;
  const members = engine.unscoped(() => engine.tensor(membersOf(given)));
  const row_stride4 = units.rowStride / 4;
  const count = given.sizes.length;
  const n = units.count;
  const sumUp = (of: Storage, stride4: number): Storage => {
    const sums = engine.scratch(4 * count * stride4, op);
    engine.run(class_sums, {
      params: { classes: count, row_stride4: stride4 },
      buffers: { units: of, members, sums },
      groups: Math.ceil((count * stride4) / 64),
      work: 4 * n * stride4,
    });
    return sums;
  };
  const sums = sumUp(units.rows, row_stride4);
  const means = engine.scratch(2 * n, op);
  const size = { groups: Math.ceil(n / 64), work: n * units.columns };
  if (by === 'gaps') {
    const apart = engine.scratch(4 * n, op);
    const buffers = { units: units.rows, sums, classes, members, apart };
    engine.run(class_apart, { params: { n, row_stride4 }, buffers, ...size });
    const spreads = sumUp(apart, 1);
    engine.run(class_gaps, { params: { n }, buffers: { apart, spreads, classes, members, means }, ...size });
    for (const storage of [apart, spreads]) storage.release();
  } else {
    const buffers = { units: units.rows, sums, classes, members, means };
    engine.run(class_means, { params: { n, row_stride4 }, buffers, ...size });
  }
  members.dispose();
  sums.release();
  return means;
}

/** (sum, top, weighted, level) of each row's negatives, then of its positives: see kernels/row_statistics.wgsl. */
function rowStatistics(op: string, sweep: Sweep, classes: Tensor, temperature: Tensor, by: Exponentials): Storage {
  const { engine } = classes;
  const { units } = sweep;
  const n = units.count;
  const statistics = engine.scratch(8 * n, op);
  const size = { groups: Math.ceil(n / 64), work: 8 * n };
  if (sweep.partial) {
    const { of: partial, behind, layout } = sweep.partial;
    for (const positives of [0, 1])
      engine.run(partial_totals, {
        params: { n, ...layout, start: positives * behind, first: positives * n },
        buffers: { partial, temperature, statistics },
        groups: size.groups,
        work: n * layout.blocks * layout.slots,
      });
    partial.release();
    return statistics;
  }
  const gaps = by === 'gaps';
  const shortfalls = gaps ? engine.scratch(n, op) : undefined;
  const columns = { of: units.transposed, stride: units.paddedRows, rows: n };
  if (shortfalls) launchShortfalls(engine, columns, units.columns, shortfalls);
  for (const [positives, skip] of (['class', 'others'] as const).entries()) {
    const { top, sum, weighted, release } = rowPassOf(op, units, temperature, { skip, by, classes, shortfalls });
    engine.run(row_statistics, {
      params: { n, first: positives * n, gap: gaps ? 1 : 0 },
      buffers: { tops: top, sums: sum, weighteds: weighted, shortfalls: shortfalls ?? top, temperature, statistics },
      ...size,
    });
    release();
  }
  shortfalls?.release();
  return statistics;
}
