import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { mul, sub } from '../ops/arithmetic.ts';
import { checkLabels } from '../ops/labels.ts';
import { matmul } from '../ops/matmul.ts';
import { normalize } from '../ops/normalize.ts';
import { mean, sum } from '../ops/sum.ts';
import { transpose } from '../ops/transpose.ts';
import { square } from '../ops/unary.ts';

export interface Spread {
  /** exp of the entropy of the singular values' shares (Roy & Vetterli 2007): how many directions the rows really use. */
  readonly effectiveRank: number;
  /** Mean over the dimensions of the unit rows' deviation, times sqrt(D): about 1 where they point anywhere, 0 if all agree. */
  readonly deviation: number;
  /** Dimensions that hardly ever change. */
  readonly dead: number;
  /** What looks like collapse, in sentences; empty where nothing does. */
  readonly warnings: readonly string[];
}

const LEAST_DEVIATION = 0.02;
const LEAST_RANK = 0.02; // of the dimensions

/**
 * Whether embeddings have collapsed: into one point (deviation), or into few directions (effective rank).
 * @param embeddings [N, D], N >= 2
 */
export async function spreadOf(embeddings: Tensor): Promise<Spread> {
  const op = 'spreadOf';
  const context = check.contextOf(op, { embeddings });
  const [rows, columns] = check.matrix(op, 'embeddings', embeddings);
  if (rows < 2) check.fail(op, `embeddings has ${rows} row, expected at least 2.`);
  // Rows against rows and columns against columns have the same eigenvalues but for zeros: the smaller matrix is taken.
  const smaller = Math.min(rows, columns);
  const [product, variance] = context.scope(() =>
    context.noGrad(() => {
      const units = normalize(embeddings);
      const centred = sub(units, mean(units, 0));
      const transposed = transpose(centred);
      const gram = rows < columns ? matmul(centred, transposed) : matmul(transposed, centred);
      return [mul(gram, 1 / (rows - 1)), mul(sum(square(centred), 0), 1 / (rows - 1))];
    }),
  );
  const [c, variances] = await Promise.all([product.data(), variance.data()]);
  product.dispose();
  variance.dispose();
  const deviations = Array.from(variances, (value) => Math.sqrt(value));
  const scale = Math.sqrt(columns);
  const deviation = (scale * deviations.reduce((a, b) => a + b, 0)) / columns;
  const dead = deviations.filter((value) => value * scale < 1e-3).length;
  const eigenvalues = await eigenvaluesOf(Float64Array.from(c), smaller);
  const effectiveRank = rankOf(eigenvalues.map((value) => Math.sqrt(Math.max(0, value))));
  const warnings: string[] = [];
  if (!(deviation >= LEAST_DEVIATION))
    warnings.push(
      `the embeddings are nearly one point: their deviation is ${deviation.toPrecision(2)}, healthy ones have about 1`,
    );
  if (!(effectiveRank >= Math.max(2, LEAST_RANK * columns)))
    warnings.push(
      `the embeddings span few directions: their effective rank is ${effectiveRank.toFixed(1)} of ${columns}`,
    );
  return { effectiveRank, deviation, dead, warnings };
}

export interface Usage {
  /** Columns that win at least one row. */
  readonly used: number;
  /** exp of the entropy of how the rows fall on them: as many as there are where all win equally often. */
  readonly perplexity: number;
  /** Sentences about what looks wrong; none where all is well. */
  readonly warnings: readonly string[];
}

/**
 * How evenly rows fall on prototypes, clusters or classes.
 * @param winners N numbers of columns
 * @param columns how many there are
 */
export function usageOf(winners: Int32Array, columns: number): Usage {
  const op = 'usageOf';
  check.integer(op, 'columns', columns, 1, 2 ** 31);
  checkLabels(op, 'winners', winners, Math.max(1, winners?.length), columns);
  // Of those that win only: there may be far more columns than rows.
  const counts = new Map<number, number>();
  for (const k of Int32Array.from(winners).sort()) counts.set(k, (counts.get(k) ?? 0) + 1);
  const used = counts.size;
  const perplexity = rankOf([...counts.values()]);
  const possible = Math.min(columns, winners.length);
  const warnings =
    perplexity < 0.1 * possible && perplexity < 2
      ? [`nearly all rows fall on one of ${columns}: the perplexity is ${perplexity.toFixed(1)}`]
      : [];
  return { used, perplexity, warnings };
}

