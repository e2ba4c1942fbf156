// Ops whose sums are long, for tools/accuracy.ts: values of one sign, rows by the hundred thousand, numbers up to 1e8.
import type { Random } from '../src/core/random.ts';
import {
  batchNorm,
  type Engine,
  logSumExp,
  matmul,
  mean,
  reshape,
  similarity,
  sum,
  type Tensor,
} from '../src/index.ts';

export interface LongSums {
  readonly name: string;
  /** Errors of the op and of naive f32, relative to the largest number of the result. */
  readonly draw: (engine: Engine, random: Random) => Promise<{ where: string; error: number; naive: number }>;
}

/** How numbers are rounded: not at all, or to f32. */
type Rounding = (x: number) => number;

interface Case {
  readonly name: string;
  readonly shapes: (random: Random) => number[][];
  readonly values: (random: Random) => () => number;
  readonly run: (...tensors: Tensor[]) => Tensor;
  readonly reference: (inputs: readonly Float32Array[], shapes: readonly number[][], round: Rounding) => Float64Array;
}

const upTo = (random: Random, most: number, power = 1): number => 1 + Math.floor(most * random.uniform() ** power);
/** Around a mean that is large against what they differ by. */
const oneSigned = (random: Random): (() => number) => {
  const middle = 0.05 + random.uniform();
  const spread = middle * random.uniform() ** 3;
  return () => middle + spread * (random.uniform() - 0.5);
};

function product(
  [a, b]: readonly Float32Array[],
  [[m, k], [, n]]: readonly number[][],
  round: Rounding,
  term: (x: number, y: number) => number,
): Float64Array {
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++)
      for (let t = 0; t < k; t++) out[i * n + j] = round(out[i * n + j] + round(term(a[i * k + t], b[t * n + j])));
  return out;
}

