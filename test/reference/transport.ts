// Entropic transport in f64: SwAV's codes of scores, and Sinkhorn between points.
import { type Matrix, matrix, row } from './matrix.ts';

/** SwAV's codes: f over columns, g over rows, `iterations` times from g = 0; rows of the result sum to 1. */
export function sinkhorn(scores: Matrix, epsilon: number, iterations: number): Matrix {
  const { rows: n, columns: k, data } = scores;
  const f = new Float64Array(k);
  const g = new Float64Array(n);
  const lse = (count: number, at: (i: number) => number): number => {
    let top = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < count; i++) top = Math.max(top, at(i));
    let sum = 0;
    for (let i = 0; i < count; i++) sum += Math.exp(at(i) - top);
    return top + Math.log(sum);
  };
  for (let t = 0; t < iterations; t++) {
    for (let j = 0; j < k; j++) f[j] = -Math.log(k) - lse(n, (i) => data[i * k + j] / epsilon + g[i]);
    for (let i = 0; i < n; i++) g[i] = -Math.log(n) - lse(k, (j) => data[i * k + j] / epsilon + f[j]);
  }
  return matrix(
    n,
    k,
    data.map((s, t) => n * Math.exp(s / epsilon + f[t % k] + g[Math.floor(t / k)])),
  );
}

export interface TransportResult {
  value: number;
  f: Float64Array;
  g: Float64Array;
  /** sum_i |sum_j P_ij - wanted_i| */
  marginalError: number;
  /** [N, M] */
  plan: Matrix;
}

/** |x_i - y_j|^2 / 2 */
function costs(x: Matrix, y: Matrix): Matrix {
  const c = matrix(x.rows, y.rows);
  for (let i = 0; i < x.rows; i++)
    for (let j = 0; j < y.rows; j++) {
      const [a, b] = [row(x, i), row(y, j)];
      for (let d = 0; d < a.length; d++) c.data[i * y.rows + j] += (a[d] - b[d]) ** 2 / 2;
    }
  return c;
}

/**
 * Pairs of updates, f from g and g from f, from g = 0: `iterations` of them, or as many as change nothing any more. In
 * scaling form: f64 has exponents enough for costs of some 600 epsilon.
 */
export function entropicOT(
  x: Matrix,
  y: Matrix,
  epsilon: number,
  { iterations, rho = Number.POSITIVE_INFINITY }: { iterations?: number; rho?: number } = {},
): TransportResult {
  const [n, m] = [x.rows, y.rows];
  const c = costs(x, y);
  const kernel = c.data.map((v) => Math.exp(-v / epsilon));
  const damping = rho === Number.POSITIVE_INFINITY ? 1 : rho / (rho + epsilon);
  const u = new Float64Array(n).fill(1);
  const w = new Float64Array(m).fill(1);
  for (let t = 0; t < (iterations ?? 50_000); t++) {
    let moved = 0;
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let j = 0; j < m; j++) sum += kernel[i * m + j] * w[j];
      const next = (sum / m) ** -damping;
      moved = Math.max(moved, Math.abs(next / u[i] - 1));
      u[i] = next;
    }
    for (let j = 0; j < m; j++) {
      let sum = 0;
      for (let i = 0; i < n; i++) sum += kernel[i * m + j] * u[i];
      w[j] = (sum / n) ** -damping;
    }
    if (iterations === undefined && moved < 1e-13) break;
  }
  const plan = matrix(
    n,
    m,
    kernel.map((k, t) => (k * u[Math.floor(t / m)] * w[t % m]) / (n * m)),
  );
  const f = u.map((v) => epsilon * Math.log(v));
  const g = w.map((v) => epsilon * Math.log(v));
  const penalty = (p: number): number => (rho === Number.POSITIVE_INFINITY ? p : -rho * Math.expm1(-p / rho));
  const mass = plan.data.reduce((a, b) => a + b, 0);
  const mean = (list: Float64Array): number => list.reduce((a, b) => a + penalty(b), 0) / list.length;
  let marginalError = 0;
  for (let i = 0; i < n; i++)
    marginalError += Math.abs(row(plan, i).reduce((a, b) => a + b, 0) - Math.exp(-f[i] / rho) / n);
  return { value: mean(f) + mean(g) - epsilon * (mass - 1), f, g, marginalError, plan };
}

/** Adds weight * sum_j P_ij (x_i - y_j) to dx, and its counterpart to dy. */
export function pull(plan: Matrix, x: Matrix, y: Matrix, weight: number, dx: Matrix, dy: Matrix): void {
  for (let i = 0; i < x.rows; i++)
    for (let j = 0; j < y.rows; j++)
      for (let d = 0; d < x.columns; d++) {
        const force = weight * plan.data[i * y.rows + j] * (row(x, i)[d] - row(y, j)[d]);
        dx.data[i * x.columns + d] += force;
        dy.data[j * x.columns + d] -= force;
      }
}
