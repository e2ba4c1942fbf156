import type { Engine } from '../core/engine.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { unit_rows, unit_rows_grad } from '../gpu/kernels.generated.ts';
import { roundUp, rowTuning, WIDEST } from './tile.ts';

/** Unit rows of one or more views, in both layouts that tile products read, padded with zeros to whole tiles. */
export interface Units {
  /** [paddedRows, rowStride] floats, rows along the features. */
  readonly rows: Storage;
  /** [columns, paddedRows] floats: the transpose. */
  readonly transposed: Storage;
  /** [rows] floats: 1 / |z|, negative where the floor of the norm acts, 0 for a zero row. */
  readonly inverseNorms: Storage;
  readonly count: number;
  readonly columns: number;
  readonly paddedRows: number;
  readonly rowStride: number;
  release(): void;
}

/** Normalises the rows of all views ([n_v, columns] each), stacked in order. `multiple`: rows are padded to it. */
export function makeUnits(
  engine: Engine,
  op: string,
  views: Readonly<Record<string, Tensor>>,
  multiple: number,
): Units {
  const list = Object.entries(views);
  const columns = list[0][1].shape[1];
  const count = list.reduce((total, [, view]) => total + view.shape[0], 0);
  const paddedRows = roundUp(count, multiple);
  const rowStride = roundUp(columns, 4);
  // The last row's tiles may read, and then drop, a tile's width past it.
  const rows = engine.scratch(paddedRows * rowStride + WIDEST, op);
  const transposed = engine.scratch(columns * paddedRows, op);
  const inverseNorms = engine.scratch(count, op);
  let first = 0;
  list.forEach(([, z], index) => {
    const own = z.shape[0];
    const blank = index === list.length - 1 ? paddedRows - count : 0;
    launchUnits(engine, z, { rows, transposed, inverseNorms, columns, paddedRows, rowStride }, own, { first, blank });
    first += own;
  });
  if (engine.check) inspectEach(engine, op, list, inverseNorms);
  const release = (): void => {
    for (const storage of [rows, transposed, inverseNorms]) storage.release();
  };
  return { rows, transposed, inverseNorms, count, columns, paddedRows, rowStride, release };
}

/** Rows `first` to `first + count` of `to`: those of `z`, of length 1, and then `blank` rows of zeros. */
export function launchUnits(
  engine: Engine,
  z: Tensor | Storage,
  to: Omit<Units, 'count' | 'release'>,
  count: number,
  { first, blank }: { first: number; blank: number },
): void {
  const { tuning, rowsPerGroup } = rowTuning(engine);
  engine.run(unit_rows, {
    params: {
      rows: count,
      columns: to.columns,
      first_row: first,
      blank_rows: blank,
      row_stride: to.rowStride,
      column_stride: to.paddedRows,
    },
    buffers: { z, units: to.rows, units_t: to.transposed, inverse_norms: to.inverseNorms },
    groups: Math.ceil((count + blank) / rowsPerGroup),
    work: 5 * (count + blank) * to.columns,
    tuning,
  });
}

function inspectEach(engine: Engine, op: string, views: [string, Tensor][], inverseNorms: Storage): void {
  const names = views.flatMap(([name, view]) => Array.from({ length: view.shape[0] }, (_, row) => `${name}[${row}]`));
  engine.inspectDirections(op, (row) => names[row], inverseNorms, names.length);
}

/** Gradients for the raw views from `gradient` ([paddedRows, rowStride], w.r.t. the unit rows) times `scale[0]`. */
export function unitsBackward(
  engine: Engine,
  op: string,
  units: Units,
  viewRows: readonly number[],
  gradient: Storage,
  scale: Storage | Tensor,
): Tensor[] {
  const { tuning, rowsPerGroup } = rowTuning(engine);
  let first = 0;
  return viewRows.map((own) => {
    const dz = engine.empty([own, units.columns], op);
    engine.run(unit_rows_grad, {
      params: { rows: own, columns: units.columns, first_row: first, row_stride: units.rowStride },
      buffers: { units: units.rows, inverse_norms: units.inverseNorms, g: gradient, scale, dz },
      groups: Math.ceil(own / rowsPerGroup),
      work: 4 * own * units.columns,
      tuning,
    });
    first += own;
    return dz;
  });
}
