import type { Tensor } from '../core/tensor.ts';
import { relu_grad } from '../gpu/kernels.generated.ts';
import { launchPair } from '../launch/broadcast.ts';
import { add, mul, sub } from '../ops/arithmetic.ts';
import { concat } from '../ops/concat.ts';
import { matmul } from '../ops/matmul.ts';
import { slice } from '../ops/slice.ts';
import { sum } from '../ops/sum.ts';
import { relu, square } from '../ops/unary.ts';

const BLOCK = 1024; // rows whose products exist at a time

/**
 * |max(X X^T, 0) - max(Y Y^T, 0)|_F^2, or with the products of X as they are. The gradient comes with the value, so that no
 * block of products is kept: of a symmetric W = d / d(X X^T) it is 2 W X.
 * @param x [P, D]; the gradient flows to it alone
 */
export function clampedGram(op: string, x: Tensor, y: Tensor, both: boolean): Tensor {
  const { context } = x;
  const [rows] = x.shape;
  const { value, gradient } = context.noGrad(() =>
    context.scope(() => {
      const blocks = Array.from({ length: Math.ceil(rows / BLOCK) }, (_, b) => {
        const [own, theirs] = [x, y].map((z) =>
          matmul(slice(z, b * BLOCK, Math.min((b + 1) * BLOCK, rows)), z, { transposeB: true }),
        );
        const apart = sub(both ? relu(own) : own, relu(theirs));
        const slopes = both ? context.empty(own.shape, op) : apart;
        if (both) launchPair(context, relu_grad, apart, own, slopes);
        return { value: sum(square(apart)), gradient: mul(matmul(slopes, x), 4) };
      });
      return { value: blocks.map((block) => block.value).reduce(add), gradient: concat(blocks.map((block) => block.gradient)) };
    }),
  );
  const result = context.record(op, [x], value, {
    saved: [gradient],
    backward: (dy, [dx]) => [mul(dx, dy)],
  });
  gradient.dispose();
  return result;
}
