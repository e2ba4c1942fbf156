import { concat, type PairReductionOptions, pairReduction, type Tensor } from '../../src/index.ts';
import { type Shape, type Values, values } from '../cases.ts';
import { largest } from '../compare.ts';
import * as reference from '../reference/ops.ts';
import { type Pairwise, pairReduction as pairwise, weights } from '../reference/pairReduction.ts';
import type { OpRow } from './table.ts';

const labelOf = (row: number): number => ((7 * row) % 5) - 1;
const labels = (x: Tensor): Int32Array => Int32Array.from({ length: x.shape[0] }, (_, i) => labelOf(i));

interface Case extends Omit<Pairwise, 'exclude'> {
  readonly alone: boolean;
  readonly exclude?: boolean;
  readonly labelled?: boolean;
  readonly value: string;
  readonly derivative: string;
  readonly parameters?: Record<string, number>;
}

const CASES: Record<string, Case> = {
  'a Student kernel': {
    metric: 'sqeuclidean',
    reduce: 'logsumexp',
    alone: false,
    value: '-power * log(1 + s)',
    derivative: '-power / (1 + s)',
    parameters: { power: 1.5 },
    f: (s) => -1.5 * Math.log1p(s),
    slope: (s) => -1.5 / (1 + s),
  },
  'a sum that tells i from j': {
    metric: 'cosine',
    reduce: 'sum',
    alone: true,
    exclude: true,
    labelled: true,
    value: 'exp(s / tau) * f32(2 * label_i - label_j)',
    derivative: 'exp(s / tau) * f32(2 * label_i - label_j) / tau',
    parameters: { unused: 7, tau: 0.5 },
    f: (s, i, j) => Math.exp(2 * s) * (2 * labelOf(i) - labelOf(j)),
    slope: (s, i, j) => 2 * Math.exp(2 * s) * (2 * labelOf(i) - labelOf(j)),
  },
  'a log-sum-exp over other labels': {
    metric: 'cosine',
    reduce: 'logsumexp',
    alone: true,
    labelled: true,
    value: 'select(f32(1 + label_i) * s, -1e30, label_i == label_j)',
    derivative: 'f32(1 + label_i)',
    f: (s, i, j) => (labelOf(i) === labelOf(j) ? -1e30 : (1 + labelOf(i)) * s),
    slope: (_, i) => 1 + labelOf(i),
  },
  'a sum over both sides': {
    metric: 'dot',
    reduce: 'sum',
    alone: false,
    labelled: true,
    value: 's / (1 + abs(s)) * f32(label_j)',
    derivative: 'f32(label_j) / ((1 + abs(s)) * (1 + abs(s)))',
    f: (s, _, j) => (s / (1 + Math.abs(s))) * labelOf(j),
    slope: (s, _, j) => labelOf(j) / (1 + Math.abs(s)) ** 2,
  },
};

export function pairReductionRows(): OpRow[] {
  return Object.entries(CASES).map(
    ([name, { alone, labelled, f, slope, exclude = false, parameters = {}, ...rest }]): OpRow => {
      const how = { ...rest, f, slope, exclude };
      const { metric, reduce, value, derivative } = rest;
      return {
        name: `pairReduction, ${name}`,
        inputs: ({ rows, columns, others }: Shape, kind: Values, seed: number) =>
          [rows, ...(alone ? [] : [others])].map((n, i) => values(kind, [n, columns], seed + i)),
        run: (a, b?: Tensor) => {
          const options: PairReductionOptions = { metric, reduce, value, derivative, parameters };
          if (exclude) options.exclude = 'self';
          if (labelled) options.labels = { a: labels(a), ...(b ? { b: labels(b) } : {}) };
          return pairReduction(a, b, options);
        },
        reference: pairwise(how),
        budget: () => ({ value: 2e-6, gradient: 4e-6 }),
        // Terms of both signs cancel: errors are relative to what is added up.
        magnitude: (inputs, dy) => {
          const { s, y, w, m } = weights(inputs, how);
          const terms = s.value.data.map((each, t) => Math.abs(f(each, Math.floor(t / m), t % m)));
          const sums = y.map((_, i) => terms.subarray(i * m, (i + 1) * m).reduce((total, each) => total + each, 0));
          const positive = w.map((each, t) => Math.abs(each * dy[Math.floor(t / m)]));
          const steep = reference.similarity('dot', 1)(inputs.map((x) => ({ ...x, data: x.data.map(Math.abs) })));
          const norms = inputs.flatMap(lengths).filter((norm) => norm > 0);
          const scale = metric === 'cosine' ? Math.min(...norms) ** -2 : metric === 'sqeuclidean' ? 4 : 1;
          return {
            value: reduce === 'sum' ? largest(sums) : Math.max(1, ...y.filter((v) => v > -1e29).map(Math.abs)),
            gradients: steep.backward(positive).map((gradient) => scale * largest(gradient)),
          };
        },
        kinds: ['normal', 'unit', 'identical rows', 'near-parallel'],
      };
    },
  );
}

function lengths({ shape, data }: reference.Numbers): number[] {
  const [rows, columns] = shape;
  return Array.from({ length: rows }, (_, i) => Math.hypot(...data.subarray(i * columns, (i + 1) * columns)));
}

export function concatRows(): OpRow[] {
  return [
    {
      name: 'concat',
      inputs: ({ rows, columns, others }, kind, seed) => [
        values(kind, [rows, columns], seed),
        values(kind, [others, columns], seed + 1),
        values(kind, [1, columns], seed + 2),
      ],
      run: (...list) => concat(list),
      reference: (list) => ({
        value: reference.numbers(
          [list.reduce((total, x) => total + x.shape[0], 0), list[0].shape[1]],
          list.flatMap((x) => Array.from(x.data)),
        ),
        backward: (dy) => {
          const ends = list.map((_, i) => list.slice(0, i + 1).reduce((total, x) => total + x.data.length, 0));
          return list.map(({ data }, i) => dy.slice(ends[i] - data.length, ends[i]));
        },
      }),
      budget: () => ({ value: 0, gradient: 0 }),
    },
  ];
}
