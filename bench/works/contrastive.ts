import * as hard from '../../test/reference/losses/hard.ts';
import * as oneSided from '../../test/reference/losses/oneSided.ts';
import type { LossResult } from '../../test/reference/losses/result.ts';
import * as symmetric from '../../test/reference/losses/symmetric.ts';
import * as twoSided from '../../test/reference/losses/twoSided.ts';
import { matrix } from '../../test/reference/matrix.ts';
import type { Matrix } from '../contender.ts';
import * as approach from './exact.ts';
import { type Case, type ExactOutputs, exact, mapped, normal, type Size, secondView, some } from './work.ts';

/** Above this many pairs only some gradient rows are compared. */
const MANY_PAIRS = 2 ** 17;

/** Sizes by rows and length: n1,n2,... x d. */
export function grid(rows: readonly number[], d: number, more: Size = {}): Size[] {
  return rows.map((n) => ({ n, d, ...more }));
}

/** A loss's result under the names of a work. */
export function lossOutputs({ value, gradients }: LossResult, names: readonly string[]): ExactOutputs {
  const named = names.map((name, i) => [`d_${name}`, gradients[i].data] as const);
  return { value: [value], ...Object.fromEntries(named) };
}

const views = ({ n, d }: Size) => {
  const z0 = normal([n / 2, d], 1);
  return { z0, z1: secondView(z0, 2) };
};
/** Two views of n rows, by these names. */
export function pairs<A extends string, B extends string>({ n, d }: Size, a: A, b: B) {
  const first = normal([n, d], 1);
  return { [a]: first, [b]: secondView(first, 2) } as Record<A | B, Matrix>;
}

/** Four tensors of n rows: two views and two gradients. */
const viewBytes = ({ n, d }: Size): number => 4 * 2 * n * d;
const bothBytes = ({ n, d }: Size): number => 4 * 4 * n * d;
/** While 4 n d floats hold the triangle of exponentials it is kept, else evaluated twice. */
export const triangle = ({ n, d }: Size): number => (n <= 8 * d ? 3 : 4) * n * n * d;
export const TRIANGLE =
  '3 n^2 d (each pair once, one product; 4 n^2 d where the triangle does not fit in 4 n d floats)';

const CLASSES = 10;

