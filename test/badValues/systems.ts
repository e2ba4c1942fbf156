import { concat, type Tensor } from '../../src/index.ts';
import * as methods from '../../src/methods/index.ts';
import * as nn from '../../src/nn/index.ts';
import * as optim from '../../src/optim/index.ts';
import {
  but,
  divisor,
  engine,
  flag,
  fn,
  fraction,
  fromZero,
  integer,
  integers,
  type Kind,
  labels,
  loose,
  matrix,
  object,
  optional,
  options,
  positive,
  random,
  record,
  seed,
  share,
  tensor,
  word,
} from './kinds.ts';
import { inference, layer, layerOf, places, reduction, sizes, width } from './nn.ts';
import { type Signatures, takes } from './signatures.ts';
import type { World } from './world.ts';

const parameters = record(
  ({ leaf }) => ({ weight: leaf([2, 3]) }),
  ({ leaf, tensor, disposed, foreign, integers }) => ({
    'the same tensor twice': { weight: leaf([2, 3]), again: leaf([2, 3]) },
    'no gradient wanted': { weight: tensor([2, 3]) },
    'the result of an op': { weight: concat([leaf([2, 3])]) },
    'a number': { weight: 3 },
    null: { weight: null },
    'a disposed one': { weight: disposed },
    'one of another engine': { weight: leaf([2, 3]), other: foreign },
    integers: { weight: integers },
    'in a Map': new Map([['weight', leaf([2, 3])]]),
    'in a class instance': new (class Model {
      weight = leaf([2, 3]);
    })(),
  }),
  'empty',
);
const rate = fromZero(0.1, 1e9);
const sgd = ({ leaf, once }: World) =>
  once('sgd', () => optim.sgd({ weight: leaf([2, 3]) }, { learningRate: 0.1, momentum: 0.9 }));

export const OPTIM: Signatures = {
  adamW: takes({
    parameters,
    options: options({
      learningRate: rate,
      beta1: fraction(0.9),
      beta2: fraction(0.99),
      epsilon: positive(1e-8),
      weightDecay: rate,
    }),
  }),
  lars: takes({
    parameters,
    options: options(
      {
        learningRate: rate,
        momentum: fraction(0.9),
        weightDecay: rate,
        trust: rate,
        rate: word('outside', 'inside'),
      },
      'learningRate',
    ),
  }),
  sgd: takes({
    parameters,
    options: options(
      {
        learningRate: rate,
        momentum: fraction(0),
        weightDecay: rate,
        nesterov: { ...flag, good: () => false, accepts: (value) => value === false },
      },
      'learningRate',
    ),
  }),
  cosineSchedule: takes({
    options: options(
      {
        peak: fromZero(1),
        warmupSteps: { ...fromZero(2, 9), says: ['warm-up'] },
        totalSteps: positive(10),
        final: fromZero(0),
      },
      'peak',
      'warmupSteps',
      'totalSteps',
    ),
  }),
  momentumSchedule: takes({
    options: options({ start: share(0.9), totalSteps: positive(10) }, 'start', 'totalSteps'),
  }),
};

const network = {
  ...sizes,
  seed,
  hidden: width(4),
  projection: width(4),
  encoder: optional(fn(() => () => ({}))),
};
const method = (more: Record<string, Kind>, ...needed: string[]) =>
  takes({ engine, options: options({ ...network, ...more }, 'channels', 'size', ...needed) });
const { hidden: _, projection: __, ...plainNetwork } = network;
const keys = { temperature: divisor(0.2), momentum: share(0.9), queue: integer(8, 1, 2 ** 24) };
const TINY = { channels: 1, size: 8, width: 2, features: 4, hidden: 4, projection: 4 };
const features = matrix(6, 3);

