import { batchAttention, type Extents } from '../../test/reference/batchAttention.ts';
import * as images from '../../test/reference/images.ts';
import { logSumExp as logSumExpOf } from '../../test/reference/matrix.ts';
import * as reference from '../../test/reference/ops.ts';
import { pairReduction } from '../../test/reference/pairReduction.ts';
import type { Matrix } from '../contender.ts';
import { matmulEntries as someOf } from './exact.ts';
import { type Case, exact, mapped, normal, type Size, some } from './work.ts';

/** Entries of a product that are compared. */
const ENTRIES = 4096;

const f64 = ({ shape, data }: Matrix): reference.Numbers => reference.numbers(shape, data);

/** An op without gradient: its output against a reference of the tests. */
function forward(
  name: string,
  row: Omit<Case, 'name' | 'make' | 'exps'> & {
    exps?: Case['exps'];
    inputs: (size: Size) => Record<string, Matrix>;
    options?: Record<string, number>;
    reference: reference.Reference;
  },
): Case {
  const { inputs, options, reference: of, ...rest } = row;
  return {
    name,
    ...rest,
    make: (size) => {
      const made = inputs(size);
      return {
        inputs: made,
        options,
        reference: () => ({ value: of(Object.values(made).map(f64)).value.data }),
      };
    },
  };
}

const elements = {
  axes: ['n'],
  sizes: [{ n: 2 ** 20 }, { n: 2 ** 23 }],
  quick: { n: 2 ** 16 },
  flops: ({ n }: Size) => n,
  schedule: 'reads its inputs and writes its output once',
};

const BINARY = {
  add: (a: number, b: number) => a + b,
  mul: (a: number, b: number) => a * b,
  sub: (a: number, b: number) => a - b,
  div: (a: number, b: number) => a / b,
};
const positive = (x: number): number => Math.abs(x) + 0.1;

const UNARY: Readonly<Record<string, { f: (x: number) => number; of?: (x: number) => number }>> = {
  exp: { f: Math.exp },
  log: { f: Math.log, of: positive },
  sqrt: { f: Math.sqrt, of: positive },
  square: { f: (x) => x * x },
  neg: { f: (x) => -x },
  relu: { f: (x) => Math.max(x, 0) },
};

const none = (): number => 0; // forward only: no slope is asked for

const ELEMENTWISE: readonly Case[] = [
  ...Object.entries(BINARY).map(([name, f]) =>
    forward(name, {
      ...elements,
      bytes: ({ n }) => 12 * n,
      inputs: ({ n }) => ({ a: normal([n], 1), b: mapped([n], 2, positive) }),
      reference: reference.binary(f, none, none),
    }),
  ),
  ...Object.entries(UNARY).map(([name, { f, of = (x: number) => x }]) =>
    forward(name, {
      ...elements,
      bytes: ({ n }) => 8 * n,
      inputs: ({ n }) => ({ x: mapped([n], 1, of) }),
      reference: reference.unary(f, none),
    }),
  ),
];

const matrices = {
  axes: ['n', 'd'],
  sizes: [
    { n: 1024, d: 1024 },
    { n: 4096, d: 1024 },
  ],
  quick: { n: 256, d: 256 },
};
const x = ({ n, d }: Size) => ({ x: normal([n, d], 1) });