/** Losses over all pairs of one set of rows: `n` rows of both views together. */
const SYMMETRIC: readonly Case[] = [
  {
    name: 'ntXent',
    axes: ['n', 'd'],
    multiples: { n: 2 },
    sizes: grid([256, 512, 1024, 2048, 4096, 8192], 128),
    quick: { n: 512, d: 128 },
    flops: triangle,
    bytes: viewBytes,
    exps: ({ n }) => (n * n) / 2,
    schedule: TRIANGLE,
    make: (size) => {
      const inputs = views(size);
      const [z0, z1] = [exact(inputs.z0), exact(inputs.z1)];
      const temperature = 0.5;
      const reference = () => lossOutputs(symmetric.ntXent(z0, z1, temperature), ['z0', 'z1']);
      return {
        inputs,
        differentiated: ['z0', 'z1'],
        options: { temperature },
        reference,
        ...(size.n ** 2 > MANY_PAIRS && {
          expected: () => {
            const { value, gradients } = approach.contrast(
              [z0, z1],
              (i) => i % (size.n / 2),
              temperature,
              some(approach.SAMPLED, size.n),
            );
            return { value, d_z0: gradients[0], d_z1: gradients[1] };
          },
        }),
      };
    },
  },
  {
    name: 'supCon',
    axes: ['n', 'd'],
    multiples: { n: 2 },
    sizes: grid([512, 2048], 128),
    quick: { n: 512, d: 128 },
    flops: triangle,
    bytes: viewBytes,
    exps: ({ n }) => (n * n) / 2,
    schedule: TRIANGLE,
    make: (size) => {
      const inputs = views(size);
      const [z0, z1] = [exact(inputs.z0), exact(inputs.z1)];
      const temperature = 0.1;
      const labels = Int32Array.from({ length: size.n / 2 }, (_, i) => (i * 7 + (i >> 3)) % CLASSES);
      return {
        inputs,
        differentiated: ['z0', 'z1'],
        labels,
        options: { temperature },
        reference: () => lossOutputs(symmetric.supCon([z0, z1], [...labels], temperature), ['z0', 'z1']),
        ...(size.n ** 2 > MANY_PAIRS && {
          expected: () => {
            const { value, gradients } = approach.contrast(
              [z0, z1],
              (i) => labels[i % labels.length],
              temperature,
              some(approach.SAMPLED, size.n),
            );
            return { value, d_z0: gradients[0], d_z1: gradients[1] };
          },
        }),
      };
    },
  },
  ...(['dcl', 'hcl'] as const).map(
    (name): Case => ({
      name,
      axes: ['n', 'd'],
      multiples: { n: 2 },
      sizes: grid([512, 1024], 128),
      quick: { n: 256, d: 128 },
      flops: triangle,
      bytes: viewBytes,
      exps: ({ n }) => (n * n) / 2,
      schedule: TRIANGLE,
      make: (size) => {
        const inputs = views(size);
        const [z0, z1] = [exact(inputs.z0), exact(inputs.z1)];
        const [temperature, beta, tauPlus] = name === 'dcl' ? [0.1, 0, 0] : [0.5, 1, 0.1];
        const options: Record<string, number> = name === 'dcl' ? { temperature } : { temperature, beta, tauPlus };
        return {
          inputs,
          differentiated: ['z0', 'z1'],
          options,
          reference: () =>
            lossOutputs(
              name === 'dcl' ? symmetric.dcl(z0, z1, temperature) : hard.hcl(z0, z1, temperature, beta, tauPlus),
              ['z0', 'z1'],
            ),
        };
      },
    }),
  ),
  ...(['uniformity', 'koLeo'] as const).map(
    (name): Case => ({
      name,
      axes: ['n', 'd'],
      sizes: grid([512, 1024], 128),
      quick: { n: 256, d: 128 },
      flops: name === 'uniformity' ? triangle : ({ n, d }) => n * n * d,
      bytes: viewBytes,
      exps: ({ n }) => (name === 'uniformity' ? (n * n) / 2 : 0),
      schedule: name === 'uniformity' ? TRIANGLE : 'n^2 d (each pair once)',
      make: ({ n, d }) => {
        const z = normal([n, d], 1);
        const options: Record<string, number> = name === 'uniformity' ? { t: 2 } : {};
        return {
          inputs: { z },
          differentiated: ['z'],
          options,
          reference: () =>
            lossOutputs(name === 'uniformity' ? symmetric.uniformity(exact(z), 2) : twoSided.koLeo(exact(z)), ['z']),
        };
      },
    }),
  ),
];

/** Losses over all pairs of two sets of n rows. */
const TWO_SIDED: readonly Case[] = [
  {
    name: 'clip',
    axes: ['n', 'd'],
    sizes: grid([256, 1024, 4096], 128),
    quick: { n: 256, d: 128 },
    flops: ({ n, d }) => 8 * n * n * d,
    bytes: bothBytes,
    exps: ({ n }) => 2 * n * n,
    schedule: '8 n^2 d (both directions from one sweep, the pairs evaluated twice)',
    make: (size) => {
      const inputs = pairs(size, 'a', 'b');
      const [a, b] = [exact(inputs.a), exact(inputs.b)];
      const logitScale = 1 / 0.07;
      return {
        inputs,
        differentiated: ['a', 'b'],
        options: { logitScale },
        reference: () => lossOutputs(twoSided.clip(a, b, logitScale), ['a', 'b']),
        ...(size.n ** 2 > MANY_PAIRS && {
          expected: () => approach.clip(a, b, logitScale, some(approach.SAMPLED, size.n)),
        }),
      };
    },
  },
  {
    name: 'sigLip',
    axes: ['n', 'd'],
    sizes: grid([512, 1024], 128),
    quick: { n: 256, d: 128 },
    flops: ({ n, d }) => 6 * n * n * d,
    bytes: bothBytes,
    exps: ({ n }) => n * n,
    schedule: '6 n^2 d (loss and both gradients from one evaluation of each pair)',
    make: (size) => {
      const inputs = pairs(size, 'a', 'b');
      const [logitScale, bias] = [10, -10];
      return {
        inputs,
        differentiated: ['a', 'b'],
        options: { logitScale, bias },
        reference: () => lossOutputs(twoSided.sigLip(exact(inputs.a), exact(inputs.b), logitScale, bias), ['a', 'b']),
      };
    },
  },
];

