// Inputs of a loss that are unlike random ones: rows that nearly agree, where little is left of what is subtracted, that are
// there twice, opposite or zero.
import { type Matrix, matrix, row } from '../reference/matrix.ts';
import type { LossRow } from './row.ts';

/** The second view is the first up to a little noise: positives at a cosine of 0.99 and more. */
export function agreeing([first, noise, ...others]: readonly Matrix[]): Matrix[] {
  const near = first.data.map((x, t) => Math.fround(x + 0.05 * noise.data[t]));
  return [first, matrix(first.rows, first.columns, near), ...others];
}

/**
 * Clusters of `size` rows in each view, the same for all views, their rows within `noise` of each other.
 * @param every every second cluster's rows are apart instead, where it is 2
 */
export function coinciding(loss: LossRow, n: number, d: number, size: number, noise: number, every = 1): Matrix[] {
  const [first] = loss.inputs(n, d, 'normal', 1);
  const within = (i: number): number => ((Math.floor(i / size) + 1) % every === 0 ? noise : 1);
  return loss.inputs(n, d, 'normal', 2).map((input) => {
    if (input.columns !== d) return input;
    const center = (i: number): number => (Math.floor(i / size) % n) * d;
    return matrix(
      input.rows,
      d,
      input.data.map((x, t) => {
        const i = Math.floor(t / d);
        return Math.fround(first.data[center(i) + (t % d)] + within(i) * x);
      }),
    );
  });
}

/** Row 1 is zero; rows 2 and 3 are the same, and rows 4 and 5 opposite. */
export function peculiar(input: Matrix): Matrix {
  const copy = matrix(input.rows, input.columns, input.data);
  if (copy.rows < 6) return copy;
  row(copy, 1).fill(0);
  row(copy, 3).set(row(copy, 2));
  row(copy, 5).set(row(copy, 4).map((x) => -x));
  return copy;
}

/** The rows of each input within `noise` of a direction of its own: what all pairs of two inputs share is no common direction. */
export function sided(inputs: readonly Matrix[], noise: number): Matrix[] {
  return inputs.map(({ rows, columns, data }, k) => {
    const direction = (t: number): number => Math.sin(1 + 7 * k + 2.4 * (t % columns)) * Math.SQRT2;
    return matrix(
      rows,
      columns,
      data.map((x, t) => Math.fround(direction(t) + noise * x)),
    );
  });
}
