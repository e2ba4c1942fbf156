// One small encoder, tanh(x W1) W2, trained on two views by plain gradient descent: in f64 here, by each framework in its test.
import { normals } from '../engine.ts';
import type { LossResult } from '../reference/losses/result.ts';
import { barlowTwins } from '../reference/losses/secondOrder.ts';
import { ntXent } from '../reference/losses/symmetric.ts';
import { type Matrix, matrix } from '../reference/matrix.ts';

export const STEPS = 25;
export const [ROWS, INPUTS, HIDDEN, OUTPUTS] = [24, 10, 16, 8];
export const TEMPERATURE = 0.5;
export const SIZES = { rows: ROWS, columns: OUTPUTS, temperature: TEMPERATURE };

/** A loss, the step that suits it, and how its user writes it by hand: a formula of each framework has the same name. */
export const TRAINED = [
  { loss: 'ntXent', rate: 0.5, reference: (z0: Matrix, z1: Matrix): LossResult => ntXent(z0, z1, TEMPERATURE) },
  { loss: 'barlowTwins', rate: 0.02, reference: (z0: Matrix, z1: Matrix): LossResult => barlowTwins(z0, z1) },
] as const;

const scaled = (count: number, seed: number, by: number): Float32Array<ArrayBuffer> =>
  normals(count, seed).map((value) => value * by);

/** Two views of the same rows, and the weights at the start. */
export function start(): Record<'x0' | 'x1' | 'w1' | 'w2', Float32Array<ArrayBuffer>> {
  const x0 = normals(ROWS * INPUTS, 1);
  const noise = scaled(ROWS * INPUTS, 2, 0.5);
  return {
    x0,
    x1: x0.map((value, i) => value + noise[i]),
    w1: scaled(INPUTS * HIDDEN, 3, 0.3),
    w2: scaled(HIDDEN * OUTPUTS, 4, 0.3),
  };
}

/** a^T b, a b^T or a b. */
function product(a: Matrix, b: Matrix, transposed?: 'a' | 'b'): Matrix {
  const [m, k] = transposed === 'a' ? [a.columns, a.rows] : [a.rows, a.columns];
  const n = transposed === 'b' ? b.rows : b.columns;
  const result = matrix(m, n);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++)
      for (let t = 0; t < k; t++)
        result.data[i * n + j] +=
          (transposed === 'a' ? a.data[t * m + i] : a.data[i * k + t]) *
          (transposed === 'b' ? b.data[j * k + t] : b.data[t * n + j]);
  return result;
}

/** The weights after all steps, in f64. */
export function trained({ rate, reference }: (typeof TRAINED)[number]): Float64Array[] {
  const given = start();
  const [w1, w2] = [matrix(INPUTS, HIDDEN, given.w1), matrix(HIDDEN, OUTPUTS, given.w2)];
  const views = [given.x0, given.x1].map((x) => matrix(ROWS, INPUTS, x));
  for (let step = 0; step < STEPS; step++) {
    const hidden = views.map((x) => {
      const h = product(x, w1);
      return matrix(h.rows, h.columns, h.data.map(Math.tanh));
    });
    const [z0, z1] = hidden.map((h) => product(h, w2));
    const { gradients } = reference(z0, z1);
    const slopes = gradients.map((dz, v) => {
      const dh = product(dz, w2, 'b');
      const inner = dh.data.map((value, i) => value * (1 - hidden[v].data[i] ** 2));
      return [product(views[v], matrix(dh.rows, dh.columns, inner), 'a'), product(hidden[v], dz, 'a')];
    });
    [w1, w2].forEach((w, layer) => {
      for (const slope of slopes) slope[layer].data.forEach((value, i) => (w.data[i] -= rate * value));
    });
  }
  return [w1.data, w2.data];
}

/** The largest difference of two lists of weights, in parts of the largest weight. */
export function apart(a: readonly ArrayLike<number>[], b: readonly ArrayLike<number>[]): number {
  let [difference, largest] = [0, 0];
  a.forEach((values, layer) => {
    for (let i = 0; i < values.length; i++) {
      difference = Math.max(difference, Math.abs(values[i] - b[layer][i]));
      largest = Math.max(largest, Math.abs(b[layer][i]));
    }
  });
  return difference / largest;
}
