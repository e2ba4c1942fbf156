// Losses over all pairs of one set of rows, in plain f64 with their analytic gradients, from the papers' formulas.
import {
  addScaled,
  betweenAll,
  dot,
  logSumExp,
  type Matrix,
  matrix,
  normalize,
  ofScores,
  rowsOf,
  stack,
} from '../matrix.ts';
import type { LossResult } from './result.ts';

/** SimCLR: mean over the 2N rows of lse_{j != i} s_ij / tau - s_i,pos / tau. */
export function ntXent(z0: Matrix, z1: Matrix, tau: number, factor = 1): LossResult {
  const { u, back } = normalize(stack(z0, z1));
  const n = u.rows;
  const rows = rowsOf(u);
  const positive = (i: number) => (i + n / 2) % n;
  const products = betweenAll(rows, dot);
  const weights = products.map(() => new Float64Array(n));
  let value = 0;
  let dTau = 0;
  for (let i = 0; i < n; i++) {
    const s = products[i].map((product) => product / tau);
    const lse = logSumExp(s, (j) => j !== i);
    // In this form a loss near zero keeps its digits in f64 too.
    const rest = logSumExp(s, (j) => j !== i && j !== positive(i));
    value += (factor / n) * Math.log1p(Math.exp(rest - s[positive(i)]));
    for (let j = 0; j < n; j++) {
      if (j === i) continue;
      const miss = Math.exp(rest - lse);
      const g = j === positive(i) ? -miss : Math.exp(s[j] - lse);
      dTau -= (factor / n / tau) * g * s[j];
      weights[i][j] = (factor / n / tau) * g;
    }
  }
  return { value, gradients: split(back(ofScores(weights, rows)), [z0, z1]), temperature: dTau };
}

/** SupCon: l_ia = u_i.u_a / tau over the rows of all views; rows with the same label are positives. */
export function supCon(
  views: readonly Matrix[],
  labels: readonly number[],
  tau: number,
  { form = 'out', lonely = 'zero', scale = 1 }: { form?: 'out' | 'in'; lonely?: 'zero' | 'skip'; scale?: number } = {},
): LossResult {
  const { u, back } = normalize(stack(...views));
  const n = u.rows;
  const rows = rowsOf(u);
  const label = (i: number): number => labels[i % labels.length];
  const members = new Map<number, number[]>(rows.map((_, i) => [label(i), []]));
  rows.forEach((_, j) => members.get(label(j))?.push(j));
  const positivesOf = (i: number): number[] => (members.get(label(i)) ?? []).filter((j) => j !== i);
  const anchors = rows.map((_, i) => i).filter((i) => positivesOf(i).length > 0);
  const blank = rows.map((line) => dot(line, line) === 0);
  const weight = scale / (lonely === 'skip' ? Math.max(anchors.length, 1) : n);
  const apart = betweenAll(rows, squareOf);
  const weights = apart.map(() => new Float64Array(n));
  let value = 0;
  let dTau = 0;
  for (const i of anchors) {
    const positives = positivesOf(i);
    const count = positives.length;
    // s_ij - 1 as a distance: rows that agree keep their digits, and the shift leaves loss and gradient alone.
    const s = apart[i].map((square) => -square / (2 * tau));
    for (let j = 0; j < n; j++) if (blank[i] || blank[j]) s[j] = -1 / tau;
    const rest = logSumExp(s, (j) => label(j) !== label(i));
    const positive = logSumExp(s, (j) => j !== i && label(j) === label(i));
    const lse = logSumExp(s, (j) => j !== i);
    const mean = positives.reduce((sum, j) => sum + s[j] / count, 0);
    value +=
      weight *
      (Math.log1p(Math.exp(rest - positive)) + (form === 'in' || count === 1 ? Math.log(count) : positive - mean));
    for (let j = 0; j < n; j++) {
      if (j === i) continue;
      let g = Math.exp(s[j] - lse);
      if (label(j) === label(i)) {
        if (form === 'in' || count === 1) g = -Math.exp(s[j] - positive + rest - lse);
        else g -= 1 / count;
      }
      dTau -= (weight / tau) * g * (s[j] + 1 / tau);
      weights[i][j] = (weight / tau) * g;
    }
  }
  return { value, gradients: split(back(ofScores(weights, rows)), views), temperature: dTau };
}

/** DCL: mean over the 2N rows of lse over negatives of s_ij / tau - s_i,pos / tau; a row without negatives adds nothing. */
export function dcl(z0: Matrix, z1: Matrix, tau: number): LossResult {
  const { u, back } = normalize(stack(z0, z1));
  const n = u.rows;
  const rows = rowsOf(u);
  const products = betweenAll(rows, dot);
  const weights = products.map(() => new Float64Array(n));
  let value = 0;
  let dTau = 0;
  for (let i = 0; i < n && n > 2; i++) {
    const positive = (i + n / 2) % n;
    const s = products[i].map((product) => product / tau);
    const lse = logSumExp(s, (j) => j !== i && j !== positive);
    value += (lse - s[positive]) / n;
    for (let j = 0; j < n; j++) {
      if (j === i) continue;
      const g = j === positive ? -1 : Math.exp(s[j] - lse);
      dTau -= (g * s[j]) / (n * tau);
      weights[i][j] = g / (n * tau);
    }
  }
  return { value, gradients: split(back(ofScores(weights, rows)), [z0, z1]), temperature: dTau };
}

/** Wang and Isola: log mean_{i < j} exp(-t |u_i - u_j|^2), by differences: rows that agree keep their digits. */
export function uniformity(z: Matrix, t: number): LossResult {
  const { u, back } = normalize(z);
  const n = u.rows;
  const rows = rowsOf(u);
  const pairs: { i: number; j: number; apart: Float64Array; s: number }[] = [];
  for (let i = 0; i < n; i++)
    for (let j = 0; j < i; j++) {
      const apart = rows[i].map((x, k) => x - rows[j][k]);
      pairs.push({ i, j, apart, s: -t * dot(apart, apart) });
    }
  const lse = logSumExp(pairs.map(({ s }) => s));
  const du = matrix(n, u.columns);
  const gradients = rowsOf(du);
  for (const { i, j, apart, s } of pairs) {
    const g = -2 * t * Math.exp(s - lse);
    addScaled(gradients[i], g, apart);
    addScaled(gradients[j], -g, apart);
  }
  return { value: lse - Math.log(pairs.length), gradients: [back(du)] };
}

function squareOf(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += (a[k] - b[k]) ** 2;
  return sum;
}

/** The rows of stacked views, view by view. */
function split(all: Matrix, views: readonly Matrix[]): Matrix[] {
  let at = 0;
  return views.map(({ rows, columns }) => {
    const part = matrix(rows, columns, all.data.subarray(at, at + rows * columns));
    at += rows * columns;
    return part;
  });
}
