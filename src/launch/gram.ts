import type { Context } from '../core/context.ts';
import { gram, gram_sum } from '../gpu/kernels.generated.ts';
import { placedBetween } from './operands.ts';
import type { Operand } from './pack.ts';
import { roundUp, tileOf } from './tile.ts';

/**
 * out[n, n] = scale * lhs^T rhs (+ out), both operands k-major: [depth, n]. Where `rhs` is `lhs`, the product is symmetric:
 * its triangle is computed and mirrored. A long sum for few results is cut into slices.
 */
export function launchGram(
  context: Context,
  op: string,
  n: number,
  depth: number,
  lhs: Operand,
  rhs: Operand,
  out: Operand,
  { scale = 1, accumulating = false } = {},
): void {
  const { tuning, columns: edge } = tileOf(context, 'gram', n, n, depth);
  const blocks = Math.ceil(n / edge);
  const triangle = lhs === rhs;
  const cells = triangle ? (blocks * (blocks + 1)) / 2 : blocks * blocks;
  const sliceDepth = stepsPerSlice(context, cells, n, depth);
  const slices = Math.ceil(depth / sliceDepth);
  const stride = blocks * edge;
  const partial = context.scratch(slices * stride * stride, op);
  context.run(gram, {
    params: {
      depth,
      slice_depth: sliceDepth,
      blocks,
      cells,
      triangle: triangle ? 1 : 0,
      lhs_stride4: lhs.stride / 4,
      rhs_stride4: rhs.stride / 4,
    },
    buffers: { lhs: lhs.of, rhs: rhs.of, partial },
    groups: slices * cells,
    work: cells * edge * edge * depth,
    ...placedBetween(context, { ...lhs, rows: n }, { ...rhs, rows: n }, depth, tuning),
  });
  const strips = Math.ceil(n / 64);
  context.run(gram_sum, {
    params: {
      n,
      strips,
      edge,
      stride,
      slices,
      triangle: triangle ? 1 : 0,
      out_stride: out.stride,
      accumulating: accumulating ? 1 : 0,
      scale,
    },
    buffers: { partial, out: out.of },
    groups: strips * Math.ceil(n / 8),
    work: (slices + 2) * n * n,
  });
  partial.release();
}

/** Whole fours for slices enough to fill the machine, each of 64 steps at least, partial results within 4 n max(n, depth) floats. */
function stepsPerSlice(context: Context, cells: number, n: number, depth: number): number {
  const wanted = Math.ceil((context.info.software ? 16 : 1024) / cells);
  const most = Math.min(depth / 64, 4 * Math.max(1, depth / n));
  const slices = Math.max(1, Math.floor(Math.min(wanted, most)));
  return roundUp(Math.ceil(depth / slices), 4);
}
