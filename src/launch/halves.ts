import type { Context } from '../core/context.ts';
import { fillBits } from '../core/fills.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { halves, largest, matmul_fragments, matmul_halves } from '../gpu/kernels.generated.ts';
import type { Operand } from './pack.ts';
import { type Form, fragmentTuning, type ProductSize, withReason } from './productForm.ts';
import type { Tile } from './tile.ts';

type Packed = Extract<Form, { by: 'halves' | 'fragments' }>;

/** An operand as `halves` and fragment kernels read it: `at`, `stride` and `low` count numbers. */
export interface Halves {
  readonly of: Storage;
  readonly at: number;
  readonly stride: number;
  /** How far behind a number lies what rounding it left over. */
  readonly low: number;
  /** Bits of an f32 that no magnitude exceeds. */
  readonly top: Storage | Tensor;
}

/** A row-major matrix in f32. */
export interface Wide {
  readonly of: Storage | Tensor;
  readonly at: number;
  readonly stride: number;
  readonly rows: number;
  readonly columns: number;
}

/** Whether operands are stored in f16. */
function inHalves(form: Packed): boolean {
  return form.by === 'halves' || form.shape.of === 'f16';
}

/** Floats that hold `count` numbers in this form. */
export function room(form: Packed, count: number): number {
  return Math.ceil(((inHalves(form) ? 0.5 : 1) * (form.split ? 2 : 1) * count) / 4) * 4;
}

/** A copy in the form's numbers, [rows, stride] and, split, as much again; zeros past the source. Release it. */
export function toHalves(
  context: Context,
  op: string,
  form: Packed,
  { of, at, stride, rows, columns }: Wide,
  out: { rows: number; stride: number },
  top: Storage | Tensor,
): Halves & { release(): void } {
  const low = out.rows * out.stride;
  const copy = context.scratch(room(form, low), op);
  context.run(halves, {
    params: { rows, columns, x_at: at, x_stride: stride, out_rows: out.rows, out_stride: out.stride },
    buffers: { x: of, top, out: copy },
    groups: Math.ceil(low / 256),
    work: 2 * low,
    tuning: { SPLIT: form.split ? 1 : 0, ...(inHalves(form) ? { F16: 1 } : {}) },
  });
  return { of: copy, at: 0, stride: out.stride, low, top, release: () => copy.release() };
}

/** Bits of a matrix's largest magnitude. */
function largestOf(context: Context, op: string, { of, at, stride, rows, columns }: Wide): Storage {
  const top = context.scratch(1, op);
  fillBits(context, top, 1, 0);
  context.run(largest, {
    params: { rows, columns, x_at: at, x_stride: stride },
    buffers: { x: of, top },
    groups: Math.ceil((rows * columns) / 1024),
    work: rows * columns,
  });
  return top;
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

/** As `launchProduct`, in a form other than f32 tiles: the operands are measured, packed and released here. */
export function launchPacked(
  context: Context,
  form: Packed,
  tile: Tile,
  size: ProductSize,
  lhs: Operand & { along: 'columns' | 'rows' },
  rhs: Operand,
  out: Operand,
  options: { scale: number; accumulating: boolean },
): void {
  const op = 'product';
  const alongRows = lhs.along === 'rows';
  const span = form.by === 'fragments' ? fragmentTuning(context, form) : { rows: 4, columns: 4 };
  const step = form.by === 'fragments' ? form.shape.k : 1;
  const depth = roundUp(size.depth, step);
  const left = { ...lhs, rows: alongRows ? size.rows : size.depth, columns: alongRows ? size.depth : size.rows };
  const right = { ...rhs, rows: size.depth, columns: size.columns };
  const leftRows = roundUp(size.rows, span.rows);
  const leftTop = largestOf(context, op, left);
  const rightTop = largestOf(context, op, right);
  const packedLeft = toHalves(
    context,
    op,
    form,
    left,
    alongRows ? { rows: leftRows, stride: roundUp(depth, 4) } : { rows: depth, stride: leftRows },
    leftTop,
  );
  const rightStride = roundUp(size.columns, span.columns);
  const packedRight = toHalves(context, op, form, right, { rows: depth, stride: rightStride }, rightTop);
  const own = { ...size, depth };
  if (form.by === 'fragments')
    launchFragments(context, form, own, { ...packedLeft, along: lhs.along }, packedRight, out, options);
  else launchHalves(context, form, tile, own, packedLeft, packedRight, out, options);
  for (const each of [packedLeft, packedRight, leftTop, rightTop]) each.release();
}

/** out = scale * lhs rhs (+ out) by fragments. The operands have whole spans of rows and columns, depth is a multiple of k. */
export function launchFragments(
  context: Context,
  form: Extract<Form, { by: 'fragments' }>,
  { rows, columns, depth }: ProductSize,
  lhs: Halves & { along: 'columns' | 'rows' },
  rhs: Halves,
  out: Operand,
  { scale, accumulating }: { scale: number; accumulating: boolean },
): void {
  const { tuning, rows: spanRows, columns: spanColumns } = fragmentTuning(context, form);
  const strips = Math.ceil(columns / spanColumns);
  context.run(matmul_fragments, {
    params: {
      rows,
      columns,
      depth,
      strips,
      lhs_at: lhs.at,
      lhs_stride: lhs.stride,
      lhs_low: lhs.low,
      rhs_at: rhs.at,
      rhs_stride: rhs.stride,
      rhs_low: rhs.low,
      out_at: out.at,
      out_stride: out.stride,
      scale,
      accumulating: accumulating ? 1 : 0,
    },
    buffers: { lhs: lhs.of, rhs: rhs.of, lhs_top: lhs.top, rhs_top: rhs.top, out: out.of },
    groups: Math.ceil(rows / spanRows) * strips,
    work: rows * columns * depth,
    tuning: { ...tuning, LEFT_ROWS: lhs.along === 'rows' ? 1 : 0 },
  });
}

function launchHalves(
  context: Context,
  form: Packed,
  { tuning, rows: tileRows, columns: tileColumns }: Tile,
  { rows, columns, depth }: ProductSize,
  lhs: Halves,
  rhs: Halves,
  out: Operand,
  { scale, accumulating }: { scale: number; accumulating: boolean },
): void {
  const strips = Math.ceil(columns / tileColumns);
  context.run(matmul_halves, {
    params: {
      rows,
      columns,
      depth,
      strips,
      lhs_at4: lhs.at / 4,
      lhs_stride4: lhs.stride / 4,
      lhs_low4: lhs.low / 4,
      rhs_at4: rhs.at / 4,
      rhs_stride4: rhs.stride / 4,
      rhs_low4: rhs.low / 4,
      out_at: out.at,
      out_stride: out.stride,
      scale,
      accumulating: accumulating ? 1 : 0,
    },
    buffers: { lhs: lhs.of, rhs: rhs.of, lhs_top: lhs.top, rhs_top: rhs.top, out: out.of },
    groups: Math.ceil(rows / tileRows) * strips,
    work: rows * columns * depth,
    tuning: withReason({ ...tuning, F16: 1, SPLIT: form.split ? 1 : 0 }, form),
  });
}
