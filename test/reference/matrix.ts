// Plain f64 matrices, row-major: the slow obvious twin that everything on the GPU is measured against.

export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
}

export function matrix(
  rows: number,
  columns: number,
  data: ArrayLike<number> = new Float64Array(rows * columns),
): Matrix {
  return { rows, columns, data: new Float64Array(data) };
}

export function row(m: Matrix, i: number): Float64Array {
  return m.data.subarray(i * m.columns, (i + 1) * m.columns);
}

/** All rows. A view made anew for each use would cost more than the arithmetic on it. */
export function rowsOf(m: Matrix): Float64Array[] {
  return Array.from({ length: m.rows }, (_, i) => row(m, i));
}

/** to += weight * from */
export function addScaled(to: Float64Array, weight: number, from: ArrayLike<number>): void {
  for (let k = 0; k < to.length; k++) to[k] += weight * from[k];
}

export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k] * b[k];
  return sum;
}

export function stack(...parts: readonly Matrix[]): Matrix {
  const rows = parts.reduce((total, part) => total + part.rows, 0);
  const result = matrix(rows, parts[0].columns);
  let at = 0;
  for (const part of parts) {
    result.data.set(part.data, at);
    at += part.data.length;
  }
  return result;
}

/** u = z / max(|z|, eps) by rows, with the gradient's way back. */
export function normalize(z: Matrix, eps = 1e-12): { u: Matrix; back: (du: Matrix) => Matrix } {
  const u = matrix(z.rows, z.columns);
  const norms = Array.from({ length: z.rows }, (_, i) => Math.sqrt(dot(row(z, i), row(z, i))));
  norms.forEach((norm, i) => {
    row(z, i).forEach((value, k) => {
      u.data[i * z.columns + k] = value / Math.max(norm, eps);
    });
  });
  const back = (du: Matrix): Matrix => {
    const dz = matrix(z.rows, z.columns);
    norms.forEach((norm, i) => {
      if (norm === 0) return;
      const [gradient, unit, to] = [row(du, i), row(u, i), row(dz, i)];
      const radial = norm > eps ? dot(gradient, unit) : 0;
      for (let k = 0; k < z.columns; k++) to[k] = (gradient[k] - radial * unit[k]) / Math.max(norm, eps);
    });
    return dz;
  };
  return { u, back };
}

/** A symmetric function of every two rows. */
export function betweenAll(
  rows: readonly Float64Array[],
  f: (a: Float64Array, b: Float64Array) => number,
): Float64Array[] {
  const all = rows.map(() => new Float64Array(rows.length));
  for (let i = 0; i < rows.length; i++) for (let j = 0; j <= i; j++) all[i][j] = all[j][i] = f(rows[i], rows[j]);
  return all;
}

/** The gradient of scores s_ij = u_i . u_j that are weighted by w_ij: du_i = sum_j (w_ij + w_ji) u_j. */
export function ofScores(weights: readonly Float64Array[], rows: readonly Float64Array[]): Matrix {
  const du = matrix(rows.length, rows[0].length);
  rowsOf(du).forEach((gradient, i) => {
    for (let j = 0; j < rows.length; j++) addScaled(gradient, weights[i][j] + weights[j][i], rows[j]);
  });
  return du;
}

const all = (): boolean => true;

/** log sum exp of the entries that `use` admits; -Infinity for none. */
export function logSumExp(values: ArrayLike<number>, use: (j: number) => boolean = all): number {
  let top = Number.NEGATIVE_INFINITY;
  for (let j = 0; j < values.length; j++) if (use(j)) top = Math.max(top, values[j]);
  if (top === Number.NEGATIVE_INFINITY) return top;
  let sum = 0;
  for (let j = 0; j < values.length; j++) if (use(j)) sum += Math.exp(values[j] - top);
  return top + Math.log(sum);
}