/** The column of the largest score of each row, the lower one of equals. */
export async function winnersOf(scores: Tensor): Promise<Int32Array> {
  check.contextOf('winnersOf', { scores });
  const [rows, columns] = check.matrix('winnersOf', 'scores', scores);
  const values = await scores.data();
  return Int32Array.from({ length: rows }, (_, i) => {
    let best = 0;
    for (let k = 1; k < columns; k++) if (values[i * columns + k] > values[i * columns + best]) best = k;
    return best;
  });
}

/** exp(-sum p log p) with p the numbers' shares of their sum. */
function rankOf(numbers: readonly number[]): number {
  const total = numbers.reduce((a, b) => a + b, 0);
  if (!(total > 0)) return 0;
  return Math.exp(numbers.reduce((sum, n) => (n > 0 ? sum - (n / total) * Math.log(n / total) : sum), 0));
}

const PAUSE_MS = 50; // what else goes on in the process (a request to stop, a page) must not wait for it

/**
 * Of a symmetric matrix, which is used up: Householder reflections make it tridiagonal, shifted QL steps diagonal (Golub and
 * Van Loan, Matrix Computations, 8.3). 4/3 n^3 multiply-adds, with a pause for others now and then.
 */
async function eigenvaluesOf(a: Float64Array, n: number): Promise<number[]> {
  const diagonal = new Float64Array(n);
  const beside = new Float64Array(n); // beside[i] stands between i - 1 and i
  const w = new Float64Array(n);
  let since = performance.now();
  for (let last = n - 1; last > 0; last--) {
    if (performance.now() - since > PAUSE_MS) {
      await new Promise((resolve) => setTimeout(resolve));
      since = performance.now();
    }
    // The reflection along v = row `last` - its image takes all of the row but one entry to zero.
    const row = a.subarray(last * n, last * n + last);
    let norm = 0;
    for (const value of row) norm = Math.hypot(norm, value);
    diagonal[last] = a[last * n + last];
    const pivot = row[last - 1];
    beside[last] = pivot > 0 ? -norm : norm;
    if (norm === 0) continue;
    row[last - 1] = pivot - beside[last];
    let length = 0;
    for (const value of row) length += value * value;
    if (length === 0) continue;
    // A - v q^T - q v^T, with q = w - (v.w / |v|^2) v and w = 2 A v / |v|^2, of the rows and columns before `last`.
    w.fill(0, 0, last);
    for (let i = 0; i < last; i++) {
      const of = i * n;
      let total = a[of + i] * row[i];
      for (let j = 0; j < i; j++) {
        total += a[of + j] * row[j];
        w[j] += a[of + j] * row[i];
      }
      w[i] += total;
    }
    let along = 0;
    for (let i = 0; i < last; i++) {
      w[i] *= 2 / length;
      along += w[i] * row[i];
    }
    for (let i = 0; i < last; i++) w[i] -= (along / length) * row[i];
    for (let i = 0; i < last; i++) {
      const [vi, qi, of] = [row[i], w[i], i * n];
      for (let j = 0; j <= i; j++) a[of + j] -= vi * w[j] + qi * row[j];
    }
  }
  diagonal[0] = a[0];
  return tridiagonal(diagonal, beside);
}

/** Eigenvalues of a tridiagonal symmetric matrix, by QL steps with Wilkinson's shift. */
function tridiagonal(d: Float64Array, beside: Float64Array): number[] {
  const n = d.length;
  const e = new Float64Array(n); // e[i] stands between i and i + 1
  for (let i = 1; i < n; i++) e[i - 1] = beside[i];
  for (let first = 0; first < n; first++)
    for (let iteration = 0; iteration < 60; iteration++) {
      let end = first;
      while (end < n - 1 && Math.abs(e[end]) > Number.EPSILON * (Math.abs(d[end]) + Math.abs(d[end + 1]))) end++;
      if (end === first) break;
      const half = (d[first + 1] - d[first]) / (2 * e[first]);
      const root = Math.hypot(half, 1);
      let g = d[end] - d[first] + e[first] / (half + (half < 0 ? -root : root));
      let [sin, cos, shift] = [1, 1, 0];
      for (let i = end - 1; i >= first; i--) {
        const f = sin * e[i];
        const b = cos * e[i];
        const r = Math.hypot(f, g);
        e[i + 1] = r;
        if (r === 0) {
          d[i + 1] -= shift;
          e[end] = 0;
          break;
        }
        [sin, cos] = [f / r, g / r];
        g = d[i + 1] - shift;
        const t = (d[i] - g) * sin + 2 * cos * b;
        shift = sin * t;
        d[i + 1] = g + shift;
        g = cos * t - b;
        if (i === first) {
          d[first] -= shift;
          e[first] = g;
          e[end] = 0;
        }
      }
    }
  return [...d];
}
