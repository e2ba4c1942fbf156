import type { Tensor } from '../core/tensor.ts';
import type { Layer } from '../nn/layer.ts';
import { concat } from '../ops/concat.ts';
import { slice } from '../ops/slice.ts';
import type { Batch } from './method.ts';

/**
 * Multi-crop: the encoder runs once for each size of view, so that its batch norm sees one size at a time; the head runs
 * once on all, as in SwAV's code.
 * @param count views in `batch.views`
 * @returns one [N, D] for each view, then for each crop
 */
export function multiCrop(encoder: Layer, head: Layer, { views, crops }: Batch, count: number): Tensor[] {
  const n = views.shape[0] / count;
  const features = [views, ...(crops ? [crops] : [])].map((group) => encoder.forward(group, true));
  const z = head.forward(features.length > 1 ? concat(features) : features[0], true);
  return Array.from({ length: z.shape[0] / n }, (_, v) => slice(z, v * n, (v + 1) * n));
}
