import { part } from '../../core/chunks.ts';
import type { Context } from '../../core/context.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { Storage } from '../../gpu/buffers.ts';
import { launchProduct } from '../../launch/product.ts';
import { roundUp, WIDEST } from '../../launch/tile.ts';
import { launchUnits, type Units } from '../../launch/unitRows.ts';

// Columns a panel at the least; a multiple of 64, since those begin where a binding may.
export const LEAST_PANEL = 64;

/** What the rows of a query choose from; normalised inside, and constant: no gradient goes there. */
export interface Candidates {
  /** [N, D], the positive of each row */
  readonly own: Tensor | Storage;
  /** [count, D], the columns of all rows */
  readonly columns: Tensor | Storage;
  readonly count: number;
  /** [N], u32: the column that is a row's own, and so no rival of its; from `count` on where it is not among them. */
  readonly positives: Tensor | Storage;
  /** One temperature (and the number, where it is known here), or one for each column. */
  readonly temperature: { readonly of: Tensor | Storage; readonly count: number; readonly known?: number };
}

/** With one temperature the weights of a row add up to 0: rows of columns are kept less an axis, see `launchUnits`. */
export function isCentred({ temperature }: Candidates): boolean {
  return temperature.count === 1;
}

/** Per row: the logits of all columns but its own, as in lib/merge_rows.wgsl; where wanted, the weighted sum of their unit rows. */
export interface RowSweep {
  readonly tops: Storage;
  readonly sums: Storage;
  readonly weighteds: Storage;
  /** [N, row stride] */
  readonly gathered: Storage | null;
}

/** The unit columns of a panel, as many as it has room for. */
export type Keys = Omit<Units, 'release'>;

/** gathered_i (+)= sum over the panel's columns j of w_ji u_j */
export function gather(
  context: Context,
  { count, columns, paddedRows, rowStride }: Units,
  weights: Storage,
  keys: Keys,
  own: number,
  gathered: Storage,
  accumulating: boolean,
): void {
  launchProduct(
    context,
    { rows: count, columns, depth: own },
    { of: weights, at: 0, stride: paddedRows, along: 'columns' },
    { of: keys.rows, at: 0, stride: rowStride },
    { of: gathered, at: 0, stride: rowStride },
    { accumulating },
  );
}

/** What is done with one panel: its scores' place [own, width], its unit columns, and where and how many they are. */
type EachPanel = (weights: Storage, keys: Keys, first: number, own: number) => void;

/**
 * Scratch for a panel of columns. It is wide enough to keep launches few, and takes 2 D (N + M) floats at most; M is cut
 * in any case where more could not be bound.
 */
export function panelOf(context: Context, op: string, units: Units, candidates: Candidates) {
  const { count } = candidates;
  const { count: n, columns, paddedRows, rowStride, reflection } = units;
  const fitting = (2 * columns * (n + count)) / (n + 2 * columns);
  const bindable = context.info.limits.maxStorageBufferBindingSize / 4 / Math.max(paddedRows, rowStride + 1);
  const wanted = Math.min(Math.max(count / 16, 128), 4096, fitting, bindable);
  const width = Math.min(roundUp(count, 4), Math.max(LEAST_PANEL, Math.floor(wanted / LEAST_PANEL) * LEAST_PANEL));
  const keys = {
    rows: context.scratch(width * rowStride + WIDEST, op), // see makeUnits
    transposed: context.scratch(columns * width, op),
    inverseNorms: context.scratch(width, op),
    reflection,
    count: width,
    columns,
    paddedRows: width,
    rowStride,
  };
  const weights = context.scratch(width * paddedRows, op);
  const each = (of: Tensor | Storage, then: EachPanel): void => {
    for (let first = 0; first < count; first += width) {
      const own = Math.min(width, count - first);
      launchUnits(context, part(of, { first, count: own }, columns), keys, own, {
        first: 0,
        blank: width - own,
        centred: isCentred(candidates),
      });
      then(weights, keys, first, own);
    }
    for (const storage of [keys.rows, keys.transposed, keys.inverseNorms, weights]) storage.release();
  };
  return { width, each };
}
