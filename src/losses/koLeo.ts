import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { withMatrices } from '../ops/reshape.ts';
import { neighbourDistance } from '../sweeps/neighbourDistance.ts';

/**
 * The KoLeo regulariser (Sablayrolles et al. 2019, arXiv 1806.03198; DINOv2, arXiv 2304.07193): spreads rows over the sphere.
 *
 * L = -(1/N) sum_i log(|u_i - u_nn(i)| + 1e-8) over unit rows u; nn(i) is the other row of the largest cosine.
 * @param z [N, D] or [..., D] raw embeddings (normalised inside), N >= 2
 * @returns one number; gradients flow to both rows of each pair, not through the choice of nn(i). A row with a duplicate
 * counts -log 1e-8 = 18.42 and has no gradient of its own
 */
export function koLeo(z: Tensor): Tensor {
  const op = 'koLeo';
  check.contextOf(op, { z });
  const [rows] = check.rows(op, 'z', z);
  if (rows < 2) check.fail(op, 'z has 1 row, expected at least 2, since each row needs another one.');
  return withMatrices([z], (matrix) => neighbourDistance(op, matrix));
}
