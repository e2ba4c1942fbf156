import * as reference from '../../test/reference/losses/classes.ts';
import type { LossResult } from '../../test/reference/losses/result.ts';
import type { Matrix as Exact } from '../../test/reference/matrix.ts';
import { grid, lossOutputs, TRIANGLE, triangle } from './contrastive.ts';
import { type Case, exact, normal, type Size, secondView } from './work.ts';

const CLASSES_OF = 32;

/** A matrix with a row a class, and rows around those of their classes. */
function aroundClasses({ n, k, d }: Size) {
  const classes = normal([k, d], 1);
  const labels = Int32Array.from({ length: n }, (_, i) => (i * 31 + (i >> 3)) % k);
  const centres = { shape: [n, d], data: Float32Array.from({ length: n * d }, (_, t) => at(t)) };
  function at(t: number): number {
    return classes.data[labels[Math.floor(t / d)] * d + (t % d)];
  }
  return { z: secondView(centres, 2), classes, labels };
}

/** Losses over all pairs of one set of rows with labels: the triangle, as supCon's. */
const PAIRS: readonly {
  name: string;
  options: Readonly<Record<string, number>>;
  of: (z: Exact, labels: Int32Array) => LossResult;
  exps: boolean;
}[] = [
  {
    name: 'multiSimilarity',
    options: { alpha: 2, beta: 50, base: 0.5 },
    of: (z, labels) => reference.multiSimilarity([z], labels),
    exps: true,
  },
  {
    name: 'circle',
    options: { margin: 0.4, gamma: 80 },
    of: (z, labels) => reference.circle([z], labels, { margin: 0.4, gamma: 80 }),
    exps: true,
  },
  {
    name: 'contrastive',
    options: { positiveMargin: 0, negativeMargin: 1.3 }, // rows in no order are sqrt(2) apart
    of: (z, labels) => reference.contrastive([z], labels, 0, 1.3),
    exps: false,
  },
];

/** Losses of n rows and k classes. */
const PROXIES: readonly {
  name: string;
  classes: string;
  options: Readonly<Record<string, number>>;
  of: (inputs: readonly Exact[], labels: Int32Array) => LossResult;
}[] = [
  {
    name: 'arcFace',
    classes: 'weights',
    options: { margin: 28.6, scale: 64 },
    of: (inputs, labels) => reference.marginSoftmax(inputs, labels, 64, { angle: (28.6 * Math.PI) / 180 }),
  },
  {
    name: 'cosFace',
    classes: 'weights',
    options: { margin: 0.35, scale: 64 },
    of: (inputs, labels) => reference.marginSoftmax(inputs, labels, 64, { cosine: 0.35 }),
  },
  {
    name: 'proxyNCA',
    classes: 'proxies',
    options: { scale: 8 },
    of: (inputs, labels) => reference.marginSoftmax(inputs, labels, 16, { cosine: 0 }), // |u - w|^2 = 2 - 2 u.w
  },
  {
    name: 'proxyAnchor',
    classes: 'proxies',
    options: { margin: 0.1, alpha: 32 },
    of: (inputs, labels) => reference.proxyAnchor(inputs, labels, 0.1, 32),
  },
];

/** Losses of rows and their classes. */
export const CLASSES: readonly Case[] = [
  ...PAIRS.map(
    ({ name, options, of, exps }): Case => ({
      name,
      axes: ['n', 'd'],
      sizes: grid([512, 1024], 128),
      quick: { n: 256, d: 128 },
      flops: triangle,
      bytes: ({ n, d }) => 4 * 2 * n * d,
      exps: ({ n }) => (exps ? (n * n) / 2 : 0),
      schedule: TRIANGLE,
      make: ({ n, d }) => {
        const { z, labels } = aroundClasses({ n, k: CLASSES_OF, d });
        return {
          inputs: { z },
          differentiated: ['z'],
          labels,
          options,
          reference: () => lossOutputs(of(exact(z), labels), ['z']),
        };
      },
    }),
  ),
  ...PROXIES.map(
    ({ name, classes: matrix, options, of }): Case => ({
      name,
      axes: ['n', 'k', 'd'],
      sizes: [{ n: 512, k: 4096, d: 128 }],
      quick: { n: 128, k: 512, d: 128 },
      flops: ({ n, k, d }) => 8 * n * k * d,
      bytes: ({ n, k, d }) => 4 * 2 * (n + k) * d,
      exps: ({ n, k }) => 2 * n * k,
      schedule: '8 n k d (both sides, the pairs evaluated twice)',
      make: (size) => {
        const { z, classes, labels } = aroundClasses(size);
        return {
          inputs: { z, [matrix]: classes },
          differentiated: ['z', matrix],
          labels,
          options,
          reference: () => lossOutputs(of([exact(z), exact(classes)], labels), ['z', matrix]),
        };
      },
    }),
  ),
];