/** Losses with one live side: one pass gives loss and gradient. */
const ONE_SIDED: readonly Case[] = [
  {
    name: 'infoNCE',
    axes: ['n', 'k', 'd'],
    sizes: [
      { n: 256, k: 16384, d: 128 },
      { n: 256, k: 65536, d: 128 },
    ],
    quick: { n: 64, k: 4096, d: 128 },
    flops: ({ n, k, d }) => 4 * n * k * d,
    bytes: ({ n, k, d }) => 4 * (3 * n * d + k * d),
    exps: ({ n, k }) => n * k,
    schedule: '4 n k d (one pass over the queue)',
    make: ({ n, k, d }) => {
      const inputs = { ...pairs({ n, d }, 'query', 'key'), queue: normal([k, d], 3) };
      const [query, key, queue] = [exact(inputs.query), exact(inputs.key), exact(inputs.queue)];
      const temperature = 0.07;
      return {
        inputs,
        differentiated: ['query'],
        options: { temperature },
        reference: () => lossOutputs(oneSided.infoNCE(query, key, temperature, queue), ['query']),
        expected: () => approach.infoNCE(query, key, queue, temperature, 1, some(approach.SAMPLED, n)),
      };
    },
  },
  {
    name: 'mocoV3',
    axes: ['n', 'd'],
    sizes: grid([512, 2048], 256),
    quick: { n: 256, d: 128 },
    flops: ({ n, d }) => 4 * n * n * d,
    bytes: ({ n, d }) => 4 * 3 * n * d,
    exps: ({ n }) => n * n,
    schedule: '4 n^2 d (one pass over the keys)',
    make: (size) => {
      const inputs = pairs(size, 'query', 'key');
      const [query, key] = [exact(inputs.query), exact(inputs.key)];
      const temperature = 1;
      return {
        inputs,
        differentiated: ['query'],
        options: { temperature },
        reference: () => lossOutputs(oneSided.mocoV3(query, key, temperature), ['query']),
        expected: () =>
          approach.infoNCE(query, key, null, temperature, 2 * temperature, some(approach.SAMPLED, size.n)),
      };
    },
  },
  {
    name: 'protoNCE',
    axes: ['n', 'k', 'd'],
    sizes: [{ n: 512, k: 4096, d: 128 }],
    quick: { n: 128, k: 1024, d: 128 },
    flops: ({ n, k, d }) => 4 * n * k * d,
    bytes: ({ n, k, d }) => 4 * (2 * n * d + k * d),
    exps: ({ n, k }) => n * k,
    schedule: '4 n k d (one pass over the centroids)',
    make: ({ n, k, d }) => {
      const query = normal([n, d], 1);
      const centroids = normal([k, d], 2);
      const concentrations = mapped([k], 3, (x) => 0.2 + 0.05 * Math.tanh(x));
      const labels = Int32Array.from({ length: n }, (_, i) => (i * 31) % k);
      return {
        inputs: { query, centroids, concentrations },
        differentiated: ['query'],
        labels,
        reference: () => {
          const ids = Array.from({ length: k }, (_, c) => c);
          const phi = matrix(k, 1, concentrations.data);
          return lossOutputs(oneSided.protoNCE(exact(query), exact(centroids), phi, ids, [...labels]), ['query']);
        },
      };
    },
  },
  ...(['byol', 'simSiam', 'alignment'] as const).map((name): Case => {
    const [x, y] = { byol: ['prediction', 'target'], simSiam: ['prediction', 'projection'], alignment: ['x', 'y'] }[
      name
    ];
    const live = name === 'alignment' ? [x, y] : [x];
    return {
      name,
      axes: ['n', 'd'],
      sizes: grid([4096], 256),
      quick: { n: 512, d: 128 },
      flops: ({ n, d }) => 10 * live.length * n * d,
      bytes: ({ n, d }) => 4 * (2 + live.length) * n * d,
      schedule: 'reads both inputs and writes the gradients once',
      make: (size) => {
        const inputs = pairs(size, x, y);
        const options: Record<string, number> = name === 'alignment' ? { alpha: 2 } : {};
        const [a, b] = [exact(inputs[x]), exact(inputs[y])];
        const results = {
          byol: () => oneSided.meanCosine(a, b, -2, 2),
          simSiam: () => oneSided.meanCosine(a, b, -0.5),
          alignment: () => oneSided.alignment(a, b, 2),
        };
        return {
          inputs,
          differentiated: live,
          options,
          reference: () => lossOutputs(results[name](), live),
        };
      },
    };
  }),
];

export const CONTRASTIVE: readonly Case[] = [...SYMMETRIC, ...TWO_SIDED, ...ONE_SIDED];
