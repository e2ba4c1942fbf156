import type { Engine } from '../core/engine.ts';
import type { Random } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import { add } from '../ops/arithmetic.ts';
import { batchNorm } from '../ops/batchNorm.ts';
import { conv2d } from '../ops/conv2d.ts';
import { matmul } from '../ops/matmul.ts';
import { reshape } from '../ops/reshape.ts';
import { mean } from '../ops/sum.ts';
import { relu } from '../ops/unary.ts';
import { heNormal, type Layer, stateless } from './layer.ts';

/** A square convolution without bias (a batch norm follows). Weight [outChannels, inChannels, size, size]. */
export function convolution(
  engine: Engine,
  random: Random,
  inChannels: number,
  outChannels: number,
  { size = 3, stride = 1, padding = 1 } = {},
): Layer {
  const weight = heNormal(engine, random, [outChannels, inChannels, size, size], inChannels * size * size);
  return { parameters: { weight }, buffers: {}, forward: (x) => conv2d(x, weight, { stride, padding }) };
}

/**
 * y = x W^T, and + b where `bias` asks for it (of no use before a batch norm). Weight [outFeatures, inFeatures], bias
 * [outFeatures], from 0.
 */
export function linear(
  engine: Engine,
  random: Random,
  inFeatures: number,
  outFeatures: number,
  options: { bias?: boolean } = {},
): Layer {
  const weight = heNormal(engine, random, [outFeatures, inFeatures], inFeatures);
  const product = (x: Tensor): Tensor => matmul(x, weight, { transposeB: true });
  if (!options.bias) return { parameters: { weight }, buffers: {}, forward: product };
  const bias = engine.tensor(new Float32Array(outFeatures), [outFeatures], { requiresGrad: true });
  return { parameters: { weight, bias }, buffers: {}, forward: (x) => add(product(x), bias) };
}

/**
 * Batch norm over all but the channels, with `relu` in the same pass where wanted; scale and shift stay 1 and 0 without
 * `affine`.
 */
export function normalization(engine: Engine, channels: number, { relu = false, affine = true } = {}): Layer {
  const constant = (value: number, requiresGrad: boolean) =>
    engine.tensor(new Float32Array(channels).fill(value), [channels], { requiresGrad });
  const weight = constant(1, affine);
  const bias = constant(0, affine);
  const runningMean = constant(0, false);
  const runningVariance = constant(1, false);
  const state = { weight, bias, runningMean, runningVariance };
  return {
    parameters: affine ? { weight, bias } : {},
    buffers: { runningMean, runningVariance, ...(affine ? {} : { weight, bias }) },
    forward: (x, training) => batchNorm(x, state, { training, relu }),
  };
}

/** [N, C, H, W] -> [N, C H W]. */
export function flatten(): Layer {
  return stateless((x) => reshape(x, [x.shape[0], x.size / x.shape[0]]));
}

/** max(x, 0), where no batch norm could do it. */
export function rectifier(): Layer {
  return stateless(relu);
}

/** [N, C, H, W] -> [N, C]: the mean over the positions, whatever the size of the images. */
export function globalPool(): Layer {
  return stateless((x) => {
    const [images, channels] = x.shape;
    const positions = x.size / (images * channels);
    return reshape(mean(reshape(x, [images * channels, positions]), 1), [images, channels]);
  });
}
