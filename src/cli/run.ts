import type { Engine } from '../core/engine.ts';
import type { SafeTensor } from '../core/safetensors.ts';
import type { Tensor } from '../core/tensor.ts';
import { augmentations, type ResidentImages, uploadImages } from '../data/augment.ts';
import { type ImageSet, type ImageSplits, permutation, subset } from '../data/dataset.ts';
import { knn } from '../eval/knn.ts';
import { GramianError } from '../gpu/errors.ts';
import type { Method } from '../methods/method.ts';
import { simCLR } from '../methods/simclr.ts';
import { adamW, type Optimizer } from '../optim/adamW.ts';
import { cosineSchedule } from '../optim/schedule.ts';
import { type Progress, restore } from './checkpoint.ts';
import type { RunConfig } from './config.ts';

const EVALUATION_BATCH = 512;

/** What a run tells while it goes on. */
export interface RunEvents {
  step(done: number, total: number, loss: number): void;
  say(text: string): void;
  /** Asked after every step; true ends the run early. */
  stop(): boolean;
}

/** A training run that can be continued: the step number alone decides batch, augmentation and learning rate. */
export interface Run {
  readonly totalSteps: number;
  readonly epochSteps: number;
  progress(): Progress;
  /** Tensors of a checkpoint, by name. */
  tensors(): Record<string, Tensor>;
  load(tensors: ReadonlyMap<string, SafeTensor>, progress: Progress): void;
  /** k-NN of raw pixels and of the encoder as it is; once, before training. */
  measureStart(): Promise<void>;
  train(events: RunEvents): Promise<void>;
  /** [images, features] of a data split. */
  embed(part: 'train' | 'test'): Tensor;
  /** The images trained on: all of them, or the `limit` that were drawn. */
  readonly trainSet: ImageSet;
  knn(): Promise<number>;
}

export function startRun(engine: Engine, splits: ImageSplits, config: RunConfig): Run {
  const all = splits.train;
  const trainSet = config.limit > 0 && config.limit < all.count ? firstOf(all, config.limit, config.seed) : all;
  const { test: testSet } = splits;
  if (trainSet.count < 2 * config.batch)
    throw new GramianError(
      `train: ${config.data} has ${trainSet.count} training images, expected at least ${2 * config.batch}; give a smaller --batch.`,
    );
  const train = uploadImages(engine, trainSet);
  // Standardised as the training images are: the encoder must meet the same scale.
  const { mean, deviation } = train;
  const test = testSet ? uploadImages(engine, testSet, { mean, deviation }) : null;
  const method = simCLR(engine, {
    channels: trainSet.channels,
    size: trainSet.height,
    seed: config.seed,
    width: config.width,
    features: config.features,
    hidden: config.hidden,
    projection: config.projection,
    temperature: config.temperature,
  });
  const optimizer = adamW(method.parameters, { learningRate: config.learningRate, weightDecay: config.weightDecay });
  const epochSteps = Math.floor(trainSet.count / config.batch);
  const totalSteps = config.epochs * epochSteps;
  const rate = cosineSchedule({
    peak: config.learningRate,
    warmupSteps: Math.min(epochSteps, totalSteps / 4),
    totalSteps,
  });
  const state = {
    step: 0,
    loss: [] as Progress['loss'],
    raw: Number.NaN,
    untrained: Number.NaN,
    history: [] as Progress['history'],
    seconds: 0,
  };

  const tensors = (): Record<string, Tensor> => ({
    ...method.parameters,
    ...method.buffers,
    ...Object.fromEntries(Object.entries(optimizer.state()).map(([name, tensor]) => [`optimizer.${name}`, tensor])),
  });
  const embed = (part: 'train' | 'test') => embedAll(engine, method, part === 'train' ? train : (test ?? train));
  const measure = (features: (part: 'train' | 'test') => Tensor) => measureKnn(features, trainSet, testSet);

  return {
    totalSteps,
    epochSteps,
    trainSet,
    progress: () => ({ config, ...state }),
    tensors,
    embed,
    knn: () => measure(embed),
    load: (saved, progress) => {
      restore(tensors(), saved);
      Object.assign(state, progress);
      optimizer.steps = progress.step;
    },
    measureStart: async () => {
      state.raw = await measure((part) => pixels(engine, part === 'train' ? train : (test ?? train)));
      state.untrained = await measure(embed);
    },
    train: async (events) => {
      const evaluateEvery = Math.max(1, Math.ceil(config.epochs / 4));
      let order: { epoch: number; images: Uint32Array } = { epoch: -1, images: new Uint32Array() }; // a shuffle serves a whole epoch
      while (state.step < totalSteps && !events.stop()) {
        const begun = performance.now();
        const { step } = state;
        const epoch = Math.floor(step / epochSteps);
        const at = (step % epochSteps) * config.batch;
        if (order.epoch !== epoch) order = { epoch, images: permutation(trainSet.count, config.seed, epoch) };
        const indices = Int32Array.from(order.images.subarray(at, at + config.batch));
        const learningRate = rate(step);
        const loss = trainStep(engine, method, optimizer, train, indices, config, step, learningRate);
        const value = await loss.item();
        loss.dispose();
        if (!Number.isFinite(value))
          throw new GramianError(`train: the loss is ${value} at step ${step}; lower --learning-rate.`);
        state.step++;
        state.loss.push({ step, epoch: state.step / epochSteps, loss: value, learningRate });
        state.seconds += (performance.now() - begun) / 1000;
        events.step(state.step, totalSteps, value);
        const done = state.step / epochSteps;
        if (Number.isInteger(done) && done % evaluateEvery === 0 && state.step < totalSteps) {
          const accuracy = await measure(embed);
          state.history.push({ epoch: done, knn: accuracy });
          events.say(`epoch ${done}: k-NN ${percent(accuracy)}`);
        }
      }
    },
  };
}