const ROWS: readonly Case[] = [
  forward('transpose', {
    ...matrices,
    flops: () => 0,
    bytes: ({ n, d }) => 8 * n * d,
    schedule: elements.schedule,
    inputs: x,
    reference: reference.transpose,
  }),
  forward('normalize', {
    ...matrices,
    flops: ({ n, d }) => 3 * n * d,
    bytes: ({ n, d }) => 8 * n * d,
    schedule: elements.schedule,
    inputs: x,
    reference: reference.normalize,
  }),
  forward('logSumExp', {
    ...matrices,
    flops: ({ n, d }) => 2 * n * d,
    bytes: ({ n, d }) => 4 * n * (d + 1),
    exps: ({ n, d }) => n * d,
    schedule: elements.schedule,
    inputs: x,
    options: { axis: 1 },
    reference: reference.logSumExp(1),
  }),
  ...(['sum', 'mean'] as const).map((name) =>
    forward(name, {
      ...matrices,
      flops: ({ n, d }) => n * d,
      bytes: ({ n, d }) => 4 * n * (d + 1),
      schedule: elements.schedule,
      inputs: x,
      options: { axis: 1 },
      reference: reference.sum(1, name === 'mean'),
    }),
  ),
  forward('slice', {
    ...matrices,
    multiples: { n: 2 },
    flops: () => 0,
    bytes: ({ n, d }) => 4 * n * d,
    schedule: 'half of the rows, read and written once',
    inputs: x,
    reference: ([z]) => {
      const half = z.shape[0] / 2;
      const value = reference.numbers([half, z.shape[1]], z.data.subarray(0, half * z.shape[1]));
      return { value, backward: () => [] };
    },
  }),
  forward('concat', {
    ...matrices,
    flops: () => 0,
    bytes: ({ n, d }) => 16 * n * d,
    schedule: elements.schedule,
    inputs: ({ n, d }) => ({ a: normal([n, d], 1), b: normal([n, d], 2) }),
    reference: ([a, b]) => ({
      value: reference.numbers([2 * a.shape[0], a.shape[1]], [...a.data, ...b.data]),
      backward: () => [],
    }),
  }),
  {
    name: 'crossEntropy',
    axes: ['n', 'k'],
    sizes: [{ n: 4096, k: 1000 }],
    quick: { n: 256, k: 100 },
    flops: ({ n, k }) => 4 * n * k,
    bytes: ({ n, k }) => 8 * n * k,
    exps: ({ n, k }) => n * k,
    schedule: 'reads the logits and writes their gradient once',
    make: ({ n, k }) => {
      const logits = normal([n, k], 1);
      const labels = Int32Array.from({ length: n }, (_, i) => (i * 37) % k);
      return {
        inputs: { logits },
        differentiated: ['logits'],
        labels,
        reference: () => {
          const d = new Float64Array(n * k);
          let value = 0;
          for (let i = 0; i < n; i++) {
            const row = logits.data.subarray(i * k, (i + 1) * k);
            const lse = logSumExpOf(row);
            value += (lse - row[labels[i]]) / n;
            for (let j = 0; j < k; j++) d[i * k + j] = (Math.exp(row[j] - lse) - Number(j === labels[i])) / n;
          }
          return { value: [value], d_logits: d };
        },
      };
    },
  },
];

const pairs = {
  axes: ['n', 'm', 'd'],
  sizes: [{ n: 1024, m: 1024, d: 128 }],
  quick: { n: 256, m: 256, d: 64 },
  flops: ({ n, m, d }: Size) => 2 * n * m * d,
};
const pair = ({ n, m, d }: Size) => ({ a: normal([n, d], 1), b: normal([m, d], 2) });
const ofPairs = 'each pair once, the matrix not stored';

const PAIRWISE: readonly Case[] = [
  {
    name: 'matmul',
    axes: ['m', 'n', 'k'],
    sizes: [256, 1024, 2048].map((n) => ({ m: n, n, k: n })),
    quick: { m: 256, n: 256, k: 256 },
    flops: ({ m, n, k }) => 2 * m * n * k,
    bytes: ({ m, n, k }) => 4 * (m * k + k * n + m * n),
    schedule: '2 m n k',
    make: ({ m, n, k }) => {
      const inputs = { a: normal([m, k], 1), b: normal([k, n], 2) };
      return {
        inputs,
        reference: () => ({ value: reference.matmul(false, false)([f64(inputs.a), f64(inputs.b)]).value.data }),
        ...(m * n > 2 ** 14 && {
          expected: () => ({ value: someOf(exact(inputs.a), exact(inputs.b), some(ENTRIES, m * n)) }),
        }),
      };
    },
  },
  forward('similarity', {
    ...pairs,
    bytes: ({ n, m, d }) => 4 * (n * d + m * d + n * m),
    schedule: '2 n m d, the matrix written once',
    inputs: pair,
    reference: reference.similarity('cosine', 1),
  }),
  forward('similarityLogSumExp', {
    ...pairs,
    bytes: ({ n, m, d }) => 4 * (n * d + m * d + n),
    exps: ({ n, m }) => n * m,
    schedule: ofPairs,
    inputs: pair,
    options: { scale: 10 },
    reference: reference.similarityLogSumExp('cosine', 10, false),
  }),
  forward('pairReduction', {
    ...pairs,
    bytes: ({ n, m, d }) => 4 * (n * d + m * d + n),
    exps: ({ n, m }) => n * m,
    schedule: ofPairs,
    inputs: pair,
    options: { tau: 0.5 },
    reference: pairReduction({
      metric: 'cosine',
      reduce: 'sum',
      f: (s) => Math.exp(s / 0.5),
      slope: (s) => Math.exp(s / 0.5) / 0.5,
      exclude: false,
    }),
  }),
  forward('nearest', {
    ...pairs,
    bytes: ({ n, m, d }) => 4 * (n * d + m * d + 10 * n),
    schedule: ofPairs,
    inputs: pair,
    options: { neighbours: 10 },
    reference: (inputs) => {
      const { value } = reference.similarity('cosine', 1)(inputs);
      const [n, m] = value.shape;
      const best = Array.from({ length: n }, (_, i) =>
        [...value.data.subarray(i * m, (i + 1) * m)].sort((p, q) => q - p).slice(0, 10),
      );
      return { value: reference.numbers([n, 10], best.flat()), backward: () => [] };
    },
  }),
];

