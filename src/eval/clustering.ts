import munkres from 'munkres';
import * as check from '../core/check.ts';
import { compactLabels } from '../ops/labels.ts';

export interface ClusteringScores {
  /** Share of rows whose cluster stands for their class, under the assignment of clusters to classes that is best for it (ACC). */
  readonly accuracy: number;
  /** Normalised mutual information, by the arithmetic mean of both entropies; in [0, 1]. */
  readonly nmi: number;
  /** Adjusted Rand index: 1 for the same partition, 0 on average for a random one. */
  readonly ari: number;
  /**
   * The class that each cluster stands for, by the cluster's number; -1 where it has no rows, or where there are more clusters
   * than classes and it stands for none. Empty where cluster numbers reach 2^24: `classOf` has them all the same.
   */
  readonly classes: Int32Array;
  /** The same for the clusters that have rows, whatever their numbers. */
  readonly classOf: ReadonlyMap<number, number>;
}

const LONGEST_LIST = 2 ** 24;

/**
 * How well clusters agree with classes: ACC, NMI and ARI, as the papers on clustering report them. Time and memory go with the
 * rows and with how many clusters and classes there are, not with their numbers.
 * @param clusters N cluster numbers
 * @param labels N class numbers
 */
export function clusteringScores(clusters: Int32Array, labels: Int32Array): ClusteringScores {
  const op = 'clusteringScores';
  for (const [name, list] of Object.entries({ clusters, labels })) {
    if (!(list instanceof Int32Array)) check.fail(op, `${check.came(name, list, 'are')}, expected an Int32Array.`);
    const odd = list.findIndex((value) => value < 0);
    if (odd >= 0) check.fail(op, `${name}[${odd}] = ${list[odd]}, expected an integer from 0.`);
  }
  const rows = labels.length;
  if (clusters.length !== rows || rows === 0)
    check.fail(op, `clusters has ${clusters.length} numbers, expected ${Math.max(1, rows)}, one a label.`);
  const [found, known] = [compactLabels(clusters), compactLabels(labels)];
  const table = countPairs(found.lists[0], known.lists[0], found.numbers.length);
  const sizes = new Float64Array(found.numbers.length);
  const counts = new Float64Array(known.numbers.length);
  table.forEach((line, k) => {
    for (const [c, count] of line) {
      sizes[k] += count;
      counts[c] += count;
    }
  });

  const standsFor = assign(table, counts.length);
  let hits = 0;
  let mutual = 0;
  let together = 0;
  table.forEach((line, k) => {
    hits += line.get(standsFor[k]) ?? 0;
    for (const [c, count] of line) {
      mutual += (count / rows) * Math.log((count * rows) / (sizes[k] * counts[c]));
      together += pairs([count]);
    }
  });
  const entropies = entropy(sizes, rows) + entropy(counts, rows);
  const [ofClusters, ofClasses, all] = [pairs(sizes), pairs(counts), pairs([rows])];
  const expected = all > 0 ? (ofClusters * ofClasses) / all : 0;
  const most = (ofClusters + ofClasses) / 2;
  const classOf = new Map(
    Array.from(found.numbers, (cluster, k) => [cluster, standsFor[k] < 0 ? -1 : known.numbers[standsFor[k]]]),
  );
  return {
    accuracy: hits / rows,
    // Two partitions of one block each are the same.
    nmi: entropies > 0 ? Math.max(0, (2 * mutual) / entropies) : 1,
    ari: most === expected ? 1 : (together - expected) / (most - expected),
    classes: listOf(classOf, (found.numbers.at(-1) as number) + 1),
    classOf,
  };
}

/** Rows of cluster k and class c, for the pairs that have any, in the order of k and c. */
function countPairs(clusters: Int32Array, classes: Int32Array, found: number): Map<number, number>[] {
  const table = Array.from({ length: found }, () => new Map<number, number>());
  clusters.forEach((k, i) => {
    table[k].set(classes[i], (table[k].get(classes[i]) ?? 0) + 1);
  });
  return table.map((line) => new Map([...line].sort(([a], [b]) => a - b)));
}

/**
 * The class for each cluster by which most rows agree; -1 for none. Clusters and classes without a row in common are no concern of
 * each other, so that each connected part of the table is solved alone: what is nearly diagonal costs next to nothing.
 */
function assign(table: readonly ReadonlyMap<number, number>[], known: number): Int32Array {
  const standsFor = new Int32Array(table.length).fill(-1);
  for (const { clusters, classes } of connectedParts(table, known)) {
    if (clusters.length === 1 && classes.length === 1) {
      standsFor[clusters[0]] = classes[0];
      continue;
    }
    const places = new Map(classes.map((c, place) => [c, place]));
    const costs = clusters.map((k) => {
      const line = new Array<number>(classes.length).fill(0);
      for (const [c, count] of table[k]) line[places.get(c) as number] = -count;
      return line;
    });
    for (const [row, column] of munkres(costs)) standsFor[clusters[row]] = classes[column];
  }
  // What is left on both sides has no rows in common: any pairing is as good.
  const taken = new Set(standsFor);
  let free = 0;
  return standsFor.map((c) => {
    if (c >= 0) return c;
    while (taken.has(free)) free++;
    return free < known ? free++ : -1;
  });
}

/** Clusters and classes that rows connect, each ascending. */
function connectedParts(
  table: readonly ReadonlyMap<number, number>[],
  known: number,
): { clusters: number[]; classes: number[] }[] {
  const root = Int32Array.from({ length: known }, (_, c) => c); // of each class, by halving paths
  const find = (c: number): number => {
    let at = c;
    while (root[at] !== at) {
      root[at] = root[root[at]];
      at = root[at];
    }
    return at;
  };
  for (const line of table) {
    const [first] = line.keys();
    for (const c of line.keys()) root[find(c)] = find(first);
  }
  const parts = new Map<number, { clusters: number[]; classes: number[] }>();
  for (let c = 0; c < known; c++) {
    const part = parts.get(find(c)) ?? { clusters: [], classes: [] };
    part.classes.push(c);
    parts.set(find(c), part);
  }
  table.forEach((line, k) => {
    const [first] = line.keys();
    parts.get(find(first))?.clusters.push(k);
  });
  return [...parts.values()];
}

function listOf(classOf: ReadonlyMap<number, number>, length: number): Int32Array {
  if (length > LONGEST_LIST) return new Int32Array(0);
  const list = new Int32Array(length).fill(-1);
  for (const [k, c] of classOf) list[k] = c;
  return list;
}

function pairs(list: Iterable<number>): number {
  let total = 0;
  for (const n of list) total += (n * (n - 1)) / 2;
  return total;
}

function entropy(counts: Float64Array, rows: number): number {
  return counts.reduce((total, n) => (n > 0 ? total - (n / rows) * Math.log(n / rows) : total), 0);
}
