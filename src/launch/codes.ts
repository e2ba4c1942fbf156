import { part, type RowRange, ranges } from '../core/chunks.ts';
import type { Context } from '../core/context.ts';
import { fill } from '../core/fills.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import type { Tuning } from '../gpu/kernel.ts';
import {
  sinkhorn_codes,
  sinkhorn_columns,
  sinkhorn_powers,
  sinkhorn_rows,
  sinkhorn_sweep,
  sinkhorn_update,
  sinkhorn_wide,
} from '../gpu/kernels.generated.ts';
import { updateFromCache } from './cachedScores.ts';
import { type Scaling, splitScale, startScaling, startState } from './scaling.ts';
import { launchScalingUpdate } from './scalingSweep.ts';
import { rowTuning } from './tile.ts';

/** Scores [rows, columns] in memory, whose codes are wanted. */
export interface Scored {
  readonly scores: Tensor | Storage;
  readonly rows: number;
  readonly columns: number;
  readonly epsilon: number;
  readonly iterations: number;
}

/** What every pass over the scores needs. */
interface CodesProblem extends Scored {
  readonly context: Context;
  readonly op: string;
  readonly codes: Storage;
  /** Rows that can be bound at a time. */
  readonly cut: readonly RowRange[];
  /** log2(e) / epsilon, its first 12 bits and the rest. */
  readonly split: { readonly scale: number; readonly rest: number };
}

/**
 * Sinkhorn's codes into `codes` [rows, columns], whose memory also serves meanwhile. Three forms, by what is dear:
 * on a GPU memory, so a workgroup holds a row and reads it once an iteration; on software adapters powers and waiting lanes,
 * so the powers of two are cached in `codes`; and, where neither can be, two reads an iteration.
 */
export function launchCodes(context: Context, op: string, scored: Scored, codes: Storage): void {
  const { rows, columns } = scored;
  const cut = ranges(context, rows, columns);
  const problem = { ...scored, context, op, codes, cut, split: splitScale(1 / scored.epsilon) };
  const { software } = context.info;
  const shape = software ? null : sweepShape(columns);
  if (software && columns % 4 === 0 && cut.length === 1) cachedPowers(problem);
  else if (shape) sweeps(problem, shape);
  else separatePasses(problem);
}

/** How a workgroup holds a row: SIDE^2 lanes with QUADS vec4s each, few of them first. Null where it is too long. */
function sweepShape(columns: number): Tuning | null {
  for (const SIDE of [4, 8, 16])
    for (const QUADS of [1, 2, 4, 6, 8]) if (4 * SIDE * SIDE * QUADS >= columns) return { SIDE, QUADS };
  return null;
}

function sweeps(problem: CodesProblem, shape: Tuning): void {
  const { context, op, rows, columns, iterations, scores, codes, cut, split } = problem;
  const [u, w] = [startScaling(context, op, rows), startScaling(context, op, columns)];
  const going = startState(context, op);
  sumColumns(problem, u, w, going);
  // Few workgroups keep the sums of each short, many keep the machine busy; the sums take 2 / rowsEach of a read of scores.
  const rowsEach = Math.max(Math.ceil(rows / 512), 4);
  const counts = cut.map(({ count }) => Math.ceil(count / rowsEach));
  const parts = counts.reduce((a, b) => a + b, 0);
  const sums = part(codes, { first: 0, count: parts }, columns);
  for (let t = 1; t <= iterations; t++) {
    const last = t === iterations;
    let before = 0;
    cut.forEach((range, i) => {
      context.run(sinkhorn_sweep, {
        params: { rows: range.count, columns, rows_each: rowsEach, out_row: last ? 0 : before, ...split },
        buffers: {
          scores: part(scores, range, columns),
          w,
          u: part(u, range, 2),
          out: last ? part(codes, range, columns) : sums,
        },
        groups: counts[i],
        work: 16 * range.count * columns,
        tuning: { ...shape, FIRST: t === 1 ? 1 : 0, LAST: last ? 1 : 0 },
      });
      before += counts[i];
    });
    if (last) break;
    context.run(sinkhorn_update, {
      params: { rows, columns, parts },
      buffers: { partial: sums, w },
      groups: Math.ceil(columns / 16),
      work: columns * (parts + 16),
    });
  }
  for (const storage of [u, w, going]) storage.release();
}

