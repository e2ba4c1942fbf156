import * as check from '../core/check.ts';
import { part, ranges } from '../core/ranges.ts';
import type { Tensor } from '../core/tensor.ts';
import { log_sum_exp, log_sum_exp_grad } from '../gpu/kernels.generated.ts';
import { lanesFor } from '../launch/tile.ts';
import { around } from './sum.ts';

/**
 * log sum exp(x) along `axis`, which is dropped; stable at any size of x. Entries of -Infinity (masked) weigh nothing:
 * -Infinity where a row has no other; Infinity gives Infinity, NaN gives NaN.
 * @param x a matrix [N, M]
 * @returns [M] for axis 0, [N] for axis 1
 */
export function logSumExp(x: Tensor, axis: number): Tensor {
  const op = 'logSumExp';
  const engine = check.engineOf(op, { x });
  check.matrix(op, 'x', x);
  check.integer(op, 'axis', axis, 0, 1);
  const { outer, reduced, inner } = around(op, x, axis);
  if (axis === 0) check.bindableInput(op, engine, 'x', x);
  const y = engine.empty([outer * inner], op);
  const { tuning, lanes } = lanesFor(engine, outer * inner, reduced);
  const cut = ranges(engine, outer, reduced * inner);
  for (const range of cut)
    engine.run(log_sum_exp, {
      params: { outer: range.count, reduced, inner },
      buffers: { x: part(x, range, reduced * inner), y: part(y, range, inner) },
      groups: Math.ceil((range.count * inner * lanes) / 64),
      work: 8 * range.count * reduced * inner,
      tuning,
    });
  return engine.record(op, [x], y, {
    saved: [x, y],
    backward: (dy, [entries, lse]) => {
      const dx = engine.empty(x.shape, op);
      for (const range of cut) {
        const size = range.count * reduced * inner;
        engine.run(log_sum_exp_grad, {
          params: { outer: range.count, reduced, inner },
          buffers: {
            x: part(entries, range, reduced * inner),
            y: part(lse, range, inner),
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
