import type { Engine } from '../core/engine.ts';
import type { Random } from '../core/random.ts';
import { type Layer, sequential } from './layer.ts';
import { convolution, flatten, linear, normalization } from './layers.ts';

export interface EncoderOptions {
  /** Channels of the images. */
  readonly channels: number;
  /** Height and width of the images. */
  readonly size: number;
  /** Channels after the first convolution; each later one doubles them. Default 16. */
  readonly width?: number;
  /** Convolutions of stride 2. Default 3. */
  readonly depth?: number;
  /** Length of the embedding. Default 256. */
  readonly features?: number;
}

/**
 * A small convolutional encoder: stride-2 3x3 convolutions, then one linear layer, each with batch norm and ReLU. On
 * images this small a linear layer serves k-NN better than an average over the positions, which forgets where a stroke is.
 */
export function convEncoder(engine: Engine, random: Random, options: EncoderOptions): Layer {
  const { channels, size, width = 16, depth = 3, features = 256 } = options;
  const layers: Record<string, Layer> = {};
  let from = channels;
  let edge = size;
  for (let i = 0; i < depth; i++) {
    const to = width * 2 ** i;
    layers[`conv${i + 1}`] = convolution(engine, random, from, to, { stride: 2 });
    layers[`norm${i + 1}`] = normalization(engine, to, { relu: true });
    from = to;
    edge = Math.ceil(edge / 2);
  }
  layers.flatten = flatten();
  layers.linear = linear(engine, random, from * edge * edge, features);
  layers.norm = normalization(engine, features, { relu: true });
  return sequential(layers);
}

/** SimCLR's projection head: two linear layers with batch norm. Used for the loss only, then dropped. */
export function projectionHead(engine: Engine, random: Random, features: number, hidden: number, out: number): Layer {
  return sequential({
    linear1: linear(engine, random, features, hidden),
    norm1: normalization(engine, hidden, { relu: true }),
    linear2: linear(engine, random, hidden, out),
    norm2: normalization(engine, out),
  });
}
