import { nnclr } from '../../test/reference/losses/moments.ts';
import * as reference from '../../test/reference/losses/tuples.ts';
import { grid, lossOutputs, pairs } from './contrastive.ts';
import { type Case, exact, normal, type Size, secondView } from './work.ts';

const bothBytes = ({ n, d }: Size): number => 4 * 4 * n * d;

/** Queries, the documents that answer them, and one hard negative each. */
function tuples({ n, d }: Size) {
  const queries = normal([n, d], 1);
  const positives = secondView(queries, 2);
  return { queries, positives, negatives: secondView(positives, 3, 2) };
}

/** Losses of rows that belong together in pairs or tuples. */
export const RETRIEVAL: readonly Case[] = [
  {
    name: 'multipleNegatives',
    axes: ['n', 'd'],
    sizes: grid([256, 1024], 128),
    quick: { n: 256, d: 128 },
    flops: ({ n, d }) => 16 * n * n * d,
    bytes: ({ n, d }) => 4 * 6 * n * d,
    exps: ({ n }) => 4 * n * n,
    schedule: '16 n^2 d (n queries and 2 n documents, the pairs evaluated twice)',
    make: (size) => {
      const inputs = tuples(size);
      const scale = 20;
      return {
        inputs,
        differentiated: ['queries', 'positives', 'negatives'],
        options: { scale },
        reference: () =>
          lossOutputs(
            reference.multipleNegatives([exact(inputs.queries), exact(inputs.positives), exact(inputs.negatives)], {
              scale,
            }),
            ['queries', 'positives', 'negatives'],
          ),
      };
    },
  },
  {
    name: 'matryoshka',
    axes: ['n', 'd'],
    multiples: { d: 4 },
    sizes: grid([256, 1024], 128),
    quick: { n: 256, d: 128 },
    flops: ({ n, d }) => 8 * n * n * d,
    bytes: bothBytes,
    exps: ({ n }) => 6 * n * n,
    schedule: '8 n^2 d (products of d, d / 2 and d / 4 columns are prefixes of one another, the pairs evaluated twice)',
    make: (size) => {
      const inputs = pairs(size, 'queries', 'documents');
      const scale = 20;
      return {
        inputs,
        differentiated: ['queries', 'documents'],
        options: { scale },
        reference: () =>
          lossOutputs(
            reference.matryoshka(
              [exact(inputs.queries), exact(inputs.documents)],
              [size.d, size.d / 2, size.d / 4],
              [1, 1, 1],
              { scale },
            ),
            ['queries', 'documents'],
          ),
      };
    },
  },
  {
    name: 'nnclr',
    axes: ['n', 'k', 'd'],
    sizes: [{ n: 512, k: 16384, d: 128 }],
    quick: { n: 128, k: 512, d: 128 },
    flops: ({ n, k, d }) => 2 * n * k * d + 6 * n * n * d,
    bytes: ({ n, k, d }) => 4 * (3 * n * d + k * d),
    exps: ({ n }) => 2 * n * n,
    schedule: '2 n k d + 6 n^2 d (nearest rows of the support, then the pairs evaluated twice for one side)',
    make: ({ n, k, d }) => {
      const inputs = { ...pairs({ n, d }, 'z0', 'z1'), support: normal([k, d], 3) };
      const temperature = 0.1;
      return {
        inputs,
        differentiated: ['z1'],
        options: { temperature },
        reference: () => {
          const { value, gradients } = nnclr([exact(inputs.z0), exact(inputs.z1)], exact(inputs.support), temperature);
          return lossOutputs({ value, gradients: gradients.slice(1) }, ['z1']);
        },
      };
    },
  },
  {
    name: 'megaBatch',
    axes: ['n', 'd'],
    sizes: grid([512, 1024], 128),
    quick: { n: 256, d: 128 },
    flops: ({ n, d }) => 2 * n * n * d,
    bytes: bothBytes,
    schedule: '2 n^2 d (the hardest row of each, and two pairs a row)',
    make: (size) => {
      const inputs = pairs(size, 'a', 'b');
      return {
        inputs,
        differentiated: ['a', 'b'],
        options: { positiveMargin: 0.8, negativeMargin: 0.3 },
        reference: () => lossOutputs(reference.megaBatch([exact(inputs.a), exact(inputs.b)]), ['a', 'b']),
      };
    },
  },
  ...(['cosent', 'angle'] as const).map(
    (name): Case => ({
      name,
      axes: ['n', 'd'],
      sizes: grid([512, 1024], 128),
      quick: { n: 256, d: 128 },
      flops: ({ n, d }) => 20 * n * d,
      bytes: bothBytes,
      exps: ({ n }) => 2 * n,
      schedule: 'reads both inputs and writes the gradients once; values are sorted and summed from one end',
      make: (size) => {
        const inputs = pairs(size, 'a', 'b');
        const labels = Int32Array.from({ length: size.n }, (_, i) => (7 * i) % 11);
        const scale = 20;
        const of = name === 'cosent' ? 'cosine' : 'angle';
        return {
          inputs,
          differentiated: ['a', 'b'],
          labels,
          options: { scale },
          reference: () =>
            lossOutputs(reference.ranked([exact(inputs.a), exact(inputs.b)], labels, scale, of), ['a', 'b']),
        };
      },
    }),
  ),
];
