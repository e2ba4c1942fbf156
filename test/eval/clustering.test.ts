import { beforeAll, describe, expect, test } from 'vitest';
import type { Engine } from '../../src/engine/engine.ts';
import { clusteringScores } from '../../src/eval/clustering.ts';
import { spreadOf, usageOf, winnersOf } from '../../src/eval/collapse.ts';
import { normals, sharedEngine } from '../engine.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

const list = (...numbers: number[]) => Int32Array.from(numbers);

describe('clusteringScores', () => {
  test('names of clusters do not matter', () => {
    const labels = list(0, 0, 1, 1, 2, 2);
    const scores = clusteringScores(list(2, 2, 0, 0, 1, 1), labels);
    expect(scores).toMatchObject({ accuracy: 1, ari: 1 });
    expect(scores.nmi).toBeCloseTo(1, 12);
    expect([...scores.classes]).toEqual([1, 2, 0]);
  });

  test('a table worked out by hand', () => {
    // Clusters by classes: [[2, 1], [1, 3], [0, 1]].
    const clusters = list(0, 0, 0, 1, 1, 1, 1, 2);
    const labels = list(0, 0, 1, 0, 1, 1, 1, 1);
    const { accuracy, nmi, ari, classes } = clusteringScores(clusters, labels);
    expect(accuracy).toBe(5 / 8);
    expect([...classes]).toEqual([0, 1, -1]);
    const h = (...p: number[]) => p.reduce((sum, x) => sum - x * Math.log(x), 0);
    const mutual = h(3 / 8, 4 / 8, 1 / 8) + h(3 / 8, 5 / 8) - h(2 / 8, 1 / 8, 1 / 8, 3 / 8, 1 / 8);
    expect(nmi).toBeCloseTo((2 * mutual) / (h(3 / 8, 4 / 8, 1 / 8) + h(3 / 8, 5 / 8)), 12);
    const [together, ofClusters, ofClasses] = [1 + 3, 3 + 6, 3 + 10];
    const expected = (ofClusters * ofClasses) / 28;
    expect(ari).toBeCloseTo((together - expected) / ((ofClusters + ofClasses) / 2 - expected), 12);
  });

  test('the assignment is the best one, not the greedy one', () => {
    // Greedy takes cluster 0 for class 0 (5 rows), and then cluster 1 has nothing for class 1: 5; the best is 4 + 4.
    const rows = [...Array(5).fill([0, 0]), ...Array(4).fill([0, 1]), ...Array(4).fill([1, 0])] as [number, number][];
    const { accuracy } = clusteringScores(
      Int32Array.from(rows, ([k]) => k),
      Int32Array.from(rows, ([, c]) => c),
    );
    expect(accuracy).toBe(8 / 13);
  });

  test('one cluster says nothing; a random partition is near 0', () => {
    const labels = Int32Array.from({ length: 4000 }, (_, i) => i % 4);
    const one = clusteringScores(new Int32Array(4000), labels);
    expect(one).toMatchObject({ accuracy: 0.25, nmi: 0, ari: 0 });
    const noise = normals(4000, 3).map((value) => Math.floor(1000 * Math.abs(value)) % 4);
    const { nmi, ari } = clusteringScores(Int32Array.from(noise), labels);
    expect(nmi).toBeLessThan(0.01);
    expect(Math.abs(ari)).toBeLessThan(0.01);
  });

  test('numbers may lie anywhere, and as many classes as rows cost no square', () => {
    const [near, far] = [list(0, 0, 1, 1, 2, 2), list(5, 5, 2 ** 31 - 1, 2 ** 31 - 1, 70_000, 70_000)];
    const labels = list(9, 9, 3, 3, 3, 2 ** 31 - 1);
    const scores = clusteringScores(far, labels);
    const { accuracy, nmi, ari } = clusteringScores(near, list(1, 1, 0, 0, 0, 2));
    expect(scores).toMatchObject({ accuracy, nmi, ari });
    expect([...scores.classOf]).toEqual([
      [5, 9],
      [70_000, 2 ** 31 - 1],
      [2 ** 31 - 1, 3],
    ]);
    expect(scores.classes).toHaveLength(0);
    expect([...clusteringScores(list(3, 3, 1), list(0, 0, 4)).classes]).toEqual([-1, 4, -1, 0]);
    const own = Int32Array.from({ length: 20_000 }, (_, i) => 100_000 * i);
    expect(clusteringScores(own, own)).toMatchObject({ accuracy: 1, ari: 1 });
  });

  test('says what is wrong', () => {
    expect(() => clusteringScores(list(0), list(0, 1))).toThrow('clusters has 1 numbers, expected 2, one a label.');
    expect(() => clusteringScores(list(0, -1), list(0, 1))).toThrow('clusters[1] = -1, expected an integer from 0.');
  });
});

