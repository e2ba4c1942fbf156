import * as check from '../core/check.ts';
import { part, ranges } from '../core/chunks.ts';
import type { Context } from '../core/context.ts';
import { Tensor } from '../core/tensor.ts';
import type { KernelSource } from '../gpu/kernel.ts';
import { sumInto } from './reduce.ts';

/** How a kernel built on lib/pair.wgsl finds an operand's element. */
const FROM = { same: 0, stretched: 1, number: 2 } as const;

/** The shape that both stretch to: extents are compared from the right, and 1 (or none) stretches to any. */
export function broadcastShape(op: string, a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return padded(a, rank).map((extent, i) => {
    const other = padded(b, rank)[i];
    if (extent !== other && extent !== 1 && other !== 1)
      check.fail(
        op,
        `b is [${b.join(', ')}], expected extents equal to those of a [${a.join(', ')}], counted from the right, or 1.`,
      );
    return extent === 1 ? other : extent;
  });
}

function padded(shape: readonly number[], rank: number): number[] {
  return [...Array<number>(rank - shape.length).fill(1), ...shape];
}

/** out = the kernel's `combine` of a and b, each stretched over out's shape; at least one is a Tensor. */
export function launchPair(
  context: Context,
  kernel: KernelSource,
  a: Tensor | number,
  b: Tensor | number,
  out: Tensor,
): void {
  const extents = padded(out.shape, 4);
  const [layoutA, layoutB] = [a, b].map((operand) => layout(operand, extents));
  const stretches = layoutA.from === FROM.stretched || layoutB.from === FROM.stretched;
  const matrix = stretches && extents[0] * extents[1] === 1; // one division an element instead of three
  const placeholder = a instanceof Tensor ? a : (b as Tensor); // a number needs no buffer, but its binding must have one
  for (const range of ranges(context, out.size)) {
    const bind = (operand: Tensor | number, { from }: Layout): Tensor | ReturnType<typeof part> => {
      const tensor = operand instanceof Tensor ? operand : placeholder;
      return tensor.size === out.size && from !== FROM.stretched ? part(tensor, range) : tensor;
    };
    const [a0, a1, a2, a3] = layoutA.strides;
    const [b0, b1, b2, b3] = layoutB.strides;
    context.run(kernel, {
      params: {
        count: range.count,
        start: range.first,
        number: typeof a === 'number' ? a : typeof b === 'number' ? b : 0,
        extent1: extents[1],
        extent2: extents[2],
        extent3: extents[3],
        ...{ a0, a1, a2, a3, b0, b1, b2, b3 },
      },
      buffers: { a: bind(a, layoutA), b: bind(b, layoutB), out: part(out, range) },
      groups: Math.ceil(range.count / 1024),
      work: 2 * range.count,
      tuning: { A_FROM: layoutA.from, B_FROM: layoutB.from, ...(matrix ? { DIMENSIONS: 2 } : {}) },
    });
  }
}

interface Layout {
  readonly from: number;
  readonly strides: readonly number[];
}

function layout(operand: Tensor | number, extents: readonly number[]): Layout {
  if (typeof operand === 'number') return { from: FROM.number, strides: [0, 0, 0, 0] };
  const own = padded(operand.shape, 4);
  const strides = own.map((extent, i) => (extent === 1 ? 0 : own.slice(i + 1).reduce((x, y) => x * y, 1)));
  return { from: own.every((extent, i) => extent === extents[i]) ? FROM.same : FROM.stretched, strides };
}

/** The gradient for an operand of `shape` from that of the stretched result: sums over what was stretched. */
export function foldTo(context: Context, op: string, dy: Tensor, shape: readonly number[]): Tensor {
  const own = padded(shape, dy.shape.length);
  const extents = [...dy.shape];
  let total = dy;
  for (let end = own.length; end > 0; end--) {
    if (own[end - 1] === extents[end - 1]) continue;
    let start = end - 1;
    while (start > 0 && own[start - 1] === 1) start--;
    const product = (from: number, to: number): number => extents.slice(from, to).reduce((x, y) => x * y, 1);
    const [outer, reduced, inner] = [product(0, start), product(start, end), product(end, own.length)];
    const sum = context.empty([outer * inner], op);
    sumInto(context, total, sum, { outer, reduced, inner });
    extents.fill(1, start, end);
    total = sum;
    end = start + 1;
  }
  return context.alias(total, shape, false);
}
