import * as check from '../core/checkTensor.ts';
import { part, ranges } from '../core/chunks.ts';
import type { Tensor } from '../core/tensor.ts';
import { log_sum_exp_grad } from '../gpu/kernels.generated.ts';
import { launchLogSumExp } from '../launch/logSumExp.ts';
import { around } from './sum.ts';

/**
 * log sum exp(x) along `axis`, which is dropped; stable at any size of x.
 *
 * An entry of -Infinity is masked: it adds nothing and has gradient 0. Where all are, the result is -Infinity, and where one
 * is Infinity or NaN, it is that; as in PyTorch the gradient exp(x - result) is NaN there (0 for what is finite beside an
 * Infinity).
 * @param x a matrix [N, M]
 * @returns [M] for axis 0, [N] for axis 1
 */
export function logSumExp(x: Tensor, axis: number): Tensor {
  const op = 'logSumExp';
  const context = check.contextOf(op, { x });
  check.matrix(op, 'x', x);
  check.integer(op, 'axis', axis, 0, 1);
  const { outer, reduced, inner } = around(op, x, axis);
  if (axis === 0) check.bindableInput(op, context, 'x', x);
  const y = context.empty([outer * inner], op);
  const [tops, sums] = [0, 1].map(() => context.scratch(outer * inner, op));
  const cut = ranges(context, outer, reduced * inner);
  for (const range of cut) {
    const [top, sum] = [tops, sums].map((of) => part(of, range, inner));
    const results = { y: part(y, range, inner), tops: top, sums: sum };
    launchLogSumExp(context, part(x, range, reduced * inner), results, { outer: range.count, reduced, inner });
  }
  return context.record(op, [x], y, {
    saved: [x],
    release: () => {
      tops.release();
      sums.release();
    },
    backward: (dy, [entries]) => {
      const dx = context.empty(x.shape, op);
      for (const range of cut) {
        const size = range.count * reduced * inner;
        context.run(log_sum_exp_grad, {
          params: { outer: range.count, reduced, inner },
          buffers: {
            x: part(entries, range, reduced * inner),
            tops: part(tops, range, inner),
            sums: part(sums, range, inner),
            dy: part(dy, range, inner),
            dx: part(dx, range, reduced * inner),
          },
          groups: Math.ceil(size / 256),
          work: 8 * size,
        });
      }
      return [dx];
    },
  });
}
