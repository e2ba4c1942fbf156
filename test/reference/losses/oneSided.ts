// Losses with one live side, and losses of rows in pairs, in plain f64 with their analytic gradients, from the papers.
import { addScaled, dot, logSumExp, type Matrix, matrix, normalize, row, rowsOf } from '../matrix.ts';
import type { LossResult } from './result.ts';

/** Columns of one row: unit vectors, their temperatures, and which of them is the positive. */
interface Columns {
  readonly vectors: readonly Float64Array[];
  readonly temperatures: readonly number[];
  readonly positive: number;
}

/** scale / N * sum_i CE of row i over its own columns; only the query has a gradient. */
function crossEntropy(query: Matrix, columnsOf: (i: number) => Columns, scale = 1) {
  const { u, back } = normalize(query);
  const du = matrix(query.rows, query.columns);
  let value = 0;
  let dTau = 0;
  for (let i = 0; i < u.rows; i++) {
    const { vectors, temperatures, positive } = columnsOf(i);
    const [unit, gradient] = [row(u, i), row(du, i)];
    const s = vectors.map((vector, j) => dot(unit, vector) / temperatures[j]);
    const rest = logSumExp(s, (j) => j !== positive);
    const lse = logSumExp(s);
    value += (scale / u.rows) * Math.log1p(Math.exp(rest - s[positive]));
    vectors.forEach((vector, j) => {
      const g = ((scale / u.rows) * (j === positive ? -Math.exp(rest - lse) : Math.exp(s[j] - lse))) / temperatures[j];
      dTau -= g * s[j];
      addScaled(gradient, g, vector);
    });
  }
  return { value, dq: back(du), dTau };
}

const zeros = (m: Matrix): Matrix => matrix(m.rows, m.columns);

/** MoCo: the own key and the queue, or all keys. */
export function infoNCE(query: Matrix, key: Matrix, tau: number, queue?: Matrix, scale = 1): LossResult {
  const keys = rowsOf(normalize(key).u);
  const others = queue && rowsOf(normalize(queue).u);
  const { value, dq, dTau } = crossEntropy(
    query,
    (i) => {
      const vectors = others ? [keys[i], ...others] : keys;
      return { vectors, temperatures: vectors.map(() => tau), positive: others ? 0 : i };
    },
    scale,
  );
  return { value, gradients: [dq, zeros(key), ...(queue ? [zeros(queue)] : [])], temperature: dTau };
}

/** MoCo v3: 2 tau CE. */
export function mocoV3(query: Matrix, key: Matrix, tau: number): LossResult {
  const { value, gradients, temperature = 0 } = infoNCE(query, key, tau, undefined, 2 * tau);
  return { value, gradients, temperature: temperature + value / tau };
}

/** PCL. `ids`: the columns; row i's positive is column `positives[i]`. Concentrations as [K, 1]. */
export function protoNCE(
  query: Matrix,
  centroids: Matrix,
  concentrations: Matrix,
  ids: readonly number[],
  positives: readonly number[],
): LossResult {
  const units = rowsOf(normalize(centroids).u);
  const vectors = ids.map((id) => units[id]);
  const temperatures = ids.map((id) => concentrations.data[id]);
  const { value, dq } = crossEntropy(query, (i) => ({ vectors, temperatures, positive: positives[i] }));
  return { value, gradients: [dq, zeros(centroids), zeros(concentrations)] };
}

/** factor * mean_i cos(x_i, y_i) + offset; y is a constant. */
export function meanCosine(x: Matrix, y: Matrix, factor: number, offset = 0): LossResult {
  const [a, b] = [normalize(x), normalize(y)];
  const du = matrix(x.rows, x.columns);
  let value = offset;
  for (let i = 0; i < x.rows; i++) {
    value += (factor / x.rows) * dot(row(a.u, i), row(b.u, i));
    row(b.u, i).forEach((v, k) => {
      row(du, i)[k] = (factor / x.rows) * v;
    });
  }
  return { value, gradients: [a.back(du), zeros(y)] };
}

/** mean_i |u_i - v_i|^alpha */
export function alignment(x: Matrix, y: Matrix, alpha: number): LossResult {
  const [a, b] = [normalize(x), normalize(y)];
  const [du, dv] = [zeros(x), zeros(y)];
  let value = 0;
  for (let i = 0; i < x.rows; i++) {
    const apart = row(a.u, i).map((u, k) => u - row(b.u, i)[k]);
    const distance = Math.sqrt(dot(apart, apart));
    value += distance ** alpha / x.rows;
    apart.forEach((t, k) => {
      const g = distance === 0 ? 0 : (alpha / x.rows) * distance ** (alpha - 2) * t;
      row(du, i)[k] = g;
      row(dv, i)[k] = -g;
    });
  }
  return { value, gradients: [a.back(du), b.back(dv)] };
}
