import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { Tensor } from '../core/tensor.ts';
import type { KernelSource } from '../gpu/kernel.ts';
import { add as addKernel, divide, divide_grad, multiply, subtract } from '../gpu/kernels.generated.ts';
import { broadcastShape, foldTo, launchPair } from '../launch/broadcast.ts';

// Shapes stretch as in NumPy: from the right, an extent of 1 (or none) fits any. One operand may be a number.

/** a + b */
export function add(a: Tensor | number, b: Tensor | number): Tensor {
  const { engine, out, inputs } = forward('add', addKernel, a, b);
  return engine.record('add', inputs, out, {
    backward: (dy) => inputs.map((input) => foldTo(engine, 'add', dy, input.shape)),
  });
}

/** a - b */
export function sub(a: Tensor | number, b: Tensor | number): Tensor {
  const { engine, out, inputs } = forward('sub', subtract, a, b);
  return engine.record('sub', inputs, out, {
    backward: (dy) =>
      inputs.map((input, i) => {
        const subtracted = i === 1 || !(a instanceof Tensor);
        return foldTo(engine, 'sub', subtracted ? pair(engine, multiply, dy, -1) : dy, input.shape);
      }),
  });
}

/** a b, element by element */
export function mul(a: Tensor | number, b: Tensor | number): Tensor {
  const { engine, out, inputs } = forward('mul', multiply, a, b);
  return engine.record('mul', inputs, out, {
    saved: inputs.length === 2 ? inputs : [],
    backward: (dy, saved) =>
      inputs.map((input, i) => {
        if (!input.requiresGrad) return null;
        const other = saved[1 - i] ?? (typeof a === 'number' ? a : (b as number));
        return foldTo(engine, 'mul', pair(engine, multiply, dy, other), input.shape);
      }),
  });
}

/** a / b, element by element */
export function div(a: Tensor | number, b: Tensor | number): Tensor {
  if (b === 0) check.fail('div', 'b = 0, expected a Tensor or another number.');
  const { engine, out, inputs } = forward('div', divide, a, b);
  return engine.record('div', inputs, out, {
    saved: b instanceof Tensor ? [out, b] : [],
    backward: (dy, [y, divisor]) =>
      inputs.map((input, i) => {
        if (!input.requiresGrad) return null;
        const slope = pair(engine, divide, dy, divisor ?? (b as number)); // dy / b
        const divides = i === 1 || !(a instanceof Tensor);
        if (!divides) return foldTo(engine, 'div', slope, input.shape);
        const d = pair(engine, divide_grad, pair(engine, multiply, dy, y), divisor); // -dy y / b
        return foldTo(engine, 'div', d, input.shape);
      }),
  });
}

function forward(
  op: string,
  kernel: KernelSource,
  a: Tensor | number,
  b: Tensor | number,
): { engine: Context; out: Tensor; inputs: Tensor[] } {
  const named: Record<string, Tensor> = {};
  for (const [name, operand] of Object.entries({ a, b })) {
    if (typeof operand === 'number') check.finite(op, name, operand);
    else if (operand instanceof Tensor) named[name] = operand;
    else check.fail(op, `${name} is ${check.say(operand)}, expected a Tensor or a number.`);
  }
  if (Object.keys(named).length === 0) check.fail(op, `a and b are numbers, expected a Tensor on at least one side.`);
  const engine = check.engineOf(op, named);
  const shape = broadcastShape(op, named.a?.shape ?? [], named.b?.shape ?? []);
  check.elements(op, shape);
  const out = engine.empty(shape, op);
  launchPair(engine, kernel, a, b, out);
  return { engine, out, inputs: Object.values(named) };
}

/** One step of a gradient: dy's shape is the result's. */
function pair(engine: Context, kernel: KernelSource, dy: Tensor, other: Tensor | number): Tensor {
  const out = engine.empty(dy.shape, kernel.name);
  launchPair(engine, kernel, dy, other, out);
  return out;
}