/** By updates that read the powers themselves, or the scores where those are WIDE: both cached in `codes`. */
function cachedPowers({ context, op, rows, columns, epsilon, iterations, scores, codes, split }: CodesProblem): void {
  const columns4 = columns / 4;
  const form = context.scratch(1, op);
  fill(context, form, 1, 0);
  const [going, begun] = [startState(context, op), startState(context, op)];
  const side = (count: number, u: Scaling) => ({
    points: { of: codes, stride: columns, rows: count },
    u,
    excess: context.scratch(count, op),
  });
  const samples = side(rows, startScaling(context, op, rows));
  const prototypes = side(columns, context.scratch(3 * columns, op)); // sinkhorn_powers gives them their first factors
  const cached = { of: codes, rows: prototypes.points, stride: columns, form };
  const update = (own: typeof samples, others: typeof samples, state: Storage, conditional = false): void =>
    updateFromCache(context, own, others, 1 / epsilon, cached, { state, excess: own.excess, conditional });
  const overColumns = { groups: Math.ceil(columns4 / 32), work: 16 * rows * columns };
  context.run(sinkhorn_powers, {
    params: { rows, columns4, ...split },
    buffers: { scores, powers: codes, w: prototypes.u, form },
    ...overColumns,
  });
  // The first sums of columns came with the powers; of scores they are taken here.
  context.run(sinkhorn_wide, {
    params: { rows, columns4 },
    buffers: { scores, form, cache: codes, state: begun },
    groups: Math.ceil(columns4 / 16),
    work: 2 * rows * columns,
    conditional: true,
  });
  update(prototypes, samples, begun, true);
  for (let t = 1; t <= iterations; t++) {
    if (t > 1) update(prototypes, samples, going);
    update(samples, prototypes, going);
  }
  context.run(sinkhorn_codes, {
    params: { rows, columns4, ...split },
    buffers: { form, u: samples.u, w: prototypes.u, codes },
    ...overColumns,
  });
  for (const storage of [samples.u, samples.excess, prototypes.u, prototypes.excess, form, going, begun])
    storage.release();
}

/** Rows and columns by reads of their own, from logits of any size. */
function separatePasses(problem: CodesProblem): void {
  const { context, op, rows, columns, iterations, scores, codes, cut, split } = problem;
  const [u, w] = [startScaling(context, op, rows), startScaling(context, op, columns)];
  const { tuning, rowsPerGroup } = rowTuning(context);
  const going = startState(context, op);
  for (let t = 1; t <= iterations; t++) {
    sumColumns(problem, u, w, going);
    for (const range of cut)
      context.run(sinkhorn_rows, {
        params: { rows: range.count, columns, ...split },
        buffers: {
          scores: part(scores, range, columns),
          w,
          u: part(u, range, 2),
          codes: part(codes, range, columns),
        },
        groups: Math.ceil(range.count / rowsPerGroup),
        work: 24 * range.count * columns,
        tuning: { ...tuning, LAST: t === iterations ? 1 : 0 },
      });
  }
  for (const storage of [u, w, going]) storage.release();
}

/** The columns' factors from those of the rows, by a read of the scores. */
function sumColumns(
  { context, op, rows, columns, scores, cut, split }: CodesProblem,
  u: Scaling,
  w: Scaling,
  state: Storage,
): void {
  const strips = Math.ceil(columns / 64);
  // Slices enough to fill the machine, few enough that their partial sums stay O(K).
  const most = Math.min(32, Math.max(1, Math.ceil((context.info.software ? 16 : 1024) / strips / cut.length)));
  const slicesOf = (count: number): number => Math.min(most, Math.ceil(count / 64));
  const parts = cut.reduce((total, { count }) => total + slicesOf(count), 0);
  const partial = context.scratch(2 * parts * columns, op);
  const excess = context.scratch(columns, op);
  let firstSlice = 0;
  for (const range of cut) {
    const slices = slicesOf(range.count);
    context.run(sinkhorn_columns, {
      params: {
        rows: range.count,
        columns,
        slices,
        slice_rows: Math.ceil(range.count / slices),
        first_slice: firstSlice,
        ...split,
      },
      buffers: { scores: part(scores, range, columns), u: part(u, range, 2), w, partial },
      groups: strips * slices,
      work: 16 * range.count * columns,
    });
    firstSlice += slices;
  }
  launchScalingUpdate(context, partial, w, { rows: columns, columns: rows, parts }, { state, excess });
  for (const storage of [partial, excess]) storage.release();
}
