import type { Tensor } from '../core/tensor.ts';

/** `loss` with inputs that it took for constants: where they ask for a gradient, it is one of zeros, as for any other. */
export function withConstants(op: string, loss: Tensor, constants: readonly Tensor[]): Tensor {
  const { context } = loss;
  if (!context.needsGrad(...constants)) return loss;
  return context.record(op, [loss, ...constants], context.alias(loss, loss.shape, false), {
    backward: (dy) => [dy, ...constants.map(() => null)],
  });
}
