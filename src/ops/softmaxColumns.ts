import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import { softmax_columns, softmax_columns_grad } from '../gpu/kernels.generated.ts';
import { rowTuning } from '../launch/tile.ts';

/** The softmax of each row of `logits` [N, K], transposed: of clusters, soft assignments cluster by cluster. */
export function softmaxColumns(context: Context, op: string, logits: Tensor): Tensor {
  const [rows, columns] = logits.shape;
  const { tuning, rowsPerGroup } = rowTuning(context);
  const size = { params: { rows, columns }, groups: Math.ceil(rows / rowsPerGroup), work: 12 * rows * columns, tuning };
  const y = context.empty([columns, rows], op);
  context.run(softmax_columns, { ...size, buffers: { x: logits, out: y } });
  return context.record(op, [logits], y, {
    saved: [y],
    backward: (dy, [soft]) => {
      const dx = context.empty([rows, columns], op);
      context.run(softmax_columns_grad, { ...size, buffers: { y: soft, dy, dx } });
      return [dx];
    },
  });
}
