import {
  alignment,
  byol,
  infoNCE,
  mocoV3,
  type ProtoNCEOptions,
  protoNCE,
  reshape,
  simSiam,
  type Tensor,
} from '../../src/index.ts';
import { VALUES, values } from '../cases.ts';
import * as reference from '../reference/losses/oneSided.ts';
import { type Matrix, matrix } from '../reference/matrix.ts';
import { type LossRow, rowsOf, views } from './row.ts';

const TEMPERATURES = [0.05, 0.07, 0.1, 0.5, 1, 0.01, 0.005];

/** Query, key, and a queue of another length, with a zero row as MoCo's first steps have them. */
const withQueue: LossRow['inputs'] = (n, d, kind, seed) => {
  const k = 2 * n + 3;
  const queue = values(kind, [k, d], 10 * seed + 7).data;
  queue.fill(0, d, 2 * d);
  return [...views(2)(n, d, kind, seed), matrix(k, d, queue)];
};

// K centroids of different temperatures; about two rows share one, and the last two are nobody's.
const prototypes = (n: number): number => Math.max(3, Math.floor(n / 2) + 2);
const assignmentsOf = (n: number): number[] => Array.from({ length: n }, (_, i) => i % (prototypes(n) - 2));
const nobodys = (n: number): number[] => [prototypes(n) - 2, prototypes(n) - 1];
const withPrototypes: LossRow['inputs'] = (n, d, kind, seed) => {
  const k = prototypes(n);
  const phi = Array.from({ length: k }, (_, c) => Math.fround(0.05 + (0.3 * ((7 * c) % k)) / k));
  return [...views(1)(n, d, kind, seed), matrix(k, d, values(kind, [k, d], 10 * seed + 5).data), matrix(k, 1, phi)];
};
const byPrototype = (): number => 1 / 0.05;

function runPrototypes(
  [query, centroids, phi]: readonly Tensor[],
  options: ProtoNCEOptions,
  negatives?: readonly number[],
): Tensor {
  return query.engine.scope(() =>
    protoNCE(
      query,
      {
        centroids,
        concentrations: reshape(phi, [phi.size]),
        assignments: Int32Array.from(assignmentsOf(rowsOf(query))),
        negatives: negatives && Int32Array.from(negatives),
      },
      options,
    ),
  );
}

/** Each centroid once. */
function paper([query, centroids, phi]: readonly Matrix[], others: readonly number[]) {
  const assignments = assignmentsOf(query.rows);
  const ids = [...new Set([...assignments, ...others])];
  const positives = assignments.map((c) => ids.indexOf(c));
  return reference.protoNCE(query, centroids, phi, ids, positives);
}