const simCLR = ({ engine, once }: World) => once('simCLR', () => methods.simCLR(engine, TINY));
const place = loose(
  object(
    { step: integer(0, 0, Number.MAX_SAFE_INTEGER), epochSteps: positive(2), totalSteps: positive(4) },
    'step',
    'epochSteps',
    'totalSteps',
  ),
);
const batch = loose(
  object(
    {
      views: tensor([4, 1, 8, 8], [3, 1, 8, 8], [4, 8, 8]),
      indices: labels(2, 2 ** 31),
      labels: optional(labels(2, 2 ** 31)),
    },
    'views',
    'indices',
  ),
);
const images = tensor([2, 1, 8, 8], [2, 8, 8]);
const average = (world: World) =>
  world.once('moving average', () =>
    methods.movingAverage(world.engine, layer(world), layerOf('average')(world), { momentum: 0.9, schedule: 'cosine' }),
  );

const aLayer: Kind = { good: layer, accepts: () => false };

export const METHODS: Signatures = {
  kMeans: takes({
    x: features,
    options: options(
      {
        clusters: integer(2, 1, 6),
        iterations: integer(3, 1, 10_000),
        restarts: integer(1, 1, 1000),
        seed,
        start: optional(matrix(2, 3, [3, 3], [2, 4])),
      },
      'clusters',
    ),
  }),
  ba2m: takes({
    engine,
    options: options(
      {
        ...plainNetwork,
        classes: width(3),
        module: flag,
        after: places,
        reduction,
        rescale: word('none', 'N'),
        inference,
      },
      'channels',
      'size',
    ),
  }),
  barlowTwins: method({ lambda: fromZero(0.01, 1e29) }),
  byol: method({ momentum: share(0.9), variance: fromZero(0, 1e29) }),
  contrastiveClustering: method({
    clusters: integer(3, 2, 2 ** 20),
    instanceTemperature: divisor(0.5),
    clusterTemperature: divisor(1),
  }),
  eStep: takes(
    {
      features,
      options: options(
        {
          clusters: integer(2, 1, 6),
          iterations: integer(3, 1, 10_000),
          restarts: integer(1, 1, 1000),
          seed,
          temperature: divisor(0.2),
          alpha: fromZero(10),
        },
        'clusters',
        'iterations',
        'restarts',
        'seed',
        'temperature',
        'alpha',
      ),
    },
    { heavy: true },
  ),
  trainStep: takes(
    {
      engine,
      method: { good: simCLR, accepts: () => false },
      optimizer: { good: sgd, accepts: () => false },
      parts: {
        good: () => [() => ({})],
        accepts: () => false,
        bad: () => ({ 'a batch': [{}], 'with a hole': Object.assign([], { length: 1 }) }),
      },
      place,
      options: options({ learningRate: optional(rate), cached: flag }),
    },
    { heavy: true, made: true },
  ),
  moCo: method({ version: { good: () => 2, accepts: (value) => [1, 2, 3].includes(value as number) }, ...keys }),
  movingAverage: takes({
    engine,
    online: aLayer,
    average: but({ ...aLayer, good: layerOf('average') }, (world) => ({
      'the online layer': layer(world),
      'a layer of other sizes': nn.linear(world.engine, world.random, 3, 5),
    })),
    options: options(
      { momentum: share(0.9), schedule: word('constant', 'cosine'), start: word('copy', 'own') },
      'momentum',
    ),
  }),
  optimizerOf: takes({
    method: { good: simCLR, accepts: () => false },
    make: fn(() => (own: nn.NamedTensors) => optim.sgd(own, { learningRate: 0.1 })),
  }),
  pcl: method(
    {
      images: integer(8, 2, 2 ** 24),
      clusters: optional(integers([2, 3], 2, 8)),
      ...keys,
      warmup: share(0.1),
      iterations: integer(3, 1, 10_000),
      restarts: integer(1, 1, 1000),
      alpha: fromZero(10),
      convention: word('paper', 'official'),
    },
    'images',
  ),
  prototypeLayer: takes({ engine, random, count: width(3), features: width(4) }),
  fifoQueue: takes({ engine, length: integer(4, 1, 2 ** 24), features: width(3), random: optional(random) }),
  simCLR: method({ temperature: divisor(0.2), head: flag }),
  simSiam: method({ bottleneck: optional(width(3)), predictorRate: word('constant', 'scheduled') }),
  supCon: method({ temperature: divisor(0.1), form: word('out', 'in') }),
  swav: method({
    prototypes: width(3),
    temperature: divisor(0.1),
    epsilon: divisor(0.05),
    crops: integer(0, 0, 16),
    queue: integer(4, 0, 2 ** 24),
    queueStart: share(0.1),
    freeze: share(0.1),
  }),
  vicReg: method(Object.fromEntries(['invariance', 'variance', 'covariance'].map((name) => [name, fromZero(1, 1e29)]))),
};

