import type { Tensor } from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import {
  engine,
  flag,
  fn,
  integer,
  integers,
  type Kind,
  number,
  object,
  optional,
  options,
  perhaps,
  positive,
  random,
  record,
  seed,
  shape,
  word,
} from './kinds.ts';
import { type Signatures, takes } from './signatures.ts';
import type { World } from './world.ts';

export const width = (good: number): Kind => integer(good, 1, 2 ** 20);
export const policies = { rescale: word('none', 'N'), pool: word('max-then-mean', 'pool-then-max') };
export const reduction = number(2, { low: 1, high: 2 ** 20 });
export const inference = word('running', 'batch', 'uniform');

export const layerOf = (name: string) => (world: World) =>
  world.once(name, () => nn.linear(world.engine, world.random, 3, 2));
export const layer = layerOf('layer');
const layers = record(
  (world) => ({ first: layer(world) }),
  (world) => ({
    'a layer that is none': { first: {} },
    'a layer that is null': { first: layer(world), second: null },
    'a function for a layer': { first: () => {} },
    'a Promise of a layer': { first: Promise.resolve(layer(world)) },
  }),
);

/** Convolutions by their numbers: none, too. */
export const places: Kind = {
  ...integers([3], 1, 3),
  accepts: (value, world) => (Array.isArray(value) && value.length === 0) || integers([3], 1, 3).accepts(value, world),
};

/** The sizes that encoders are built from. */
export const sizes = {
  channels: integer(1, 1, 1024),
  size: integer(8, 1, 4096),
  width: integer(2, 1, 4096),
  features: width(4),
  pool: word('flatten', 'mean'),
};

export const NN: Signatures = {
  createRandom: takes({ seed, stream: optional(seed) }),
  batchAttentionLayer: takes({
    engine,
    random,
    channels: width(4),
    options: options({ reduction, ...policies, inference }),
  }),
  batchAttentionParameters: takes({
    engine,
    channels: width(4),
    options: options({ reduction, seed }),
  }),
  heNormal: takes({ engine, random, shape: shape([2, 3], true), fanIn: positive(3) }),
  sequential: takes({ layers: perhaps(layers) }),
  stateless: takes({ forward: fn(() => (x: Tensor) => x) }),
  convolution: takes({
    engine,
    random,
    inChannels: width(2),
    outChannels: width(3),
    options: options({ size: integer(3, 1, 1024), stride: integer(1, 1, 1024), padding: integer(1, 0, 1024) }),
  }),
  flatten: takes({}),
  globalPool: takes({}),
  rectifier: takes({}),
  linear: takes({
    engine,
    random,
    inFeatures: integer(3, 1, 2 ** 31),
    outFeatures: width(2),
    options: options({ bias: flag }),
  }),
  normalization: takes({ engine, channels: width(3), options: options({ relu: flag, affine: flag }) }),
  convEncoder: takes({
    engine,
    random,
    options: options(
      {
        ...sizes,
        depth: integer(2, 1, 8),
        attention: optional(object({ after: { ...places, good: () => [1] }, reduction, ...policies, inference })),
      },
      'channels',
      'size',
    ),
  }),
  perceptron: takes({
    engine,
    random,
    widths: integers([3, 4, 2], 1, 2 ** 20),
    options: options({ norm: flag, last: word('none', 'affine', 'plain'), bias: optional(flag) }),
  }),
  projectionHead: takes({ engine, random, features: width(3), hidden: width(4), out: width(2) }),
};
