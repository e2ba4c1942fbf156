import type { Context } from '../core/context.ts';
import { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { pack, transpose } from '../gpu/kernels.generated.ts';
import type { Answer, Choice } from '../tuning/choices.ts';
import type { AdapterKind } from '../tuning/costModel.ts';
import { roundUp } from './tile.ts';

/** A row-major matrix somewhere in memory: `at` and `stride` count floats. */
export interface StridedMatrix {
  readonly of: Storage | Tensor;
  readonly rows: number;
  readonly columns: number;
  readonly at?: number;
  readonly stride?: number;
}

/** One operand of a product: vec4-aligned memory, with its start and row stride in floats. */
export interface Operand {
  readonly of: Storage | Tensor;
  readonly at: number;
  readonly stride: number;
  /** Why it lies as it does, where that was a choice. */
  readonly chosen?: Answer;
}

/** What tile products read, and how to let go of it: scratch, or nothing where the source served as it is. */
export interface Packed extends Operand {
  release(): void;
}

function storageOf(of: Storage | Tensor): Storage {
  return of instanceof Tensor ? of.storage : of;
}

/** Whether tile products can read it in place: rows begin at multiples of four floats, and the binding ends at one. */
function aligned({ of, columns, at = 0, stride = columns }: StridedMatrix): boolean {
  return at % 4 === 0 && stride % 4 === 0 && storageOf(of).bytes % 16 === 0;
}

/** The matrix with its rows as they are, each padded with zeros to a multiple of 4; in place if it can be. */
export function packedRows(context: Context, op: string, source: StridedMatrix): Packed {
  const { of, rows, columns, at = 0, stride = columns } = source;
  if (aligned(source)) return { of, at, stride, release: () => {} };
  const own = copyRows(context, op, source, rows);
  return { of: own, at: 0, stride: roundUp(columns, 4), release: () => own.release() };
}

/** Its copy in scratch memory: [paddedRows, columns rounded up to 4], zeros in the padding. */
export function copyRows(context: Context, op: string, source: StridedMatrix, paddedRows: number): Storage {
  const { of, rows, columns, at = 0, stride = columns } = source;
  const outStride = roundUp(columns, 4);
  const out = context.scratch(paddedRows * outStride, op);
  context.run(pack, {
    params: { rows, columns, x_at: at, x_stride: stride, out_rows: paddedRows, out_stride: outStride },
    buffers: { x: of, out },
    groups: Math.ceil((paddedRows * outStride) / 256),
    work: 2 * paddedRows * outStride,
  });
  return out;
}

/** Its transpose in scratch memory: [columns, paddedRows], zeros past the rows. */
export function packedTranspose(
  context: Context,
  op: string,
  source: StridedMatrix,
  paddedRows = roundUp(source.rows, 4),
): Packed {
  const out = context.scratch(source.columns * paddedRows, op);
  launchTranspose(context, source, out, paddedRows);
  return { of: out, at: 0, stride: paddedRows, release: () => out.release() };
}

/** out[k, i] = x[i, k]; zeros for i from the last row to `outColumns`. */
export function launchTranspose(
  context: Context,
  source: StridedMatrix,
  out: Storage | Tensor,
  outColumns = source.rows,
): void {
  const { of, rows, columns, at = 0, stride = columns } = source;
  context.run(transpose, {
    params: { rows, columns, x_at: at, x_stride: stride, out_columns: outColumns, out_stride: outColumns },
    buffers: { x: of, out },
    groups: Math.ceil((Math.ceil(columns / 4) * Math.ceil(outColumns / 4)) / 64),
    work: 4 * columns * outColumns,
  });
}

/**
 * Software adapters without subgroups multiply k-major operands twice as fast (one cache line serves a whole tile), which
 * pays for transposing the left one if it meets columns enough. Sizes are its rows and columns, and those columns.
 */
const LEFT: Choice<'along rows' | 'turned'> = {
  name: 'left operand',
  options: {
    'along rows': ([rows, depth, columns], { alongRows }) => ({
      flops: 2 * rows * columns * depth,
      eta: 0.5 * alongRows,
    }),
    turned: ([rows, depth, columns], kind) => {
      const product = { flops: 2 * rows * columns * depth, eta: 0.5 };
      return { ...product, flops: product.flops + transposeCost(rows * depth, kind), dispatches: 2 };
    },
  },
};

/** Transposing comes before the product, not beside it: its time in flops. It reads and writes each number once, across lines. */
function transposeCost(count: number, { bytes, flops }: AdapterKind): number {
  return ((16 * count) / bytes) * 0.5 * flops;
}

/** Row-major rows as a left operand of a product with `columns` columns: in place or transposed. */
export function leftRows(
  context: Context,
  op: string,
  source: StridedMatrix,
  columns: number,
): { along: 'rows' | 'columns'; operand: Packed } {
  // The kernel for rows reads them in fours.
  const chosen = source.columns % 4 === 0 ? context.choose(LEFT, [source.rows, source.columns, columns]) : undefined;
  return chosen?.option === 'along rows'
    ? { along: 'rows', operand: { ...packedRows(context, op, source), chosen } }
    : { along: 'columns', operand: { ...packedTranspose(context, op, source), chosen } };
}
