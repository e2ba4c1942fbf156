import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { cross_entropy } from '../gpu/kernels.generated.ts';
import { launchSum } from '../launch/reduce.ts';
import { rowTuning } from '../launch/tile.ts';
import { mul } from './arithmetic.ts';
import { type Labels, labelTensor } from './labels.ts';

/**
 * Softmax cross-entropy: the mean over the rows of log sum_j exp(x_ij) - x_i,label(i). One kernel computes losses and
 * gradient together.
 * @param logits [N, K]
 * @param labels N class numbers in [0, K): an Int32Array, or a tensor of i32 or u32 (looked at with `check: true`)
 * @returns one number; the gradient flows to the logits
 */
export function crossEntropy(logits: Tensor, labels: Labels): Tensor {
  const op = 'crossEntropy';
  const context = check.contextOf(op, { logits });
  const [rows, classes] = check.matrix(op, 'logits', logits);
  check.bindableInput(op, context, 'logits', logits);
  const numbers = context.unscoped(() => labelTensor(op, 'labels', labels, context, { rows, classes }));
  const losses = context.scratch(rows, op);
  const gradient = context.unscoped(() => context.empty([rows, classes], op));
  launchCrossEntropy(context, { logits, labels: numbers, losses, gradient }, { rows, classes, stride: classes });
  const loss = context.empty([], op);
  launchSum(context, losses, loss, { outer: 1, reduced: rows, inner: 1, scale: 1 / rows });
  numbers.dispose();
  losses.release();
  return context.record(op, [logits], loss, {
    release: () => gradient.dispose(),
    backward: (dy) => [mul(gradient, dy)],
  });
}

/** Losses of all rows, and their gradient divided by the number of rows; columns from `classes` to `stride` get 0. */
export function launchCrossEntropy(
  context: Context,
  buffers: Readonly<Record<'logits' | 'labels' | 'losses' | 'gradient', Tensor | Storage>>,
  { rows, classes, stride, firstLabel = 0 }: { rows: number; classes: number; stride: number; firstLabel?: number },
): void {
  const { tuning, rowsPerGroup } = rowTuning(context);
  context.run(cross_entropy, {
    params: { rows, classes, stride, first_label: firstLabel, scale: 1 / rows },
    buffers,
    groups: Math.ceil(rows / rowsPerGroup),
    work: 16 * rows * classes,
    tuning,
  });
}
