// Losses over the features of a batch, in plain f64 with their analytic gradients, from the papers' formulas.
import { type Matrix, matrix, row } from '../matrix.ts';
import type { LossResult } from './result.ts';
import { ntXent } from './symmetric.ts';

/** Columns centred; with epsilon, divided by sqrt(biased variance + epsilon) too. `back`: the gradient for z. */
export function standardize(
  z: Matrix,
  epsilon?: number,
): { x: Matrix; spread: Float64Array; back: (dx: Matrix) => Matrix } {
  const { rows: n, columns: d } = z;
  const x = matrix(n, d);
  const spread = new Float64Array(d);
  const scale = new Float64Array(d).fill(1);
  for (let k = 0; k < d; k++) {
    let off = 0; // relative to the first row: a constant column is exactly 0
    for (let i = 0; i < n; i++) off += z.data[i * d + k] - z.data[k];
    for (let i = 0; i < n; i++) x.data[i * d + k] = z.data[i * d + k] - z.data[k] - off / n;
    for (let i = 0; i < n; i++) spread[k] += x.data[i * d + k] ** 2;
    if (epsilon !== undefined) scale[k] = 1 / Math.sqrt(spread[k] / n + epsilon);
    for (let i = 0; i < n; i++) x.data[i * d + k] *= scale[k];
  }
  const back = (dx: Matrix): Matrix => {
    const dz = matrix(n, d);
    for (let k = 0; k < d; k++) {
      let mean = 0;
      let along = 0;
      for (let i = 0; i < n; i++) {
        mean += dx.data[i * d + k] / n;
        along += (dx.data[i * d + k] * x.data[i * d + k]) / n;
      }
      if (epsilon === undefined) along = 0;
      for (let i = 0; i < n; i++)
        dz.data[i * d + k] = (dx.data[i * d + k] - mean - along * x.data[i * d + k]) * scale[k];
    }
    return dz;
  };
  return { x, spread, back };
}

/** scale * a^T b */
export function products(a: Matrix, b: Matrix, scale: number): Matrix {
  const c = matrix(a.columns, b.columns);
  for (let i = 0; i < a.rows; i++)
    for (let p = 0; p < a.columns; p++) {
      const left = scale * a.data[i * a.columns + p];
      for (let q = 0; q < b.columns; q++) c.data[p * b.columns + q] += left * b.data[i * b.columns + q];
    }
  return c;
}

/** scale * a g, or of g's transpose */
export function gradientOfRows(a: Matrix, g: Matrix, scale: number, transposed: boolean): Matrix {
  const d = a.columns;
  const out = matrix(a.rows, d);
  for (let i = 0; i < a.rows; i++)
    for (let p = 0; p < d; p++)
      for (let q = 0; q < d; q++)
        out.data[i * d + q] += scale * a.data[i * d + p] * g.data[transposed ? q * d + p : p * d + q];
  return out;
}

export function barlowTwins(z0: Matrix, z1: Matrix, lambda = 0.0051, epsilon = 1e-5): LossResult {
  const [a, b] = [standardize(z0, epsilon), standardize(z1, epsilon)];
  const { rows: n, columns: d } = z0;
  const c = products(a.x, b.x, 1 / n);
  let value = 0;
  const g = matrix(d, d);
  for (let p = 0; p < d; p++)
    for (let q = 0; q < d; q++) {
      const at = p * d + q;
      const [weight, off] = p === q ? [1, c.data[at] - 1] : [lambda, c.data[at]];
      value += weight * off ** 2;
      g.data[at] = 2 * weight * off;
    }
  return {
    value,
    gradients: [a.back(gradientOfRows(b.x, g, 1 / n, true)), b.back(gradientOfRows(a.x, g, 1 / n, false))],
  };
}

export interface VicRegWeights {
  invariance: number;
  variance: number;
  covariance: number;
}

