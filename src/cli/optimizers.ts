import type { NamedTensors } from '../nn/layer.ts';
import { adamW } from '../optim/adamW.ts';
import { lars } from '../optim/lars.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { sgd } from '../optim/sgd.ts';
import type { OptimizerName } from './optimizerNames.ts';

type Settings = { learningRate: number; weightDecay: number };

/** By their name on the command line. */
export const OPTIMIZERS = {
  adamW,
  sgd: (parameters: NamedTensors, settings: Settings) => sgd(parameters, { ...settings, momentum: 0.9 }),
  lars,
  'lars-inside': (parameters: NamedTensors, settings: Settings) => lars(parameters, { ...settings, rate: 'inside' }),
} satisfies Record<OptimizerName, (parameters: NamedTensors, settings: Settings) => Optimizer>;
