import * as data from '../../src/data/index.ts';
import type { Tensor } from '../../src/index.ts';
import {
  flag,
  fn,
  fromZero,
  integer,
  type Kind,
  loose,
  object,
  optional,
  options,
  perhaps,
  positive,
  record,
  shape,
  tensor,
  text,
  word,
} from './kinds.ts';
import { type Signatures, takes } from './signatures.ts';
import type { World } from './world.ts';

const storage = 128 | 4 | 8;
const buffer: Kind = {
  good: ({ engine }) => {
    const key = Symbol.for('gramian.test.buffer');
    const kept = engine as unknown as Record<symbol, GPUBuffer>;
    kept[key] ??= engine.device.createBuffer({ size: 1024, usage: storage });
    return kept[key];
  },
  accepts: () => false,
};
const callback = fn(() => () => {});
const list: Kind = {
  good: () => [() => {}],
  accepts: (value) => Array.isArray(value) && value.length === 0,
  bad: () => ({ 'with a hole': Object.assign([], { length: 2 }), 'with null': [null] }),
};
const numbers: Kind = {
  says: ['shape'],
  good: () => [1, 2, 3, 4],
  accepts: (value) =>
    value instanceof Int32Array ||
    value instanceof Float32Array ||
    (Array.isArray(value) && value.length === 1 && value[0] === 1),
  bad: () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    return {
      'with a text': [1, '2'],
      'with a hole': Object.assign([1], { length: 4 }),
      'with 1e300': [1, 1e300],
      'with -1e39': [-1e39],
      'with null': [null],
      'with true': [true],
      'with a bigint': [1n],
      'with a Symbol': [Symbol('bad')],
      ragged: [[1, 2], [3]],
      'within itself': cycle,
      'of five levels': [[[[[1]]]]],
      'a Float64Array': new Float64Array(4),
      'a BigInt64Array': new BigInt64Array(4),
      'a DataView': new DataView(new ArrayBuffer(4)),
      empty: new Float32Array(0),
    };
  },
};

const range: Kind = {
  good: buffer.good,
  accepts: () => false,
  bad: (world) => ({
    'an offset of a text': { buffer: buffer.good(world), offset: '256' },
    'an offset of NaN': { buffer: buffer.good(world), offset: Number.NaN },
    'a negative offset': { buffer: buffer.good(world), offset: -256 },
    'an offset of null': { buffer: buffer.good(world), offset: null },
  }),
};

const on =
  (name: string) =>
  ({ engine }: World, args: readonly unknown[]): unknown =>
    (engine as unknown as Record<string, (...args: readonly unknown[]) => unknown>)[name](...args);
const engineTakes = (name: string, args: Record<string, Kind>, heavy = false) => takes(args, { call: on(name), heavy });

/** The public methods of an engine. */
export const ENGINE: Signatures = {
  tensor: engineTakes('tensor', {
    data: numbers,
    shape: optional(shape([2, 2])),
    options: options({ requiresGrad: flag }),
  }),
  fromBuffer: engineTakes('fromBuffer', {
    buffer,
    shape: shape([2, 2], true),
    options: options({
      offset: { good: () => 256, accepts: (value) => value === 0 },
      size: { good: () => 64, accepts: () => false },
      dtype: word('f32', 'f16', 'i32', 'u32'),
      rowStride: { good: () => 3, accepts: (value) => value === 2 },
      requiresGrad: flag,
    }),
  }),
  scope: engineTakes('scope', { fn: callback }),
  noGrad: engineTakes('noGrad', { fn: callback }),
  prepare: engineTakes('prepare', { list }),
  tune: engineTakes(
    'tune',
    {
      list,
      options: options({ budget: positive(1), margin: fromZero(0.1), clock: callback, onMeasured: callback }),
    },
    true,
  ),
  explain: engineTakes('explain', { fn: { ...callback, says: ['list'] } }),
  plan: engineTakes(
    'plan',
    {
      inputs: perhaps(
        record(
          () => ({ x: [2, 2] }),
          () => ({
            'a number': { x: 4 },
            null: { x: null },
            'a shape with a hole': { x: Object.assign([], { length: 2 }) },
            'a Promise': { x: Promise.resolve([2, 2]) },
            "'false' for requiresGrad": { x: { shape: [2, 2], requiresGrad: 'false' } },
            'an unknown key': { x: { shape: [2, 2], requireGrad: true } },
            'no shape': { x: {} },
          }),
          'x',
          'option',
          'requiresGrad',
        ),
      ),
      build: fn(() => () => ({})),
    },
    true,
  ),
  recorded: engineTakes('recorded', { fn: callback }),
  ...Object.fromEntries(['memory', 'resetPeakMemory', 'choices', 'sync'].map((name) => [name, engineTakes(name, {})])),
  destroy: engineTakes('destroy', {}, true),
};

const withTensor =
  (name: string) =>
  (world: World, args: readonly unknown[]): unknown => {
    const own = world.engine.tensor([1, 2, 3, 4]);
    try {
      return (own as unknown as Record<string, (...args: readonly unknown[]) => unknown>)[name](...args);
    } finally {
      own.dispose();
    }
  };

/** The public methods of a tensor. */
export const TENSOR: Signatures = {
  write: takes(
    {
      data: {
        ...numbers,
        accepts: () => false,
        bad: (world) => ({
          ...numbers.bad?.(world),
          'too few': [1, 2],
          'another shape': [
            [1, 2],
            [3, 4],
          ],
          integers: Int32Array.of(1, 2, 3, 4),
        }),
      },
    },
    { call: withTensor('write') },
  ),
  ...Object.fromEntries(
    ['data', 'item', 'backward', 'zeroGrad', 'detach', 'dispose'].map((name) => [
      name,
      takes({}, { call: withTensor(name), heavy: true }),
    ]),
  ),
};

/** Of a plan, and of what `sharpDecoder` makes. */
export const MADE_TOO: Signatures = {
  encode: takes(
    {
      target: { good: ({ engine }) => engine.device.createCommandEncoder(), accepts: () => false },
      buffers: loose(object({ x: range }, 'x')),
    },
    {
      heavy: true,
      call: ({ engine }, [target, buffers]) => {
        const plan = engine.plan({ x: [2, 2] }, () => ({}));
        try {
          plan.encode(target as GPUCommandEncoder, buffers as never);
        } finally {
          plan.dispose();
        }
      },
    },
  ),
  'a recorded function': takes(
    {
      inputs: {
        ...tensor([2, 2]),
        accepts: (value, { tensor, integers }) => value === integers || value === tensor([7, 5]),
      },
    },
    {
      op: 'recorded',
      heavy: true,
      call: ({ engine }, args) => engine.recorded((x) => x.detach())(...(args as [Tensor])),
    },
  ),
  'the function of sharpDecoder': takes(
    {
      file: text('x.png'),
      size: integer(8, 1, 4096),
      channels: { good: () => 3, accepts: (value) => value === 1 || value === 3 },
    },
    {
      op: 'sharpDecoder',
      heavy: true,
      call: (_, [path, size, channels]) =>
        data.sharpDecoder({ default: () => ({}) as never })(path as string, size as number, channels as 3),
    },
  ),
};
