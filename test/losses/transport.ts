import { entropicOT, sinkhornDivergence, swav } from '../../src/index.ts';
import { values } from '../cases.ts';
import * as reference from '../reference/losses/transport.ts';
import { type Matrix, matrix } from '../reference/matrix.ts';
import { type LossRow, views } from './row.ts';

const unitRows = (n: number, d: number, seed: number): Matrix => matrix(n, d, values('unit', [n, d], seed).data);
const prototypesFor = (n: number): number => 2 + ((5 * n) % 83);

/** Clouds of n and, now and then, n + 3 points. */
const clouds: LossRow['inputs'] = (n, d, kind, seed) =>
  [n, n % 4 === 0 ? n + 3 : n].map((rows, i) => matrix(rows, d, values(kind, [rows, d], 10 * seed + i).data));

// Costs grow with D, and with them the epsilon for which plain f64 iterations converge in reasonable time.
const epsilonOf = ([x]: readonly { columns: number }[], factor: number): number => factor * x.columns;
const columnsOf = (tensor: { shape: readonly number[] }): { columns: number } => ({
  columns: tensor.shape[tensor.shape.length - 1],
});

// Fewer launches than up to the default's maximum, which transport.test.ts has.
const within = { iterations: 80, tolerance: 1e-6 };

const between: Pick<LossRow, 'inputs' | 'temperatures' | 'kinds' | 'accepts' | 'invariances'> = {
  inputs: clouds,
  temperatures: [0.5, 1, 30, 1000],
  kinds: ['normal', 'outlier'],
  accepts: (n, d) => n <= 130 && (n + d) % 3 !== 0,
  invariances: ['permutation', 'rotation', 'swapped views'],
};

export const TRANSPORT: readonly LossRow[] = [
  {
    name: 'swav',
    inputs: (n, d, kind, seed) => [...views(2)(n, d, kind, seed), unitRows(prototypesFor(n), d, seed + 7)],
    run: ([z0, z1, prototypes], temperature) => swav([z0, z1], prototypes, { temperature: temperature as number }),
    reference: ([z0, z1, prototypes], temperature, at) =>
      reference.swav({ views: [z0, z1], prototypes }, temperature, {
        at: at && { views: at.slice(0, 2), prototypes: at[2] },
      }),
    temperatures: [0.1, 0.05, 1, 0.5],
    // Of x1e-20 the norm's floor makes scores of 1e-8: codes and predictions then agree to the last digit but one.
    kinds: ['normal', 'outlier', 'x1e4', 'unit'],
    accepts: (_, d) => d > 1, // rows of one number have no gradient, and f32 leaves a rounding of it
    peaked: { rows: 150 }, // of 250 rows predictions and codes agree so well that the gradient's error is 1.2e-5
    golden: {
      temperature: 0.1,
      value: 0.5374088108,
      norms: [0.6493206767, 0.7960167332],
      first: -0.3922716676,
      inputs: ({ a, b, units }) => [a, b, units],
    },
    invariances: [],
  },
  {
    name: 'swav, four crops and two queues',
    inputs: (n, d, kind, seed) => [
      ...views(4)(n, d, kind, seed),
      unitRows(prototypesFor(n), d, seed + 7),
      unitRows(n + 5, d, seed + 8),
      unitRows(3, d, seed + 9),
    ],
    stopped: [5, 6],
    run: (inputs, temperature) =>
      swav(inputs.slice(0, 4), inputs[4], {
        temperature: temperature as number,
        epsilon: 0.1,
        iterations: 5,
        queue: [inputs[5], inputs[6]],
      }),
    reference: (inputs, temperature, at = inputs) => {
      const of = (m: readonly Matrix[]) => ({ views: m.slice(0, 4), prototypes: m[4], queues: m.slice(5) });
      return reference.swav(of(inputs), temperature, { at: of(at), epsilon: 0.1, iterations: 5 });
    },
    temperatures: [0.1, 0.07],
    kinds: ['normal', 'x1e4'],
    accepts: (n, d) => d > 1 && n <= 130,
    peaked: false,
    invariances: [],
  },
  {
    ...between,
    name: 'sinkhornDivergence',
    temperatures: [0.5, 1], // of an outlier little is left of two terms where plans are uniform
    peaked: false, // near clouds have a test of their own
    run: ([x, y], factor) =>
      sinkhornDivergence(x, y, { ...within, epsilon: epsilonOf([columnsOf(x)], factor as number) }),
    reference: ([x, y], factor) => reference.sinkhornDivergence(x, y, epsilonOf([x], factor)),
  },
  {
    ...between,
    name: 'entropicOT',
    accepts: (n, d) => n <= 70 && (n + d) % 3 === 1,
    invariances: ['rotation'],
    run: ([x, y], factor) =>
      x.engine.scope(() => entropicOT(x, y, { ...within, epsilon: epsilonOf([columnsOf(x)], factor as number) }).value),
    reference: ([x, y], factor) => reference.transport(x, y, epsilonOf([x], factor)),
  },
  {
    ...between,
    name: 'entropicOT, unbalanced',
    run: ([x, y], factor) => {
      const epsilon = epsilonOf([columnsOf(x)], factor as number);
      return x.engine.scope(() => entropicOT(x, y, { ...within, epsilon, rho: 3 * epsilon }).value);
    },
    reference: ([x, y], factor) => reference.transport(x, y, epsilonOf([x], factor), 3 * epsilonOf([x], factor)),
    peaked: false,
    invariances: [],
  },
  {
    ...between,
    name: 'entropicOT, epsilon far above rho', // the one number is epsilon / rho
    accepts: (n, d) => n <= 70 && (n + d) % 3 === 2,
    run: ([x, y], kappa) => {
      const epsilon = epsilonOf([columnsOf(x)], 1);
      return x.engine.scope(() => entropicOT(x, y, { ...within, epsilon, rho: epsilon / (kappa as number) }).value);
    },
    reference: ([x, y], kappa) => reference.transport(x, y, epsilonOf([x], 1), epsilonOf([x], 1) / kappa),
    temperatures: [10, 1000],
    peaked: false,
    invariances: [],
  },
];
