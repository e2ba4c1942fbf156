import * as check from '../core/checkTensor.ts';
import { Tensor } from '../core/tensor.ts';
import { add } from '../ops/arithmetic.ts';
import { withMatrices } from '../ops/reshape.ts';
import { pairContrast } from '../sweeps/pairs/contrast.ts';
import { contrastClusters } from './clusterLoss.ts';

export interface ContrastiveClusteringOptions {
  /** Of the NT-Xent over rows: a number above 0, or a live one-element Tensor. Default 0.5, the paper's; see `ntXent`. */
  instanceTemperature?: number | Tensor;
  /** Of the NT-Xent over columns: a number above 0, or a live one-element Tensor. Default 1, the paper's; see `clusterLoss`. */
  clusterTemperature?: number | Tensor;
}

/** Both heads' outputs, a pair of views each. */
export interface ContrastiveClusteringInputs {
  /** [N, D] or [..., D] raw embeddings of the instance head (normalised inside) */
  instances: readonly [Tensor, Tensor];
  /** [N, K] or [..., K] raw logits of the cluster head (softmax inside) */
  clusters: readonly [Tensor, Tensor];
}

/**
 * Contrastive Clustering (Li et al. 2021, arXiv 2009.09687): `ntXent` of the instances + `clusterLoss` of the clusters.
 * @returns one number; gradients flow to all four inputs and to live temperatures
 */
export function contrastiveClustering(
  inputs: ContrastiveClusteringInputs,
  options?: ContrastiveClusteringOptions,
): Tensor {
  const op = 'contrastiveClustering';
  const nothing: Partial<ContrastiveClusteringInputs> = { instances: undefined, clusters: undefined };
  const { instances, clusters } = check.options(op, inputs, nothing, 'inputs');
  const [z0, z1] = pair(op, 'instances', instances);
  const [logits0, logits1] = pair(op, 'clusters', clusters);
  const context = check.contextOf(op, {
    'instances[0]': z0,
    'instances[1]': z1,
    'clusters[0]': logits0,
    'clusters[1]': logits1,
  });
  for (const [name, [first, second]] of Object.entries({ instances: [z0, z1], clusters: [logits0, logits1] })) {
    check.rows(op, `${name}[0]`, first);
    check.sameShape(op, `${name}[0]`, first, `${name}[1]`, second);
  }
  const given = check.options(op, options, {
    instanceTemperature: 0.5 as number | Tensor,
    clusterTemperature: 1 as number | Tensor,
  });
  const temperature = (name: keyof typeof given): number | Tensor => {
    const value = check.temperature(op, given[name], name);
    if (value instanceof Tensor) check.contextOf(op, { 'instances[0]': z0, [name]: value });
    return value;
  };
  const [ofInstances, ofClusters] = [temperature('instanceTemperature'), temperature('clusterTemperature')];
  return context.scope(() =>
    add(
      withMatrices([z0, z1], (a, b) =>
        pairContrast(op, { 'instances[0]': a, 'instances[1]': b }, ofInstances, { factor: 1 }),
      ),
      contrastClusters(op, { 'clusters[0]': logits0, 'clusters[1]': logits1 }, ofClusters),
    ),
  );
}

function pair(op: string, name: string, views: readonly [Tensor, Tensor] | undefined): readonly [Tensor, Tensor] {
  if (!Array.isArray(views) || views.length !== 2)
    check.fail(op, `${check.came(name, views, 'is')}, expected the two views as [Tensor, Tensor].`);
  check.tensors(op, name, views);
  return views as readonly [Tensor, Tensor];
}