describe('spreadOf', () => {
  const rows = 600;
  test('of rows in every direction', async () => {
    using x = engine.tensor(normals(rows * 16, 1), [rows, 16]);
    const { effectiveRank, deviation, dead, warnings } = await spreadOf(x);
    expect(effectiveRank).toBeGreaterThan(15.8);
    expect(effectiveRank).toBeLessThanOrEqual(16);
    expect(deviation).toBeCloseTo(1, 1);
    expect({ dead, warnings }).toEqual({ dead: 0, warnings: [] });
  });

  test('of rows in a plane: two directions, the others dead', async () => {
    const values = new Float32Array(rows * 16);
    const plane = normals(rows * 2, 2);
    for (let i = 0; i < rows; i++) values.set(plane.subarray(2 * i, 2 * i + 2), 16 * i);
    using x = engine.tensor(values, [rows, 16]);
    const { effectiveRank, dead } = await spreadOf(x);
    expect(effectiveRank).toBeCloseTo(2, 1);
    expect(dead).toBe(14);
  });

  test('the rank is that of the singular values, whatever the basis', async () => {
    // Three uncorrelated columns of deviations 3, 2, 1 around a mean far off, turned.
    const z = normals(rows * 3, 4);
    const turned = Float32Array.from({ length: rows * 3 }, (_, at) => {
      const [a, b, c] = [0, 1, 2].map((d) => (3 - d) * 1e-3 * z[3 * Math.floor(at / 3) + d]);
      return [0.6 * a - 0.8 * b, 0.8 * a + 0.6 * b, c + 1][at % 3];
    });
    using x = engine.tensor(turned, [rows, 3]);
    const { effectiveRank, warnings } = await spreadOf(x); // the third direction is the mean's: normalising removes it
    const p = [3 / 5, 2 / 5];
    expect(effectiveRank).toBeCloseTo(Math.exp(-p.reduce((sum, q) => sum + q * Math.log(q), 0)), 0);
    expect(warnings.join()).toContain('the embeddings are nearly one point');
  });

  test('a collapse is told', async () => {
    using x = engine.tensor(
      normals(rows * 200, 1).map((value, at) => (at % 200 === 0 ? 100 : 0.001 * value)),
      [rows, 200],
    );
    const { warnings } = await spreadOf(x);
    expect(warnings[0]).toMatch(/^the embeddings are nearly one point: their deviation is 0\.000\d+, /);
    using line = engine.tensor(
      Float32Array.from({ length: rows * 200 }, (_, at) => (Math.floor(at / 200) % 2 ? 1 : -1) * (1 + (at % 200))),
      [rows, 200],
    );
    const flat = await spreadOf(line);
    expect(flat.warnings).toHaveLength(1);
    expect(flat.warnings[0]).toMatch(/^the embeddings span few directions: their effective rank is 1\.\d of 200$/);
  });
});

test('usageOf counts who wins', async () => {
  using scores = engine.tensor([1, 3, 2, 5, 5, 0, 0, 0, 9, 1, 7, 0], [4, 3]);
  const winners = await winnersOf(scores);
  expect([...winners]).toEqual([1, 0, 2, 1]);
  const usage = usageOf(winners, 5);
  expect(usage.used).toBe(3);
  expect(usage.perplexity).toBeCloseTo(2 ** 1.5, 10);
  expect(usage.warnings).toEqual([]);
  expect(usageOf(new Int32Array(1000), 50).warnings).toHaveLength(1);
  expect(usageOf(winners, 2 ** 31)).toMatchObject({ used: 3, perplexity: usage.perplexity });
});
