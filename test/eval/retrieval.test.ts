import { expect, test } from 'vitest';
import { type RetrievalScores, retrieval } from '../../src/eval/retrieval.ts';
import { watchedEngine } from '../watch.ts';

const engine = watchedEngine();

/** Rows on a circle, by angle in degrees: what is nearest is what the angles say. */
const on = (angles: readonly number[]): number[][] =>
  angles.map((angle) => [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)]);

test('of one query, by hand', async () => {
  using queries = engine().tensor(on([0]));
  using documents = engine().tensor(on([50, 10, 20, 40, 30]));
  // The nearest first: 10, 20, 30, 40, 50 degrees, of which the second, third and fifth are relevant.
  const scores = await retrieval({
    queries,
    queryLabels: Int32Array.of(7),
    documents,
    documentLabels: Int32Array.of(7, 1, 7, 2, 7),
    k: 4,
  });
  const ideal = 1 + 1 / Math.log2(3) + 1 / 2;
  const wanted: RetrievalScores = {
    asked: 1,
    precisionAt1: 0,
    accuracy: 1,
    recall: 2 / 3,
    mrr: 1 / 2,
    ndcg: (1 / Math.log2(3) + 1 / 2) / ideal,
    map: (1 / 2 + 2 / 3) / 3,
    rPrecision: 2 / 3,
    mapAtR: (1 / 2 + 2 / 3) / 3,
  };
  for (const [name, value] of Object.entries(wanted))
    expect(scores[name as keyof RetrievalScores]).toBeCloseTo(value, 12);
});

test('a set with itself: no row finds itself, a lonely one is not asked', async () => {
  using queries = engine().tensor(on([0, 3, 90, 95, 200]));
  const scores = await retrieval({ queries, queryLabels: Int32Array.of(0, 0, 1, 1, 2), k: 1 });
  expect(scores).toEqual({
    asked: 4,
    precisionAt1: 1,
    accuracy: 1,
    recall: 1,
    mrr: 1,
    ndcg: 1,
    map: 1,
    rPrecision: 1,
    mapAtR: 1,
  });
});

test('a class of more than 256 has no R-precision, and all the rest', async () => {
  using queries = engine().tensor(on(Array.from({ length: 300 }, (_, i) => i)));
  const scores = await retrieval({ queries, queryLabels: new Int32Array(300) });
  expect(scores.precisionAt1).toBe(1);
  expect(scores.recall).toBeCloseTo(10 / 299, 12);
  expect(scores.rPrecision).toBeNaN();
  expect(scores.mapAtR).toBeNaN();
});
