// Inputs of a loss that nearly agree, where little is left of what is subtracted.
import { type Matrix, matrix } from '../reference/matrix.ts';
import type { LossRow } from './row.ts';

/** The second view is the first up to a little noise: positives at a cosine of 0.99 and more. */
export function agreeing([first, noise, ...others]: readonly Matrix[]): Matrix[] {
  const near = first.data.map((x, t) => Math.fround(x + 0.05 * noise.data[t]));
  return [first, matrix(first.rows, first.columns, near), ...others];
}

/** Clusters of `size` rows in each view, the same for all views, their rows within `noise` of each other. */
export function coinciding(loss: LossRow, n: number, d: number, size: number, noise: number): Matrix[] {
  const [first] = loss.inputs(n, d, 'normal', 1);
  return loss.inputs(n, d, 'normal', 2).map((input) => {
    if (input.columns !== d) return input;
    const center = (i: number): number => (Math.floor(i / size) % n) * d;
    return matrix(
      input.rows,
      d,
      input.data.map((x, t) => Math.fround(first.data[center(Math.floor(t / d)) + (t % d)] + noise * x)),
    );
  });
}
