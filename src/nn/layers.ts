import type { Engine } from '../core/engine.ts';
import type { Random } from '../core/random.ts';
import { batchNorm } from '../ops/batchNorm.ts';
import { conv2d } from '../ops/conv2d.ts';
import { matmul } from '../ops/matmul.ts';
import { reshape } from '../ops/reshape.ts';
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

/** y = x W^T without bias (a batch norm follows). Weight [outFeatures, inFeatures]. */
export function linear(engine: Engine, random: Random, inFeatures: number, outFeatures: number): Layer {
  const weight = heNormal(engine, random, [outFeatures, inFeatures], inFeatures);
  return { parameters: { weight }, buffers: {}, forward: (x) => matmul(x, weight, { transposeB: true }) };
}

/** Batch norm over all but the channels, with `relu` in the same pass where wanted. */
export function normalization(engine: Engine, channels: number, { relu = false } = {}): Layer {
  const constant = (value: number, requiresGrad: boolean) =>
    engine.tensor(new Float32Array(channels).fill(value), [channels], { requiresGrad });
  const weight = constant(1, true);
  const bias = constant(0, true);
  const runningMean = constant(0, false);
  const runningVariance = constant(1, false);
  const state = { weight, bias, runningMean, runningVariance };
  return {
    parameters: { weight, bias },
    buffers: { runningMean, runningVariance },
    forward: (x, training) => batchNorm(x, state, { training, relu }),
  };
}

/** [N, C, H, W] -> [N, C H W]. */
export function flatten(): Layer {
  return stateless((x) => reshape(x, [x.shape[0], x.size / x.shape[0]]));
}
