import { beforeAll, describe, expect, test } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { standardFeatures } from '../../src/eval/features.ts';
import { knn } from '../../src/eval/knn.ts';
import { linearProbe } from '../../src/eval/probe.ts';
import { crossEntropy } from '../../src/ops/crossEntropy.ts';
import { normals, sharedEngine } from '../engine.ts';
import { expectNoneLeft, heldBuffers } from '../held.ts';
import { matrix } from '../reference/matrix.ts';
import { crossEntropy as crossEntropyTwin, knnVotes } from '../reference/training.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

function labelsOf(count: number, classes: number, seed: number): Int32Array<ArrayBuffer> {
  const random = createRandom(seed);
  return Int32Array.from({ length: count }, () => random.below(classes));
}

/** Points around one centre a class. */
function clusters(count: number, columns: number, classes: number, seed: number, spread: number) {
  const centres = normals(classes * columns, 99);
  const labels = labelsOf(count, classes, seed);
  const noise = normals(count * columns, seed);
  const data = noise.map(
    (value, i) => spread * value + centres[labels[Math.floor(i / columns)] * columns + (i % columns)],
  );
  return { data, labels };
}

describe('crossEntropy', () => {
  test.each([
    [1, 1, 1],
    [3, 2, 1],
    [64, 10, 3],
    [130, 100, 40],
    [17, 7, 1000],
  ])('of %i rows, %i classes, logits of size %i is its twin in f64', async (rows, classes, scale) => {
    const before = await heldBuffers(engine);
    const values = normals(rows * classes, rows).map((value) => value * scale);
    const labels = labelsOf(rows, classes, 5);
    const logits = engine.tensor(values, [rows, classes], { requiresGrad: true });
    const loss = crossEntropy(logits, labels);
    loss.backward();
    const want = crossEntropyTwin(matrix(rows, classes, values), labels);
    expect(Math.abs((await loss.item()) - want.value)).toBeLessThan(2e-6 * (1 + Math.abs(want.value)));
    const gradient = (await logits.grad?.data()) ?? [];
    want.gradient.data.forEach((value, i) =>
      expect(Math.abs(gradient[i] - value)).toBeLessThan((2e-6 * (1 + scale / 20)) / rows),
    );
    loss.dispose();
    logits.dispose();
    expectNoneLeft(engine, before);
  });

  test('keeps the digits of a loss near zero', async () => {
    const logits = engine.tensor([0, 40, 20], [1, 3], { requiresGrad: true });
    const loss = crossEntropy(logits, Int32Array.of(1));
    loss.backward();
    expect((await loss.item()) / Math.log1p(Math.exp(-40) + Math.exp(-20))).toBeCloseTo(1, 5);
    const [, own] = (await logits.grad?.data()) ?? [];
    expect(own / -Math.exp(-20)).toBeCloseTo(1, 5);
    loss.dispose();
    logits.dispose();
  });

  test('says what is wrong', () => {
    using logits = engine.tensor([1, 2, 3, 4], [2, 2]);
    const at = (labels: unknown) => () => crossEntropy(logits, labels as Int32Array);
    expect(at(Int32Array.of(0, -3))).toThrow('crossEntropy: labels[1] = -3, expected an integer in [0, 2).');
    expect(at(Int32Array.of(0))).toThrow('crossEntropy: labels has 1 numbers, expected 2, one a row.');
    expect(at([0, 1])).toThrow('crossEntropy: labels are an Array, expected an Int32Array.');
  });
});

