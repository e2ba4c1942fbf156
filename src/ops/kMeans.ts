import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { copyInto, fillBits } from '../core/fills.ts';
import { createRandom } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import {
  cluster_count,
  cluster_farthest,
  cluster_means,
  cluster_members,
  cluster_relocate,
  cluster_sizes,
  cluster_starts,
  cluster_widest,
  gather_rows,
  keep_lower,
} from '../gpu/kernels.generated.ts';
import { makePoints, type Points } from '../launch/points.ts';
import { launchTotal } from '../launch/reduce.ts';
import { launchNearestOne } from './nearest.ts';

export interface KMeansOptions {
  /** Clusters, at most as many as there are rows. Left out where `start` says it. */
  clusters?: number;
  /** Rounds of Lloyd's algorithm. Default 20; more come closer to its end. */
  iterations?: number;
  /** Runs from other starts, of which the one with the lowest inertia counts. Default 1; 1 with `start`. */
  restarts?: number;
  /** Chooses the rows to start from. Default 0. */
  seed?: number;
  /** [K, D], centroids to start from, instead of K rows drawn. */
  start?: Tensor;
}

export interface KMeansResult {
  /** [K, D] */
  readonly centroids: Tensor;
  /** [N], i32: the nearest centroid of each row, of equally near ones the lower number. */
  readonly assignments: Tensor;
  /** [N], squared distance of each row to it. */
  readonly distances: Tensor;
  /** One number: the sum of the squared distances. */
  readonly inertia: Tensor;
}

const COUNTS = 2 ** 22; // counters of all blocks of rows: 16 MB
const BLOCK_ROWS = 256;

/**
 * k-means (Lloyd 1982) by squared Euclidean distance, on the GPU: neither the N x K matrix of distances nor anything else
 * comes back between the rounds. An empty cluster moves to the farthest row of the widest cluster, a second one to that
 * of the second widest. Sums run in the order of the rows: the same bits again.
 * What is not finite in x or `start` stays in the centroids that it meets, and shows in distances and inertia.
 * @param x [N, D]
 * @returns the centroids after the last round, and the rows assigned to them; without gradients
 */
export function kMeans(x: Tensor, options: KMeansOptions): KMeansResult {
  const op = 'kMeans';
  const given = check.options(op, options, {
    clusters: undefined as number | undefined,
    iterations: 20,
    restarts: 1,
    seed: 0,
    start: undefined as Tensor | undefined,
  });
  const { start } = given;
  const context = check.contextOf(op, start === undefined ? { x } : { x, start });
  const [rows, columns] = check.matrix(op, 'x', x);
  if (start) check.sameColumns(op, 'x', x, 'start', start);
  const clusters = check.integer(
    op,
    'clusters',
    given.clusters === undefined ? start?.shape[0] : given.clusters,
    1,
    rows,
  );
  if (start && start.shape[0] !== clusters)
    check.fail(op, `start has ${start.shape[0]} rows, expected ${clusters} to match clusters.`);
  const iterations = check.integer(op, 'iterations', given.iterations, 1, 10_000);
  const restarts = check.integer(op, 'restarts', given.restarts, 1, 1000);
  if (start && restarts > 1) check.fail(op, `restarts = ${restarts}, expected 1 with start.`);
  check.safeInteger(op, 'seed', given.seed);

  const points = makePoints(context, op, 'x', x, 'sqeuclidean');
  const run = (restart: number): KMeansResult =>
    context.scope(() => {
      const centroids = start
        ? context.empty([clusters, columns], op)
        : rowsOf(context, op, x, drawRows(rows, clusters, given.seed, restart));
      if (start) copyInto(context, centroids, start, 0);
      const found = {
        centroids,
        assignments: context.empty([rows], op, 'i32'),
        distances: context.empty([rows], op),
        inertia: context.empty([], op),
      };
      for (let round = 0; round < iterations; round++) {
        assign(context, op, points, found);
        updateCentroids(context, op, x, found);
      }
      assign(context, op, points, found);
      launchTotal(context, found.distances, found.inertia, rows);
      return found;
    });
  const best = run(0);
  for (let restart = 1; restart < restarts; restart++) keepBetter(context, best, run(restart));
  points.release();
  context.opEnded();
  return best;
}

