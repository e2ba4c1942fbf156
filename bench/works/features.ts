import * as reference from '../../test/reference/losses/secondOrder.ts';
import { numbers } from '../../test/reference/ops.ts';
import { covariance, crossCorrelation } from '../../test/reference/secondOrder.ts';
import { grid, lossOutputs } from './contrastive.ts';
import * as approach from './exact.ts';
import { type Case, exact, normal, type Size, secondView, some } from './work.ts';

/** Products above this: some columns of the gradient, by the smaller Gram matrix. */
const MUCH = 2 ** 25;

const smaller = ({ n, d }: Size): number => 6 * n * d * Math.min(n, d);
const SMALLER = '6 n d min(n, d) (the smaller Gram matrix)';
const bothBytes = ({ n, d }: Size): number => 4 * 4 * n * d;

function views({ n, d }: Size) {
  const z0 = normal([n, d], 1);
  return { z0, z1: secondView(z0, 2) };
}

const SIZES: readonly Size[] = [
  { n: 256, d: 512 },
  { n: 256, d: 2048 },
  { n: 256, d: 8192 },
];

/** Losses over the features of a batch. */
export const FEATURES: readonly Case[] = [
  {
    name: 'barlowTwins',
    axes: ['n', 'd'],
    sizes: SIZES,
    quick: { n: 128, d: 512 },
    flops: smaller,
    bytes: bothBytes,
    schedule: SMALLER,
    make: (size) => {
      const inputs = views(size);
      const [z0, z1] = [exact(inputs.z0), exact(inputs.z1)];
      const [lambda, epsilon] = [0.0051, 1e-5];
      return {
        inputs,
        differentiated: ['z0', 'z1'],
        options: { lambda, epsilon },
        reference: () => lossOutputs(reference.barlowTwins(z0, z1, lambda, epsilon), ['z0', 'z1']),
        ...(size.n * size.d ** 2 > MUCH && {
          expected: () => approach.barlowTwins(z0, z1, lambda, epsilon, some(approach.SAMPLED, size.d)),
        }),
      };
    },
  },
  {
    name: 'vicReg',
    axes: ['n', 'd'],
    sizes: SIZES,
    quick: { n: 128, d: 512 },
    flops: smaller,
    bytes: bothBytes,
    schedule: SMALLER,
    make: (size) => {
      const inputs = views(size);
      const [z0, z1] = [exact(inputs.z0), exact(inputs.z1)];
      const options = { invariance: 25, variance: 25, covariance: 1, epsilon: 1e-4 };
      return {
        inputs,
        differentiated: ['z0', 'z1'],
        options,
        reference: () => lossOutputs(reference.vicReg(z0, z1), ['z0', 'z1']),
        ...(size.n * size.d ** 2 > MUCH && {
          expected: () => approach.vicReg(z0, z1, options, some(approach.SAMPLED, size.d)),
        }),
      };
    },
  },
  ...Object.entries({ varianceTerm: reference.varianceTerm, covarianceTerm: reference.covarianceTerm }).map(
    ([name, of]): Case => ({
      name,
      axes: ['n', 'd'],
      sizes: [{ n: 256, d: 512 }],
      quick: { n: 128, d: 256 },
      flops: (size) => (name === 'varianceTerm' ? 8 * size.n * size.d : smaller(size) / 2),
      bytes: ({ n, d }) => 4 * 2 * n * d,
      schedule: name === 'varianceTerm' ? 'reads z and writes its gradient once' : '3 n d min(n, d)',
      make: ({ n, d }) => {
        // Narrow, so that the hinge of the variance term is not at rest.
        const z = { shape: [n, d], data: normal([n, d], 1).data.map((x) => 0.7 * x) };
        return { inputs: { z }, differentiated: ['z'], reference: () => lossOutputs(of(exact(z)), ['z']) };
      },
    }),
  ),
  {
    name: 'clusterLoss',
    axes: ['n', 'k'],
    sizes: [{ n: 1024, k: 64 }],
    quick: { n: 256, k: 10 },
    flops: ({ n, k }) => 3 * (2 * k) ** 2 * n,
    bytes: ({ n, k }) => 4 * 4 * n * k,
    exps: ({ n, k }) => 2 * n * k,
    schedule: '3 (2 k)^2 n (NT-Xent over the 2 k columns)',
    make: ({ n, k }) => {
      const logits0 = normal([n, k], 1);
      const logits1 = secondView(logits0, 2);
      return {
        inputs: { logits0, logits1 },
        differentiated: ['logits0', 'logits1'],
        options: { temperature: 1 },
        reference: () => lossOutputs(reference.clusterLoss(exact(logits0), exact(logits1), 1), ['logits0', 'logits1']),
      };
    },
  },
  {
    name: 'contrastiveClustering',
    axes: ['n', 'd', 'k'],
    sizes: [{ n: 512, d: 128, k: 10 }],
    quick: { n: 256, d: 128, k: 10 },
    flops: ({ n, d, k }) => 3 * (2 * n) ** 2 * d + 3 * (2 * k) ** 2 * n,
    bytes: ({ n, d, k }) => 4 * 4 * n * (d + k),
    exps: ({ n, k }) => 2 * n * n + 2 * n * k,
    schedule: '3 (2 n)^2 d + 3 (2 k)^2 n (NT-Xent over 2 n rows and over 2 k columns)',
    make: ({ n, d, k }) => {
      const z0 = normal([n, d], 1);
      const logits0 = normal([n, k], 3);
      const inputs = { z0, z1: secondView(z0, 2), logits0, logits1: secondView(logits0, 4) };
      const names = ['z0', 'z1', 'logits0', 'logits1'];
      return {
        inputs,
        differentiated: names,
        options: { instanceTemperature: 0.5, clusterTemperature: 1 },
        reference: () =>
          lossOutputs(
            reference.contrastiveClustering(
              [exact(inputs.z0), exact(inputs.z1)],
              [exact(inputs.logits0), exact(inputs.logits1)],
              0.5,
            ),
            names,
          ),
      };
    },
  },
  ...(['covariance', 'crossCorrelation'] as const).map(
    (name): Case => ({
      name,
      axes: ['n', 'd'],
      sizes: grid([1024], 256),
      quick: { n: 256, d: 128 },
      flops: ({ n, d }) => (name === 'covariance' ? 1 : 2) * n * d * d,
      bytes: ({ n, d }) => 4 * ((name === 'covariance' ? 1 : 2) * n * d + d * d),
      schedule: name === 'covariance' ? 'n d^2 (the triangle, mirrored)' : '2 n d^2',
      make: (size) => {
        const { z0, z1 } = views(size);
        const [of, inputs] = name === 'covariance' ? [covariance, { z: z0 }] : [crossCorrelation, { z0, z1 }];
        return {
          inputs: inputs as Record<string, typeof z0>,
          reference: () => ({
            value: of(Object.values(inputs).map(({ shape, data }) => numbers(shape, data))).value.data,
          }),
        };
      },
    }),
  ),
];
