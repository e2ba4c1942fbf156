import { copyInto } from '../core/fills.ts';
import type { Tensor } from '../core/tensor.ts';
import { CORRUPTION, type ResidentImages } from '../data/augment.ts';
import type { ImageSet } from '../data/dataset.ts';
import type { Engine } from '../engine/engine.ts';
import { clusteringScores } from '../eval/clustering.ts';
import { spreadOf, usageOf, winnersOf } from '../eval/collapse.ts';
import { knn } from '../eval/knn.ts';
import { linearProbe } from '../eval/probe.ts';
import type { Method } from '../methods/method.ts';
import { kMeans } from '../ops/kMeans.ts';
import { slice } from '../ops/slice.ts';
import type { FeatureScores } from './report/data.ts';

const EVALUATION_BATCH = 512;
const SPREAD_ROWS = 2048;

/** Images on the GPU with what is known about them. */
export interface Split {
  readonly set: ImageSet;
  readonly images: ResidentImages;
}

/** Scores of a trained method on test images. */
export interface Evaluation extends FeatureScores {
  readonly effectiveRank: number;
  readonly deviation: number;
  /** Share of test images that a classifier's own scores put in their class. */
  readonly classifier?: number;
  readonly clusters?: ClusterEvaluation;
  /** The same encoder on corrupted test images. */
  readonly corrupted?: FeatureScores & { readonly classifier?: number };
  /** Prototypes or clusters that win at least one test image, and how many would if all won equally often. */
  readonly used?: number;
  readonly perplexity?: number;
  /** What looks like collapse. */
  readonly warnings: readonly string[];
}

export interface ClusterEvaluation {
  readonly accuracy: number;
  readonly nmi: number;
  readonly ari: number;
  /** ACC of k-means on the pixels, with as many clusters. */
  readonly pixels: number;
}

/** Rows of `of` for all images, in batches that fit. */
export function overAll(
  engine: Engine,
  images: ResidentImages,
  of: (batch: Tensor) => Tensor,
  { raw = false } = {},
): Tensor {
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
          copyInto(engine, made, part, first * (part.size / count));
          return made;
        });
      }
      return all as unknown as Tensor;
    }),
  );
}

/** The pixels themselves as features. */
export function pixels(engine: Engine, images: ResidentImages): Tensor {
  return overAll(engine, images, (batch) => engine.alias(batch, [batch.shape[0], batch.size / batch.shape[0]], false), {
    raw: true,
  });
}

/** Of what was not measured. */
export const NO_SCORES: FeatureScores = { knn: Number.NaN, probe: Number.NaN };

/** Both scores of features. */
export async function featureScores(
  train: Split,
  test: Split | null,
  features: (split: Split) => Tensor,
  { classes, seed }: { classes: number; seed: number },
): Promise<FeatureScores> {
  const scores = await withFeatures(train, test, features, async (split) => ({
    knn: (await knn(split)).accuracy,
    probe: (await linearProbe({ ...split, classes, seed })).accuracy,
  }));
  return scores ?? NO_SCORES;
}

/** k-NN alone: quick enough for the middle of a run. */
export async function knnOf(train: Split, test: Split | null, features: (split: Split) => Tensor): Promise<number> {
  return (await withFeatures(train, test, features, async (split) => (await knn(split)).accuracy)) ?? Number.NaN;
}

/** What `score` makes of the features of both splits; null where labels are missing. */
async function withFeatures<Scores>(
  train: Split,
  test: Split | null,
  features: (split: Split) => Tensor,
  score: (labelled: {
    train: Tensor;
    trainLabels: Int32Array;
    test: Tensor;
    testLabels: Int32Array;
  }) => Promise<Scores>,
): Promise<Scores | null> {
  if (!train.set.labels || !test?.set.labels) return null;
  const [known, asked] = [features(train), features(test)];
  try {
    return await score({
      train: known,
      trainLabels: train.set.labels,
      test: asked,
      testLabels: test.set.labels,
    });
  } finally {
    known.dispose();
    asked.dispose();
  }
}

