import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { Tensor } from '../core/tensor.ts';
import type { KernelSource } from '../gpu/kernel.ts';
import { add as addKernel, divide, divide_grad, multiply, subtract } from '../gpu/kernels.generated.ts';
import { broadcastShape, foldTo, launchPair } from '../launch/broadcast.ts';

// Shapes stretch as in NumPy: from the right, an extent of 1 (or none) fits any. One operand may be a number.

/** a + b */
export function add(a: Tensor | number, b: Tensor | number): Tensor {
  const { context, out, inputs } = forward('add', addKernel, a, b);
  return context.record('add', inputs, out, {
    backward: (dy) => inputs.map((input) => foldTo(context, 'add', dy, input.shape)),
  });
}

/** a - b */
export function sub(a: Tensor | number, b: Tensor | number): Tensor {
  const { context, out, inputs } = forward('sub', subtract, a, b);
  return context.record('sub', inputs, out, {
    backward: (dy) =>
      inputs.map((input, i) => {
        const subtracted = i === 1 || !(a instanceof Tensor);
        return foldTo(context, 'sub', subtracted ? pair(context, multiply, dy, -1) : dy, input.shape);
      }),
  });
}

/** a b, element by element */
export function mul(a: Tensor | number, b: Tensor | number): Tensor {
  const { context, out, inputs } = forward('mul', multiply, a, b);
  return context.record('mul', inputs, out, {
    saved: inputs.length === 2 ? inputs : [],
    backward: (dy, saved) =>
      inputs.map((input, i) => {
        if (!input.requiresGrad) return null;
        const other = saved[1 - i] ?? (typeof a === 'number' ? a : (b as number));
        return foldTo(context, 'mul', pair(context, multiply, dy, other), input.shape);
      }),
  });
}

/** a / b, element by element */
export function div(a: Tensor | number, b: Tensor | number): Tensor {
  if (b === 0) check.fail('div', 'b = 0, expected a Tensor or another number.');
  const { context, out, inputs } = forward('div', divide, a, b);
  return context.record('div', inputs, out, {
    saved: b instanceof Tensor ? [out, b] : [],
    backward: (dy, [y, divisor]) =>
      inputs.map((input, i) => {
        if (!input.requiresGrad) return null;
        const slope = pair(context, divide, dy, divisor ?? (b as number)); // dy / b
        const divides = i === 1 || !(a instanceof Tensor);
        if (!divides) return foldTo(context, 'div', slope, input.shape);
        const d = pair(context, divide_grad, pair(context, multiply, dy, y), divisor); // -dy y / b
        return foldTo(context, 'div', d, input.shape);
      }),
  });
}

function forward(
  op: string,
  kernel: KernelSource,
  a: Tensor | number,
  b: Tensor | number,
): { context: Context; out: Tensor; inputs: Tensor[] } {
  const named: Record<string, Tensor> = {};
  for (const [name, operand] of Object.entries({ a, b })) {
    if (typeof operand === 'number') check.finite(op, name, operand);
    else if (operand instanceof Tensor) named[name] = operand;
    else check.fail(op, `${check.came(name, operand, 'is')}, expected a Tensor or a number.`);
  }
  if (Object.keys(named).length === 0) check.fail(op, `a and b are numbers, expected a Tensor on at least one side.`);
  const context = check.contextOf(op, named);
  const shape = broadcastShape(op, named.a?.shape ?? [], named.b?.shape ?? []);
  check.elements(op, shape);
  const out = context.empty(shape, op);
  launchPair(context, kernel, a, b, out);
  return { context, out, inputs: Object.values(named) };
}

/** One step of a gradient: dy's shape is the result's. */
function pair(context: Context, kernel: KernelSource, dy: Tensor, other: Tensor | number): Tensor {
  const out = context.empty(dy.shape, kernel.name);
  launchPair(context, kernel, dy, other, out);
  return out;
}
