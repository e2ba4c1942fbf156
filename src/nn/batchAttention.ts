import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { createRandom, type Random } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import {
  type BatchAttentionOptions,
  type BatchAttentionParameters,
  batchAttention,
  checkPolicies,
} from '../ops/batchAttention.ts';
import type { BatchNormState } from '../ops/batchNorm.ts';
import { type Layer, type NamedTensors, weightOf } from './layer.ts';
import { MOST_FEATURES, normalization } from './layers.ts';

/**
 * Fresh parameters of `batchAttention` for that many channels, reduced to channels / reduction (at least 1) inside.
 * @param options.reduction default 16
 * @param options.seed of the initial weights; default 0
 */
export function batchAttentionParameters(
  context: Context,
  channels: number,
  options?: { reduction?: number; seed?: number },
): BatchAttentionParameters {
  const op = 'batchAttentionParameters';
  const { reduction, seed } = check.options(op, options, { reduction: 16, seed: 0 });
  check.safeInteger(op, 'seed', seed);
  return parametersFrom(op, context, createRandom(seed), channels, reduction);
}

function parametersFrom(
  op: string,
  context: Context,
  random: Random,
  channels: number,
  reduction: number,
): BatchAttentionParameters {
  check.context(op, context);
  check.random(op, random);
  check.integer(op, 'channels', channels, 1, MOST_FEATURES);
  check.within(op, 'reduction', reduction, 1, MOST_FEATURES);
  const reduced = Math.max(1, Math.floor(channels / reduction));
  const norm = (): BatchNormState => {
    const { parameters, buffers } = normalization(context, channels);
    const { weight, bias } = parameters;
    return { weight, bias, runningMean: buffers.runningMean, runningVariance: buffers.runningVariance };
  };
  const weights = (out: number, from: number, size?: number) =>
    weightOf(op, context, random, size ? [out, from, size, size] : [out, from], from * (size ?? 1) ** 2);
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
    runningLevel: context.tensor([0]),
    runningCount: context.tensor([1]),
  };
}

/** What the layer is given, with what it leaves out. */
export function attentionOptions(op: string, options: unknown, name = 'options'): Required<BatchAttentionOptions> {
  const given = check.options(op, options, ATTENTION, name);
  check.within(op, 'reduction', given.reduction, 1, MOST_FEATURES);
  checkPolicies(op, given);
  return given;
}

const ATTENTION: Required<BatchAttentionOptions> = {
  reduction: 16,
  rescale: 'none',
  pool: 'max-then-mean',
  inference: 'running',
};

/** Batch attention as a layer, to stand behind the last batch norm of a block; evaluation treats each sample by itself. */
export function batchAttentionLayer(
  context: Context,
  random: Random,
  channels: number,
  options?: BatchAttentionOptions,
): Layer {
  const op = 'batchAttentionLayer';
  const { reduction, inference, ...rest } = attentionOptions(op, options);
  const own = parametersFrom(op, context, random, channels, reduction);
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
    forward: (x, training) =>
      batchAttention(x, own, check.flag(op, 'training', training) ? rest : { ...rest, inference }),
  };
}
