import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { createRandom } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import { launchProduct } from '../launch/product.ts';
import { roundUp } from '../launch/tile.ts';
import { launchCrossEntropy } from '../ops/crossEntropy.ts';
import { JUDGED, labelsOf } from '../ops/labels.ts';
import { adamW } from '../optim/adamW.ts';
import { factor } from '../optim/optimizer.ts';
import { cosineSchedule } from '../optim/schedule.ts';
import { type DesignMatrix, standardFeatures } from './features.ts';

export interface ProbeOptions {
  /** [N, D] frozen features. */
  train: Tensor;
  /** N class numbers. */
  trainLabels: Int32Array;
  /** [M, D] */
  test: Tensor;
  /** M class numbers. */
  testLabels: Int32Array;
  /** Default: one more than the largest label, or as many as there are where labels lie further apart than there are rows. */
  classes?: number;
  /** Passes over the training set; default 20. More come closer to the best line. */
  epochs?: number;
  /** Rows a step; default 256. More take fewer, calmer steps. */
  batch?: number;
  /** AdamW's, at its peak; default 0.01. A larger one takes longer steps. */
  learningRate?: number;
  /** AdamW's; default 0. A larger one keeps the weights smaller. */
  weightDecay?: number;
  /** Chooses the order of the rows; default 0. */
  seed?: number;
}

/**
 * Linear probe: multinomial logistic regression on frozen features, standardised by the training set's moments. Weights
 * start at 0; AdamW with a cosine schedule runs over batches of rows that are shuffled once, batch order anew each epoch.
 * @returns the share of test rows whose class is found, and the class found for each
 */
export async function linearProbe(options: ProbeOptions): Promise<{ accuracy: number; predictions: Int32Array }> {
  const op = 'linearProbe';
  const { train, trainLabels, test, testLabels, ...settings } = check.options(op, options, {
    ...JUDGED,
    classes: undefined as number | undefined,
    epochs: 20,
    batch: 256,
    learningRate: 0.01,
    weightDecay: 0,
    seed: 0,
  });
  const context = check.contextOf(op, { train, test });
  const [rows, columns] = check.matrix(op, 'train', train);
  const [asked] = check.matrix(op, 'test', test);
  check.sameColumns(op, 'train', train, 'test', test);
  check.bindableInput(op, context, 'train', train);
  check.bindableInput(op, context, 'test', test);
  check.integer(op, 'epochs', settings.epochs, 1, 1e6);
  check.integer(op, 'batch', settings.batch, 1, 2 ** 24);
  factor(op, 'learningRate', settings.learningRate);
  factor(op, 'weightDecay', settings.weightDecay);
  check.safeInteger(op, 'seed', settings.seed);
  const given = labelsOf(op, settings.classes, { trainLabels, testLabels }, [rows, asked]);
  const { classes, numbers } = given;

  // One column more than the features: the bias. Both strides in fours, as products want them.
  const stride = roundUp(columns + 1, 4);
  const width = roundUp(classes, 4);
  check.bindable(op, context, [stride, width]); // the weights
  const order = shuffled(rows, settings.seed);
  const scores = context.unscoped(() => context.empty([asked, width], op));
  context.scope(() => {
    const [learnt, measured] = standardFeatures(context, op, train, test, order, stride);
    const labels = context.tensor(Int32Array.from(order, (row) => given.train[row]));
    const weights = learn(context, op, { learnt, labels, classes, stride, width }, settings);
    launchProduct(
      context,
      { rows: asked, columns: width, depth: stride },
      { of: measured.rows, at: 0, stride, along: 'rows' },
      { of: weights, at: 0, stride: width },
      { of: scores, at: 0, stride: width },
    );
    learnt.rows.release();
    measured.rows.release();
  });
  context.opEnded();
  try {
    const places = argmax(await scores.data(), asked, classes, width);
    const predictions = numbers ? places.map((place) => numbers[place]) : places;
    const hits = predictions.reduce((total, label, i) => total + (label === testLabels[i] ? 1 : 0), 0);
    return { accuracy: hits / asked, predictions };
  } finally {
    scores.dispose();
  }
}

interface Task {
  readonly learnt: DesignMatrix;
  /** In the order of the learnt rows. */
  readonly labels: Tensor;
  readonly classes: number;
  readonly stride: number;
  readonly width: number;
}

type Settings = Required<Pick<ProbeOptions, 'epochs' | 'batch' | 'learningRate' | 'weightDecay' | 'seed'>>;

/** The weights [stride, width], biases in their row. */
function learn(
  context: Context,
  op: string,
  { learnt, labels, classes, stride, width }: Task,
  { epochs, batch, learningRate, weightDecay, seed }: Settings,
): Tensor {
  const weights = context.tensor(new Float32Array(stride * width), [stride, width], { requiresGrad: true });
  weights.grad = context.unscoped(() => context.empty([stride, width], op));
  const gradient = weights.grad;
  const optimizer = adamW({ weights }, { learningRate, weightDecay });
  const batches = Math.ceil(learnt.count / batch);
  const rate = cosineSchedule({ peak: learningRate, warmupSteps: 0, totalSteps: epochs * batches });
  const size = Math.min(batch, learnt.count);
  const logits = context.scratch(size * width, op);
  const slope = context.scratch(size * width, op);
  const losses = context.scratch(size, op);
  const step = (first: number): void => {
    const count = Math.min(batch, learnt.count - first);
    launchProduct(
      context,
      { rows: count, columns: width, depth: stride },
      { of: learnt.rows, at: first * stride, stride, along: 'rows' },
      { of: weights, at: 0, stride: width },
      { of: logits, at: 0, stride: width },
    );
    launchCrossEntropy(
      context,
      { logits, labels, losses, gradient: slope },
      { rows: count, classes, stride: width, firstLabel: first },
    );
    launchProduct(
      context,
      { rows: stride, columns: width, depth: count },
      { of: learnt.rows, at: first * stride, stride, along: 'columns' },
      { of: slope, at: 0, stride: width },
      { of: gradient, at: 0, stride: width },
    );
    optimizer.step(rate(optimizer.steps));
  };
  for (let epoch = 0; epoch < epochs; epoch++)
    for (const order of shuffled(batches, seed, 1 + epoch)) step(batch * order);
  for (const storage of [logits, slope, losses]) storage.release();
  optimizer.dispose();
  return weights;
}

function shuffled(count: number, seed: number, stream = 0): Uint32Array<ArrayBuffer> {
  const random = createRandom(seed, stream);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let last = count - 1; last > 0; last--) {
    const other = random.below(last + 1);
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

function argmax(scores: Float32Array, rows: number, classes: number, width: number): Int32Array {
  return Int32Array.from({ length: rows }, (_, i) => {
    let best = 0;
    for (let c = 1; c < classes; c++) if (scores[i * width + c] > scores[i * width + best]) best = c;
    return best;
  });
}
