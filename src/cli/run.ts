import type { Tensor } from '../core/tensor.ts';
import { type Augmentation, augmentations, type ResidentImages, uploadImages } from '../data/augment.ts';
import { type ImageSet, type ImageSplits, permutation, subset } from '../data/dataset.ts';
import type { Engine } from '../engine/engine.ts';
import { GramianError } from '../gpu/errors.ts';
import type { Batch, Method, Place } from '../methods/method.ts';
import { optimizerOf } from '../methods/optimizerOf.ts';
import { trainStep } from '../methods/trainStep.ts';
import { concat } from '../ops/concat.ts';
import { firstNonFinite } from '../optim/finite.ts';
import { cosineSchedule } from '../optim/schedule.ts';
import { checkBatch } from './beforehand.ts';
import { type Checkpoint, Diverged, restore } from './checkpoint.ts';
import type { RunConfig } from './config.ts';
import { during } from './during.ts';
import {
  type Evaluation,
  evaluate,
  featureScores,
  knnOf,
  monitor,
  NO_SCORES,
  overAll,
  pixels,
  type Split,
} from './evaluate.ts';
import { methodOf } from './makeMethod.ts';
import { OPTIMIZERS } from './optimizers.ts';
import type { Progress } from './progressRecord.ts';
import type { FeatureScores } from './report/data.ts';
import { type Origin, trainedOn } from './trainedOn.ts';

/** Steps between two looks at all parameters; what is saved is looked at in any case. */
const LOOK_EVERY = 100;

/** What a run tells while it goes on. */
export interface RunEvents {
  step(done: number, total: number, loss: number): void;
  say(text: string): void;
  /** Asked after every step; true ends the run early. */
  stop(): boolean;
  /** Awaited after every step and what belongs to it: the moment to save. */
  settled(endsEpoch: boolean): Promise<void>;
}

/** A training run that can be continued: the step number alone decides batch, augmentation and learning rate. */
export interface Run {
  readonly totalSteps: number;
  readonly epochSteps: number;
  progress(): Progress;
  /** Tensors of a checkpoint, by name. */
  tensors(): Record<string, Tensor>;
  load(saved: Checkpoint): void;
  /** Of the next step. */
  learningRate(): number;
  /** Scores of raw pixels (unless they are known) and of the encoder as it is; once, before training. */
  measureStart(raw?: FeatureScores): Promise<void>;
  train(events: RunEvents): Promise<void>;
  /** [images, features] of a data split. */
  embed(part: 'train' | 'test'): Tensor;
  /** The images trained on: all of them, or the `limit` that were drawn. */
  readonly trainSet: ImageSet;
  evaluate(): Promise<Evaluation>;
  /** Gives all GPU memory back. */
  dispose(): void;
}

/** The learning rate of each step of a run. */
export function rateOf({ learningRate, epochs }: RunConfig, epochSteps: number): (step: number) => number {
  const totalSteps = epochs * epochSteps;
  return cosineSchedule({ peak: learningRate, warmupSteps: Math.min(epochSteps, totalSteps / 4), totalSteps });
}

