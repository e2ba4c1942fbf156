// What weighs the samples of a batch, in plain f64 with its analytic gradient.
import { dot, logSumExp, type Matrix, matrix, row } from '../matrix.ts';
import type { LossResult } from './result.ts';

/** BA2M's core: <w * a, b> with w the softmax of the rows' means over the batch. */
export function reweighted(a: Matrix, b: Matrix): LossResult {
  const { rows: n, columns: d } = a;
  const drawn = Float64Array.from({ length: n }, (_, i) => row(a, i).reduce((total, x) => total + x, 0) / d);
  const lse = logSumExp(drawn);
  const w = drawn.map((x) => Math.exp(x - lse));
  const slopes = w.map((_, i) => dot(row(a, i), row(b, i)));
  const value = dot(w, slopes);
  return {
    value,
    gradients: [
      matrix(
        n,
        d,
        a.data.map((_, t) => w[Math.floor(t / d)] * (b.data[t] + (slopes[Math.floor(t / d)] - value) / d)),
      ),
      matrix(
        n,
        d,
        a.data.map((x, t) => w[Math.floor(t / d)] * x),
      ),
    ],
  };
}
