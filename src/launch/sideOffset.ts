import type { Context } from '../core/context.ts';
import type { Storage } from '../gpu/buffers.ts';
import { gap_positives, offset_columns, side_offset } from '../gpu/kernels.generated.ts';
import type { Columns } from './rowPass.ts';
import type { Reflection } from './unitRows.ts';

/** Unit rows along the features. */
export interface SideRows {
  readonly of: Storage;
  readonly stride: number;
}

/** What the means of two sides' rows differ by, which scores by differences of rows are made without: see lib/gap_scores.wgsl. */
export function makeOffset(
  context: Context,
  op: string,
  a: SideRows,
  b: SideRows,
  rows: number,
  columns: number,
  reflection: Reflection,
): Storage {
  const offset = context.scratch(3 * columns + 1, op);
  context.run(side_offset, {
    params: { rows, columns, a_stride: a.stride, b_stride: b.stride },
    buffers: { a: a.of, b: b.of, reflection, offset },
    groups: Math.ceil(columns / 64),
    work: 2 * Math.min(rows, 256) * columns,
  });
  return offset;
}

/** Shifts k-major units of one side in place, and says what else of a row its scores are less. */
export function offsetColumns(
  context: Context,
  offset: Storage,
  units: Columns,
  columns: number,
  terms: Storage,
  { side, first = 0, blankAt = 0 }: { side: 'a' | 'b'; first?: number; blankAt?: number },
): void {
  const way = side === 'a' ? -1 : 1;
  context.run(offset_columns, {
    params: {
      count: units.rows,
      columns,
      stride: units.stride,
      first,
      blank_at: blankAt,
      mean_at: side === 'a' ? columns : 2 * columns,
      way,
    },
    buffers: { offset, units_t: units.of, terms },
    groups: Math.ceil(units.rows / 64),
    work: 2 * units.rows * columns,
  });
}

/**
 * The scores of row i of `a` and row i of `b`, from `at` on; of b's terms alone (then what rows of a are zero, too) or of both.
 * @param origins what all squared distances are to be less, a number a column: goes there
 */
export function gapPositives(
  context: Context,
  offset: Storage,
  a: SideRows,
  b: SideRows,
  { rows, columns }: { rows: number; columns: number },
  scores: Storage,
  origins: Storage,
  { both, at = 0 }: { both: boolean; at?: number },
): void {
  context.run(gap_positives, {
    params: { rows, columns, a_stride: a.stride, b_stride: b.stride, at },
    buffers: { a: a.of, b: b.of, offset, scores, origins },
    groups: Math.ceil(rows / 64),
    work: 4 * rows * columns,
    tuning: { BOTH: both ? 1 : 0 },
  });
}
