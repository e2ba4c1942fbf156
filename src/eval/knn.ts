import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { knn as kernel } from '../gpu/kernels.generated.ts';
import { makePoints } from '../launch/points.ts';
import { JUDGED, labelsOf } from '../ops/labels.ts';
import { launchNearest, MAX_NEIGHBOURS } from '../ops/nearest.ts';

export interface KNNOptions {
  /** [N, D] features (or pixels) whose labels are known. */
  train: Tensor;
  /** N class numbers. */
  trainLabels: Int32Array;
  /** [M, D] */
  test: Tensor;
  /** M class numbers. */
  testLabels: Int32Array;
  /**
   * Neighbours that vote, at most 256; N if that is less. Default 20. More
   * vote more smoothly, and reach further.
   */
  k?: number;
  /** A neighbour's vote weighs exp(cosine / temperature). Default 0.07; a larger one lets them count more alike. */
  temperature?: number;
  /** Default: one more than the largest label, or as many as there are where labels lie further apart than there are rows. */
  classes?: number;
}

const GROUP = 64;
const VOTE_BYTES = 2 ** 24; // votes in flight, one for each row and class

/**
 * Weighted k-nearest-neighbour classification by cosine similarity (Wu et al. 2018, arXiv 1805.01978), the usual first
 * look at what an encoder has learnt. Of two neighbours that are equally near the one with the lower number counts, of
 * two classes with equal votes the lower one wins.
 * @returns the share of test rows whose class is found, and the class found for each: -1 where the nearest score is NaN
 */
export async function knn(options: KNNOptions): Promise<{ accuracy: number; predictions: Int32Array }> {
  const op = 'knn';
  const { train, trainLabels, test, testLabels, ...settings } = check.options(op, options, {
    ...JUDGED,
    k: 20,
    temperature: 0.07,
    classes: undefined as number | undefined,
  });
  const context = check.contextOf(op, { train, test });
  const [others] = check.matrix(op, 'train', train);
  const [rows] = check.matrix(op, 'test', test);
  check.sameColumns(op, 'train', train, 'test', test);
  const k = Math.min(others, check.integer(op, 'k', settings.k, 1, MAX_NEIGHBOURS));
  const temperature = check.divisor(op, 'temperature', settings.temperature);
  const given = labelsOf(op, settings.classes, { trainLabels, testLabels }, [others, rows]);
  const { classes, numbers } = given;
  check.bindable(op, context, [rows, k]);

  const width = Math.min(rows, Math.max(GROUP, Math.floor(VOTE_BYTES / (4 * classes))));
  const predictions = context.unscoped(() => context.empty([rows], op, 'i32'));
  context.scope(() => {
    const known = makePoints(context, op, 'train', train, 'cosine');
    const asked = makePoints(context, op, 'test', test, 'cosine');
    const found = { indices: context.empty([rows, k], op, 'i32'), scores: context.empty([rows, k], op) };
    launchNearest(context, op, asked, known, found, { k });
    known.release();
    asked.release();
    const labels = context.tensor(given.train);
    const votes = context.scratch(classes * width, op);
    for (let first = 0; first < rows; first += width) {
      const count = Math.min(width, rows - first);
      context.run(kernel, {
        params: { rows: count, first_row: first, stride: width, k, classes, temperature },
        buffers: { ...found, labels, votes, predictions },
        groups: Math.ceil(count / GROUP),
        work: count * (16 * k + 2 * classes),
      });
    }
    votes.release();
  });
  context.opEnded();
  try {
    const places = (await predictions.data()) as unknown as Int32Array;
    const found = numbers ? places.map((place) => (place < 0 ? place : numbers[place])) : places;
    const hits = found.reduce((total, label, i) => total + (label === testLabels[i] ? 1 : 0), 0);
    return { accuracy: hits / rows, predictions: found };
  } finally {
    predictions.dispose();
  }
}
