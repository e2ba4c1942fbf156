import { createRandom } from '../../src/core/random.ts';
import type { Case, ExactOutputs, Expected, Matrix, Size } from '../../src/testing/benchWork.ts';
import { type Matrix as Exact, matrix } from '../../test/reference/matrix.ts';
import type { Work } from '../contender.ts';

export type { Case, ExactOutputs, Size };

/** f32 with room for a library that adds up in an order of its own; ours is held to less by the package's tests. */
export const TOLERANCE = 1e-4;

/** The work of a case at a size. */
export function workOf(of: Case, size: Size): Work {
  const made = of.make(size);
  return {
    name: of.name,
    size,
    inputs: made.inputs,
    differentiated: made.differentiated ?? [],
    labels: made.labels,
    options: made.options ?? {},
    flops: of.flops(size),
    bytes: of.bytes(size),
    exps: of.exps?.(size) ?? 0,
    tolerance: made.tolerance ?? TOLERANCE,
    reference: made.reference,
    expected: made.expected ?? (() => complete(made.reference())),
  };
}

/** Every entry of an answer. A loss near zero is held to a tenth, not to its own size. */
function complete(answer: ExactOutputs): Record<string, Expected> {
  return Object.fromEntries(
    Object.entries(answer).map(([name, values]) => [
      name,
      { values, scale: values.length === 1 ? Math.max(0.1, Math.abs(values[0])) : largest(values) },
    ]),
  );
}

export function largest(list: ArrayLike<number>): number {
  let top = 0;
  for (let i = 0; i < list.length; i++) top = Math.max(top, Math.abs(list[i]));
  return top;
}

/** Normal numbers: the same for the same seed, in Node and in every browser. */
export function normal(shape: readonly number[], seed: number): Matrix {
  const random = createRandom(seed);
  const length = shape.reduce((a, b) => a * b, 1);
  return { shape, data: Float32Array.from({ length }, () => random.gaussian()) };
}

/** As `normal`, each number through `f`. */
export function mapped(shape: readonly number[], seed: number, f: (x: number) => number): Matrix {
  const made = normal(shape, seed);
  return { shape, data: made.data.map(f) };
}

/** `first` and as much noise as leaves two views of one thing alike: a trained encoder's, roughly. */
export function secondView(first: Matrix, seed: number, noise = 1): Matrix {
  const other = normal(first.shape, seed);
  return { shape: first.shape, data: first.data.map((x, t) => x + noise * other.data[t]) };
}

/** In f64, for the references. */
export function exact({ data, shape }: Matrix): Exact {
  return matrix(shape[0], shape[1], data);
}

/** `count` numbers of [0, of), each once, in order: the rows or columns that are checked. */
export function some(count: number, of: number, seed = 1): number[] {
  if (count >= of) return Array.from({ length: of }, (_, i) => i);
  const random = createRandom(seed);
  const chosen = new Set<number>([0, of - 1]); // the edges, where tiles go wrong
  while (chosen.size < count) chosen.add(random.below(of));
  return [...chosen].sort((a, b) => a - b);
}
