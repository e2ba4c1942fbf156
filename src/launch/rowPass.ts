import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import type { KernelSource, Tuning } from '../gpu/kernel.ts';
import { row_pass, row_pass_distance, row_pass_merge, shortfalls } from '../gpu/kernels.generated.ts';
import { placedBetween } from './operands.ts';
import { roundUp, tileOf } from './tile.ts';

/**
 * Pairs (i, j) of a sweep that do not count: none, j = i, or j = i and i's partner i + n/2 (mod n); of rows with classes
 * (row_pass_class), i and all of its class, or i and all of other classes.
 */
export type Skip = 'none' | 'self' | 'pair' | 'class' | 'others';

export const SKIP: Readonly<Record<Skip, number>> = { none: 0, self: 1, pair: 2, class: 3, others: 4 };

/** A k-major operand: [depth, stride] floats, `rows` of them meant; stride is a multiple of 4. */
export interface Columns {
  readonly of: Storage;
  readonly stride: number;
  readonly rows: number;
}

/** Bits of what the log of an empty sum is: the floor of a row without entries, or -Infinity where all weigh nothing. */
export const EMPTY = { floor: 0xf149f2ca, weightless: 0xff800000 };

/** One number a row each; top is the row's largest score times the sign of the scale, -1e30 without any. */
export interface RowStatistics {
  readonly top: Storage;
  /** sum_j e_ij, e_ij = exp(|scale| (+-s_ij - top_i) / temperature) */
  readonly sum: Storage;
  /** sum_j e_ij log2 e_ij */
  readonly weighted: Storage;
  release(): void;
}

/**
 * Sweeps all pairs of rows of `a` and `b` and keeps, for each row i of `a`, the running maximum and sums of its logits
 * l_ij = scale s_ij / (temperature ln 2). Nothing of the matrix is stored: memory is 3 floats a row and slice of columns.
 */
export function launchRowPass(
  context: Context,
  op: string,
  a: Columns,
  b: Columns,
  depth: number,
  {
    distance = false,
    skip = 'none',
    scale = 1,
    temperature,
    using = { kernel: distance ? row_pass_distance : row_pass },
  }: {
    distance?: boolean;
    skip?: Skip;
    scale?: number;
    temperature: Tensor | Storage;
    /** Another kernel built on lib/row_pass.wgsl, and what it needs besides. */
    using?: { kernel: KernelSource; buffers?: Readonly<Record<string, Tensor | Storage>>; tuning?: Tuning };
  },
): RowStatistics {
  const { tuning, rows: tileRows, columns: tileColumns } = tileOf(context, 'row pass', a.rows, b.rows, depth);
  const strips = Math.ceil(a.rows / tileRows);
  const width = sliceWidth(context, strips, b.rows, depth, tileColumns);
  const slices = Math.ceil(b.rows / width);
  const partial = context.scratch(3 * slices * a.rows, op);
  context.run(using.kernel, {
    params: {
      rows: a.rows,
      columns: b.rows,
      depth,
      lhs_stride4: a.stride / 4,
      rhs_stride4: b.stride / 4,
      slices,
      slice_columns: width,
      scale,
    },
    buffers: { lhs: a.of, rhs: b.of, temperature, partial, ...using.buffers },
    groups: strips * slices,
    work: a.rows * b.rows * (depth + 16),
    ...placedBetween(context, a, b, depth, { ...tuning, ...using.tuning, SKIP: SKIP[skip] }),
  });
  const [top, sum, weighted] = [0, 1, 2].map(() => context.scratch(a.rows, op));
  context.run(row_pass_merge, {
    params: { rows: a.rows, slices, scale },
    buffers: { partial, temperature, top, sum, weighted },
    groups: Math.ceil(a.rows / 64),
    work: 8 * a.rows * slices,
  });
  partial.release();
  const release = (): void => {
    for (const storage of [top, sum, weighted]) storage.release();
  };
  return { top, sum, weighted, release };
}

/** Columns a slice: slices enough that a few rows fill the machine too, their partial results within rows * depth floats. */
export function sliceWidth(
  context: Context,
  strips: number,
  columns: number,
  depth: number,
  tileColumns: number,
): number {
  const wantedGroups = context.info.software ? 16 : 1024;
  const slices = Math.max(1, Math.min(Math.ceil(wantedGroups / strips), Math.floor(depth / 3)));
  return roundUp(Math.ceil(columns / slices), tileColumns);
}

/**
 * What rows are shorter than 1, from where on distances to them are counted, and what rounding left of 1, [3, rows]: see
 * kernels/pairs/shortfalls.wgsl.
 * @param units k-major unit rows
 * @param partner how many rows behind a row its partner is; 0: it has none
 */
export function launchShortfalls(context: Context, units: Columns, depth: number, out: Storage, partner: number): void {
  context.run(shortfalls, {
    params: { count: units.rows, columns: depth, stride: units.stride, partner },
    buffers: { units_t: units.of, shortfalls: out },
    groups: Math.ceil(units.rows / 64),
    work: units.rows * depth,
  });
}