/** Losses with one live side. */
export const ONE_SIDED: readonly LossRow[] = [
  {
    name: 'infoNCE',
    coincide: true,
    inputs: views(2),
    stopped: [1],
    run: ([query, key], temperature) => infoNCE(query, key, { temperature }),
    reference: ([query, key], temperature) => reference.infoNCE(query, key, temperature),
    temperatures: TEMPERATURES,
    live: true,
    invariances: ['permutation', 'row scale', 'rotation', 'radial gradient'],
    allEqual: (n) => Math.log(n),
  },
  {
    name: 'infoNCE with a queue',
    coincide: true,
    inputs: withQueue,
    stopped: [1, 2],
    run: ([query, key, queue], temperature) => infoNCE(query, key, { temperature, queue }),
    reference: ([query, key, queue], temperature) => reference.infoNCE(query, key, temperature, queue),
    temperatures: TEMPERATURES,
    live: true,
    golden: {
      temperature: 0.2,
      value: 0.5885420177,
      norms: [0.1989238395, 0, 0],
      first: -0.0088652493,
      inputs: ({ a, b, units }) => [a, b, units],
    },
    invariances: [],
  },
  {
    name: 'mocoV3',
    coincide: true,
    inputs: views(2),
    stopped: [1],
    run: ([query, key], temperature) => mocoV3(query, key, { temperature }),
    reference: ([query, key], temperature) => reference.mocoV3(query, key, temperature),
    temperatures: TEMPERATURES,
    live: true,
    golden: { temperature: 0.2, value: 0.1046567363, norms: [0.0707693152, 0], first: -0.0144591349 },
    invariances: ['permutation', 'row scale', 'radial gradient'],
    allEqual: (n, temperature) => 2 * temperature * Math.log(n),
  },
  {
    name: 'protoNCE',
    coincide: true,
    inputs: withPrototypes,
    stopped: [1, 2],
    run: (inputs) => runPrototypes(inputs, {}),
    reference: (inputs) => paper(inputs, nobodys(inputs[0].rows)),
    temperatures: [1],
    exponent: byPrototype,
    peaked: false,
    invariances: [],
  },
  {
    name: 'protoNCE, some negatives',
    inputs: withPrototypes,
    stopped: [1, 2],
    // One of them is somebody's, and no second column.
    run: (inputs) => runPrototypes(inputs, {}, [0, nobodys(rowsOf(inputs[0]))[1]]),
    reference: (inputs) => paper(inputs, [nobodys(inputs[0].rows)[1]]),
    temperatures: [1],
    exponent: byPrototype,
    peaked: false,
    accepts: (n) => n < 70,
    invariances: [],
  },
  {
    name: 'protoNCE, official',
    inputs: withPrototypes,
    stopped: [1, 2],
    run: (inputs) => runPrototypes(inputs, { convention: 'official' }),
    reference: ([query, centroids, phi]) => {
      const assignments = assignmentsOf(query.rows);
      const ids = [...assignments, ...nobodys(query.rows)];
      const positives = assignments.map((_, i) => i);
      return reference.protoNCE(query, centroids, phi, ids, positives);
    },
    temperatures: [1],
    exponent: byPrototype,
    peaked: false,
    golden: {
      temperature: 1,
      value: 3.160225857,
      norms: [1.7493184016, 0, 0],
      first: -0.1453199426,
      inputs: ({ a, units }) => [a, units, matrix(5, 1, [0.1, 0.12, 0.14, 0.16, 0.18])],
    },
    accepts: (n) => n < 130,
    invariances: [],
  },
];

const ALL_KINDS = [...VALUES];
const EVERY: LossRow['invariances'] = ['permutation', 'row scale', 'rotation', 'radial gradient'];

/** Losses of rows in pairs. */
export const PAIRED: readonly LossRow[] = [
  {
    name: 'byol',
    coincide: true,
    inputs: views(2),
    stopped: [1],
    run: ([prediction, target]) => byol(prediction, target),
    reference: ([prediction, target]) => reference.meanCosine(prediction, target, -2, 2),
    temperatures: [1],
    golden: { temperature: 1, value: 0.0423201947, norms: [0.1170690697, 0], first: -0.019555665 },
    invariances: EVERY,
    kinds: ALL_KINDS,
    allEqual: () => 0,
  },
  {
    name: 'simSiam',
    coincide: true,
    inputs: views(2),
    stopped: [1],
    run: ([prediction, projection]) => simSiam(prediction, projection),
    reference: ([prediction, projection]) => reference.meanCosine(prediction, projection, -0.5),
    temperatures: [1],
    golden: { temperature: 1, value: -0.4894199513, norms: [0.0292672674, 0], first: -0.0048889162 },
    invariances: EVERY,
    kinds: ALL_KINDS,
    allEqual: () => -0.5,
  },
  {
    name: 'alignment',
    coincide: true,
    inputs: views(2),
    run: ([x, y], alpha) => alignment(x, y, { alpha: alpha as number }),
    reference: ([x, y], alpha) => reference.alignment(x, y, alpha),
    temperatures: [2, 1, 3.5], // alpha
    invariances: [...EVERY, 'swapped views'],
    kinds: ALL_KINDS,
    allEqual: () => 0,
  },
];