const CASES: readonly Case[] = [
  {
    name: 'matmul',
    shapes: (random) => {
      const k = upTo(random, 130_000, 2);
      return [
        [upTo(random, 4), k],
        [k, upTo(random, 5)],
      ];
    },
    values: oneSigned,
    run: (a, b) => matmul(a, b),
    reference: (inputs, shapes, round) => product(inputs, shapes, round, (x, y) => x * y),
  },
  {
    name: 'squared distances of long rows',
    shapes: (random) => {
      const k = upTo(random, 60_000, 2);
      return [
        [upTo(random, 4), k],
        [k, 1],
      ];
    },
    values: oneSigned,
    run: (a, b) => similarity(a, reshape(b, [1, b.shape[0]]), { metric: 'sqeuclidean' }),
    reference: (inputs, shapes, round) => product(inputs, shapes, round, (x, y) => round(x - y) ** 2),
  },
  ...([0, 1, undefined] as const).map(
    (axis): Case => ({
      name: `sum and mean, ${axis === undefined ? 'of everything' : `axis ${axis}`}`,
      shapes: (random) => {
        const shape = [upTo(random, 130_000), upTo(random, 6)];
        return [axis === 1 ? shape.reverse() : shape];
      },
      values: oneSigned,
      run: (x) => (axis === 0 ? mean(x, axis) : sum(x, axis)),
      reference: ([x], [[rows, columns]], round) => {
        const out = new Float64Array(axis === undefined ? 1 : axis === 0 ? columns : rows);
        x.forEach((v, t) => {
          const to = axis === undefined ? 0 : axis === 0 ? t % columns : Math.floor(t / columns);
          out[to] = round(out[to] + v);
        });
        return axis === 0 ? out.map((v) => round(v / rows)) : out;
      },
    }),
  ),
  {
    name: 'logSumExp',
    shapes: (random) => [[upTo(random, 40), upTo(random, 3000, 3)]],
    values: (random) => {
      const [size, middle] = [
        10 ** (4 * random.uniform() - 2),
        10 ** (8 * random.uniform()) * (random.uniform() - 0.5),
      ];
      return () => middle + size * random.gaussian();
    },
    run: (x) => logSumExp(x, 1),
    reference: ([x], [[rows, columns]], round) =>
      Float64Array.from({ length: rows }, (_, i) => {
        const own = x.subarray(i * columns, (i + 1) * columns);
        const top = own.reduce((a, b) => Math.max(a, b));
        let total = 0;
        for (const v of own) total = round(total + round(Math.exp(round(v - top))));
        return round(top + round(Math.log(total)));
      }),
  },
  {
    name: 'gradient of logSumExp',
    shapes: (random) => [[upTo(random, 40), 1 + upTo(random, 3000, 3)]],
    values: (random) => {
      const [size, middle] = [
        10 ** (4 * random.uniform() - 2),
        10 ** (8 * random.uniform()) * (random.uniform() - 0.5),
      ];
      return () => middle + size * random.gaussian();
    },
    run: gradientOf((x) => sum(logSumExp(x, 1))),
    reference: ([x], [[rows, columns]], round) => {
      const out = new Float64Array(x.length);
      for (let i = 0; i < rows; i++) {
        const own = x.subarray(i * columns, (i + 1) * columns);
        const top = own.reduce((a, b) => Math.max(a, b));
        let total = 0;
        for (const v of own) total = round(total + round(Math.exp(round(v - top))));
        own.forEach((v, t) => {
          out[i * columns + t] = round(round(Math.exp(round(v - top))) / total);
        });
      }
      return out;
    },
  },
  {
    name: 'batchNorm',
    shapes: (random) => [[2 + upTo(random, 130_000), upTo(random, 6)]],
    values: (random) => {
      const [size, middle] = [10 ** (2 * random.uniform() - 1), 3 * random.gaussian()];
      return () => middle + size * random.gaussian();
    },
    run: (x) => {
      const of = (value: number): Tensor => x.engine.tensor(new Float32Array(x.shape[1]).fill(value));
      return batchNorm(x, { weight: of(1), bias: of(0), runningMean: of(0), runningVariance: of(1) });
    },
    reference: ([x], [[rows, columns]], round) => {
      const out = new Float64Array(x.length);
      for (let k = 0; k < columns; k++) {
        let [level, spread] = [0, 0];
        for (let i = 0; i < rows; i++) level = round(level + x[i * columns + k]);
        level = round(level / rows);
        for (let i = 0; i < rows; i++) spread = round(spread + round(round(x[i * columns + k] - level) ** 2));
        const deviation = round(Math.sqrt(round(round(spread / rows) + 1e-5)));
        for (let i = 0; i < rows; i++) out[i * columns + k] = round(round(x[i * columns + k] - level) / deviation);
      }
      return out;
    },
  },
];

function gradientOf(f: (x: Tensor) => Tensor) {
  return (x: Tensor): Tensor => {
    f(x).backward();
    return x.grad as Tensor;
  };
}

const apart = (a: ArrayLike<number>, b: Float64Array): number => {
  let [worst, largest] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    const off = Math.abs(a[i] - b[i]);
    worst = Number.isFinite(off) ? Math.max(worst, off) : Number.POSITIVE_INFINITY;
    largest = Math.max(largest, Math.abs(b[i]));
  }
  return worst / (largest || 1);
};

export const LONG_SUMS: readonly LongSums[] = CASES.map(({ name, shapes: shapesOf, values, run, reference }) => ({
  name,
  draw: async (engine, random) => {
    const shapes = shapesOf(random);
    const inputs = shapes.map((shape) => {
      const next = values(random);
      return Float32Array.from({ length: shape.reduce((a, b) => a * b) }, next);
    });
    const wanted = reference(inputs, shapes, (x) => x);
    const naive = apart(reference(inputs, shapes, Math.fround), wanted);
    const tensors = inputs.map((data, i) => engine.tensor(data, shapes[i], { requiresGrad: true }));
    const out = run(...tensors);
    const error = apart(await out.data(), wanted);
    for (const tensor of [out, ...tensors]) tensor.dispose();
    return { where: shapes.map((shape) => `[${shape.join(', ')}]`).join(' '), error, naive };
  },
}));
