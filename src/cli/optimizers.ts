import type { NamedTensors } from '../nn/layer.ts';
import { adamW } from '../optim/adamW.ts';
import { lars } from '../optim/lars.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { sgd } from '../optim/sgd.ts';

type Settings = { learningRate: number; weightDecay: number };

/** By their name on the command line. */
export const OPTIMIZERS = {
  adamW,
  sgd: (parameters: NamedTensors, settings: Settings) => sgd(parameters, { ...settings, momentum: 0.9 }),
  lars,
  'lars-inside': (parameters: NamedTensors, settings: Settings) => lars(parameters, { ...settings, rate: 'inside' }),
} satisfies Record<string, (parameters: NamedTensors, settings: Settings) => Optimizer>;

export type OptimizerName = keyof typeof OPTIMIZERS;
