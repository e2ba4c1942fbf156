import * as check from '../core/checkTensor.ts';
import { part, ranges } from '../core/chunks.ts';
import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { KernelSource } from '../gpu/kernel.ts';
import {
  divide,
  exponential,
  logarithm,
  multiply,
  negate,
  relu_grad,
  relu as reluKernel,
  sqrt_grad,
  square_grad,
  square_root,
  square as squareKernel,
} from '../gpu/kernels.generated.ts';
import { launchPair } from '../launch/broadcast.ts';

/** -x */
export function neg(x: Tensor): Tensor {
  const context = check.contextOf('neg', { x });
  return context.record('neg', [x], launch(context, negate, x), { backward: (dy) => [launch(context, negate, dy)] });
}

/** e^x, element by element; past x = 88.7 no f32 holds it */
export function exp(x: Tensor): Tensor {
  return elementwise('exp', exponential, x, multiply, 'result'); // dx = dy y
}

/** Natural logarithm, element by element, of numbers above 0 */
export function log(x: Tensor): Tensor {
  return elementwise('log', logarithm, x, divide, 'operand'); // dx = dy / x
}

/** Square root, element by element, of numbers from 0 on; at 0 the gradient is taken as 0 */
export function sqrt(x: Tensor): Tensor {
  return elementwise('sqrt', square_root, x, sqrt_grad, 'result'); // dx = dy / 2y
}

/** x^2, element by element */
export function square(x: Tensor): Tensor {
  return elementwise('square', squareKernel, x, square_grad, 'operand'); // dx = 2 x dy
}

/** max(x, 0), element by element; at 0 the gradient is 0 */
export function relu(x: Tensor): Tensor {
  return elementwise('relu', reluKernel, x, relu_grad, 'result'); // dx = dy where y > 0
}

/** y = kernel(x), dx = gradient(dy, x or y). */
function elementwise(
  op: string,
  kernel: KernelSource,
  x: Tensor,
  gradient: KernelSource,
  keeps: 'operand' | 'result',
): Tensor {
  const context = check.contextOf(op, { x });
  const y = launch(context, kernel, x);
  return context.record(op, [x], y, {
    saved: [keeps === 'operand' ? x : y],
    backward: (dy, [saved]) => {
      const dx = context.empty(dy.shape, op);
      launchPair(context, gradient, dy, saved, dx);
      return [dx];
    },
  });
}

function launch(context: Context, kernel: KernelSource, x: Tensor): Tensor {
  const out = context.empty(x.shape, kernel.name);
  for (const range of ranges(context, x.size))
    context.run(kernel, {
      params: { count: range.count },
      buffers: { x: part(x, range), out: part(out, range) },
      groups: Math.ceil(range.count / 1024),
      work: range.count,
    });
  return out;
}
