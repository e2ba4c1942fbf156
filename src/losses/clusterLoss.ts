import * as check from '../core/checkTensor.ts';
import { Tensor } from '../core/tensor.ts';
import { add } from '../ops/arithmetic.ts';
import { withMatrices } from '../ops/reshape.ts';
import { softmaxColumns } from '../ops/softmaxColumns.ts';
import { balance } from '../sweeps/clusters.ts';
import { pairContrast } from '../sweeps/pairs/contrast.ts';

export interface ClusterLossOptions {
  /**
   * A number above 0, or a live one-element Tensor (which then gets a gradient). Default 1, the paper's;
   * a larger one pushes all clusters apart alike.
   */
  temperature?: number | Tensor;
}

/**
 * The cluster loss of Contrastive Clustering (Li et al. 2021, arXiv 2009.09687).
 *
 * L = NT-Xent over the 2K unit columns of both views' softmax assignments, cluster k of one view the positive of cluster k
 * of the other, + (log K - H(p0)) + (log K - H(p1)), p_v the mean assignment of view v. A dead cluster is finite.
 * @param logits0 [N, K] or [..., K] raw cluster logits of the first view (softmax inside)
 * @param logits1 [N, K] or [..., K] raw cluster logits of the second view
 * @returns one number; gradients flow to logits0, logits1 and a live temperature
 */
export function clusterLoss(logits0: Tensor, logits1: Tensor, options?: ClusterLossOptions): Tensor {
  const op = 'clusterLoss';
  const context = check.contextOf(op, { logits0, logits1 });
  check.rows(op, 'logits0', logits0);
  check.sameShape(op, 'logits0', logits0, 'logits1', logits1);
  const given = check.options(op, options, { temperature: 1 as number | Tensor });
  const temperature = check.temperature(op, given.temperature);
  if (temperature instanceof Tensor) check.contextOf(op, { logits0, temperature });
  return context.scope(() => contrastClusters(op, { logits0, logits1 }, temperature));
}

/** The loss itself, in the name of `op` and by its names for both views. */
export function contrastClusters(
  op: string,
  views: Readonly<Record<string, Tensor>>,
  temperature: number | Tensor,
): Tensor {
  const [[name, first]] = Object.entries(views);
  const { context } = first;
  check.bindableInput(op, context, name, first);
  const core = (...logits: readonly Tensor[]): Tensor => {
    const [soft0, soft1] = logits.map((matrix) => softmaxColumns(context, op, matrix));
    const contrast = pairContrast(op, { soft0, soft1 }, temperature, { factor: 1 });
    return add(contrast, add(balance(context, op, soft0), balance(context, op, soft1)));
  };
  return withMatrices(Object.values(views), core);
}
