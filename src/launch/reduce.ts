import { part, ranges } from '../core/chunks.ts';
import type { Context } from '../core/context.ts';
import { accumulate, fill } from '../core/fills.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { sum as sumKernel } from '../gpu/kernels.generated.ts';
import { lanesFor } from './tile.ts';

/** Extents around the summed dimension; `offset` in floats. */
export interface Reduction {
  readonly outer: number;
  readonly reduced: number;
  readonly inner: number;
  readonly scale?: number;
  readonly offset?: number;
  /** Adds to what `out` holds. */
  readonly accumulating?: boolean;
}

/** out[o, i] = scale * sum over r of x[offset + (o, r, i)] (+ out[o, i]): the one sum that every reduction is made of. */
export function launchSum(
  context: Context,
  x: Tensor | Storage,
  out: Tensor | Storage,
  { outer, reduced, inner, scale = 1, offset = 0, accumulating = false }: Reduction,
): void {
  const { tuning, lanes } = lanesFor(context, outer * inner, reduced);
  context.run(sumKernel, {
    params: { outer, reduced, inner, scale, offset, accumulating: accumulating ? 1 : 0 },
    buffers: { x, out },
    groups: Math.ceil((outer * inner * lanes) / 64),
    work: outer * reduced * inner,
    tuning,
  });
}

const PARTS = 512; // partial sums of a long sum; a multiple of 64, so that one more can be bound behind them

/** out[0] = scale * the sum of `count` numbers, in two steps where one workgroup would be alone with many of them. */
export function launchTotal(
  context: Context,
  x: Tensor | Storage,
  out: Tensor | Storage,
  count: number,
  scale = 1,
): void {
  const cut = ranges(context, count);
  if (cut.length > 1)
    return launchTerms(
      context,
      out,
      cut.map((range) => ({ of: part(x, range), count: range.count, scale })),
    );
  const length = Math.floor(count / PARTS);
  if (length < 128) return launchSum(context, x, out, { outer: 1, reduced: count, inner: 1, scale });
  const rest = count - PARTS * length;
  const partial = context.scratch(PARTS + 1, 'sum');
  launchSum(context, x, partial.range(0, 4 * PARTS), { outer: PARTS, reduced: length, inner: 1 });
  if (rest > 0)
    launchSum(context, x, partial.range(4 * PARTS, 4), { outer: 1, reduced: rest, inner: 1, offset: PARTS * length });
  launchSum(context, partial, out, { outer: 1, reduced: PARTS + Math.min(rest, 1), inner: 1, scale });
  partial.release();
}

/** scale * the sum of `count` numbers of `of`. */
export interface Term {
  readonly of: Tensor | Storage;
  readonly count: number;
  readonly scale?: number;
}

/** out[0] = the sum of all terms. */
export function launchTerms(context: Context, out: Tensor | Storage, terms: readonly Term[]): void {
  const totals = context.scratch(64 * terms.length, 'sum'); // each where it can be bound
  fill(context, totals, 64 * terms.length, 0);
  terms.forEach(({ of, count, scale }, i) => {
    launchTotal(context, of, totals.range(256 * i, 4), count, scale);
  });
  launchSum(context, totals, out, { outer: 1, reduced: 64 * terms.length, inner: 1 });
  totals.release();
}

/** y[o, i] = scale * sum over r of x[o, r, i], for tensors of any size: what cannot be bound at once goes in pieces. */
export function sumInto(context: Context, x: Tensor, y: Tensor, { outer, reduced, inner, scale = 1 }: Reduction): void {
  if (outer * inner === 1) return launchTotal(context, x, y, reduced, scale);
  if (outer > 1) {
    for (const range of ranges(context, outer, reduced * inner)) {
      const own = { outer: range.count, reduced, inner, scale };
      launchSum(context, part(x, range, reduced * inner), part(y, range, inner), own);
    }
    return;
  }
  const [first, ...more] = ranges(context, reduced, inner);
  launchSum(context, part(x, first, inner), y, { outer, reduced: first.count, inner, scale });
  for (const range of more) {
    const piece = context.empty(y.shape, 'sum');
    launchSum(context, part(x, range, inner), piece, { outer, reduced: range.count, inner, scale });
    accumulate(context, y, piece);
    piece.dispose();
  }
}
