// f64 answers for sizes at which the complete references of the tests would take minutes: the value, and the gradient in
// some rows or columns. A test holds them to those references.

import { standardize } from '../../test/reference/losses/secondOrder.ts';
import { type Matrix, matrix, row } from '../../test/reference/matrix.ts';
import type { Expected } from '../contender.ts';
import { largest } from './work.ts';

/** Gradient rows or columns checked where not all are. */
export const SAMPLED = 48;

/** Rows at length one, and 1 / |z|. */
function units(z: Matrix): { u: Matrix; inverse: Float64Array } {
  const u = matrix(z.rows, z.columns);
  const inverse = new Float64Array(z.rows);
  for (let i = 0; i < z.rows; i++) {
    inverse[i] = 1 / Math.sqrt(inner(z, i, z, i));
    for (let k = 0; k < z.columns; k++) u.data[i * z.columns + k] = z.data[i * z.columns + k] * inverse[i];
  }
  return { u, inverse };
}

/** a_i . b_j; four sums, or each addition waits for the one before. */
function inner(a: Matrix, i: number, b: Matrix, j: number): number {
  const d = a.columns;
  const [x, y] = [a.data, b.data];
  let [p, q] = [i * d, j * d];
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const whole = p + d - (d % 4);
  for (; p < whole; p += 4, q += 4) {
    s0 += x[p] * y[q];
    s1 += x[p + 1] * y[q + 1];
    s2 += x[p + 2] * y[q + 2];
    s3 += x[p + 3] * y[q + 3];
  }
  for (; p < (i + 1) * d; p++, q++) s0 += x[p] * y[q];
  return s0 + s1 + (s2 + s3);
}

/** du += weight * v_j */
function add(du: Float64Array, weight: number, v: Matrix, j: number): void {
  const at = j * v.columns;
  for (let k = 0; k < du.length; k++) du[k] += weight * v.data[at + k];
}

/** Back through the normalisation of row i. */
function raw(du: Float64Array, u: Matrix, i: number, inverse: number): Float64Array {
  let radial = 0;
  for (let k = 0; k < du.length; k++) radial += du[k] * u.data[i * u.columns + k];
  return du.map((g, k) => (g - radial * u.data[i * u.columns + k]) * inverse);
}

/** Whole rows of a gradient. Their largest entry stands for that of all. */
export function sampledRows(rows: readonly number[], columns: number, values: readonly Float64Array[]): Expected {
  const all = Float64Array.from(values.flatMap((each) => [...each]));
  return {
    at: rows.flatMap((i) => Array.from({ length: columns }, (_, k) => i * columns + k)),
    values: all,
    scale: largest(all),
  };
}

function scalar(value: number): Expected {
  return { values: [value], scale: Math.max(0.1, Math.abs(value)) };
}

/**
 * NT-Xent and SupCon (form out): rows of one label are positives of each other. All pairs once for the sums, then the rows
 * asked for. `rows` counts over all views.
 */
export function contrast(
  views: readonly Matrix[],
  label: (i: number) => number,
  tau: number,
  rows: readonly number[],
): { value: Expected; gradients: Expected[] } {
  const [n, each, d] = [views.length * views[0].rows, views[0].rows, views[0].columns];
  const z = matrix(n, d);
  views.forEach((view, v) => z.data.set(view.data, v * each * d));
  const { u, inverse } = units(z);
  const sums = new Float64Array(n);
  const weigh = (i: number, j: number): number => Math.exp((inner(u, i, u, j) - 1) / tau);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < i; j++) {
      const e = weigh(i, j);
      sums[i] += e;
      sums[j] += e;
    }
  const members = new Map<number, number[]>();
  for (let i = 0; i < n; i++) members.set(label(i), [...(members.get(label(i)) ?? []), i]);
  const positives = (i: number): number[] => (members.get(label(i)) as number[]).filter((j) => j !== i);
  let value = 0;
  const a = new Float64Array(n); // 1 / (n Z_i) of rows that have positives
  for (let i = 0; i < n; i++) {
    const mine = positives(i);
    if (mine.length === 0) continue;
    a[i] = 1 / n / sums[i];
    const agreement = mine.reduce((total, j) => total + inner(u, i, u, j), 0) / mine.length;
    value += (Math.log(sums[i]) + (1 - agreement) / tau) / n;
  }
  const gradients = rows.map((i) => {
    const du = new Float64Array(d);
    for (let j = 0; j < n; j++) if (j !== i) add(du, (weigh(i, j) * (a[i] + a[j])) / tau, u, j);
    const mine = positives(i);
    for (const j of mine) add(du, -2 / (n * mine.length * tau), u, j);
    return raw(du, u, i, inverse[i]);
  });
  return {
    value: scalar(value),
    gradients: views.map((_, v) => {
      const own = rows.map((i, at) => ({ i, at })).filter(({ i }) => Math.floor(i / each) === v);
      return sampledRows(
        own.map(({ i }) => i - v * each),
        d,
        own.map(({ at }) => gradients[at]),
      );
    }),
  };
}

