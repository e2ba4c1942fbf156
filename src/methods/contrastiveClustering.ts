import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { createRandom } from '../core/random.ts';
import { contrastiveClustering as loss } from '../losses/contrastiveClustering.ts';
import { perceptron } from '../nn/networks.ts';
import { slice } from '../ops/slice.ts';
import { checkNetwork, encoderOf, guarded } from './guard.ts';
import type { Method, NetworkOptions, TwoStep } from './method.ts';
import { NETWORK, STREAM, tensorsOf } from './parts.ts';

export interface ContrastiveClusteringMethodOptions extends NetworkOptions {
  /** Clusters to find. Default 10. */
  readonly clusters?: number;
  /** Default 0.5; see `contrastiveClustering`. */
  readonly instanceTemperature?: number;
  /** Default 1; see `contrastiveClustering`. */
  readonly clusterTemperature?: number;
}

/**
 * Contrastive Clustering (Li et al. 2021, arXiv 2009.09687): an instance head and a cluster head on one encoder, both without
 * batch norm; rows are contrasted between samples, columns between clusters, and entropy keeps the clusters filled. An
 * image's cluster is the largest of its `scores`.
 */
export function contrastiveClustering(context: Context, options: ContrastiveClusteringMethodOptions): Method {
  const given = check.options('contrastiveClustering', options, {
    ...NETWORK,
    clusters: 10,
    instanceTemperature: 0.5,
    clusterTemperature: 1,
  });
  checkNetwork('contrastiveClustering', context, given);
  const { features, hidden, projection, instanceTemperature, clusterTemperature } = given;
  check.integer('contrastiveClustering', 'clusters', given.clusters, 2, 2 ** 20);
  check.bindable('contrastiveClustering', context, [given.clusters, hidden], 'lower clusters or hidden');
  check.divisor('contrastiveClustering', 'instanceTemperature', instanceTemperature);
  check.divisor('contrastiveClustering', 'clusterTemperature', clusterTemperature);
  const random = createRandom(given.seed, STREAM.online);
  const encoder = encoderOf('contrastiveClustering', context, random, given);
  const instanceHead = perceptron(context, random, [features, hidden, projection], { norm: false });
  const clusterHead = perceptron(context, random, [features, hidden, given.clusters], { norm: false });
  const twoStep: TwoStep = {
    project: ({ views }) => {
      const h = encoder.forward(views, true);
      const n = views.shape[0] / 2;
      const heads = [instanceHead.forward(h, true), clusterHead.forward(h, true)];
      return heads.flatMap((z) => [slice(z, 0, n), slice(z, n, 2 * n)]);
    },
    contrast: ([z0, z1, c0, c1]) =>
      loss({ instances: [z0, z1], clusters: [c0, c1] }, { instanceTemperature, clusterTemperature }),
  };
  return guarded('contrastiveClustering', {
    name: 'cc',
    wants: { views: 2, crops: 0, labels: false },
    ...tensorsOf({ encoder, instanceHead, clusterHead }),
    twoStep,
    loss: (batch) => twoStep.contrast(twoStep.project(batch)),
    embed: (images) => context.noGrad(() => encoder.forward(images, false)),
    scoresOf: 'clusters',
    scores: (images) => context.noGrad(() => clusterHead.forward(encoder.forward(images, false), false)),
  });
}
