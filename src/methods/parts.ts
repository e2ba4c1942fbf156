import { REQUIRED } from '../core/check.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Layer, NamedTensors } from '../nn/layer.ts';
import { slice } from '../ops/slice.ts';
import type { Batch, NetworkOptions, Place } from './method.ts';

// What methods are put together from.

/** Defaults of `NetworkOptions`; methods with wide heads have others. */
export const NETWORK = {
  channels: REQUIRED as number,
  size: REQUIRED as number,
  seed: 0,
  width: 16,
  features: 256,
  pool: 'flatten' as 'flatten' | 'mean',
  hidden: 256,
  projection: 64,
  encoder: undefined as NetworkOptions['encoder'],
};

/** Streams of one seed. */
export const STREAM = { online: 1, target: 2, queue: 3, prototypes: 4, negatives: 5 } as const;

/** What has tensors of its own: a layer, or a piece of state. */
export type Part = Pick<Layer, 'parameters' | 'buffers'>;

/** The tensors of all parts, named `PART.tensor`. */
export function tensorsOf(parts: Readonly<Record<string, Part>>): Part {
  const join = (key: keyof Part): NamedTensors =>
    Object.fromEntries(
      Object.entries(parts).flatMap(([part, own]) =>
        Object.entries(own[key]).map(([name, tensor]) => [`${part}.${name}`, tensor]),
      ),
    );
  return { parameters: join('parameters'), buffers: join('buffers') };
}

/** The views of a batch, [N, C, H, W] each. */
export function viewsOf({ views }: Batch, count: number): Tensor[] {
  const n = views.shape[0] / count;
  return Array.from({ length: count }, (_, v) => slice(views, v * n, (v + 1) * n));
}

/** How far training has come, in [0, 1]. */
export function progressOf({ step, totalSteps }: Place): number {
  return Math.min(1, step / totalSteps);
}
