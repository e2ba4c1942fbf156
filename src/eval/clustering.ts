import munkres from 'munkres';
import * as check from '../core/check.ts';
import { numberOfClasses } from '../ops/labels.ts';

export interface ClusteringScores {
  /** Share of rows whose cluster stands for their class, under the assignment of clusters to classes that is best for it (ACC). */
  readonly accuracy: number;
  /** Normalised mutual information, by the arithmetic mean of both entropies; in [0, 1]. */
  readonly nmi: number;
  /** Adjusted Rand index: 1 for the same partition, 0 on average for a random one. */
  readonly ari: number;
  /** The class that each cluster stands for; -1 where there are more clusters than classes and it stands for none. */
  readonly classes: Int32Array;
}

/**
 * How well clusters agree with classes: ACC, NMI and ARI, as the papers on clustering report them.
 * @param clusters N cluster numbers
 * @param labels N class numbers
 */
export function clusteringScores(clusters: Int32Array, labels: Int32Array): ClusteringScores {
  const op = 'clusteringScores';
  for (const [name, list] of Object.entries({ clusters, labels })) {
    if (!(list instanceof Int32Array)) check.fail(op, `${name} are ${check.say(list)}, expected an Int32Array.`);
    const odd = list.findIndex((value) => value < 0);
    if (odd >= 0) check.fail(op, `${name}[${odd}] = ${list[odd]}, expected an integer from 0.`);
  }
  const rows = labels.length;
  if (clusters.length !== rows || rows === 0)
    check.fail(op, `clusters has ${clusters.length} numbers, expected ${Math.max(1, rows)}, one a label.`);
  const [found, known] = [numberOfClasses(clusters), numberOfClasses(labels)];
  const table = Array.from({ length: found }, () => new Float64Array(known)); // rows of cluster k and class c
  clusters.forEach((k, i) => {
    table[k][labels[i]]++;
  });
  const sizes = table.map((line) => line.reduce((a, b) => a + b, 0));
  const counts = Array.from({ length: known }, (_, c) => table.reduce((total, line) => total + line[c], 0));

  const classes = new Int32Array(found).fill(-1);
  let hits = 0;
  for (const [k, c] of munkres(table.map((line) => Array.from(line, (count) => -count)))) {
    classes[k] = c;
    hits += table[k][c];
  }

  let mutual = 0;
  table.forEach((line, k) => {
    line.forEach((count, c) => {
      if (count > 0) mutual += (count / rows) * Math.log((count * rows) / (sizes[k] * counts[c]));
    });
  });
  const entropies = entropy(sizes, rows) + entropy(counts, rows);
  const pairs = (list: Iterable<number>): number => {
    let total = 0;
    for (const n of list) total += (n * (n - 1)) / 2;
    return total;
  };
  const together = table.reduce((total, line) => total + pairs(line), 0);
  const [ofClusters, ofClasses, all] = [pairs(sizes), pairs(counts), pairs([rows])];
  const expected = all > 0 ? (ofClusters * ofClasses) / all : 0;
  const most = (ofClusters + ofClasses) / 2;
  return {
    accuracy: hits / rows,
    // Two partitions of one block each are the same.
    nmi: entropies > 0 ? Math.max(0, (2 * mutual) / entropies) : 1,
    ari: most === expected ? 1 : (together - expected) / (most - expected),
    classes,
  };
}

function entropy(counts: readonly number[], rows: number): number {
  return counts.reduce((total, n) => (n > 0 ? total - (n / rows) * Math.log(n / rows) : total), 0);
}
