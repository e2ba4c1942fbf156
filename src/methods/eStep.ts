import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { kMeans } from '../ops/kMeans.ts';
import { normalize } from '../ops/normalize.ts';

/** One granularity of PCL: the clusters of the whole training set. */
export interface Clustering {
  /** [K, D], unit rows. */
  readonly centroids: Tensor;
  /** [K], the temperature of each. */
  readonly concentrations: Float32Array<ArrayBuffer>;
  /** The centroid of each training image. */
  readonly assignments: Int32Array;
  /** Sum of the squared distances. */
  readonly inertia: number;
}

export interface EStepOptions {
  /** How many, at most as many as rows. */
  readonly clusters: number;
  /** Rounds of Lloyd's algorithm. */
  readonly iterations: number;
  /** Runs from other starts, of which the one with the lowest inertia counts. */
  readonly restarts: number;
  /** Chooses the starts. */
  readonly seed: number;
  /** The mean concentration. */
  readonly temperature: number;
  /** Smooths the concentration of small clusters. */
  readonly alpha: number;
}

/**
 * PCL's E-step for one granularity: Euclidean k-means of the unit rows of `features`, then each cluster's concentration;
 * only after that are the centroids normalised.
 * @param features [N, D] of the whole training set
 */
export async function eStep(features: Tensor, options: EStepOptions): Promise<Clustering> {
  const op = 'eStep';
  const context = check.contextOf(op, { features });
  const [rows] = check.matrix(op, 'features', features);
  const missing = check.REQUIRED as number;
  const given = check.options(op, options, {
    clusters: missing,
    iterations: missing,
    restarts: missing,
    seed: missing,
    temperature: missing,
    alpha: missing,
  });
  const { clusters, iterations, restarts, seed } = given;
  check.integer(op, 'clusters', clusters, 1, rows);
  check.integer(op, 'iterations', iterations, 1, 10_000);
  check.integer(op, 'restarts', restarts, 1, 1000);
  check.safeInteger(op, 'seed', seed);
  check.divisor(op, 'temperature', given.temperature);
  check.nonNegative(op, 'alpha', given.alpha);
  const found = context.scope(() => {
    const result = kMeans(
      context.noGrad(() => normalize(features)),
      { clusters, iterations, restarts, seed },
    );
    return { ...result, units: context.noGrad(() => normalize(result.centroids)) };
  });
  const assignments = new Int32Array(await found.assignments.data());
  const distances = await found.distances.data();
  const inertia = await found.inertia.item();
  for (const name of ['centroids', 'assignments', 'distances', 'inertia'] as const) found[name].dispose();
  return {
    centroids: found.units,
    assignments,
    inertia,
    concentrations: concentrations(assignments, distances, options),
  };
}

/**
 * phi_k = mean over cluster k of its distances / log(n_k + alpha); clusters of fewer than two rows get the largest phi. Cut
 * off at the 10th and 90th percentile, then scaled to a mean of `temperature`.
 * @param squares squared distance of each row to its centroid
 */
export function concentrations(
  assignments: Int32Array,
  squares: ArrayLike<number>,
  { clusters, temperature, alpha }: Pick<EStepOptions, 'clusters' | 'temperature' | 'alpha'>,
): Float32Array<ArrayBuffer> {
  check.positive('concentrations', 'temperature', temperature);
  const sums = new Float64Array(clusters);
  const sizes = new Float64Array(clusters);
  assignments.forEach((k, i) => {
    sums[k] += Math.sqrt(squares[i]);
    sizes[k]++;
  });
  const phi = sums.map((sum, k) => (sizes[k] > 1 ? sum / sizes[k] / Math.log(sizes[k] + alpha) : 0));
  const most = phi.reduce((top, value) => Math.max(top, value), 0) || 1; // all clusters are points: any number serves
  const filled = phi.map((value, k) => (sizes[k] > 1 ? value : most));
  const sorted = filled.toSorted();
  const [low, high] = [percentile(sorted, 0.1), percentile(sorted, 0.9)];
  const cut = filled.map((value) => Math.min(high, Math.max(low, value)));
  const mean = cut.reduce((total, value) => total + value, 0) / clusters;
  // A cluster of equal rows has phi 0, and no column can have that temperature.
  const least = 1e-3 * temperature;
  return Float32Array.from(cut, (value) => Math.max(least, mean > 0 ? (temperature * value) / mean : temperature));
}

/** With linear interpolation, as NumPy's. */
function percentile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)];
  return low + (at - Math.floor(at)) * (sorted[Math.ceil(at)] - low);
}
