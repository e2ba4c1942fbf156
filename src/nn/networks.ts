import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import type { Random } from '../core/random.ts';
import type { BatchAttentionOptions } from '../ops/batchAttention.ts';
import { attentionOptions, batchAttentionLayer } from './batchAttention.ts';
import { type Layer, sequential } from './layer.ts';
import { convolution, flatten, globalPool, linear, MOST_FEATURES, normalization, rectifier } from './layers.ts';

export interface EncoderOptions {
  /** Channels of the images. */
  readonly channels: number;
  /** Height and width of the images. */
  readonly size: number;
  /** Channels after the first convolution; each later one doubles them. Default 16; more cost their square. */
  readonly width?: number;
  /** Convolutions of stride 2. Default 3. */
  readonly depth?: number;
  /** Length of the embedding. Default 256; a longer one says more, and costs more in every loss. */
  readonly features?: number;
  /** `'flatten'` (default): the linear layer sees every position. `'mean'`: their mean, so that images of any size pass. */
  readonly pool?: 'flatten' | 'mean';
  /** Batch attention (BA2M) behind the batch norm of these convolutions, counted from 1; default none. */
  readonly attention?: { readonly after: readonly number[] } & BatchAttentionOptions;
}

/**
 * A small convolutional encoder: stride-2 3x3 convolutions, then one linear layer, each with batch norm and ReLU. On
 * images this small a linear layer serves k-NN better than an average over the positions, which forgets where a stroke is.
 */
export function convEncoder(context: Context, random: Random, options: EncoderOptions): Layer {
  const given = checkEncoder('convEncoder', options);
  const { channels, size, width, depth, features, pool, attention } = given;
  const { after, ...ofAttention } = attention;
  check.context('convEncoder', context);
  check.random('convEncoder', random);
  const layers: Record<string, Layer> = {};
  let from = channels;
  let edge = size;
  for (let i = 0; i < depth; i++) {
    const to = width * 2 ** i;
    layers[`conv${i + 1}`] = convolution(context, random, from, to, { stride: 2 });
    const attends = after.includes(i + 1);
    layers[`norm${i + 1}`] = normalization(context, to, { relu: !attends });
    if (attends) {
      layers[`attention${i + 1}`] = batchAttentionLayer(context, random, to, ofAttention);
      layers[`relu${i + 1}`] = rectifier();
    }
    from = to;
    edge = Math.ceil(edge / 2);
  }
  const pooled = pool === 'mean';
  layers[pool] = pooled ? globalPool() : flatten();
  layers.linear = linear(context, random, pooled ? from : from * edge * edge, features);
  layers.norm = normalization(context, features, { relu: true });
  return sequential(layers);
}

const ENCODER = {
  channels: check.REQUIRED as number,
  size: check.REQUIRED as number,
  width: 16,
  depth: 3,
  features: 256,
};

/** `options` with what they leave out. */
function checkEncoder(op: string, options: EncoderOptions) {
  const given = check.options(op, options, {
    ...ENCODER,
    pool: 'flatten' as NonNullable<EncoderOptions['pool']>,
    attention: { after: [] } as NonNullable<EncoderOptions['attention']>,
  });
  checkSizes(op, given);
  check.integer(op, 'depth', given.depth, 1, MOST_DEPTH);
  const { after, ...rest } = check.plain(op, 'attention', given.attention);
  for (const [i, place] of (after === undefined ? [] : check.places(op, 'attention.after', after)).entries())
    check.integer(op, `attention.after[${i}]`, place, 1, given.depth);
  const attention = attentionOptions(op, rest, 'attention');
  return { ...given, attention: { after: (after ?? []) as readonly number[], ...attention } };
}

const MOST_DEPTH = 8;

/** The sizes of an encoder for images, wherever they are asked for: in a range that a step could be made with. */
export function checkSizes(
  op: string,
  {
    channels,
    size,
    width,
    features,
    pool,
  }: Record<'channels' | 'size' | 'width' | 'features', unknown> & { pool: unknown },
): void {
  check.integer(op, 'channels', channels, 1, 1024);
  check.integer(op, 'size', size, 1, 4096);
  check.integer(op, 'width', width, 1, 4096);
  check.integer(op, 'features', features, 1, MOST_FEATURES);
  check.oneOf(op, 'pool', pool, ['flatten', 'mean']);
}

export interface PerceptronOptions {
  /** Batch norm behind every linear layer but the last; default true. */
  readonly norm?: boolean;
  /** Behind the last: none (default), a batch norm, or one without scale and shift. */
  readonly last?: 'none' | 'affine' | 'plain';
  /** A bias in the last linear layer; default: where nothing normalises, hidden layers included. */
  readonly bias?: boolean;
}

/**
 * Linear layers with ReLU between them, from `widths[0]` features to the last of `widths`: projection heads, predictors,
 * cluster heads. Used for the loss only, then dropped.
 */
export function perceptron(
  context: Context,
  random: Random,
  widths: readonly number[],
  options?: PerceptronOptions,
): Layer {
  const op = 'perceptron';
  check.context(op, context);
  check.random(op, random);
  if (check.integers(op, 'widths', widths, 1, MOST_FEATURES).length < 2)
    check.fail(op, `widths has ${widths.length} number, expected at least 2: what comes in, and what goes out.`);
  const given = check.options(op, options, {
    norm: true,
    last: 'none' as NonNullable<PerceptronOptions['last']>,
    bias: undefined as boolean | undefined,
  });
  const { norm, last } = given;
  const bias = given.bias === undefined ? !norm : check.flag(op, 'bias', given.bias);
  check.oneOf(op, 'last', last, ['none', 'affine', 'plain']);
  const layers: Record<string, Layer> = {};
  const count = widths.length - 1;
  for (let i = 1; i <= count; i++) {
    const final = i === count;
    layers[`linear${i}`] = linear(context, random, widths[i - 1], widths[i], { bias: final ? bias : !norm });
    if (!final && norm) layers[`norm${i}`] = normalization(context, widths[i], { relu: true });
    if (!final && !norm) layers[`relu${i}`] = rectifier();
    if (final && last !== 'none') layers[`norm${i}`] = normalization(context, widths[i], { affine: last === 'affine' });
  }
  return sequential(layers);
}

/** SimCLR's projection head: two linear layers with batch norm. */
export function projectionHead(context: Context, random: Random, features: number, hidden: number, out: number): Layer {
  for (const [name, width] of Object.entries({ features, hidden, out }))
    check.integer('projectionHead', name, width, 1, MOST_FEATURES);
  check.context('projectionHead', context);
  check.random('projectionHead', random);
  return perceptron(context, random, [features, hidden, out], { last: 'affine' });
}