/** CLIP: both directions over a_i . b_j. */
export function clip(a: Matrix, b: Matrix, scale: number, rows: readonly number[]): Record<string, Expected> {
  const n = a.rows;
  const [left, right] = [units(a), units(b)];
  const weigh = (i: number, j: number): number => Math.exp(scale * (inner(left.u, i, right.u, j) - 1));
  const [across, down] = [new Float64Array(n), new Float64Array(n)];
  let value = 0;
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      const e = weigh(i, j);
      across[i] += e;
      down[j] += e;
    }
  for (let i = 0; i < n; i++)
    value += (Math.log(across[i] * down[i]) / 2 + scale * (1 - inner(left.u, i, right.u, i))) / n;
  const side = (swapped: boolean) => {
    const [own, other] = swapped ? [right, left] : [left, right];
    return rows.map((i) => {
      const du = new Float64Array(a.columns);
      for (let j = 0; j < n; j++) {
        const [p, q] = swapped ? [j, i] : [i, j];
        add(du, (scale / (2 * n)) * weigh(p, q) * (1 / across[p] + 1 / down[q]), other.u, j);
      }
      add(du, -scale / n, other.u, i);
      return raw(du, own.u, i, own.inverse[i]);
    });
  };
  return {
    value: scalar(value),
    d_a: sampledRows(rows, a.columns, side(false)),
    d_b: sampledRows(rows, a.columns, side(true)),
  };
}

/** InfoNCE: a row's own key and the queue, or all keys; only the query has a gradient. */
export function infoNCE(
  query: Matrix,
  key: Matrix,
  queue: Matrix | null,
  tau: number,
  factor: number,
  rows: readonly number[],
): Record<string, Expected> {
  const [q, own] = [units(query), units(key)];
  const others = queue ? units(queue).u : own.u;
  const n = query.rows;
  const weigh = (i: number, j: number): number => Math.exp((inner(q.u, i, others, j) - 1) / tau);
  let value = 0;
  const sums = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const positive = inner(q.u, i, own.u, i);
    if (queue) sums[i] = Math.exp((positive - 1) / tau);
    for (let j = 0; j < others.rows; j++) sums[i] += weigh(i, j);
    value += (factor / n) * (Math.log(sums[i]) + (1 - positive) / tau);
  }
  const gradients = rows.map((i) => {
    const du = new Float64Array(query.columns);
    for (let j = 0; j < others.rows; j++) add(du, weigh(i, j) / sums[i], others, j);
    const certain = queue ? Math.exp((inner(q.u, i, own.u, i) - 1) / tau) / sums[i] : 0;
    add(du, certain - 1, own.u, i);
    return raw(
      du.map((g) => (g * factor) / (n * tau)),
      q.u,
      i,
      q.inverse[i],
    );
  });
  return { value: scalar(value), d_query: sampledRows(rows, query.columns, gradients) };
}

/** x x^T, both halves. */
function gram(x: Matrix): Matrix {
  const k = matrix(x.rows, x.rows);
  for (let i = 0; i < x.rows; i++)
    for (let j = 0; j <= i; j++) {
      const s = inner(x, i, x, j);
      k.data[i * x.rows + j] = s;
      k.data[j * x.rows + i] = s;
    }
  return k;
}

function transposed(x: Matrix): Matrix {
  const flipped = matrix(x.columns, x.rows);
  for (let i = 0; i < x.rows; i++)
    for (let k = 0; k < x.columns; k++) flipped.data[k * x.rows + i] = x.data[i * x.columns + k];
  return flipped;
}

/** Back through centring, or standardising with `epsilon`, of one column of raw numbers. */
function rawColumn(dx: Float64Array, z: Float64Array, epsilon?: number): Float64Array {
  const column = matrix(z.length, 1, z);
  return standardize(column, epsilon).back(matrix(z.length, 1, dx)).data;
}

