// Lloyd's algorithm and its like in plain f64: the slow obvious twins.
import { type Matrix, matrix } from './matrix.ts';

export interface Clusters {
  readonly centroids: Matrix;
  readonly assignments: Int32Array;
  readonly inertia: number;
}

function squaredDistance(a: Matrix, i: number, b: Matrix, j: number): number {
  let sum = 0;
  for (let d = 0; d < a.columns; d++) sum += (a.data[i * a.columns + d] - b.data[j * b.columns + d]) ** 2;
  return sum;
}

/** Nearest centroid of every row, the lower number of equals. */
export function assign(x: Matrix, centroids: Matrix): { assignments: Int32Array; distances: Float64Array } {
  const assignments = new Int32Array(x.rows);
  const distances = new Float64Array(x.rows).fill(Number.POSITIVE_INFINITY);
  for (let i = 0; i < x.rows; i++)
    for (let k = 0; k < centroids.rows; k++) {
      const distance = squaredDistance(x, i, centroids, k);
      if (distance >= distances[i]) continue;
      distances[i] = distance;
      assignments[i] = k;
    }
  return { assignments, distances };
}

/** Moves each empty cluster to a row that is far from its centroid, the first of equally far ones. */
function relocateEmpty(
  x: Matrix,
  assignments: Int32Array,
  distances: Float64Array,
  sizes: Float64Array,
  centroids: Matrix,
): void {
  const widest = Array.from(sizes, (_, k) => ({ spread: 0, row: -1, k }));
  assignments.forEach((k, i) => {
    if (distances[i] > widest[k].spread) Object.assign(widest[k], { spread: distances[i], row: i });
  });
  widest.sort((a, b) => b.spread - a.spread || a.k - b.k);
  const empties = [...sizes.keys()].filter((k) => sizes[k] === 0);
  for (const [e, k] of empties.entries()) {
    const { row } = widest[e];
    if (row >= 0) centroids.data.set(x.data.subarray(row * x.columns, (row + 1) * x.columns), k * x.columns);
  }
}

/** Lloyd. An empty cluster stays where it is, or (`relocate`) the e-th of them moves to the farthest row of the e-th widest. */
export function lloyd(x: Matrix, start: Matrix, iterations: number, relocate = false): Clusters {
  const centroids = matrix(start.rows, start.columns, start.data);
  for (let round = 0; round < iterations; round++) {
    const { assignments, distances } = assign(x, centroids);
    const sizes = new Float64Array(centroids.rows);
    const sums = new Float64Array(centroids.data.length);
    assignments.forEach((k, i) => {
      sizes[k]++;
      for (let d = 0; d < x.columns; d++) sums[k * x.columns + d] += x.data[i * x.columns + d];
    });
    sums.forEach((sum, at) => {
      const size = sizes[Math.floor(at / x.columns)];
      if (size > 0) centroids.data[at] = sum / size;
    });
    if (relocate) relocateEmpty(x, assignments, distances, sizes, centroids);
  }
  const { assignments, distances } = assign(x, centroids);
  return { centroids, assignments, inertia: distances.reduce((a, b) => a + b, 0) };
}
