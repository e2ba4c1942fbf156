import * as reference from '../../test/reference/losses/moments.ts';
import type { LossResult } from '../../test/reference/losses/result.ts';
import type { Matrix as Exact } from '../../test/reference/matrix.ts';
import { lossOutputs, pairs } from './contrastive.ts';
import { type Case, exact, normal, type Size, secondView } from './work.ts';

const SIZES: readonly Size[] = [
  { n: 2048, d: 128 },
  { n: 256, d: 1024 },
];
const smaller = ({ n, d }: Size): number => n * d * Math.min(n, d);

/** Losses of Gram matrices, of which the smaller is made: of rows or of features. */
const GRAMS: readonly {
  name: string;
  inputs: readonly [string, string?];
  /** Of the first of them alone, where there are two. */
  live?: 'first';
  flops: Case['flops'];
  schedule: string;
  options?: Readonly<Record<string, number>>;
  of: (inputs: readonly Exact[]) => LossResult;
}[] = [
  {
    name: 'spectralContrastive',
    inputs: ['z0', 'z1'],
    flops: (size) => 6 * smaller(size),
    schedule: '6 n d min(n, d) (the smaller Gram matrices)',
    options: { mu: 1 },
    of: (views) => reference.spectralContrastive(views, 1),
  },
  {
    name: 'froSSL',
    inputs: ['z0', 'z1'],
    flops: (size) => 6 * smaller(size),
    schedule: '6 n d min(n, d) (the triangle of the smaller Gram matrix of each view)',
    of: reference.froSSL,
  },
  {
    name: 'orthogonality',
    inputs: ['z'],
    flops: (size) => 3 * smaller(size),
    schedule: '3 n d min(n, d) (the triangle of the smaller Gram matrix)',
    of: reference.orthogonality,
  },
  {
    name: 'cka',
    inputs: ['x', 'y'],
    flops: ({ n, d }) => Math.min(12 * n * d * d, 6 * n * n * d),
    schedule: 'the smaller of 12 n d^2 (three matrices of features) and 6 n^2 d (two of rows)',
    of: (views) => reference.cka(views, false),
  },
  {
    name: 'gramAnchoring',
    inputs: ['student', 'teacher'],
    live: 'first',
    flops: ({ n, d }) => Math.min(8 * n * d * d, 4 * n * n * d),
    schedule: 'the smaller of 8 n d^2 (three matrices of features) and 4 n^2 d (two of rows)',
    of: (views) => reference.gramAnchoring(views),
  },
];

/** Of an element, forward and back: a power of e^(i t x) and what it adds at each of the 16 knots above 0. */
const KNOTS = 16 * 18;
const slicesSize: Size = { n: 512, d: 128, s: 512 };

/** Losses of the projections on random directions. */
const SLICES: readonly Case[] = (['sigReg', 'leJEPA'] as const).map((name): Case => {
  const names = name === 'sigReg' ? ['z'] : ['z0', 'z1', 'z2'];
  return {
    name,
    axes: ['n', 'd', 's'],
    sizes: [slicesSize],
    quick: { n: 128, d: 128, s: 64 },
    flops: ({ n, d, s }) => names.length * n * s * (4 * d + KNOTS),
    bytes: ({ n, d, s }) => 4 * (2 * names.length * n * d + d * s),
    exps: ({ n, s }) => names.length * 4 * n * s,
    schedule:
      `${name === 'sigReg' ? '' : '3 views: '}n s (4 d + 288) (projections and their gradient; ` +
      'powers of one sine and cosine at the 16 knots above 0)',
    make: ({ n, d, s }) => {
      const first = normal([n, d], 1);
      const views = names.map((_, v) => (v === 0 ? first : secondView(first, 1 + v, 0.5)));
      const slices = normal([d, s], 9);
      const lambda = 0.05;
      const options: Record<string, number> = name === 'sigReg' ? { knots: 17, range: 3 } : { lambda };
      return {
        inputs: { ...Object.fromEntries(names.map((each, v) => [each, views[v]])), slices },
        differentiated: names,
        options,
        reference: () => {
          const inputs = views.map(exact);
          const result =
            name === 'sigReg'
              ? reference.sigReg(inputs, exact(slices))
              : reference.leJEPA(inputs, 2, exact(slices), lambda);
          return lossOutputs(result, names);
        },
      };
    },
  };
});

/** Losses of what all rows have in common: no pair of them is asked for. */
export const MOMENTS: readonly Case[] = [
  ...GRAMS.map(({ name, inputs: [one, other], live, flops, schedule, options, of }): Case => {
    const names = other ? [one, other] : [one];
    const differentiated = live ? [one] : names;
    return {
      name,
      axes: ['n', 'd'],
      sizes: SIZES,
      quick: { n: 256, d: 128 },
      flops,
      bytes: ({ n, d }) => 4 * (names.length + differentiated.length) * n * d,
      schedule,
      make: (size) => {
        const both = pairs(size, 'first', 'second');
        const list = [both.first, both.second].slice(0, names.length);
        return {
          inputs: Object.fromEntries(names.map((each, i) => [each, list[i]])),
          differentiated,
          options,
          reference: () => {
            const { value, gradients } = of(list.map(exact));
            return lossOutputs({ value, gradients: gradients.slice(0, differentiated.length) }, differentiated);
          },
        };
      },
    };
  }),
  ...SLICES,
];