const planes = {
  axes: ['n', 'c', 's'],
  sizes: [{ n: 64, c: 16, s: 32 }],
  quick: { n: 8, c: 8, s: 16 },
};
const image = ({ n, c, s }: Size) => normal([n, c, s, s], 1);
const shapeOf = (z: { shape: readonly number[] }) => z.shape as unknown as readonly [number, number, number, number];
const plain = (data: Float64Array) => ({ value: reference.numbers([data.length], data), backward: () => [] });

const IMAGES: readonly Case[] = [
  forward('conv2d', {
    ...planes,
    flops: ({ n, c, s }) => 2 * n * c * c * 9 * s * s,
    bytes: ({ n, c, s }) => 4 * (2 * n * c * s * s + 9 * c * c),
    schedule: '3 x 3, c channels to c, padding 1: every multiplication once',
    inputs: (size) => ({ x: image(size), weight: mapped([size.c, size.c, 3, 3], 2, (w) => 0.1 * w) }),
    options: { stride: 1, padding: 1 },
    reference: ([z, w]) => plain(images.conv2d(z.data, shapeOf(z), w.data, shapeOf(w), 1, 1).y),
  }),
  forward('batchNorm', {
    ...planes,
    flops: ({ n, c, s }) => 6 * n * c * s * s,
    bytes: ({ n, c, s }) => 12 * n * c * s * s,
    schedule: 'x read twice, y written once',
    inputs: (size) => ({
      x: image(size),
      weight: mapped([size.c], 2, positive),
      bias: normal([size.c], 3),
    }),
    reference: ([z, weight, bias]) => {
      const rest = new Float64Array(z.shape[1]);
      const norm = { weight: weight.data, bias: bias.data, mean: rest, variance: rest };
      return plain(images.batchNorm(z.data, z.shape, norm, { training: true, relu: false }).y);
    },
  }),
  ...(['averagePool2d', 'maxPool2d'] as const).map((name) =>
    forward(name, {
      ...planes,
      multiples: { s: 2 },
      flops: ({ n, c, s }) => n * c * s * s,
      bytes: ({ n, c, s }) => 5 * n * c * s * s,
      schedule: 'windows of 2 x 2: x read once, y written once',
      inputs: (size) => ({ x: image(size) }),
      options: { window: 2 },
      reference: ([z]) => plain(images.pool2d(z.data, shapeOf(z), 2, name === 'maxPool2d').y),
    }),
  ),
  {
    name: 'batchAttention',
    ...planes,
    multiples: { c: 4 },
    quick: { n: 8, c: 8, s: 4 },
    sizes: [{ n: 32, c: 16, s: 8 }],
    flops: ({ n, c, s }) => 2 * n * s * s * (c * c + 2 * c * (c / 4) + (9 * c * c) / 16 + (s * s * 5 * c) / 4),
    bytes: ({ n, c, s }) => 8 * n * c * s * s,
    exps: ({ n, s }) => n * s ** 4,
    schedule: 'forward: the branches at c / 4 channels, attention within each image',
    make: (size) => {
      const { n, c, s } = size;
      const r = c / 4;
      const weights = (shape: number[], seed: number) => mapped(shape, seed, (w) => w / Math.sqrt(c));
      const inputs = {
        x: image(size),
        'channel.reduce': weights([r, c], 2),
        'channel.expand': weights([c, r], 3),
        'local.reduce': weights([r, c, 1, 1], 4),
        'local.mix': weights([r, r, 3, 3], 5),
        'local.expand': weights([c, r, 1, 1], 6),
        'global.query': weights([r, c, 1, 1], 7),
        'global.key': weights([r, c, 1, 1], 8),
        'global.value': weights([c, c, 1, 1], 9),
      };
      return {
        inputs,
        reference: () => {
          const { x: input, ...rest } = inputs;
          const norms = ['channel.norm', 'local.norm'].flatMap((name) => [
            [`${name}.weight`, new Float64Array(c).fill(1)] as const,
            [`${name}.bias`, new Float64Array(c)] as const,
          ]);
          const all = Object.fromEntries([
            ...Object.entries(rest).map(([name, { data }]) => [name, Float64Array.from(data)] as const),
            ...norms,
          ]);
          const extents: Extents = { n, channels: c, height: s, width: s, reduced: r };
          return {
            value: batchAttention(Float64Array.from(input.data), all, extents, {
              rescale: 'none',
              pool: 'max-then-mean',
            }).y,
          };
        },
      };
    },
  },
];

export const OPS: readonly Case[] = [...PAIRWISE, ...ROWS, ...ELEMENTWISE, ...IMAGES];
