import * as check from '../core/check.ts';
import type { Tensor } from '../core/tensor.ts';
import { covariance } from '../ops/covariance.ts';
import { checkLabels } from '../ops/labels.ts';
import { normalize } from '../ops/normalize.ts';

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
  const engine = check.engineOf(op, { embeddings });
  const [rows, columns] = check.matrix(op, 'embeddings', embeddings);
  if (rows < 2) check.fail(op, `embeddings has ${rows} row, expected at least 2.`);
  using second = engine.scope(() => engine.noGrad(() => covariance(normalize(embeddings))));
  const c = Float64Array.from(await second.data());
  const deviations = Array.from({ length: columns }, (_, d) => Math.sqrt(Math.max(0, c[d * columns + d])));
  const scale = Math.sqrt(columns);
  const deviation = (scale * deviations.reduce((a, b) => a + b, 0)) / columns;
  const dead = deviations.filter((value) => value * scale < 1e-3).length;
  const effectiveRank = rankOf(eigenvalues(c, columns).map((value) => Math.sqrt(Math.max(0, value))));
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
  check.engineOf('winnersOf', { scores });
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

/** Of a symmetric matrix, by Jacobi's rotations; the matrix is used up. */
function eigenvalues(a: Float64Array, n: number): number[] {
  const at = (i: number, j: number): number => a[i * n + j];
  let size = 0;
  for (const value of a) size += value * value;
  for (let sweep = 0; sweep < 30; sweep++) {
    let off = 0;
    for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) off += 2 * at(i, j) ** 2;
    if (off <= 1e-18 * size) break;
    const least = Math.sqrt((1e-20 * size) / (n * n));
    for (let p = 0; p < n - 1; p++)
      for (let q = p + 1; q < n; q++) {
        if (Math.abs(at(p, q)) <= least) continue;
        const theta = (at(q, q) - at(p, p)) / (2 * at(p, q));
        const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.hypot(theta, 1));
        const cos = 1 / Math.hypot(t, 1);
        rotate(a, n, p, q, cos, t * cos);
      }
  }
  return Array.from({ length: n }, (_, i) => at(i, i));
}

/** Rows, then columns p and q turned by the angle of that cosine and sine. */
function rotate(a: Float64Array, n: number, p: number, q: number, cos: number, sin: number): void {
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[p * n + k], a[q * n + k]];
    a[p * n + k] = cos * x - sin * y;
    a[q * n + k] = sin * x + cos * y;
  }
  for (let k = 0; k < n; k++) {
    const [x, y] = [a[k * n + p], a[k * n + q]];
    a[k * n + p] = cos * x - sin * y;
    a[k * n + q] = sin * x + cos * y;
  }
}
