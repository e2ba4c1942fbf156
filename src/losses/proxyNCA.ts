import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Labels } from '../ops/labels.ts';
import { marginSoftmax, onCosine } from '../sweeps/marginSoftmax.ts';

export interface ProxyNCAOptions {
  /** What squared distances are multiplied by, above 0. Default 1; a larger one looks at the nearest proxies. */
  scale?: number;
}

/**
 * Proxy NCA (Movshovitz-Attias et al. 2017, arXiv 1703.07464), as the pytorch-metric-learning library has it: the own proxy
 * stays in the denominator.
 *
 * L = mean_i [ log sum_c exp(-scale |u_i - w_c|^2) + scale |u_i - w_y(i)|^2 ] over unit rows u and unit proxies w.
 * @param z [N, D] or [..., D] raw embeddings (normalised inside)
 * @param proxies [C, D], a row a class, normalised inside
 * @param labels N integers in [0, C): an Int32Array, or a tensor of i32 or u32
 * @returns one number; gradients flow to z and the proxies
 */
export function proxyNCA(z: Tensor, proxies: Tensor, labels: Labels, options?: ProxyNCAOptions): Tensor {
  const op = 'proxyNCA';
  const { scale } = check.options(op, options, { scale: 1 });
  check.logits(op, 'scale', check.positive(op, 'scale', scale));
  return marginSoftmax(op, z, { proxies }, labels, 2 * scale, onCosine(0)); // |u - w|^2 = 2 - 2 u.w
}
