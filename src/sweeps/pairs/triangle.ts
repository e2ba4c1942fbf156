import type { Context } from '../../core/context.ts';
import type { Storage } from '../../gpu/buffers.ts';
import type { Tuning } from '../../gpu/kernel.ts';
import { toHalves } from '../../launch/halves.ts';
import { placedBetween } from '../../launch/operands.ts';
import { featuresOf } from '../../launch/points.ts';
import type { Form } from '../../launch/productForm.ts';
import type { Tile } from '../../launch/tile.ts';
import { makeUnits, type Units } from '../../launch/unitRows.ts';
import { extentsOf, type PairProblem, type PartialSums } from './problem.ts';

// The magnitude for which kernels/products/halves.wgsl multiplies by 1.
const UNSCALED = 16384;

// Rows and columns of a block: each has sums of its own, so that smaller ones would have many.
const LEAST_EDGE = 64;

/** The unit rows as tile kernels read them along the features: f32, or rounded to f16. */
export interface PairOperand {
  readonly of: Storage;
  readonly tuning: Tuning;
}

/** The unit rows, and every unordered pair of them once: blocks (row, column >= row) of edge x edge pairs. */
export interface Triangle {
  readonly units: Units;
  readonly operand: PairOperand;
  readonly edge: number;
  /** Blocks along an edge of the whole, and in the triangle. */
  readonly blocks: number;
  readonly count: number;
  /** @param cache room for e_ij over the triangle, [count, edge, edge]; null: nothing is stored */
  sums(cache: Storage | null): PartialSums;
  release(): void;
}

/**
 * @param tile of the kernels that evaluate pairs
 * @param growing whether blocks grow with n, so that the partial sums stay within 2 n d floats
 */
export function makeTriangle(
  { op, context, views, temperature, kernels, buffers }: PairProblem,
  { tuning, columns: tileEdge }: Tile,
  form: Form,
  { growing }: { growing: boolean },
): Triangle {
  const { n, d } = extentsOf(views);
  const perInvocation = tuning.WY === 1;
  const { maxEdge, ...family } = perInvocation ? kernels.perInvocation : kernels.workgroup;
  const slots = perInvocation ? tuning.WX : 1;
  let edge = Math.max(LEAST_EDGE, tileEdge);
  // No larger than all rows, whatever the features: the padding would be computed too.
  while (growing && edge < Math.min(maxEdge, n) && kernels.sumsPerRow * slots * Math.ceil(n / edge) > 2 * d) edge *= 2;
  const units = makeUnits(context, op, views, edge);
  const { transposed, paddedRows } = units;
  const halves = form.by === 'halves' ? inHalves(context, op, units) : null;
  const operand: PairOperand = halves ? { of: halves, tuning: { F16: 1 } } : { of: transposed, tuning: {} };
  const blocks = paddedRows / edge;
  const count = (blocks * (blocks + 1)) / 2;
  const sums = (cache: Storage | null): PartialSums => {
    const behind = blocks * slots * paddedRows;
    const partial = context.scratch(kernels.sumsPerRow * behind, op);
    const rows = { ...featuresOf(units), of: operand.of };
    const own = placedBetween(context, rows, rows, d, { ...tuning, ...operand.tuning });
    context.run(cache ? family.cached : family.sums, {
      params: { n, columns: d, stride4: paddedRows / 4, edge },
      buffers: { lhs: operand.of, rhs: operand.of, temperature, partial, ...buffers, ...(cache ? { cache } : {}) },
      groups: count,
      work: count * edge * edge * (d + 16),
      ...own,
      tuning: { ...own.tuning, ...(perInvocation ? { MAX_EDGE: roomFor(edge) } : {}) },
    });
    return { of: partial, behind, layout: { blocks, edge, slots, partial_stride: paddedRows } };
  };
  const release = (): void => {
    units.release();
    halves?.release();
  };
  return { units, operand, edge, blocks, count, sums, release };
}

/** The transposed unit rows rounded to f16, as they are: f16 has digits enough for what adds to a product of unit rows. */
function inHalves(context: Context, op: string, { transposed: of, paddedRows, columns }: Units): Storage {
  const source = { of, at: 0, stride: paddedRows, rows: columns, columns: paddedRows };
  const to = { rows: columns, stride: paddedRows };
  return toHalves(context, op, { by: 'halves', split: false }, source, to, context.constant(UNSCALED)).of;
}

/** Row sums that an invocation has room for. No more than it needs: lavapipe compiles 2,048 in 13 s, 64 in 1. */
function roomFor(edge: number): number {
  return [64, 256].find((room) => room >= edge) ?? 2048;
}
