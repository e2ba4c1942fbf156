import * as check from '../core/check.ts';
import type { Tensor } from '../core/tensor.ts';
import { knn as kernel } from '../gpu/kernels.generated.ts';
import { checkLabels, numberOfClasses } from '../ops/labels.ts';
import { launchProduct, tileOf } from '../ops/tile.ts';
import { makeUnits } from '../ops/units.ts';

export interface KNNOptions {
  /** [N, D] features (or pixels) whose labels are known. */
  train: Tensor;
  /** N class numbers. */
  trainLabels: Int32Array;
  /** [M, D] */
  test: Tensor;
  /** M class numbers. */
  testLabels: Int32Array;
  /** Neighbours that vote, at most 256; N if that is less. Default 20. */
  k?: number;
  /** A neighbour's vote weighs exp(cosine / temperature). Default 0.07. */
  temperature?: number;
  /** Default: one more than the largest label. */
  classes?: number;
}

const MAX_NEIGHBOURS = 256;
const GROUP = 64;
// Similarities in flight: small enough for a cache where the CPU computes them, large enough to fill a GPU.
const BLOCK_BYTES = { software: 2 ** 24, hardware: 2 ** 27 };

/**
 * Weighted k-nearest-neighbour classification by cosine similarity (Wu et al. 2018, arXiv 1805.01978), the usual first
 * look at what an encoder has learnt. Of two neighbours that are equally near the one with the lower number counts, of
 * two classes with equal votes the lower one wins.
 * @returns the share of test rows whose class is found, and the class found for each
 */
export async function knn(options: KNNOptions): Promise<{ accuracy: number; predictions: Int32Array }> {
  const op = 'knn';
  const { train, trainLabels, test, testLabels, ...given } = options ?? {};
  const engine = check.engineOf(op, { train, test });
  const [others, columns] = check.matrix(op, 'train', train);
  const [rows] = check.matrix(op, 'test', test);
  check.sameColumns(op, 'train', train, 'test', test);
  check.bindableInput(op, engine, 'train', train);
  check.bindableInput(op, engine, 'test', test);
  const settings = check.options(op, given, { k: 20, temperature: 0.07, classes: undefined as number | undefined });
  const k = Math.min(others, check.integer(op, 'k', settings.k, 1, MAX_NEIGHBOURS));
  const temperature = check.positive(op, 'temperature', settings.temperature);
  const classes = settings.classes ?? numberOfClasses(trainLabels, testLabels);
  check.integer(op, 'classes', classes, 1, 2 ** 20);
  checkLabels(op, 'trainLabels', trainLabels, others, classes);
  checkLabels(op, 'testLabels', testLabels, rows, classes);

  const tile = tileOf(engine).columns;
  const bytes = Math.min(
    BLOCK_BYTES[engine.info.software ? 'software' : 'hardware'],
    engine.info.limits.maxStorageBufferBindingSize,
  );
  const fitting = Math.floor(bytes / (4 * Math.max(others, classes)) / tile) * tile;
  const width = Math.max(tile, Math.min(fitting, Math.ceil(rows / tile) * tile));
  const predictions = engine.unscoped(() => engine.empty([rows], op, 'i32'));
  engine.scope(() => {
    const known = makeUnits(engine, op, { train }, tile);
    const asked = makeUnits(engine, op, { test }, tile);
    const labels = engine.tensor(trainLabels);
    const similarities = engine.scratch(others * width, op);
    const near = engine.scratch(k * width, op);
    const nearIndex = engine.scratch(k * width, op);
    const votes = engine.scratch(classes * width, op);
    for (let first = 0; first < rows; first += width) {
      const count = Math.min(width, rows - first);
      launchProduct(
        engine,
        { rows: others, columns: count, depth: columns },
        { of: known.transposed, at: 0, stride: known.paddedRows, along: 'columns' },
        { of: asked.transposed, at: first, stride: asked.paddedRows },
        { of: similarities, at: 0, stride: width },
      );
      engine.run(kernel, {
        params: { rows: count, first_row: first, others, stride: width, k, classes, temperature },
        buffers: { similarities, labels, near, near_index: nearIndex, votes, predictions },
        groups: Math.ceil(count / GROUP),
        work: count * (2 * others + 64 * k + 2 * classes),
      });
    }
    for (const storage of [similarities, near, nearIndex, votes]) storage.release();
    known.release();
    asked.release();
  });
  engine.opEnded();
  try {
    const found = (await predictions.data()) as unknown as Int32Array;
    const hits = found.reduce((total, label, i) => total + (label === testLabels[i] ? 1 : 0), 0);
    return { accuracy: hits / rows, predictions: found };
  } finally {
    predictions.dispose();
  }
}
