import { angle, cosent, matryoshka, megaBatch, multipleNegatives, nnclr } from '../../src/index.ts';
import { values } from '../cases.ts';
import * as moments from '../reference/losses/moments.ts';
import * as reference from '../reference/losses/tuples.ts';
import { matrix } from '../reference/matrix.ts';
import { type LossRow, rowsOf, views } from './row.ts';

/** A few shapes, on both sides of a tile: the kernels are those of pairReduction, whose own tests take all. */
export const few = (n: number, d: number): boolean => FEW.includes(`${n} ${d}`);
const FEW = ['2 3', '17 4', '33 8', '65 17', '128 32'];

const ALL = ['queryToDocument', 'queryToQuery', 'documentToQuery', 'documentToDocument'] as const;
const BOTH = ['queryToDocument', 'documentToQuery'] as const;

/** How alike the pairs of n rows are: some equally. */
const scoresOf = (n: number): number[] => Array.from({ length: n }, (_, i) => ((7 * i) % 11) / 10);

const COMMON = { accepts: few, peaked: { rows: 40 }, composed: true };
const COSINES = { ...COMMON, invariances: ['permutation', 'row scale', 'rotation', 'radial gradient'] } as const;

/** Losses of queries and the documents that belong to them. */
export const TUPLES: readonly LossRow[] = [
  {
    name: 'multipleNegatives',
    ...COSINES,
    inputs: views(2),
    run: ([q, d], temperature) => multipleNegatives(q, d, { scale: 1 / Number(temperature) }),
    reference: (inputs, temperature) => reference.multipleNegatives(inputs, { scale: 1 / temperature }),
    temperatures: [0.05, 0.1, 1, 0.02],
    allEqual: (n) => Math.log(n),
  },
  {
    name: 'multipleNegatives, all directions, hard negatives',
    ...COSINES,
    composed: false,
    inputs: views(4),
    run: ([q, ...d], temperature) =>
      multipleNegatives(q, d, { scale: 1 / Number(temperature), directions: ALL, hardness: { on: 'hard', alpha: 5 } }),
    reference: (inputs, temperature, at) =>
      reference.multipleNegatives(
        inputs,
        { scale: 1 / temperature, directions: ALL, harder: { inBatch: 0, hard: 5 } },
        at,
      ),
    temperatures: [0.05, 0.2],
  },
  {
    name: 'multipleNegatives, per direction, hardness in the batch',
    ...COSINES,
    inputs: views(3),
    run: ([q, ...d], temperature) =>
      multipleNegatives(q, d, {
        scale: 1 / Number(temperature),
        directions: BOTH,
        partition: 'perDirection',
        hardness: { on: 'inBatch', alpha: 3 },
      }),
    reference: (inputs, temperature, at) =>
      reference.multipleNegatives(
        inputs,
        { scale: 1 / temperature, directions: BOTH, perDirection: true, harder: { inBatch: 3, hard: 0 } },
        at,
      ),
    temperatures: [0.1, 0.5],
  },
  {
    name: 'multipleNegatives, products',
    ...COMMON,
    invariances: ['permutation', 'rotation'],
    inputs: views(2),
    run: ([q, d], temperature) => multipleNegatives(q, d, { scale: 1 / Number(temperature), metric: 'dot' }),
    reference: (inputs, temperature) => reference.multipleNegatives(inputs, { scale: 1 / temperature, metric: 'dot' }),
    temperatures: [1, 5],
    kinds: ['normal', 'unit'],
    peaked: false,
  },
  {
    name: 'matryoshka',
    ...COMMON,
    invariances: ['permutation', 'row scale'],
    inputs: views(2),
    run: ([q, d], temperature) =>
      matryoshka(multipleNegatives, { dims: dimsOf(q.shape.at(-1) as number), weights: [1, 0.5] })(q, d, {
        scale: 1 / Number(temperature),
      }),
    reference: (inputs, temperature) =>
      reference.matryoshka(inputs, dimsOf(inputs[0].columns), [1, 0.5], { scale: 1 / temperature }),
    temperatures: [0.05, 0.3],
  },
  {
    name: 'nnclr',
    ...COMMON,
    invariances: ['row scale', 'radial gradient'],
    inputs: views(2),
    stopped: [0],
    run: ([z0, z1], temperature) => {
      const bank = supportOf(z0.shape.at(-1) as number);
      using support = z0.context.tensor(Float32Array.from(bank.data), [bank.rows, bank.columns]);
      return nnclr(z0, z1, support, { temperature: Number(temperature) });
    },
    reference: (inputs, temperature) => moments.nnclr(inputs, supportOf(inputs[0].columns), temperature),
    temperatures: [0.1, 0.5],
  },
  {
    name: 'megaBatch',
    ...COSINES,
    inputs: views(2),
    run: ([a, b]) => megaBatch(a, b),
    reference: (inputs) => reference.megaBatch(inputs),
    temperatures: [1],
  },
  {
    name: 'cosent',
    ...COMMON,
    invariances: ['row scale', 'rotation', 'radial gradient', 'swapped views'],
    inputs: views(2),
    run: ([a, b], temperature) => cosent(a, b, scoresOf(rowsOf(a)), { scale: 1 / Number(temperature) }),
    reference: (inputs, temperature) => reference.ranked(inputs, scoresOf(inputs[0].rows), 1 / temperature, 'cosine'),
    temperatures: [0.05, 0.5],
  },
  {
    name: 'angle',
    ...COMMON,
    invariances: ['row scale', 'radial gradient'],
    inputs: views(2),
    run: ([a, b], temperature) => angle(a, b, scoresOf(rowsOf(a)), { scale: 1 / Number(temperature) }),
    reference: (inputs, temperature) => reference.ranked(inputs, scoresOf(inputs[0].rows), 1 / temperature, 'angle'),
    temperatures: [0.05, 0.5],
  },
];

function dimsOf(columns: number): number[] {
  return [columns, Math.ceil(columns / 2) - (columns === 1 ? 1 : 0)].filter((count) => count > 0);
}

function supportOf(columns: number) {
  return matrix(9, columns, values('normal', [9, columns], 77).data);
}
