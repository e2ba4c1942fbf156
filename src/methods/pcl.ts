import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { copyInto } from '../core/fills.ts';
import { createRandom } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import { infoNCE } from '../losses/infoNCE.ts';
import { protoNCE } from '../losses/protoNCE.ts';
import { add, mul } from '../ops/arithmetic.ts';
import { checkLabels } from '../ops/labels.ts';
import { eStep } from './eStep.ts';
import { checkKeys, checkNetwork, guarded } from './guard.ts';
import type { Method, NetworkOptions } from './method.ts';
import { queryNetwork } from './moco.ts';
import { movingAverage } from './movingAverage.ts';
import { NETWORK, type Part, STREAM, tensorsOf, viewsOf } from './parts.ts';
import { fifoQueue } from './queue.ts';

export interface PCLOptions extends NetworkOptions {
  /** Training images: as many as `prepare` will see. */
  readonly images: number;
  /** Clusters of each granularity. Default: a 100th, a 50th and a 25th of the images. */
  readonly clusters?: readonly number[];
  /** Of InfoNCE, and the mean of the concentrations. Default 0.2. */
  readonly temperature?: number;
  /** Of the key encoder; default 0.99. The larger, the slower the keys follow. */
  readonly momentum?: number;
  /** Length of the queue. Default 4096; a longer one has more negatives, and older ones. */
  readonly queue?: number;
  /** Share of the training that is InfoNCE alone, in whole epochs. Default 0.1. */
  readonly warmup?: number;
  /** Rounds of k-means. Default 20; more come closer to its end. */
  readonly iterations?: number;
  /** Starts of k-means. Default 1; the official code has 5. */
  readonly restarts?: number;
  /** Of the concentrations. Default 10, the paper's; a larger one makes those of small clusters more alike. */
  readonly alpha?: number;
  /** Default `'paper'`: see `protoNCE`. */
  readonly convention?: 'paper' | 'official';
}

/** One granularity as a checkpoint holds it. */
interface Granularity extends Part {
  readonly clusters: number;
  readonly centroids: Tensor;
  readonly concentrations: Tensor;
  /** In f32, as all of a checkpoint is: whole numbers below 2^24. */
  readonly assignments: Tensor;
}

/**
 * PCL (Li et al. 2020, arXiv 2005.04966): MoCo v2, and from the end of the warm-up the prototypes of an E-step before every epoch: k-means of
 * the key encoder's embeddings of all training images, at several granularities, each centroid with a temperature of its own.
 */
export function pcl(context: Context, options: PCLOptions): Method {
  const op = 'pcl';
  const given = check.options(op, options, {
    ...NETWORK,
    images: check.REQUIRED as number,
    clusters: undefined as readonly number[] | undefined,
    temperature: 0.2,
    momentum: 0.99,
    queue: 4096,
    warmup: 0.1,
    iterations: 20,
    restarts: 1,
    alpha: 10,
    convention: 'paper' as 'paper' | 'official',
  });
  checkNetwork(op, context, given);
  const { seed, projection, temperature, momentum, convention, iterations, restarts, alpha } = given;
  const images = check.integer(op, 'images', given.images, 2, 2 ** 24);
  checkKeys(op, context, given);
  check.divisor(op, 'temperature', temperature);
  check.within(op, 'warmup', given.warmup, 0, 1);
  check.integer(op, 'iterations', iterations, 1, 10_000);
  check.integer(op, 'restarts', restarts, 1, 1000);
  check.nonNegative(op, 'alpha', alpha);
  check.oneOf(op, 'convention', convention, ['paper', 'official']);
  if (given.clusters !== undefined) check.integers(op, 'clusters', given.clusters, 2, images);
  const sizes = given.clusters ?? [100, 50, 25].map((share) => Math.max(2, Math.floor(images / share)));
  for (const clusters of sizes) check.bindable(op, context, [clusters, projection], 'lower clusters or projection');
  const query = queryNetwork('pcl', context, createRandom(seed, STREAM.online), given, 2);
  const key = movingAverage(context, query, queryNetwork('pcl', context, createRandom(seed, STREAM.target), given, 2), {
    momentum,
  });
  const queue = fifoQueue(context, given.queue, projection, createRandom(seed, STREAM.queue));
  const granularities = sizes.map((clusters) => granularity(context, clusters, projection, images));
  context.opEnded();
  /** Of the present epoch, one list a granularity; empty while there are none. */
  let assignments: Int32Array[] = [];
  return guarded(op, {
    name: 'pcl',
    wants: { views: 2, crops: 0, labels: false },
    ...tensorsOf({
      query,
      key,
      queue,
      ...Object.fromEntries(granularities.map((own, m) => [`granularity${m}`, own])),
    }),
    async prepare({ step, epochSteps, totalSteps }, overAll) {
      const warmup = Math.ceil((given.warmup * totalSteps) / epochSteps) * epochSteps;
      if (step < warmup) {
        assignments = [];
        return;
      }
      if (step % epochSteps !== 0) {
        // Resumed within an epoch: its E-step is in the checkpoint.
        const saved = await Promise.all(granularities.map((own) => own.assignments.data()));
        assignments = saved.map((list) => Int32Array.from(list));
        return;
      }
      const features = overAll((plain) => key.embed(plain));
      const found: Int32Array[] = [];
      for (const [m, own] of granularities.entries()) {
        const { clusters } = own;
        const result = await eStep(features, { clusters, iterations, restarts, seed: seed + m, temperature, alpha });
        copyInto(context, own.centroids, result.centroids, 0);
        own.concentrations.write(result.concentrations);
        own.assignments.write(Float32Array.from(result.assignments));
        result.centroids.dispose();
        found.push(result.assignments);
      }
      context.opEnded();
      features.dispose();
      assignments = found;
    },
    loss: (batch, place) => {
      checkLabels(op, 'indices', batch.indices, batch.indices.length, images);
      const [asked, kept] = viewsOf(batch, 2);
      if (!place.part) key.update(place);
      const keys = key.forward(kept);
      const q = query.forward(asked, true);
      const instance = infoNCE(q, keys, { temperature, queue: queue.rows });
      queue.enqueue(keys);
      return assignments.reduce((total, list, m) => {
        const { centroids, concentrations } = granularities[m];
        const own = { centroids, concentrations, assignments: Int32Array.from(batch.indices, (i) => list[i]) };
        return add(total, mul(protoNCE(q, own, { convention }), 1 / assignments.length));
      }, instance);
    },
    embed: (plain) => context.noGrad(() => query.encoder.forward(plain, false)),
  });
}

function granularity(context: Context, clusters: number, features: number, images: number): Granularity {
  return context.unscoped(() => {
    const centroids = context.full([clusters, features], 0);
    const concentrations = context.full([clusters], 1);
    const assignments = context.full([images], 0);
    return {
      clusters,
      centroids,
      concentrations,
      assignments,
      parameters: {},
      buffers: { centroids, concentrations, assignments },
    };
  });
}
