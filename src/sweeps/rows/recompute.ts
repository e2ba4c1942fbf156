import type { Context } from '../../core/context.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { Storage } from '../../gpu/buffers.ts';
import { contrast_recompute } from '../../gpu/kernels.generated.ts';
import { findCancelling, rowsToRecompute } from '../../launch/cancellation.ts';
import type { Units } from '../../launch/unitRows.ts';

/**
 * The gradient of the rows where it all but cancels, once more by differences of the columns, where these are the rows'
 * own positives and no others: see kernels/pairs/contrast_recompute.wgsl.
 * @param of unit positives, [N, D]; what `contrast_rows` made; one temperature; the gradient, which is written
 */
export function recomputeCancelling(
  context: Context,
  op: string,
  { rows, count: n, columns, rowStride }: Units,
  { own, results, temperature, g }: { own: Storage; results: Storage; temperature: Tensor | Storage; g: Storage },
  scale: number,
): void {
  const gathered = { rows, count: n, columns, rowStride, g };
  const cancels = findCancelling(context, op, gathered, { of: results, at: 2 * n, scale });
  const ROWS = rowsToRecompute(context);
  context.run(contrast_recompute, {
    params: { n, columns, stride: rowStride, scale },
    buffers: { units: rows, own, results, temperature, cancels, g },
    groups: Math.ceil(n / ROWS),
    work: 4 * n * n * columns,
    conditional: true,
    tuning: { ROWS },
  });
  cancels.release();
}
