// Losses that look harder at hard negatives, in plain f64 with their analytic gradients, from the papers' formulas.
import { betweenAll, dot, logSumExp, type Matrix, matrix, normalize, ofScores, rowsOf, stack } from '../matrix.ts';
import type { LossResult } from './result.ts';

/** HCL: log(1 + G / e^p), G the debiased sum over reweighted negatives, at least K e^(-1/tau). */
export function hcl(z0: Matrix, z1: Matrix, tau: number, beta: number, tauPlus: number): LossResult {
  const { u, back } = normalize(stack(z0, z1));
  const n = u.rows;
  const k = n - 2;
  const rows = rowsOf(u);
  const products = betweenAll(rows, dot);
  const weights = products.map(() => new Float64Array(n));
  let value = 0;
  for (let i = 0; i < n && k > 0; i++) {
    const positive = (i + n / 2) % n;
    const s = products[i].map((product) => product / tau);
    const uses = (j: number): boolean => j !== i && j !== positive;
    const steep = s.map((x) => (1 + beta) * x);
    const flat = s.map((x) => beta * x);
    const [lseSteep, lseFlat] = [logSumExp(steep, uses), logSumExp(flat, uses)];
    const term = Math.exp(lseSteep - lseFlat + Math.log(k) - s[positive]); // first term of G / e^p
    const debiased = (term - k * tauPlus) / (1 - tauPlus);
    const least = k * Math.exp(-1 / tau - s[positive]);
    const active = debiased > least;
    const ratio = Math.max(debiased, least);
    value += Math.log1p(ratio) / n;
    const outer = 1 / (1 + ratio) / n / tau;
    const inner = active ? term / (1 - tauPlus) : 0;
    for (let j = 0; j < n; j++) {
      let g = 0;
      if (uses(j)) g = inner * ((1 + beta) * Math.exp(steep[j] - lseSteep) - beta * Math.exp(flat[j] - lseFlat));
      else if (j === positive) g = active ? -inner : -least;
      weights[i][j] = outer * g;
    }
  }
  const dz = back(ofScores(weights, rows));
  const half = z0.data.length;
  return {
    value,
    gradients: [
      matrix(z0.rows, z0.columns, dz.data.subarray(0, half)),
      matrix(z1.rows, z1.columns, dz.data.subarray(half)),
    ],
  };
}