export function startRun(engine: Engine, splits: ImageSplits, config: RunConfig, origin: Origin): Run {
  const trainSet = drawnOf(splits.train, config);
  if (trainSet.count < 2 * config.batch)
    throw new GramianError(
      `train: ${config.data} has ${trainSet.count} training images, expected at least ${2 * config.batch}; give a smaller --batch.`,
    );
  checkBatch(config);
  const names = classNames(splits);
  const classes = names.length;
  const method = methodOf(engine, config, trainSet, { images: trainSet.count, classes });
  if (config.cached && !method.twoStep)
    throw new GramianError(
      `train: --cached goes with a loss of the batch's embeddings alone, and that of ${config.method} is more than that.`,
    );
  if (method.wants.labels && !trainSet.labels)
    throw new GramianError(`train: --method ${config.method} learns from labels, and ${config.data} has none.`);
  const train = { set: trainSet, images: uploadImages(engine, trainSet) };
  // Standardised as the training images are: the encoder must meet the same scale.
  const { mean, deviation } = train.images;
  const test = splits.test && { set: splits.test, images: uploadImages(engine, splits.test, { mean, deviation }) };
  const { learningRate, weightDecay } = config;
  const optimizer = optimizerOf(method, (parameters) =>
    OPTIMIZERS[config.optimizer](parameters, { learningRate, weightDecay }),
  );
  const epochSteps = Math.floor(trainSet.count / config.batch);
  const totalSteps = config.epochs * epochSteps;
  const rate = rateOf(config, epochSteps);
  const state = {
    step: 0,
    loss: [] as Progress['loss'],
    raw: NO_SCORES,
    untrained: NO_SCORES,
    history: [] as Progress['history'],
    warnings: [] as Progress['warnings'],
    seconds: 0,
  };

  const tensors = (): Record<string, Tensor> => ({
    ...method.parameters,
    ...method.buffers,
    ...Object.fromEntries(Object.entries(optimizer.state()).map(([name, tensor]) => [`optimizer.${name}`, tensor])),
  });
  const embed = ({ images }: Split): Tensor => overAll(engine, images, (batch) => method.embed(batch));
  let loaded = true; // the first step of a run has to be prepared, whether it was resumed or not

  return {
    totalSteps,
    epochSteps,
    trainSet,
    progress: () => ({
      ...state,
      config,
      trainedOn: trainedOn(trainSet, train.images, names, origin),
      choices: engine.choices(),
    }),
    learningRate: () => rate(state.step),
    tensors,
    embed: (part) => embed(part === 'train' ? train : (test ?? train)),
    evaluate: () =>
      during('measuring the trained encoder', () =>
        evaluate(engine, method, train, test, { classes, seed: config.seed, corrupted: config.corrupted }),
      ),
    load: ({ path, tensors: saved, progress }) => {
      const { step, loss, raw, untrained, history, warnings, seconds } = progress;
      if (step > totalSteps)
        throw new GramianError(
          `train: ${path} has done ${step} steps, expected at most the ${totalSteps} that ${config.epochs} epochs of this data have.`,
        );
      restore(`train: ${path}`, tensors(), saved);
      Object.assign(state, { step, raw, untrained, history: [...history], warnings: [...warnings], seconds });
      state.loss = loss.map((point) => ({ ...point, epoch: (point.step + 1) / epochSteps }));
      optimizer.steps = step;
      loaded = true;
    },
    measureStart: async (raw) => {
      const given = { classes, seed: config.seed };
      const ofPixels = ({ images }: Split): Tensor => pixels(engine, images);
      const scored = test?.set.labels && train.set.labels;
      const measure = (what: string, features: typeof embed): Promise<FeatureScores> =>
        scored
          ? during(`measuring ${what} by k-NN and a linear probe`, () => featureScores(train, test, features, given))
          : featureScores(train, test, features, given);
      state.raw = raw ?? (await measure('raw pixels', ofPixels));
      state.untrained = await measure('the untrained encoder', embed);
    },
    train: async (events) => {
      const evaluateEvery = Math.max(1, Math.ceil(config.epochs / 4));
      let order: { epoch: number; images: Uint32Array } = { epoch: -1, images: new Uint32Array() }; // a shuffle serves a whole epoch
      while (state.step < totalSteps && !events.stop()) {
        const begun = performance.now();
        const place = { step: state.step, epochSteps, totalSteps };
        const epoch = Math.floor(place.step / epochSteps);
        if (loaded || place.step % epochSteps === 0)
          await method.prepare?.(place, (of) => overAll(engine, train.images, of));
        loaded = false;
        const at = (place.step % epochSteps) * config.batch;
        if (order.epoch !== epoch) order = { epoch, images: permutation(trainSet.count, config.seed, epoch) };
        const indices = Int32Array.from(order.images.subarray(at, at + config.batch));
        const now = rate(place.step);
        const parts = batchParts(method, train, indices, config, place);
        const loss = trainStep(engine, method, optimizer, parts, place, { learningRate: now, cached: config.cached });
        const value = await loss.item();
        loss.dispose();
        if (!Number.isFinite(value))
          throw new Diverged(`train: the loss is ${value} at step ${place.step}, expected a finite number.`);
        state.step++;
        if (state.step % LOOK_EVERY === 0) await lookAt(engine, method, state.step);
        state.loss.push({ step: place.step, epoch: state.step / epochSteps, loss: value, learningRate: now });
        state.seconds += (performance.now() - begun) / 1000;
        events.step(state.step, totalSteps, value);
        const done = state.step / epochSteps;
        if (Number.isInteger(done) && done % evaluateEvery === 0 && state.step < totalSteps) {
          const accuracy = await knnOf(train, test, embed);
          const { effectiveRank, warnings } = await monitor(engine, method, test ?? train);
          state.history.push({ epoch: done, knn: accuracy });
          events.say(`epoch ${done}: k-NN ${percent(accuracy)}, effective rank ${effectiveRank.toFixed(1)}`);
          for (const warning of warnings) {
            state.warnings.push(`epoch ${done}: ${warning}`);
            events.say(`warning: ${warning}`);
          }
        }
        await events.settled(Number.isInteger(done));
      }
    },
    dispose: () => {
      optimizer.dispose();
      for (const tensor of Object.values({ ...method.parameters, ...method.buffers })) tensor.dispose();
      train.images.dispose();
      test?.images.dispose();
    },
  };
}

