import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { count_up, gather_rows } from '../gpu/kernels.generated.ts';

/** first, first + 1, ... as u32 */
export function countUp(context: Context, op: string, first: number, count: number): Storage {
  const out = context.scratch(count, op);
  context.run(count_up, {
    params: { first, count },
    buffers: { out },
    groups: Math.ceil(count / 256),
    work: count,
  });
  return out;
}

/** The rows of x [any, columns] that `rows` names, in its order. */
export function gatherRows(context: Context, op: string, x: Tensor, columns: number, rows: Tensor): Storage {
  const out = context.scratch(rows.size * columns, op);
  context.run(gather_rows, {
    params: { count: rows.size, columns },
    buffers: { x, rows, out },
    groups: Math.ceil((rows.size * columns) / 64),
    work: 2 * rows.size * columns,
  });
  return out;
}
