import { UMAP } from 'umap-js';
import { createRandom } from '../../core/random.ts';
import { permutation } from '../../data/dataset.ts';
import { GramianError } from '../../gpu/errors.ts';

export interface ProjectionOptions {
  /** Chooses the rows and the start of the layout; any safe integer, default 0. */
  seed?: number;
  /** The most rows to place; default 2000, which takes a few seconds. */
  limit?: number;
}

export interface Projection {
  /** Which rows were placed, rising. */
  indices: Uint32Array;
  /** Where each of them went, in the order of `indices`. */
  points: [number, number][];
}

const NEIGHBORS = 15;
const EPOCHS = 200; // the library's 500 for small sets takes more than twice as long for the same picture

/**
 * Places embeddings in the plane by UMAP with the cosine distance.
 *
 * @param rows [count, dimension], finite
 * @throws GramianError where the length does not fit or a number is not finite
 */
export function projectEmbeddings(
  rows: Float32Array,
  count: number,
  dimension: number,
  { seed = 0, limit = 2000 }: ProjectionOptions = {},
): Projection {
  if (rows.length !== count * dimension) {
    throw new GramianError(
      `projectEmbeddings: rows has ${rows.length} numbers, expected ${count * dimension} for [${count}, ${dimension}].`,
    );
  }
  const wrong = rows.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0) {
    const at = `${Math.floor(wrong / dimension)}, ${wrong % dimension}`;
    throw new GramianError(`projectEmbeddings: rows[${at}] = ${rows[wrong]}, expected finite numbers.`);
  }
  const indices = permutation(count, seed).slice(0, limit).sort();
  const vectors = Array.from(indices, (row) => unit(rows.subarray(row * dimension, (row + 1) * dimension)));
  // UMAP needs neighbours to speak of: two or three points are as well placed in a row.
  if (vectors.length < 4) return { indices, points: vectors.map((_, i) => [i, 0]) };
  const umap = new UMAP({
    nNeighbors: Math.min(NEIGHBORS, vectors.length - 1),
    nEpochs: EPOCHS,
    distanceFn: cosineDistance,
    random: createRandom(seed).uniform,
  });
  return { indices, points: umap.fit(vectors).map(([x, y]) => [x, y]) };
}

/** The row at length one; a zero row stays zero, at distance 1 from all. */
function unit(row: Float32Array): number[] {
  const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
  return Array.from(row, (value) => (length > 0 ? value / length : 0));
}

function cosineDistance(a: number[], b: number[]): number {
  let product = 0;
  for (let i = 0; i < a.length; i++) product += a[i] * b[i];
  return Math.max(0, 1 - product);
}