/** What the exports make, and its arguments. */
export const MADE: Signatures = {
  'Random.below': takes(
    { bound: integer(3, 1, 2 ** 32) },
    { op: 'below', call: (_, [bound]) => nn.createRandom(1).below(bound as number) },
  ),
  'Optimizer.step': takes(
    { learningRate: optional(rate) },
    { op: 'sgd', call: (world, [learningRate]) => sgd(world).step(learningRate as number) },
  ),
  'Optimizer.learningRate': takes(
    { learningRate: rate },
    {
      op: 'sgd',
      call: (world, [learningRate]) => {
        sgd(world).learningRate = learningRate as number;
      },
    },
  ),
  'Optimizer.load': takes(
    {
      state: record(
        ({ tensor }) => ({ 'weight.velocity': tensor([2, 3]) }),
        ({ tensor, disposed }) => ({
          'of another shape': { 'weight.velocity': tensor([3, 2]) },
          'a number': { 'weight.velocity': 3 },
          'a disposed one': { 'weight.velocity': disposed },
        }),
        'lacks',
        'weight.velocity',
      ),
      steps: integer(3, 0, Number.MAX_SAFE_INTEGER),
    },
    {
      op: 'sgd',
      call: (world, [state, steps]) => sgd(world).load(state as never, steps as number),
    },
  ),
  'the function of cosineSchedule': takes(
    { step: fromZero(3) },
    {
      op: 'cosineSchedule',
      call: (_, [step]) => optim.cosineSchedule({ peak: 1, warmupSteps: 1, totalSteps: 4 })(step as number),
    },
  ),
  'the function of momentumSchedule': takes(
    { step: fromZero(3) },
    {
      op: 'momentumSchedule',
      call: (_, [step]) => optim.momentumSchedule({ start: 0.9, totalSteps: 4 })(step as number),
    },
  ),
  'Layer.forward': takes(
    { x: matrix(2, 3, [2, 4]), training: flag },
    {
      op: 'any',
      call: (world, [x, training]) => {
        const { engine, random, once } = world;
        const net = once('net', () =>
          nn.sequential({ one: nn.linear(engine, random, 3, 2), two: nn.normalization(engine, 2) }),
        );
        return net.forward(x as Tensor, training as boolean);
      },
    },
  ),
  ...Object.fromEntries(
    Object.entries({ flatten: nn.flatten, globalPool: nn.globalPool, rectifier: nn.rectifier }).map(([name, make]) => [
      `${name}().forward`,
      takes({ x: tensor([2, 4, 3, 3]) }, { op: 'any', call: (_, [x]) => make().forward(x as Tensor, true) }),
    ]),
  ),
  'Method.loss': takes(
    { batch, place },
    { op: 'simCLR', call: (world, [given, at]) => simCLR(world).loss(given as methods.Batch, at as methods.Place) },
  ),
  'Method.embed': takes({ images }, { op: 'simCLR', call: (world, [given]) => simCLR(world).embed(given as Tensor) }),
  'Method.afterStep': takes(
    { place },
    {
      op: 'byol',
      call: ({ engine, once }, [at]) => once('byol', () => methods.byol(engine, TINY)).afterStep?.(at as methods.Place),
    },
  ),
  'MovingAverage.update': takes(
    { place },
    { op: 'movingAverage', call: (world, [at]) => average(world).update(at as methods.Place), heavy: true },
  ),
  'Queue.enqueue': takes(
    { rows: matrix(2, 3, [2, 4], [9, 3]) },
    {
      op: 'fifoQueue',
      call: ({ engine, once }, [rows]) => once('queue', () => methods.fifoQueue(engine, 8, 3)).enqueue(rows as Tensor),
    },
  ),
};
