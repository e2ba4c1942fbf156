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
}

/** A small convolutional encoder: stride-2 3x3 convolutions with batch norm and ReLU; its embedding is `features` long. */
export function convEncoder(
  engine: Engine,
  random: Random,
  options: EncoderOptions,
): { layer: Layer; features: number } {
  const { channels, size, width = 16, depth = 3 } = options;
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
  return { layer: sequential(layers), features: from * edge * edge };
}

/** SimCLR's projection head of version 2: three linear layers with batch norm. Used for the loss only, then dropped. */
export function projectionHead(engine: Engine, random: Random, features: number, hidden: number, out: number): Layer {
  return sequential({
    linear1: linear(engine, random, features, hidden),
    norm1: normalization(engine, hidden, { relu: true }),
    linear2: linear(engine, random, hidden, hidden),
    norm2: normalization(engine, hidden, { relu: true }),
    linear3: linear(engine, random, hidden, out),
    norm3: normalization(engine, out),
  });
}
