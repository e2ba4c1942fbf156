import type { Engine } from '../core/engine.ts';
import { createRandom, type Random } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import { type BatchAttentionOptions, type BatchAttentionParameters, batchAttention } from '../ops/batchAttention.ts';
import type { BatchNormState } from '../ops/batchNorm.ts';
import { heNormal, type Layer, type NamedTensors } from './layer.ts';
import { normalization } from './layers.ts';

/**
 * Fresh parameters of `batchAttention` for that many channels, reduced to channels / reduction (at least 1) inside.
 * @param options.reduction default 16
 * @param options.seed of the initial weights; default 0
 */
export function batchAttentionParameters(
  engine: Engine,
  channels: number,
  { reduction = 16, seed = 0 }: { reduction?: number; seed?: number } = {},
): BatchAttentionParameters {
  return parametersFrom(engine, createRandom(seed), channels, reduction);
}

function parametersFrom(engine: Engine, random: Random, channels: number, reduction: number): BatchAttentionParameters {
  const reduced = Math.max(1, Math.floor(channels / reduction));
  const norm = (): BatchNormState => {
    const { parameters, buffers } = normalization(engine, channels);
    const { weight, bias } = parameters;
    return { weight, bias, runningMean: buffers.runningMean, runningVariance: buffers.runningVariance };
  };
  const weights = (out: number, from: number, size?: number) =>
    heNormal(engine, random, size ? [out, from, size, size] : [out, from], from * (size ?? 1) ** 2);
  return {
    channel: { reduce: weights(reduced, channels), expand: weights(channels, reduced), norm: norm() },
    local: {
      reduce: weights(reduced, channels, 1),
      mix: weights(reduced, reduced, 3),
      expand: weights(channels, reduced, 1),
      norm: norm(),
    },
    global: {
      query: weights(reduced, channels, 1),
      key: weights(reduced, channels, 1),
      value: weights(channels, channels, 1),
    },
    runningLevel: engine.tensor([0]),
    runningCount: engine.tensor([1]),
  };
}

/** Batch attention as a layer, to stand behind the last batch norm of a block; evaluation treats each sample by itself. */
export function batchAttentionLayer(
  engine: Engine,
  random: Random,
  channels: number,
  { reduction = 16, ...options }: BatchAttentionOptions = {},
): Layer {
  const own = parametersFrom(engine, random, channels, reduction);
  const { inference = 'running', ...rest } = options;
  const parameters: NamedTensors = {};
  const buffers: NamedTensors = { runningLevel: own.runningLevel, runningCount: own.runningCount };
  for (const branch of ['channel', 'local', 'global'] as const)
    for (const [name, value] of Object.entries(own[branch])) {
      if (name !== 'norm') parameters[`${branch}.${name}`] = value as Tensor;
      else
        for (const [key, tensor] of Object.entries(value as BatchNormState))
          (key.startsWith('running') ? buffers : parameters)[`${branch}.norm.${key}`] = tensor;
    }
  return {
    parameters,
    buffers,
    forward: (x, training) => batchAttention(x, own, training ? rest : { ...rest, inference }),
  };
}