describe('knn', () => {
  test.each([
    { others: 300, rows: 130, columns: 16, classes: 5, k: 20 },
    { others: 77, rows: 3, columns: 5, classes: 4, k: 1 },
    { others: 40, rows: 65, columns: 3, classes: 30, k: 256 },
    { others: 500, rows: 70, columns: 33, classes: 7, k: 200 },
  ])('$rows of $columns among $others, k = $k, classes = $classes', async ({ others, rows, columns, classes, k }) => {
    const before = await heldBuffers(engine);
    const known = clusters(others, columns, classes, 1, 1.5);
    const asked = clusters(rows, columns, classes, 2, 1.5);
    const train = engine.tensor(known.data, [others, columns]);
    const test = engine.tensor(asked.data, [rows, columns]);
    const ask = () => knn({ train, trainLabels: known.labels, test, testLabels: asked.labels, k, classes });
    const { accuracy, predictions } = await ask();
    const votes = knnVotes(matrix(others, columns, known.data), known.labels, matrix(rows, columns, asked.data), {
      k: Math.min(k, others),
      temperature: 0.07,
      classes,
    });
    // The class found has the most votes, up to ties of f32.
    votes.forEach((row, i) => expect(row[predictions[i]]).toBeGreaterThan(Math.max(...row) * (1 - 1e-4)));
    expect(accuracy).toBe(predictions.filter((label, i) => label === asked.labels[i]).length / rows);
    const { queue } = engine.lowLevel;
    queue.groupsPerSubmit = 1;
    expect((await ask()).predictions).toEqual(predictions);
    queue.groupsPerSubmit = Number.POSITIVE_INFINITY;
    train.dispose();
    test.dispose();
    expectNoneLeft(engine, before);
  });

  test('of equally near rows the lower number counts, of equal votes the lower class', async () => {
    using train = engine.tensor([2, 0, 1, 0, 4, 0, 0, 1], [4, 2]);
    using test = engine.tensor([1, 0], [1, 2]);
    const ask = async (labels: number[], k: number) =>
      (await knn({ train, trainLabels: Int32Array.from(labels), test, testLabels: Int32Array.of(0), k, classes: 4 }))
        .predictions[0];
    expect(await ask([3, 1, 2, 0], 1)).toBe(3);
    expect(await ask([3, 1, 2, 0], 3)).toBe(1);
    expect(await ask([3, 2, 2, 0], 3)).toBe(2);
    expect(await ask([3, 1, 1, 0], 2)).toBe(1);
  });

  test("only a row's own neighbours count", async () => {
    // The second row has the nearer neighbour, and stands behind the first in the list of neighbours.
    using train = engine.tensor([1, 1, 0, 1], [2, 2]);
    using test = engine.tensor([1, 0, 0, 1], [2, 2]);
    const { predictions } = await knn({
      train,
      trainLabels: Int32Array.of(0, 1),
      test,
      testLabels: Int32Array.of(0, 1),
      k: 1,
    });
    expect([...predictions]).toEqual([0, 1]);
  });

  test('goes through more rows than one block of similarities holds', async () => {
    const others = 60_000; // 64 test rows a block of 16 MB
    const known = clusters(others, 4, 3, 1, 0.1);
    const asked = clusters(150, 4, 3, 2, 0.1);
    using train = engine.tensor(known.data, [others, 4]);
    using test = engine.tensor(asked.data, [150, 4]);
    const { accuracy } = await knn({ train, trainLabels: known.labels, test, testLabels: asked.labels });
    expect(accuracy).toBe(1);
  });

  test('says what is wrong', async () => {
    using train = engine.tensor([1, 2, 3, 4], [2, 2]);
    using test = engine.tensor([1, 2], [1, 2]);
    const good = { train, trainLabels: Int32Array.of(0, 1), test, testLabels: Int32Array.of(1) };
    await expect(knn({ ...good, k: 0 })).rejects.toThrow('knn: k = 0, expected an integer in [1, 256].');
    await expect(knn({ ...good, testLabels: Int32Array.of(-1) })).rejects.toThrow(
      'knn: testLabels[0] = -1, expected an integer in [0, 2).',
    );
    await expect(knn({ ...good, neighbours: 3 } as never)).rejects.toThrow('knn: unknown option "neighbours"');
  });
});

test.each<[string, typeof knn | typeof linearProbe]>([
  ['knn', knn],
  ['linearProbe', linearProbe],
])('%s: class numbers may lie far apart', async (_, score) => {
  using train = engine.tensor([1, 0, 0, 1, 1, 0.1, 0.1, 1], [4, 2]);
  using test = engine.tensor([0, 2, 2, 0], [2, 2]);
  const far = [7, 2 ** 31 - 1, 7, 2 ** 31 - 1];
  const [trainLabels, testLabels] = [Int32Array.from(far), Int32Array.of(2 ** 31 - 1, 7)];
  const { accuracy, predictions } = await score({ train, trainLabels, test, testLabels });
  expect({ accuracy, predictions }).toEqual({ accuracy: 1, predictions: testLabels });
});