/** One or two views; the weights multiply sum (x - y)^2, each view's sum of hinges and each one's sum of squares. */
function spread(views: readonly Matrix[], { invariance, variance, covariance }: VicRegWeights): LossResult {
  const [{ rows: n, columns: d }] = views;
  let value = 0;
  const gradients = views.map((z) => {
    const { x, spread } = standardize(z);
    const c = products(x, x, 1 / (n - 1));
    for (let k = 0; k < d; k++) c.data[k * d + k] = 0;
    for (const entry of c.data) value += covariance * entry ** 2;
    const dz = gradientOfRows(x, c, (4 * covariance) / (n - 1), false);
    for (let k = 0; k < d; k++) {
      const s = Math.sqrt(spread[k] / (n - 1) + 1e-4);
      if (s >= 1) continue;
      value += variance * (1 - s);
      for (let i = 0; i < n; i++) dz.data[i * d + k] -= (variance * x.data[i * d + k]) / ((n - 1) * s);
    }
    return dz;
  });
  if (views.length === 2)
    views[0].data.forEach((x, t) => {
      const apart = x - views[1].data[t];
      value += invariance * apart ** 2;
      gradients[0].data[t] += 2 * invariance * apart;
      gradients[1].data[t] -= 2 * invariance * apart;
    });
  return { value, gradients };
}

export function vicReg(z0: Matrix, z1: Matrix, paper = false): LossResult {
  const { rows: n, columns: d } = z0;
  const weights = { invariance: 25 / (paper ? n : n * d), variance: 25 / (paper ? d : 2 * d), covariance: 1 / d };
  return spread([z0, z1], weights);
}

export function varianceTerm(z: Matrix): LossResult {
  return spread([z], { invariance: 0, variance: 1 / z.columns, covariance: 0 });
}

export function covarianceTerm(z: Matrix): LossResult {
  return spread([z], { invariance: 0, variance: 0, covariance: 1 / z.columns });
}

/** NT-Xent over the 2K softmax columns + log K - H of each view. */
export function clusterLoss(logits0: Matrix, logits1: Matrix, tau: number): LossResult {
  const { rows: n, columns: k } = logits0;
  const soft = [logits0, logits1].map((logits) => {
    const y = matrix(k, n);
    for (let i = 0; i < n; i++) {
      const top = row(logits, i).reduce((a, b) => Math.max(a, b));
      const e = Array.from(row(logits, i), (l) => Math.exp(l - top));
      const total = e.reduce((a, b) => a + b, 0);
      for (let j = 0; j < k; j++) y.data[j * n + i] = e[j] / total;
    }
    return y;
  });
  const contrast = ntXent(soft[0], soft[1], tau);
  let { value } = contrast;
  const gradients = soft.map((y, v) => {
    const dy = contrast.gradients[v];
    const levels = Array.from({ length: k }, (_, j) => {
      const share = row(y, j).reduce((a, b) => a + b, 0) / n;
      const level = share > 0 ? Math.log(share * k) : 0; // of a dead cluster nothing moves
      value += share * level;
      return level;
    });
    for (let j = 0; j < k; j++) for (let i = 0; i < n; i++) dy.data[j * n + i] += levels[j] / n;
    const dx = matrix(n, k);
    for (let i = 0; i < n; i++) {
      // By differences: near one-hot, dy - mean would lose its digits even in f64.
      for (let j = 0; j < k; j++)
        for (let q = 0; q < k; q++)
          dx.data[i * k + j] += y.data[j * n + i] * y.data[q * n + i] * (dy.data[j * n + i] - dy.data[q * n + i]);
    }
    return dx;
  });
  return { value, gradients, temperature: contrast.temperature };
}

export function contrastiveClustering(
  instances: readonly [Matrix, Matrix],
  clusters: readonly [Matrix, Matrix],
  tau: number,
): LossResult {
  const rows = ntXent(...instances, tau);
  const columns = clusterLoss(...clusters, 1);
  return {
    value: rows.value + columns.value,
    gradients: [...rows.gradients, ...columns.gradients],
    temperature: rows.temperature,
  };
}
