// Losses over all pairs of two sets of rows, and nearest neighbours, in plain f64 with their analytic gradients.
import { addScaled, dot, logSumExp, type Matrix, matrix, normalize, rowsOf } from '../matrix.ts';
import type { LossResult } from './result.ts';

const transposed = (s: number[][]): number[][] => s.map((_, j) => s.map((line) => line[j]));

/** Gradients of the raw rows from g_ij = d loss / d cosine_ij. */
function gradientsOf(a: Matrix, b: Matrix, g: number[][]): Matrix[] {
  const [left, right] = [normalize(a), normalize(b)];
  const [da, db] = [matrix(a.rows, a.columns), matrix(b.rows, b.columns)];
  const [us, vs, ofUs, ofVs] = [left.u, right.u, da, db].map(rowsOf);
  g.forEach((line, i) => {
    line.forEach((value, j) => {
      addScaled(ofUs[i], value, vs[j]);
      addScaled(ofVs[j], value, us[i]);
    });
  });
  return [left.back(da), right.back(db)];
}

function cosines(a: Matrix, b: Matrix): number[][] {
  const [u, v] = [rowsOf(normalize(a).u), rowsOf(normalize(b).u)];
  return u.map((x) => v.map((y) => dot(x, y)));
}

/** CLIP: (mean over rows + mean over columns) / 2 of lse_j (g s_ij) - g s_ii. `temperature` is d loss / d g. */
export function clip(a: Matrix, b: Matrix, scale: number): LossResult {
  const n = a.rows;
  const s = cosines(a, b);
  const g = s.map((line) => line.map(() => 0));
  let value = 0;
  [s, transposed(s)].forEach((lines, side) => {
    lines.forEach((line, i) => {
      const logits = line.map((x) => scale * x);
      const lse = logSumExp(logits);
      // In this form a loss near zero keeps its digits in f64 too.
      const rest = logSumExp(logits, (j) => j !== i);
      value += Math.log1p(Math.exp(rest - logits[i])) / (2 * n);
      logits.forEach((l, j) => {
        const weight = (j === i ? -Math.exp(rest - lse) : Math.exp(l - lse)) / (2 * n);
        if (side === 0) g[i][j] += weight;
        else g[j][i] += weight;
      });
    });
  });
  let slope = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) slope += g[i][j] * (s[i][j] - s[i][i]);
  for (let i = 0; i < n; i++) slope += g[i].reduce((x, y) => x + y, 0) * s[i][i];
  const gradients = gradientsOf(
    a,
    b,
    g.map((line) => line.map((x) => scale * x)),
  );
  return { value, gradients, temperature: slope };
}

/** SigLIP: (1/N) sum_ij log(1 + exp(-y_ij (t s_ij + bias))). `temperature` is d loss / d t. */
export function sigLip(a: Matrix, b: Matrix, scale: number, bias: number): LossResult & { bias: number } {
  const n = a.rows;
  const s = cosines(a, b);
  let [value, slope, biasSlope] = [0, 0, 0];
  const g = s.map((line, i) =>
    line.map((x, j) => {
      const y = i === j ? 1 : -1;
      const l = y * (scale * x + bias);
      value += (Math.max(-l, 0) + Math.log1p(Math.exp(-Math.abs(l)))) / n;
      const weight = -y / (1 + Math.exp(l)) / n;
      slope += weight * x;
      biasSlope += weight;
      return weight * scale;
    }),
  );
  return { value, gradients: gradientsOf(a, b, g), temperature: slope, bias: biasSlope };
}

/** KoLeo: -mean log(|u_i - u_nn(i)| + 1e-8), nn(i) the other row of the largest cosine, the lower one of two. */
export function koLeo(z: Matrix): LossResult {
  const { u, back } = normalize(z);
  const rows = rowsOf(u);
  const du = matrix(z.rows, z.columns);
  let value = 0;
  rows.forEach((x, i) => {
    let [best, nearest] = [Number.NEGATIVE_INFINITY, -1];
    rows.forEach((y, j) => {
      if (j !== i && dot(x, y) > best) [best, nearest] = [dot(x, y), j];
    });
    const apart = x.map((v, k) => v - rows[nearest][k]);
    const d = Math.sqrt(dot(apart, apart));
    value -= Math.log(d + 1e-8) / z.rows;
    if (d === 0) return;
    apart.forEach((v, k) => {
      const weight = -v / (z.rows * d * (d + 1e-8));
      du.data[i * z.columns + k] += weight;
      du.data[nearest * z.columns + k] -= weight;
    });
  });
  return { value, gradients: [back(du)] };
}
