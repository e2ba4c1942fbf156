import { part } from '../core/chunks.ts';
import type { Context } from '../core/context.ts';
import { fill } from '../core/fills.ts';
import { rowName } from '../core/inspect.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { reflection, unit_rows, unit_rows_grad } from '../gpu/kernels.generated.ts';
import { roundUp, rowTuning, WIDEST } from './tile.ts';

/**
 * A reflection of the rows' space, [2 columns + 4] floats, see kernels/rows/reflection.wgsl: scores do not change with it, and gradients
 * are reflected with it. Rows that all but coincide keep in it what tells them apart; plain units round that to the digits of 1.
 */
export type Reflection = Storage;

// It and the rows that tell whether it is worth it.
const ROWS_LOOKED_AT = 5;

/** The reflection that takes row 0 of `z` ([rows, columns]) to the last axis, or none where the next few rows are not near it. */
export function makeReflection(
  context: Context,
  op: string,
  z: Tensor | Storage,
  rows: number,
  columns: number,
): Reflection {
  const out = context.scratch(2 * columns + 4, op);
  const count = Math.min(rows, ROWS_LOOKED_AT);
  context.run(reflection, {
    params: { rows: count, columns },
    buffers: { z: part(z, { first: 0, count }, columns), reflection: out },
    groups: 1,
    work: 4 * columns,
    tuning: rowTuning(context).tuning,
  });
  return out;
}

/** The reflection that leaves rows where they are. */
export function noReflection(context: Context, op: string, columns: number): Reflection {
  const out = context.scratch(2 * columns + 4, op);
  fill(context, out, 2 * columns + 4, 0);
  return out;
}

/** Reflected unit rows of one or more views, in both layouts that tile products read, padded with zeros to whole tiles. */
export interface Units {
  /** [paddedRows, rowStride] floats, rows along the features. */
  readonly rows: Storage;
  /** [columns, paddedRows] floats: the transpose. */
  readonly transposed: Storage;
  /** [rows] floats: 1 / |z|, negative where the floor of the norm acts, 0 for a zero row. */
  readonly inverseNorms: Storage;
  readonly reflection: Reflection;
  readonly count: number;
  readonly columns: number;
  readonly paddedRows: number;
  readonly rowStride: number;
  release(): void;
}

/**
 * Normalises the rows of all views ([n_v, columns] each), stacked in order.
 * @param multiple rows are padded to it
 * @param reflected by which reflection; default: that of the first view. Rows whose products are taken share one
 */
export function makeUnits(
  context: Context,
  op: string,
  views: Readonly<Record<string, Tensor>>,
  multiple: number,
  reflected?: Reflection,
): Units {
  const list = Object.entries(views);
  const [own, columns] = list[0][1].shape;
  const shared = reflected?.retain() ?? makeReflection(context, op, list[0][1], own, columns);
  const count = list.reduce((total, [, view]) => total + view.shape[0], 0);
  const paddedRows = roundUp(count, multiple);
  const rowStride = roundUp(columns, 4);
  // The last row's tiles may read, and then drop, a tile's width past it.
  const rows = context.scratch(paddedRows * rowStride + WIDEST, op);
  const transposed = context.scratch(columns * paddedRows, op);
  const inverseNorms = context.scratch(count, op);
  const units = { rows, transposed, inverseNorms, reflection: shared, count, columns, paddedRows, rowStride };
  let first = 0;
  list.forEach(([, z], index) => {
    const own = z.shape[0];
    const blank = index === list.length - 1 ? paddedRows - count : 0;
    launchUnits(context, z, { ...units, rows, transposed }, own, { first, blank });
    first += own;
  });
  if (context.check) inspectEach(context, op, list, inverseNorms);
  const release = (): void => {
    for (const storage of [rows, transposed, inverseNorms, shared]) storage.release();
  };
  return { ...units, release };
}

/**
 * Rows `first` to `first + count` of `to`: those of `z`, of length 1, and then `blank` rows of zeros.
 * @param centred `rows` (not `transposed`) hold them less the last axis, for weighted sums whose weights add up to 0
 * @param rowsOnly nothing is written to `transposed`
 */
export function launchUnits(
  context: Context,
  z: Tensor | Storage,
  to: Omit<Units, 'count' | 'release'>,
  count: number,
  {
    first,
    blank,
    centred = false,
    rowsOnly = false,
  }: { first: number; blank: number; centred?: boolean; rowsOnly?: boolean },
): void {
  const { tuning, rowsPerGroup } = rowTuning(context);
  context.run(unit_rows, {
    params: {
      rows: count,
      columns: to.columns,
      first_row: first,
      blank_rows: blank,
      row_stride: to.rowStride,
      column_stride: to.paddedRows,
    },
    buffers: {
      z,
      reflection: to.reflection,
      units: to.rows,
      units_t: to.transposed,
      inverse_norms: to.inverseNorms,
    },
    groups: Math.ceil((count + blank) / rowsPerGroup),
    work: 8 * (count + blank) * to.columns,
    tuning: { ...tuning, CENTRED: centred ? 1 : 0, TRANSPOSED: rowsOnly ? 0 : 1 },
  });
}

function inspectEach(context: Context, op: string, views: [string, Tensor][], inverseNorms: Storage): void {
  const named = views.map(([name, { leading, shape }]) => ({ name, leading, rows: shape[0] }));
  const nameOf = (row: number): string => {
    let [at, from] = [0, row];
    for (; at < named.length - 1 && from >= named[at].rows; at++) from -= named[at].rows;
    return rowName(named[at].name, named[at], from);
  };
  const count = named.reduce((total, { rows }) => total + rows, 0);
  context.inspectDirections(op, nameOf, inverseNorms, count);
}

/** factor dy / temperature, of which the latter two are one number each and may be the GPU's alone. */
export interface Slope {
  readonly dy: Storage | Tensor;
  readonly factor?: number;
  readonly temperature?: Tensor;
}

/** Gradients for the raw views from `gradient` ([paddedRows, rowStride], w.r.t. the unit rows) times the slope. */
export function unitsBackward(
  context: Context,
  op: string,
  units: Units,
  viewRows: readonly number[],
  gradient: Storage,
  { dy, factor = 1, temperature = context.constant(1) }: Slope,
): Tensor[] {
  const { tuning, rowsPerGroup } = rowTuning(context);
  let first = 0;
  return viewRows.map((own) => {
    const dz = context.empty([own, units.columns], op);
    context.run(unit_rows_grad, {
      params: { rows: own, columns: units.columns, first_row: first, row_stride: units.rowStride, factor },
      buffers: {
        units: units.rows,
        inverse_norms: units.inverseNorms,
        reflection: units.reflection,
        g: gradient,
        dy,
        temperature,
        dz,
      },
      groups: Math.ceil(own / rowsPerGroup),
      work: 8 * own * units.columns,
      tuning,
    });
    first += own;
    return dz;
  });
}
