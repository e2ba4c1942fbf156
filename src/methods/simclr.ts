import type { Engine } from '../core/engine.ts';
import { createRandom } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import { ntXent } from '../losses/ntXent.ts';
import { convEncoder, projectionHead } from '../nn/networks.ts';
import { slice } from '../ops/slice.ts';
import type { Method } from './method.ts';

export interface SimCLROptions {
  /** Channels of the images. */
  readonly channels: number;
  /** Height and width of the images. */
  readonly size: number;
  /** Chooses the initial weights. */
  readonly seed: number;
  /** Channels of the encoder's first convolution. Default 16. */
  readonly width?: number;
  /** Length of the embedding. Default 256. */
  readonly features?: number;
  /** Width of the projection head. Default 256. */
  readonly hidden?: number;
  /** Length of the projection that the loss sees. Default 64. */
  readonly projection?: number;
  /** Default 0.15. */
  readonly temperature?: number;
}

/**
 * SimCLR (Chen et al. 2020, arXiv 2002.05709): encoder, projection head, NT-Xent between two augmented views. Both views
 * go through the network in one pass, so that batch norm sees all 2N images and cannot tell the pairs apart.
 */
export function simCLR(engine: Engine, options: SimCLROptions): Method {
  const { channels, size, seed, width = 16, features = 256, hidden = 256, projection = 64 } = options;
  const { temperature = 0.15 } = options;
  const random = createRandom(seed, 1);
  const encoder = convEncoder(engine, random, { channels, size, width, features });
  const head = projectionHead(engine, random, features, hidden, projection);
  const prefixed = (prefix: string, tensors: Record<string, Tensor>) =>
    Object.entries(tensors).map(([name, tensor]) => [`${prefix}.${name}`, tensor]);
  const join = (key: 'parameters' | 'buffers') =>
    Object.fromEntries([...prefixed('encoder', encoder[key]), ...prefixed('head', head[key])]);
  return {
    name: 'simclr',
    parameters: join('parameters'),
    buffers: join('buffers'),
    loss: (views) => {
      const z = head.forward(encoder.forward(views, true), true);
      const n = views.shape[0] / 2;
      return ntXent(slice(z, 0, n), slice(z, n, 2 * n), { temperature });
    },
    embed: (images) => engine.noGrad(() => encoder.forward(images, false)),
  };
}
