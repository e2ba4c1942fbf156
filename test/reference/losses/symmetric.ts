// Losses over all pairs of one set of rows, in plain f64 with their analytic gradients, from the papers' formulas.
import { dot, logSumExp, type Matrix, matrix, normalize, row, stack } from '../matrix.ts';
import type { LossResult } from './result.ts';

/** SimCLR: mean over the 2N rows of lse_{j != i} s_ij / tau - s_i,pos / tau. */
export function ntXent(z0: Matrix, z1: Matrix, tau: number, factor = 1): LossResult {
  const { u, back } = normalize(stack(z0, z1));
  const n = u.rows;
  const rows = Array.from({ length: n }, (_, i) => row(u, i));
  const positive = (i: number) => (i + n / 2) % n;
  const du = matrix(n, u.columns);
  let value = 0;
  let dTau = 0;
  for (let i = 0; i < n; i++) {
    const s = Array.from({ length: n }, (_, j) => dot(rows[i], rows[j]) / tau);
    const lse = logSumExp(s, (j) => j !== i);
    // In this form a loss near zero keeps its digits in f64 too.
    const rest = logSumExp(s, (j) => j !== i && j !== positive(i));
    value += (factor / n) * Math.log1p(Math.exp(rest - s[positive(i)]));
    for (let j = 0; j < n; j++) {
      if (j === i) continue;
      const miss = Math.exp(rest - lse);
      const g = j === positive(i) ? -miss : Math.exp(s[j] - lse);
      dTau -= (factor / n / tau) * g * s[j];
      for (let k = 0; k < u.columns; k++) {
        du.data[i * u.columns + k] += (factor / n / tau) * g * rows[j][k];
        du.data[j * u.columns + k] += (factor / n / tau) * g * rows[i][k];
      }
    }
  }
  const dz = back(du);
  const half = z0.data.length;
  return {
    value,
    gradients: [
      matrix(z0.rows, z0.columns, dz.data.subarray(0, half)),
      matrix(z1.rows, z1.columns, dz.data.subarray(half)),
    ],
    temperature: dTau,
  };
}