describe('linearProbe', () => {
  test('separates what a line separates, and gives the same answer twice', async () => {
    const before = await heldBuffers(engine);
    const [columns, classes] = [10, 4];
    const known = clusters(600, columns, classes, 1, 0.3);
    const asked = clusters(101, columns, classes, 2, 0.3);
    const train = engine.tensor(
      known.data.map((value) => 100 + 20 * value),
      [600, columns],
    );
    const test = engine.tensor(
      asked.data.map((value) => 100 + 20 * value),
      [101, columns],
    );
    const ask = () =>
      linearProbe({ train, trainLabels: known.labels, test, testLabels: asked.labels, classes, batch: 64, seed: 4 });
    const first = await ask();
    expect(first.accuracy).toBeGreaterThan(0.98);
    expect((await ask()).predictions).toEqual(first.predictions);
    train.dispose();
    test.dispose();
    expectNoneLeft(engine, before);
  });

  test('is logistic regression: it finds what full-batch gradient descent in f64 finds', async () => {
    const [rows, columns, classes] = [200, 3, 3];
    const known = clusters(rows, columns, classes, 1, 1);
    const asked = clusters(400, columns, classes, 2, 1);
    using train = engine.tensor(known.data, [rows, columns]);
    using test = engine.tensor(asked.data, [400, columns]);
    const { predictions } = await linearProbe({
      train,
      trainLabels: known.labels,
      test,
      testLabels: asked.labels,
      epochs: 400,
      batch: 200,
      learningRate: 0.05,
    });
    const want = descend(known.data, known.labels, asked.data, columns, classes);
    const same = predictions.filter((label, i) => label === want[i]).length;
    expect(same).toBeGreaterThanOrEqual(396);
  });
});

describe('standardised features', () => {
  test('moments of the training rows, and a 1 behind; a column that never changes is only centred', async () => {
    const [rows, columns, stride] = [70, 4, 8];
    const noise = normals(rows * columns, 5);
    // A large mean, a small spread, one value all along (whose mean rounds), and one near 0.
    const column = [(v: number) => 300 + v, (v: number) => 1e-4 * v, () => 1234.567, (v: number) => v];
    const data = noise.map((value, i) => column[i % columns](value));
    const order = Uint32Array.from({ length: rows }, (_, i) => (i + 13) % rows);
    using train = engine.tensor(data, [rows, columns]);
    const asked = data.slice(0, 3 * columns).map((value, i) => (i % columns === 2 ? value + 2 : value));
    using test = engine.tensor(asked, [3, columns]);
    const found = engine.scope(() => standardFeatures(engine, 'probe', train, test, order, stride));
    const moments = column.map((_, j) => {
      const values = Array.from({ length: rows }, (_, i) => data[i * columns + j]);
      const mean = values.reduce((a, b) => a + b) / rows;
      return { mean, deviation: Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / rows) };
    });
    for (const [k, { rows: storage, count }] of found.entries()) {
      const out = new Float32Array(await engine.lowLevel.read('probe', storage, 4 * count * stride));
      for (let i = 0; i < count; i++) {
        const row = k === 0 ? data.subarray(order[i] * columns) : asked.subarray(i * columns);
        moments.forEach(({ mean, deviation }, j) => {
          const off = row[j] - mean;
          expect(out[i * stride + j]).toBeCloseTo(j === 2 ? off : off / deviation, 3);
        });
        expect([...out.subarray(i * stride + columns, (i + 1) * stride)]).toEqual([1, 0, 0, 0]);
      }
      storage.release();
    }
  });
});

/** Predictions for `asked` of the logistic regression on standardised `known` that plain gradient descent ends in. */
function descend(
  known: Float32Array,
  labels: Int32Array,
  asked: Float32Array,
  columns: number,
  classes: number,
): Int32Array {
  const rows = labels.length;
  const mean = Array.from({ length: columns }, (_, j) => {
    let sum = 0;
    for (let i = 0; i < rows; i++) sum += known[i * columns + j] / rows;
    return sum;
  });
  const deviation = mean.map((middle, j) => {
    let sum = 0;
    for (let i = 0; i < rows; i++) sum += (known[i * columns + j] - middle) ** 2 / rows;
    return Math.sqrt(sum);
  });
  const weights = matrix(columns + 1, classes);
  const score = (x: Float32Array, i: number, c: number): number => {
    let sum = weights.data[columns * classes + c];
    for (let j = 0; j < columns; j++)
      sum += ((x[i * columns + j] - mean[j]) / deviation[j]) * weights.data[j * classes + c];
    return sum;
  };
  const scores = (x: Float32Array, count: number) =>
    matrix(
      count,
      classes,
      Array.from({ length: count * classes }, (_, at) => score(x, Math.floor(at / classes), at % classes)),
    );
  for (let step = 0; step < 2000; step++) {
    const { gradient } = crossEntropyTwin(scores(known, rows), labels);
    for (let i = 0; i < rows; i++)
      for (let c = 0; c < classes; c++) {
        const slope = gradient.data[i * classes + c];
        for (let j = 0; j < columns; j++)
          weights.data[j * classes + c] -= (slope * (known[i * columns + j] - mean[j])) / deviation[j];
        weights.data[columns * classes + c] -= slope;
      }
  }
  const found = scores(asked, asked.length / columns);
  return Int32Array.from({ length: found.rows }, (_, i) => {
    const row = Array.from(found.data.subarray(i * classes, (i + 1) * classes));
    return row.indexOf(Math.max(...row));
  });
}
