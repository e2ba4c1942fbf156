import type { Context } from '../../core/context.ts';
import { type Halves, launchFragments, room, toHalves } from '../../launch/halves.ts';
import { type Form, fragmentTuning } from '../../launch/productForm.ts';
import { roundUp } from '../../launch/tile.ts';
import { makeUnits, type Units } from '../../launch/unitRows.ts';
import { columnsPerPanel } from './panels.ts';
import { extentsOf, type MatrixUnitKernels, type PairProblem, type PairSchedule } from './problem.ts';

type Fragments = Extract<Form, { by: 'fragments' }>;

const MAX_EDGE = 512;

// No entry of a unit row exceeds 1, no weight 2: see nt_xent_panel_fragments.wgsl.
const TOP_UNIT = 1;
const TOP_WEIGHT = 2;

/**
 * As `panels`, with pairs, weights and products on matrix units. Nothing is cached but the unit rows in their numbers: they make
 * the pairs again faster than memory would bring them.
 */
export function matrixUnits(problem: PairProblem, form: Fragments, kernels: MatrixUnitKernels): PairSchedule {
  const { op, context, views } = problem;
  const { n, d } = extentsOf(views);
  const { tuning, rows: spanRows, columns: spanColumns } = fragmentTuning(context, form);
  // Whole spans of rows and of columns, which are powers of two; the partial sums stay within 2 n d floats.
  let edge = Math.max(spanRows, spanColumns);
  while (edge < MAX_EDGE && Math.ceil(n / edge) > 2 * d) edge *= 2;
  const units = makeUnits(context, op, views, edge);
  const { paddedRows, rowStride, columns } = units;
  const depth = roundUp(columns, form.shape.k);
  const packed = packUnits(context, op, form, units);
  return {
    units,
    sums: () => {
      const blocks = paddedRows / edge;
      const triangle = (blocks * (blocks + 1)) / 2;
      const behind = blocks * paddedRows;
      const partial = context.scratch(behind, op);
      context.run(kernels.sums, {
        params: { n, depth, stride: packed.stride, low: packed.low, edge },
        buffers: {
          lhs: packed.of,
          rhs: packed.of,
          top: packed.top,
          temperature: problem.temperature,
          partial,
        },
        groups: triangle,
        work: triangle * edge * edge * (depth + 16),
        tuning,
      });
      return { of: partial, behind, layout: { blocks, edge, slots: 1, partial_stride: paddedRows } };
    },
    gradient: (temperature, rows) => {
      const gradient = context.scratch(paddedRows * rowStride, op);
      const panel = columnsPerPanel(context, units, edge);
      const topUnit = context.constant(TOP_UNIT); // packed.top may have gone with the caller's scope
      const topWeight = context.constant(TOP_WEIGHT);
      const source = { of: units.rows, at: 0, stride: rowStride, rows: paddedRows, columns };
      const to = { rows: paddedRows, stride: roundUp(columns, spanColumns) };
      const right = toHalves(context, op, form, source, to, topUnit);
      const low = panel * paddedRows;
      const weights = context.scratch(room(form, low), op);
      for (let first = 0; first < paddedRows; first += panel) {
        const here = Math.min(panel, paddedRows - first);
        const width = paddedRows - first;
        const strips = width / spanColumns;
        context.run(kernels.panel, {
          params: {
            n,
            depth,
            stride: packed.stride,
            low: packed.low,
            first,
            width,
            strips,
            weights_low: low,
          },
          buffers: { lhs: packed.of, rhs: packed.of, top: topUnit, ...rows, temperature, weights },
          groups: (here / spanRows) * strips,
          work: here * width * (columns + 32),
          tuning,
        });
        const left = { of: weights, at: 0, stride: width, low, top: topWeight };
        const into = { of: gradient, at: first * rowStride, stride: rowStride };
        const others = { ...right, at: first * right.stride };
        launchFragments(
          context,
          form,
          { rows: width, columns, depth: here },
          { ...left, along: 'columns' },
          others,
          into,
          {
            scale: 1,
            accumulating: first > 0,
          },
        );
        if (width > here)
          launchFragments(
            context,
            form,
            { rows: here, columns, depth: width - here },
            { ...left, at: here, along: 'rows' },
            { ...right, at: (first + here) * right.stride },
            into,
            { scale: 1, accumulating: true },
          );
      }
      weights.release();
      right.release();
      return gradient;
    },
    release: () => {
      units.release();
      packed.release();
    },
  };
}

/** The unit rows for matrix units, k-major: what both the sums and the panels read. */
function packUnits(context: Context, op: string, form: Fragments, units: Units): Halves & { release(): void } {
  const { transposed: of, paddedRows, columns } = units;
  const source = { of, at: 0, stride: paddedRows, rows: columns, columns: paddedRows };
  const to = { rows: roundUp(columns, form.shape.k), stride: paddedRows };
  return toHalves(context, op, form, source, to, context.constant(TOP_UNIT));
}
