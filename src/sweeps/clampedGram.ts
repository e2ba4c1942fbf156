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
export function clampedGram(op: string, x: Tensor, y: Tensor, clampOwn: boolean): Tensor {
  const { context } = x;
  const [rows] = x.shape;
  const { value, gradient } = context.noGrad(() =>
    context.scope(() => {
      const [less, both] = [sub(x, y), add(x, y)]; // whose products are the difference, to its last digits
      const block = (b: number): { value: Tensor; gradient: Tensor } => {
        const end = Math.min((b + 1) * BLOCK, rows);
        const productsOf = (left: Tensor, right: Tensor): Tensor =>
          matmul(slice(left, b * BLOCK, end), right, { transposeB: true });
        const [own, theirs] = [productsOf(x, x), productsOf(y, y)];
        const difference = mul(add(productsOf(less, both), productsOf(both, less)), 1 / 2);
        const positive = relu(theirs);
        const [teacher, rest] = [where(op, difference, theirs), sub(own, where(op, own, theirs))];
        const unclamped = add(teacher, rest); // own - max(theirs, 0)
        const slopes = clampOwn ? where(op, unclamped, own) : unclamped;
        const apart = clampOwn ? sub(slopes, sub(positive, where(op, positive, own))) : unclamped;
        return { value: sum(square(apart)), gradient: mul(matmul(slopes, x), 4) };
      };
      const blocks = Array.from({ length: Math.ceil(rows / BLOCK) }, (_, b) => context.scope(() => block(b)));
      return {
        value: blocks.map((block) => block.value).reduce(add),
        gradient: concat(blocks.map((block) => block.gradient)),
      };
    }),
  );
  const result = context.record(op, [x], value, {
    saved: [gradient],
    backward: (dy, [dx]) => [mul(dx, dy)],
  });
  gradient.dispose();
  return result;
}

/** `a` where b > 0, else 0 */
function where(op: string, a: Tensor, b: Tensor): Tensor {
  const out = a.context.empty(a.shape, op);
  launchPair(a.context, relu_grad, a, b, out);
  return out;
}
