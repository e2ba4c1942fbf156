import { Storage } from '../gpu/buffers.ts';

const ALIGNMENT = 64; // floats: WebGPU binds at multiples of 256 bytes

/** Who binds, and how much at a time. */
export interface Binder {
  readonly info: { readonly limits: { readonly maxStorageBufferBindingSize: number } };
  fail(op: string, sentence: string): never;
}

/** Rows `first` to `first + count`. */
export interface RowRange {
  readonly first: number;
  readonly count: number;
}

/**
 * Cuts `rows` rows into ranges that can be bound, where the widest buffer has `width` floats a row. One range is the rule:
 * only what is larger than the adapter binds at a time (often 128 MiB) needs more.
 */
export function ranges(by: Binder, rows: number, width = 1): RowRange[] {
  const limit = by.info.limits.maxStorageBufferBindingSize;
  if (4 * rows * width <= limit) return [{ first: 0, count: rows }];
  const most = Math.floor(limit / (4 * width * ALIGNMENT)) * ALIGNMENT;
  if (most === 0)
    by.fail(
      'ranges',
      `${ALIGNMENT} rows of ${width} floats need more than the ${limit} bytes that this adapter binds.`,
    );
  const cut: RowRange[] = [];
  for (let first = 0; first < rows; first += most) cut.push({ first, count: Math.min(most, rows - first) });
  return cut;
}

/** The rows of `range` of something that has `width` floats a row, to be bound. */
export function part(whole: { readonly storage: Storage } | Storage, range: RowRange, width = 1): Storage {
  const storage = whole instanceof Storage ? whole : whole.storage;
  const bytes = 4 * range.count * width;
  if (range.first === 0 && bytes >= storage.bytes - 12) return storage; // pooled storage ends at a multiple of 16
  return storage.range(4 * range.first * width, bytes);
}