/** Whole columns of a gradient [n, d]. */
function sampledColumns(columns: readonly number[], n: number, d: number, values: readonly Float64Array[]): Expected {
  const all = Float64Array.from(values.flatMap((each) => [...each]));
  return {
    at: columns.flatMap((k) => Array.from({ length: n }, (_, i) => i * d + k)),
    values: all,
    scale: largest(all),
  };
}

/** Barlow Twins from the rows' Gram matrices: |C|^2 = <K0, K1> / n^2, and no D x D. */
export function barlowTwins(
  z0: Matrix,
  z1: Matrix,
  lambda: number,
  epsilon: number,
  columns: readonly number[],
): Record<string, Expected> {
  const [n, d] = [z0.rows, z0.columns];
  const x = [z0, z1].map((z) => standardize(z, epsilon).x);
  const k = x.map(gram);
  const flipped = x.map(transposed);
  const raws = [z0, z1].map(transposed);
  let squares = 0;
  for (let t = 0; t < n * n; t++) squares += (k[0].data[t] * k[1].data[t]) / n ** 2;
  let value = 0;
  const own = Float64Array.from({ length: d }, (_, c) => inner(flipped[0], c, flipped[1], c) / n);
  for (const c of own) {
    value += (1 - c) ** 2;
    squares -= c * c;
  }
  const gradient = (v: 0 | 1): Float64Array[] => {
    const other = v === 0 ? 1 : 0;
    return columns.map((c) => {
      const dx = Float64Array.from({ length: n }, (_, i) => {
        const far = row(flipped[other], c)[i];
        return (
          ((2 * lambda) / n) * (inner(k[other], i, flipped[v], c) / n - own[c] * far) - (2 / n) * (1 - own[c]) * far
        );
      });
      return rawColumn(dx, row(raws[v], c), epsilon);
    });
  };
  return {
    value: scalar(value + lambda * squares),
    d_z0: sampledColumns(columns, n, d, gradient(0)),
    d_z1: sampledColumns(columns, n, d, gradient(1)),
  };
}

/** VICReg (official weights) from the rows' Gram matrices. */
export function vicReg(
  z0: Matrix,
  z1: Matrix,
  weights: { invariance: number; variance: number; covariance: number; epsilon: number },
  columns: readonly number[],
): Record<string, Expected> {
  const [n, d] = [z0.rows, z0.columns];
  const { epsilon } = weights;
  const weight = weights.invariance / (n * d);
  const [hinge, decorrelate] = [weights.variance / (2 * d), weights.covariance / d];
  let value = 0;
  for (let t = 0; t < n * d; t++) value += weight * (z0.data[t] - z1.data[t]) ** 2;
  const raws = [z0, z1].map(transposed);
  const gradients = [z0, z1].map((z, v) => {
    const { x } = standardize(z);
    const k = gram(x);
    const flipped = transposed(x);
    const variances = Float64Array.from({ length: d }, (_, c) => inner(flipped, c, flipped, c) / (n - 1));
    let squares = 0;
    for (let t = 0; t < n * n; t++) squares += (k.data[t] / (n - 1)) ** 2;
    for (const each of variances) {
      squares -= each ** 2;
      value += hinge * Math.max(0, 1 - Math.sqrt(each + epsilon));
    }
    value += decorrelate * squares;
    return columns.map((c) => {
      const spread = Math.sqrt(variances[c] + epsilon);
      const dx = Float64Array.from({ length: n }, (_, i) => {
        const mine = row(flipped, c)[i];
        const off = inner(k, i, flipped, c) / (n - 1) - variances[c] * mine;
        const widen = spread < 1 ? (hinge * mine) / ((n - 1) * spread) : 0;
        return ((4 * decorrelate) / (n - 1)) * off - widen;
      });
      const apart = v === 0 ? 1 : -1;
      return rawColumn(dx, row(raws[v], c)).map(
        (g, i) => g + 2 * weight * apart * (row(raws[0], c)[i] - row(raws[1], c)[i]),
      );
    });
  });
  return {
    value: scalar(value),
    d_z0: sampledColumns(columns, n, d, gradients[0]),
    d_z1: sampledColumns(columns, n, d, gradients[1]),
  };
}

/** a b in some of its entries. */
export function matmulEntries(a: Matrix, b: Matrix, entries: readonly number[]): Expected {
  const values = entries.map((t) => {
    const [i, j] = [Math.floor(t / b.columns), t % b.columns];
    let sum = 0;
    for (let k = 0; k < a.columns; k++) sum += a.data[i * a.columns + k] * b.data[k * b.columns + j];
    return sum;
  });
  return { at: entries, values, scale: largest(values) };
}