/** Everything that a finished run is judged by. */
export async function evaluate(
  engine: Engine,
  method: Method,
  train: Split,
  test: Split | null,
  {
    classes,
    seed,
    corrupted = false,
    classifies = true,
  }: {
    classes: number;
    seed: number;
    corrupted?: boolean;
    /** Whether the labels are those that a classifier was trained with. */
    classifies?: boolean;
  },
): Promise<Evaluation> {
  const embed = ({ images }: Split): Tensor => overAll(engine, images, (batch) => method.embed(batch));
  const scores = await featureScores(train, test, embed, { classes, seed });
  const measured = test ?? train;
  const spread = await monitor(engine, method, measured);
  const worse = corrupted && test?.set.labels ? corrupt(test, seed) : null;
  const ofWorse = worse && {
    ...(await featureScores(train, worse, embed, { classes, seed })),
    ...(method.scoresOf === 'classes' && classifies ? { classifier: await accuracyOf(engine, method, worse) } : {}),
  };
  const result = { ...scores, ...spread, ...(ofWorse ? { corrupted: ofWorse } : {}) };
  const { labels } = measured.set;
  if (!method.scores || !method.scoresOf || !labels) return result;
  if (method.scoresOf === 'classes')
    return classifies ? { ...result, classifier: await accuracyOf(engine, method, measured) } : result;
  const winners = await sorted(engine, method, measured);
  if (method.scoresOf !== 'clusters') return result;
  const { accuracy, nmi, ari } = clusteringScores(winners, labels);
  return { ...result, clusters: { accuracy, nmi, ari, pixels: await pixelClusters(engine, measured, classes, seed) } };
}

/** The same images, each in one corrupted view that the seed decides. */
function corrupt({ set, images }: Split, seed: number): Split {
  // A step of its own for every piece, so that no two have the same draws.
  const plain: ResidentImages['plain'] = (indices) =>
    images.batch(indices, { seed, step: indices[0], augmentation: CORRUPTION });
  return { set, images: { ...images, plain } };
}

/** Share of images whose own class has the largest score. */
async function accuracyOf(engine: Engine, method: Method, split: Split): Promise<number> {
  const labels = split.set.labels as Int32Array;
  const winners = await sorted(engine, method, split);
  return winners.reduce((total, found, i) => total + (found === labels[i] ? 1 : 0), 0) / labels.length;
}

/** The signs of collapse, cheap enough for the middle of a run. */
export async function monitor(
  engine: Engine,
  method: Method,
  split: Split,
): Promise<Pick<Evaluation, 'effectiveRank' | 'deviation' | 'used' | 'perplexity' | 'warnings'>> {
  const rows = Math.min(SPREAD_ROWS, split.images.count);
  using some = engine.scope(() =>
    slice(
      overAll(engine, split.images, (batch) => method.embed(batch)),
      0,
      rows,
    ),
  );
  // One image spreads over nothing.
  const { effectiveRank, deviation, warnings } =
    rows < 2 ? { effectiveRank: Number.NaN, deviation: Number.NaN, warnings: [] } : await spreadOf(some);
  if (!method.scores || method.scoresOf === 'classes') return { effectiveRank, deviation, warnings };
  using scores = overAll(engine, split.images, (batch) => (method.scores as NonNullable<Method['scores']>)(batch));
  const usage = usageOf(await winnersOf(scores), scores.shape[1]);
  return {
    effectiveRank,
    deviation,
    used: usage.used,
    perplexity: usage.perplexity,
    warnings: [...warnings, ...usage.warnings],
  };
}

async function sorted(engine: Engine, method: Method, { images }: Split): Promise<Int32Array> {
  using scores = overAll(engine, images, (batch) => (method.scores as NonNullable<Method['scores']>)(batch));
  return winnersOf(scores);
}

/** NaN where there are fewer images than clusters. */
async function pixelClusters(engine: Engine, { set, images }: Split, clusters: number, seed: number): Promise<number> {
  if (clusters < 2 || images.count < clusters) return Number.NaN;
  const found = engine.scope(() => kMeans(pixels(engine, images), { clusters, seed, restarts: 3, iterations: 20 }));
  const assignments = new Int32Array(await found.assignments.data());
  for (const tensor of Object.values(found)) (tensor as Tensor).dispose();
  return clusteringScores(assignments, set.labels as Int32Array).accuracy;
}