/** A loss may look healthy while parameters do not. */
async function lookAt(engine: Engine, { parameters, buffers }: Method, step: number): Promise<void> {
  const found = await firstNonFinite(engine, { ...parameters, ...buffers });
  if (found)
    throw new Diverged(`train: ${found.name}[${found.index}] is not finite after step ${step}, expected a number.`);
}

/** A share in words; `none` where it was not measured. */
export function percent(share: number): string {
  return Number.isFinite(share) ? `${(100 * share).toFixed(1)} %` : 'none';
}

/** The name of each class. */
export function classNames({ train, test }: ImageSplits): string[] {
  if (train.classes) return train.classes;
  let count = 0;
  for (const labels of [train.labels, test?.labels])
    for (const label of labels ?? []) count = Math.max(count, label + 1);
  return Array.from({ length: count }, (_, i) => String(i));
}

/** One step after another of a training run as it begins, without anything around them. */
export function stepsOf(
  engine: Engine,
  splits: ImageSplits,
  config: RunConfig,
): { readonly step: () => Tensor; prepare(): Promise<void>; dispose(): void } {
  const trainSet = drawnOf(splits.train, config);
  const classes = classNames(splits).length;
  const method = methodOf(engine, config, trainSet, { images: trainSet.count, classes });
  const images = uploadImages(engine, trainSet);
  const { learningRate, weightDecay, batch, seed } = config;
  const optimizer = optimizerOf(method, (parameters) =>
    OPTIMIZERS[config.optimizer](parameters, { learningRate, weightDecay }),
  );
  const epochSteps = Math.floor(trainSet.count / batch);
  const totalSteps = config.epochs * epochSteps;
  // What only begins in a later epoch (a queue, clusters) is there.
  const place = { step: totalSteps - 1, epochSteps, totalSteps };
  const indices = Int32Array.from(permutation(trainSet.count, seed, 0).subarray(0, batch));
  return {
    prepare: async () => void (await method.prepare?.(place, (of) => overAll(engine, images, of))),
    step: () => {
      const parts = batchParts(method, { set: trainSet, images }, indices, config, place);
      return trainStep(engine, method, optimizer, parts, place, { cached: config.cached });
    },
    dispose: () => {
      optimizer.dispose();
      for (const tensor of Object.values({ ...method.parameters, ...method.buffers })) tensor.dispose();
      images.dispose();
    },
  };
}

/** The parts of a batch, each made when its turn comes, so that one is in memory at a time. */
function batchParts(
  method: Method,
  { set, images }: Split,
  indices: Int32Array,
  { seed, augmentation, accumulate, cropSize }: RunConfig,
  { step }: Place,
): (() => Batch)[] {
  const { views, crops, labels } = method.wants;
  const large: readonly Augmentation[] = [augmentations[augmentation]].flat();
  const size = indices.length / accumulate;
  return Array.from({ length: accumulate }, (_, part) => () => {
    const own = indices.subarray(part * size, (part + 1) * size);
    const at = { seed, step: step * accumulate + part };
    return {
      views: images.views(own, { ...at, views, augmentation: large }),
      ...(crops > 0 ? { crops: smallViews(images, own, { ...at, first: views, count: crops }, large, cropSize) } : {}),
      ...(labels ? { labels: Int32Array.from(own, (i) => (set.labels as Int32Array)[i]) } : {}),
      indices: own,
    };
  });
}

/** Multi-crop's small views: half to all of what the large ones keep at least. */
function smallViews(
  images: ResidentImages,
  indices: Int32Array,
  { seed, step, first, count }: { seed: number; step: number; first: number; count: number },
  large: readonly Augmentation[],
  cropSize: number,
): Tensor {
  const augmentation = large.map((one): Augmentation => {
    const [least] = one.area ?? [1];
    return { ...one, area: [least / 2, least], ...(cropSize > 0 ? { size: cropSize } : {}) };
  });
  return concat(
    Array.from({ length: count }, (_, v) => images.batch(indices, { seed, step, view: first + v, augmentation })),
  );
}

/** The images that `limit` leaves. */
export function drawnOf(set: ImageSet, { limit, seed }: Pick<RunConfig, 'limit' | 'seed'>): ImageSet {
  if (limit === 0 || limit >= set.count) return set;
  return subset(set, permutation(set.count, seed, 2 ** 31).subarray(0, limit));
}
