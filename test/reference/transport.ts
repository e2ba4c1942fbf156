// Entropic transport in f64: SwAV's codes of scores, and Sinkhorn between points.
import { type Matrix, matrix, row, rowsOf } from './matrix.ts';

/** log sum_i exp at(i) */
function lse(count: number, at: (i: number) => number): number {
  let top = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < count; i++) top = Math.max(top, at(i));
  let sum = 0;
  for (let i = 0; i < count; i++) sum += Math.exp(at(i) - top);
  return top + Math.log(sum);
}

/** SwAV's codes: f over columns, g over rows, `iterations` times from g = 0; rows of the result sum to 1. */
export function sinkhorn(scores: Matrix, epsilon: number, iterations: number): Matrix {
  const { rows: n, columns: k, data } = scores;
  const f = new Float64Array(k);
  const g = new Float64Array(n);
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
  const [xs, ys] = [rowsOf(x), rowsOf(y)];
  for (let i = 0; i < x.rows; i++)
    for (let j = 0; j < y.rows; j++) {
      const [a, b] = [xs[i], ys[j]];
      for (let d = 0; d < a.length; d++) c.data[i * y.rows + j] += (a[d] - b[d]) ** 2 / 2;
    }
  return c;
}

/** What both potentials are by epsilon when updates have come to rest, or after so many of them. */
type Potentials = (costs: Matrix, damping: number, iterations?: number) => [Float64Array, Float64Array];

const MOST = 50_000;
const RESTING = 200; // iterations without a smaller step

/** In scaling form: f64 has exponents enough for costs of some 600 epsilon. */
const byScaling: Potentials = ({ rows: n, columns: m, data }, damping, iterations) => {
  const kernel = data.map((v) => Math.exp(-v));
  const u = new Float64Array(n).fill(1);
  const w = new Float64Array(m).fill(1);
  let least = Number.POSITIVE_INFINITY;
  let leastAt = 0;
  for (let t = 0; t < (iterations ?? MOST); t++) {
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
    if (moved < least) [least, leastAt] = [moved, t];
    // In f32 it never moves so little; there it rests where it comes no closer any more.
    if (iterations === undefined && (moved < 1e-13 || t > leastAt + RESTING)) break;
  }
  return [u.map(Math.log), w.map(Math.log)];
};

/** For larger costs, and slower. */
const byLogarithms: Potentials = ({ rows: n, columns: m, data }, damping, iterations) => {
  const f = new Float64Array(n);
  const g = new Float64Array(m);
  for (let t = 0; t < (iterations ?? MOST); t++) {
    let moved = 0;
    for (let i = 0; i < n; i++) {
      const next = -damping * (lse(m, (j) => g[j] - data[i * m + j]) - Math.log(m));
      moved = Math.max(moved, Math.abs(next - f[i]));
      f[i] = next;
    }
    for (let j = 0; j < m; j++) g[j] = -damping * (lse(n, (i) => f[i] - data[i * m + j]) - Math.log(n));
    if (iterations === undefined && moved < 1e-12) break;
  }
  return [f, g];
};

/** Pairs of updates, f from g and g from f, from g = 0: `iterations` of them, or as many as change nothing any more. */
export function entropicOT(
  x: Matrix,
  y: Matrix,
  epsilon: number,
  { iterations, rho = Number.POSITIVE_INFINITY }: { iterations?: number; rho?: number } = {},
): TransportResult {
  const [n, m] = [x.rows, y.rows];
  const c = matrix(
    n,
    m,
    costs(x, y).data.map((v) => v / epsilon),
  );
  const damping = rho === Number.POSITIVE_INFINITY ? 1 : rho / (rho + epsilon);
  const potentials = c.data.some((v) => v > 600) ? byLogarithms : byScaling;
  const [a, b] = potentials(c, damping, iterations);
  const plan = matrix(
    n,
    m,
    c.data.map((v, t) => Math.exp(a[Math.floor(t / m)] + b[t % m] - v) / (n * m)),
  );
  const [f, g] = [a, b].map((list) => list.map((v) => epsilon * v));
  const penalty = (p: number): number => (rho === Number.POSITIVE_INFINITY ? p : -rho * Math.expm1(-p / rho));
  const mass = plan.data.reduce((a, b) => a + b, 0);
  const mean = (list: Float64Array): number => list.reduce((a, b) => a + penalty(b), 0) / list.length;
  let marginalError = 0;
  for (let i = 0; i < n; i++)
    marginalError += Math.abs(row(plan, i).reduce((a, b) => a + b, 0) - Math.exp(-f[i] / rho) / n);
  return { value: mean(f) + mean(g) - epsilon * (mass - 1), f, g, marginalError, plan };
}

/** Adds weight * sum_j P_ij (x_i - y_j) to dx, and its counterpart to dy. */
export function addGradients(plan: Matrix, x: Matrix, y: Matrix, weight: number, dx: Matrix, dy: Matrix): void {
  const [xs, ys] = [rowsOf(x), rowsOf(y)];
  for (let i = 0; i < x.rows; i++)
    for (let j = 0; j < y.rows; j++)
      for (let d = 0; d < x.columns; d++) {
        const force = weight * plan.data[i * y.rows + j] * (xs[i][d] - ys[j][d]);
        dx.data[i * x.columns + d] += force;
        dy.data[j * x.columns + d] -= force;
      }
}
