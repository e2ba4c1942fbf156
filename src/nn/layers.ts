import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import type { Random } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import { add } from '../ops/arithmetic.ts';
import { batchNorm } from '../ops/batchNorm.ts';
import { conv2d } from '../ops/conv2d.ts';
import { matmul } from '../ops/matmul.ts';
import { reshape } from '../ops/reshape.ts';
import { mean } from '../ops/sum.ts';
import { relu } from '../ops/unary.ts';
import { type Layer, stateless, weightOf } from './layer.ts';

/** Features or channels of a layer. */
export const MOST_FEATURES = 2 ** 20;

/** A square convolution without bias (a batch norm follows). Weight [outChannels, inChannels, size, size]. */
export function convolution(
  context: Context,
  random: Random,
  inChannels: number,
  outChannels: number,
  options?: { size?: number; stride?: number; padding?: number },
): Layer {
  const op = 'convolution';
  check.integer(op, 'inChannels', inChannels, 1, MOST_FEATURES);
  check.integer(op, 'outChannels', outChannels, 1, MOST_FEATURES);
  const { size, stride, padding } = check.options(op, options, { size: 3, stride: 1, padding: 1 });
  check.integer(op, 'size', size, 1, 1024);
  check.integer(op, 'stride', stride, 1, 1024);
  check.integer(op, 'padding', padding, 0, 1024);
  const weight = weightOf(op, context, random, [outChannels, inChannels, size, size], inChannels * size * size);
  return { parameters: { weight }, buffers: {}, forward: (x) => conv2d(x, weight, { stride, padding }) };
}

/**
 * y = x W^T, and + b where `bias` asks for it (of no use before a batch norm). Weight [outFeatures, inFeatures], bias
 * [outFeatures], from 0.
 */
export function linear(
  context: Context,
  random: Random,
  inFeatures: number,
  outFeatures: number,
  options?: { bias?: boolean },
): Layer {
  const op = 'linear';
  check.integer(op, 'inFeatures', inFeatures, 1, 2 ** 31);
  check.integer(op, 'outFeatures', outFeatures, 1, MOST_FEATURES);
  const { bias: biased } = check.options(op, options, { bias: false });
  const weight = weightOf(op, context, random, [outFeatures, inFeatures], inFeatures);
  const product = (x: Tensor): Tensor => matmul(x, weight, { transposeB: true });
  if (!biased) return { parameters: { weight }, buffers: {}, forward: product };
  const bias = context.tensor(new Float32Array(outFeatures), [outFeatures], { requiresGrad: true });
  return { parameters: { weight, bias }, buffers: {}, forward: (x) => add(product(x), bias) };
}

/**
 * Batch norm over all but the channels, with `relu` in the same pass where wanted; scale and shift stay 1 and 0 without
 * `affine`.
 */
export function normalization(
  context: Context,
  channels: number,
  options?: { relu?: boolean; affine?: boolean },
): Layer {
  const op = 'normalization';
  check.context(op, context);
  check.integer(op, 'channels', channels, 1, MOST_FEATURES);
  const { relu, affine } = check.options(op, options, { relu: false, affine: true });
  const constant = (value: number, requiresGrad: boolean) =>
    context.tensor(new Float32Array(channels).fill(value), [channels], { requiresGrad });
  const weight = constant(1, affine);
  const bias = constant(0, affine);
  const runningMean = constant(0, false);
  const runningVariance = constant(1, false);
  const state = { weight, bias, runningMean, runningVariance };
  return {
    parameters: affine ? { weight, bias } : {},
    buffers: { runningMean, runningVariance, ...(affine ? {} : { weight, bias }) },
    forward: (x, training) => batchNorm(x, state, { training: check.flag(op, 'training', training), relu }),
  };
}

/** [N, C, H, W] -> [N, C H W]. */
export function flatten(): Layer {
  return stateless((x) => {
    check.contextOf('flatten', { x });
    return reshape(x, [x.shape[0], x.size / x.shape[0]]);
  });
}

/** max(x, 0), where no batch norm could do it. */
export function rectifier(): Layer {
  return stateless(relu);
}

/** [N, C, H, W] -> [N, C]: the mean over the positions, whatever the size of the images. */
export function globalPool(): Layer {
  return stateless((x) => {
    check.contextOf('globalPool', { x });
    if (x.shape.length !== 4) check.fail('globalPool', `x is [${x.shape.join(', ')}], expected [N, C, H, W].`);
    const [images, channels] = x.shape;
    const positions = x.size / (images * channels);
    return reshape(mean(reshape(x, [images * channels, positions]), 1), [images, channels]);
  });
}