/** Row numbers, each once: the first of a random order. */
function drawRows(rows: number, clusters: number, seed: number, restart: number): Uint32Array<ArrayBuffer> {
  const random = createRandom(seed, restart);
  const order = Uint32Array.from({ length: rows }, (_, i) => i);
  for (let i = 0; i < clusters; i++) {
    const other = i + random.below(rows - i);
    [order[i], order[other]] = [order[other], order[i]];
  }
  return order.slice(0, clusters);
}

function rowsOf(context: Context, op: string, x: Tensor, rows: Uint32Array<ArrayBuffer>): Tensor {
  const columns = x.shape[1];
  const out = context.empty([rows.length, columns], op);
  context.run(gather_rows, {
    params: { count: rows.length, columns },
    buffers: { x, rows: context.tensor(rows), out },
    groups: Math.ceil(out.size / 64),
    work: 2 * out.size,
  });
  return out;
}

function assign(
  context: Context,
  op: string,
  points: Points,
  { centroids, assignments, distances }: KMeansResult,
): void {
  const others = makePoints(context, op, 'centroids', centroids, 'sqeuclidean');
  launchNearestOne(context, op, points, others, { indices: assignments, scores: distances }, {});
  others.release();
}

/** Rows by cluster (a counting sort that keeps their order), then each cluster's mean, then the empty ones. */
function updateCentroids(
  context: Context,
  op: string,
  x: Tensor,
  { centroids, assignments, distances }: KMeansResult,
): void {
  const [rows, columns] = x.shape;
  const clusters = centroids.shape[0];
  const blocks = Math.max(1, Math.min(Math.ceil(rows / BLOCK_ROWS), Math.floor(COUNTS / clusters)));
  const cut = { rows, clusters, blocks, block_rows: Math.ceil(rows / blocks) };
  const scratch = (count: number): Storage => context.scratch(count, op);
  const counts = scratch(blocks * clusters);
  const [sizes, starts, empties] = [scratch(clusters), scratch(clusters + 1), scratch(clusters + 1)];
  const members = scratch(rows);
  const [farthest, spreads, widest] = [scratch(clusters), scratch(clusters), scratch(clusters)];
  const launch = (
    kernel: Parameters<Context['run']>[0],
    params: Record<string, number>,
    buffers: Record<string, Tensor | Storage>,
    lanes: number,
    work: number,
  ): void => context.run(kernel, { params, buffers, groups: Math.ceil(lanes / 64), work });
  fillBits(context, counts, blocks * clusters, 0);
  launch(cluster_count, cut, { assignments, counts }, blocks, 2 * rows);
  launch(cluster_sizes, { clusters, blocks }, { counts, sizes }, clusters, blocks * clusters);
  context.run(cluster_starts, { params: { clusters }, buffers: { sizes, starts, empties }, groups: 1, work: clusters });
  launch(cluster_members, cut, { assignments, starts, counts, members }, blocks, 4 * rows);
  launch(cluster_means, { clusters, columns }, { x, starts, members, centroids }, centroids.size, rows * columns);
  launch(cluster_farthest, { clusters }, { distances, starts, members, farthest, spreads }, clusters, 2 * rows);
  context.run(cluster_widest, {
    params: { clusters },
    buffers: { spreads, empties, widest },
    groups: Math.ceil(clusters / 64),
    work: clusters * clusters,
    conditional: true,
  });
  launch(
    cluster_relocate,
    { clusters, columns },
    { x, sizes, empties, widest, spreads, farthest, centroids },
    centroids.size,
    centroids.size,
  );
  for (const storage of [counts, sizes, starts, empties, members, farthest, spreads, widest]) storage.release();
}

/** Makes `best` the better of the two; `other` is used up. */
function keepBetter(context: Context, best: KMeansResult, other: KMeansResult): void {
  for (const name of ['centroids', 'assignments', 'distances', 'inertia'] as const) {
    const into = name === 'inertia' ? context.empty([], 'kMeans') : best[name];
    // The inertia that both comparisons read must not change before the last of them.
    if (name === 'inertia') copyInto(context, into, best.inertia, 0);
    context.run(keep_lower, {
      params: { count: into.size },
      buffers: { candidate: other.inertia, best: best.inertia, x: other[name], out: into },
      groups: Math.ceil(into.size / 256),
      work: into.size,
    });
    if (name !== 'inertia') continue;
    copyInto(context, best.inertia, into, 0);
    into.dispose();
  }
  for (const tensor of Object.values(other)) tensor.dispose();
}
