import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { multiply } from '../gpu/kernels.generated.ts';
import { launchPair } from '../launch/broadcast.ts';
import { sumInto } from '../launch/reduce.ts';

/** Sum along `axis`, which is dropped; without `axis`, of everything. */
export function sum(x: Tensor, axis?: number): Tensor {
  return reduce('sum', x, axis, () => 1);
}

/** Mean along `axis`, which is dropped; without `axis`, of everything. */
export function mean(x: Tensor, axis?: number): Tensor {
  return reduce('mean', x, axis, (count) => 1 / count);
}

/** Extents before, along and behind `axis`; without it, everything lies along. */
export function around(
  op: string,
  x: Tensor,
  axis: number | undefined,
): { outer: number; reduced: number; inner: number } {
  if (axis === undefined) return { outer: 1, reduced: x.size, inner: 1 };
  check.integer(op, 'axis', axis, 0, Math.max(0, x.shape.length - 1));
  const product = (extents: readonly number[]): number => extents.reduce((a, b) => a * b, 1);
  return {
    outer: product(x.shape.slice(0, axis)),
    reduced: x.shape[axis] ?? 1,
    inner: product(x.shape.slice(axis + 1)),
  };
}

function reduce(op: string, x: Tensor, axis: number | undefined, scaleOf: (count: number) => number): Tensor {
  const context = check.contextOf(op, { x });
  const extents = around(op, x, axis);
  const scale = scaleOf(extents.reduced);
  const y = context.empty(axis === undefined ? [] : x.shape.filter((_, i) => i !== axis), op);
  sumInto(context, x, y, { ...extents, scale });
  return context.record(op, [x], y, {
    backward: (dy) => {
      const kept = axis === undefined ? [] : x.shape.map((extent, i) => (i === axis ? 1 : extent));
      const dx = context.empty(x.shape, op);
      launchPair(context, multiply, context.alias(dy, kept, false), scale, dx);
      return [dx];
    },
  });
}
