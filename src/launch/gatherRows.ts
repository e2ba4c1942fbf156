import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { count_up, gather_rows } from '../gpu/kernels.generated.ts';

/** first, first + 1, ... as u32 */
export function countUp(context: Context, op: string, first: number, count: number): Storage {
  const out = context.scratch(count, op);
  launchCount(context, out, first, count);
  return out;
}

/** first, first + 1, ... over a tensor of i32 or u32. */
export function countInto(context: Context, out: Tensor, first: number): void {
  launchCount(context, out, first, out.size);
}

function launchCount(context: Context, out: Tensor | Storage, first: number, count: number): void {
  context.run(count_up, {
    params: { first, count },
    buffers: { out },
    groups: Math.ceil(count / 256),
    work: count,
  });
}

/** The rows of x [any, columns] that `rows` names, in its order. */
export function gatherRows(context: Context, op: string, x: Tensor, columns: number, rows: Tensor): Storage {
  const out = context.scratch(rows.size * columns, op);
  launchGather(context, x, columns, rows, out);
  return out;
}

/** The same of a matrix into another. */
export function gatherInto(context: Context, x: Tensor, rows: Tensor, out: Tensor): void {
  launchGather(context, x, x.shape[1], rows, out);
}

function launchGather(context: Context, x: Tensor, columns: number, rows: Tensor, out: Tensor | Storage): void {
  context.run(gather_rows, {
    params: { count: rows.size, columns },
    buffers: { x, rows, out },
    groups: Math.ceil((rows.size * columns) / 64),
    work: 2 * rows.size * columns,
  });
}
