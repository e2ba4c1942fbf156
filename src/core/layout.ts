import type { Storage } from '../gpu/buffers.ts';
import { from_layout, to_layout } from '../gpu/kernels.generated.ts';
import * as check from './check.ts';
import type { Launcher } from './fills.ts';
import type { DataType } from './tensorData.ts';

/** How numbers lie in memory. */
export interface Layout {
  readonly shape: readonly number[];
  readonly dtype: DataType;
  /** Entries from the start of a row to that of the next; null where nothing lies between rows. */
  readonly rowStride: number | null;
}

/** That of a tensor alone, without holding it. */
export function layoutOf({ shape, dtype, rowStride }: Layout): Layout {
  return { shape, dtype, rowStride };
}

/** A layout as it was asked for. */
export function checkLayout(
  op: string,
  shape: readonly number[],
  dtype: DataType,
  rowStride: number | undefined,
  of = '',
): Layout {
  check.oneOf(op, `${of}dtype`, dtype, ['f32', 'f16', 'i32', 'u32']);
  const columns = shape.at(-1) ?? 1;
  if (rowStride !== undefined) check.integer(op, `${of}rowStride`, rowStride, columns, check.MAX_ELEMENTS);
  return { shape, dtype, rowStride: rowStride === columns ? null : (rowStride ?? null) };
}

/** What lies so is read by kernels as it is: 32 bits an entry, row after row. */
export function isPacked({ dtype, rowStride }: Layout): boolean {
  return dtype !== 'f16' && rowStride === null;
}

/** A row is what the last extent counts. */
function rowsOf({ shape }: Layout): { rows: number; columns: number } {
  const columns = shape.at(-1) ?? 1;
  return { rows: shape.reduce((a, b) => a * b, 1) / columns, columns };
}

/** Bytes from the first entry to the last, in whole words. */
export function bytesOf(layout: Layout): number {
  const { rows, columns } = rowsOf(layout);
  const entries = (rows - 1) * (layout.rowStride ?? columns) + columns;
  return layout.dtype === 'f16' ? 4 * Math.ceil(entries / 2) : 4 * entries;
}

interface Converting extends Launcher {
  scratch(count: number, what: string): Storage;
}

/** The numbers as kernels read them: f32 for f16, row after row. */
export function fromLayout(by: Converting, layout: Layout, memory: Storage): Storage {
  const { rows, columns } = rowsOf(layout);
  const count = rows * columns;
  const out = by.scratch(count, 'fromBuffer');
  by.run(from_layout, {
    params: { count, columns, stride: layout.rowStride ?? columns },
    buffers: { x: memory, out },
    groups: Math.ceil(count / 256),
    work: 2 * count,
    tuning: { HALF: layout.dtype === 'f16' ? 1 : 0 },
    overwrites: ['out'],
  });
  return out;
}

/** The way back: what a kernel wrote, to memory of that layout. */
export function toLayout(by: Launcher, packed: Storage, layout: Layout, memory: Storage): void {
  const { rows, columns } = rowsOf(layout);
  const words = bytesOf(layout) / 4;
  by.run(to_layout, {
    params: { rows, columns, stride: layout.rowStride ?? columns, words },
    buffers: { x: packed, out: memory },
    groups: Math.ceil(words / 256),
    work: 2 * words,
    tuning: { HALF: layout.dtype === 'f16' ? 1 : 0 },
    overwrites: ['out'],
  });
}
