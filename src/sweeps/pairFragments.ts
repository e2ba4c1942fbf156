import type { Engine } from '../core/engine.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import type { KernelSource } from '../gpu/kernel.ts';
import { type Halves, launchFragments, room, toHalves } from '../launch/halves.ts';
import { type Form, fragmentTuning } from '../launch/productForm.ts';
import { roundUp } from '../launch/tile.ts';
import type { Units } from '../launch/unitRows.ts';

export type Fragments = Extract<Form, { by: 'fragments' }>;

/** A sweep's kernels on matrix units. */
export interface FragmentKernels {
  readonly sums: KernelSource;
  readonly panel: KernelSource;
}

export const MAX_EDGE = 512;

// No entry of a unit row exceeds 1, no weight 2: see nt_xent_panel_fragments.wgsl.
const TOP_UNIT = 1;
const TOP_WEIGHT = 2;

/** The edge that blocks of the triangle are multiples of: whole spans of rows and of columns. */
export function fragmentEdge(engine: Engine, form: Fragments): number {
  const { rows, columns } = fragmentTuning(engine, form);
  return Math.max(rows, columns); // both are powers of two
}

/** The unit rows for matrix units, k-major: what both the sums and the panels read. */
export function packUnits(engine: Engine, op: string, form: Fragments, units: Units): Halves & { release(): void } {
  const { transposed: of, paddedRows, columns } = units;
  const source = { of, at: 0, stride: paddedRows, rows: columns, columns: paddedRows };
  const to = { rows: roundUp(columns, form.shape.k), stride: paddedRows };
  return toHalves(engine, op, form, source, to, engine.constant(TOP_UNIT));
}

/** Partial sums of e_ij for each row and block of columns: see lib/pair_sums.wgsl. */
export function sumByFragments(
  engine: Engine,
  form: Fragments,
  kernels: FragmentKernels,
  units: Units,
  packed: Halves,
  temperature: Tensor,
  { partial, edge }: { partial: Storage; edge: number },
): void {
  const depth = roundUp(units.columns, form.shape.k);
  const blocks = units.paddedRows / edge;
  const triangle = (blocks * (blocks + 1)) / 2;
  engine.run(kernels.sums, {
    params: { n: units.count, depth, stride: packed.stride, low: packed.low, edge },
    buffers: { lhs: packed.of, rhs: packed.of, top: packed.top, temperature, partial },
    groups: triangle,
    work: triangle * edge * edge * (depth + 16),
    tuning: fragmentTuning(engine, form).tuning,
  });
}

/** sum_j w_ij u_j for every row, in panels of weights that matrix units read as they are. */
export function pullByFragments(
  engine: Engine,
  op: string,
  form: Fragments,
  kernels: FragmentKernels,
  units: Units,
  packed: Halves,
  rows: Readonly<Record<string, Storage>>,
  temperature: Tensor,
  panel: number,
  gradient: Storage,
): void {
  const { paddedRows, rowStride, count: n, columns } = units;
  const { tuning, rows: spanRows, columns: spanColumns } = fragmentTuning(engine, form);
  const pulled = { of: units.rows, at: 0, stride: rowStride, rows: paddedRows, columns };
  const topUnit = engine.constant(TOP_UNIT); // packed.top may have gone with the caller's scope
  const topWeight = engine.constant(TOP_WEIGHT);
  const right = toHalves(
    engine,
    op,
    form,
    pulled,
    { rows: paddedRows, stride: roundUp(columns, spanColumns) },
    topUnit,
  );
  const low = panel * paddedRows;
  const weights = engine.scratch(room(form, low), op);
  for (let first = 0; first < paddedRows; first += panel) {
    const here = Math.min(panel, paddedRows - first);
    const width = paddedRows - first;
    const strips = width / spanColumns;
    engine.run(kernels.panel, {
      params: {
        n,
        depth: roundUp(columns, form.shape.k),
        stride: packed.stride,
        low: packed.low,
        first,
        width,
        strips,
        weights_low: low,
      },
      buffers: {
        lhs: packed.of,
        rhs: packed.of,
        top: topUnit,
        ...rows,
        temperature,
        weights,
      },
      groups: (here / spanRows) * strips,
      work: here * width * (columns + 32),
      tuning,
    });
    const left = { of: weights, at: 0, stride: width, low, top: topWeight };
    const to = { of: gradient, at: first * rowStride, stride: rowStride };
    const others = { ...right, at: first * right.stride };
    launchFragments(engine, form, { rows: width, columns, depth: here }, { ...left, along: 'columns' }, others, to, {
      scale: 1,
      accumulating: first > 0,
    });
    if (width > here)
      launchFragments(
        engine,
        form,
        { rows: here, columns, depth: width - here },
        { ...left, at: here, along: 'rows' },
        { ...right, at: (first + here) * right.stride },
        to,
        { scale: 1, accumulating: true },
      );
  }
  weights.release();
  right.release();
}