export function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function trainStep(
  engine: Engine,
  method: Method,
  optimizer: Optimizer,
  images: ResidentImages,
  indices: Int32Array,
  { seed, augmentation }: RunConfig,
  step: number,
  learningRate: number,
): Tensor {
  return engine.scope(() => {
    const views = images.views(indices, { seed, step, views: 2, augmentation: augmentations[augmentation] });
    const loss = method.loss({ views, indices }, { step, epochSteps: 1, totalSteps: 1 });
    loss.backward();
    optimizer.step(learningRate);
    optimizer.zeroGrad();
    return loss.detach();
  });
}

function firstOf(set: ImageSet, count: number, seed: number): ImageSet {
  return subset(set, permutation(set.count, seed, 2 ** 31).subarray(0, count));
}

/** Embeddings of all images, in batches that fit. */
function embedAll(engine: Engine, method: Method, images: ResidentImages): Tensor {
  return gather(engine, images, (batch) => method.embed(batch));
}

function pixels(engine: Engine, images: ResidentImages): Tensor {
  return gather(
    engine,
    images,
    (batch) => engine.alias(batch, [batch.shape[0], batch.size / batch.shape[0]], false),
    true,
  );
}

function gather(engine: Engine, images: ResidentImages, of: (batch: Tensor) => Tensor, raw = false): Tensor {
  return engine.noGrad(() =>
    engine.scope(() => {
      let all: Tensor | null = null;
      for (let first = 0; first < images.count; first += EVALUATION_BATCH) {
        const count = Math.min(EVALUATION_BATCH, images.count - first);
        const indices = Int32Array.from({ length: count }, (_, i) => first + i);
        engine.scope(() => {
          const part = of(raw ? images.raw(indices) : images.plain(indices));
          const made: Tensor = all ?? engine.empty([images.count, part.size / count], 'embed');
          all = made;
          engine.copyInto(made, part, first * (part.size / count));
          return made;
        });
      }
      return all as unknown as Tensor;
    }),
  );
}

async function measureKnn(
  features: (part: 'train' | 'test') => Tensor,
  trainSet: ImageSet,
  testSet: ImageSet | null,
): Promise<number> {
  if (!trainSet.labels || !testSet?.labels) return Number.NaN;
  const train = features('train');
  const test = features('test');
  try {
    const result = await knn({ train, trainLabels: trainSet.labels, test, testLabels: testSet.labels });
    return result.accuracy;
  } finally {
    train.dispose();
    test.dispose();
  }
}
