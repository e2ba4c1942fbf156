import { dcl, ntXent, type SupConOptions, supCon, type Tensor, uniformity } from '../../src/index.ts';
import * as reference from '../reference/losses/symmetric.ts';
import { type Invariance, type LossRow, rowsOf, views } from './row.ts';

const GOLDEN_LABELS = [0, 0, 1, 1, 2, 3];

/** For n rows: the golden ones for six; else classes of one to three rows, two of them with the largest labels there are. */
function labelsOf(n: number): number[] {
  if (n === 6) return GOLDEN_LABELS;
  if (n < 4) return [0, 1, 0].slice(0, n);
  return Array.from({ length: n }, (_, i) => (i % 7 === 3 ? 2 ** 31 - 1 - i : Math.floor(((i * 5) % n) / 3)));
}

const TEMPERATURES = [0.05, 0.07, 0.1, 0.5, 1, 0.01, 0.005];
const COSINE: readonly Invariance[] = ['row scale', 'rotation', 'radial gradient'];

function supConRow(
  name: string,
  count: number,
  options: SupConOptions,
  more: Partial<LossRow>,
  labels: (n: number) => number[] = labelsOf,
): LossRow {
  const { form, lonely } = options;
  return {
    name: `supCon, ${name}`,
    inputs: views(count),
    run: (inputs, temperature) =>
      supCon([...inputs], Int32Array.from(labels(rowsOf(inputs[0]))), { ...options, temperature }),
    reference: (inputs, tau) =>
      reference.supCon(inputs, labels(inputs[0].rows), tau, {
        form,
        lonely: lonely === 'skip' ? 'skip' : 'zero',
        scale: options.convention === 'official' ? tau / 0.07 : 1,
      }),
    temperatures: TEMPERATURES,
    invariances: COSINE,
    coincide: true,
    peaked: count > 1,
    ...more,
  };
}

/** Losses over all pairs of one set of rows. */
export const SYMMETRIC: readonly LossRow[] = [
  {
    name: 'ntXent',
    inputs: views(2),
    run: ([z0, z1], temperature) => ntXent(z0, z1, { temperature }),
    reference: ([z0, z1], temperature) => reference.ntXent(z0, z1, temperature),
    coincide: true,
    temperatures: [0.05, 0.07, 0.1, 0.5, 1, 0.01, 0.005],
    live: true,
    golden: {
      temperature: 0.5,
      value: 1.0430643859,
      norms: [0.150772737, 0.1196047989],
      first: -0.0381794851,
    },
    invariances: ['permutation', 'row scale', 'rotation', 'swapped views', 'radial gradient'],
    allEqual: (n) => Math.log(2 * n - 1),
  },
  {
    name: 'ntXent, official',
    inputs: views(2),
    run: ([z0, z1], temperature) => ntXent(z0, z1, { temperature, convention: 'official' }),
    reference: ([z0, z1], temperature) => reference.ntXent(z0, z1, temperature, 2),
    temperatures: [0.5],
    golden: {
      temperature: 0.5,
      value: 2 * 1.0430643859,
      norms: [2 * 0.150772737, 2 * 0.1196047989],
      first: 2 * -0.0381794851,
    },
    invariances: [],
  },
  supConRow(
    'out',
    2,
    {},
    {
      live: true,
      golden: { temperature: 0.1, value: 4.8140143465, norms: [1.281439108, 1.5890815778], first: -0.3598117401 },
      invariances: [...COSINE, 'swapped views'],
    },
  ),
  supConRow(
    'in',
    2,
    { form: 'in' },
    {
      live: true,
      golden: { temperature: 0.1, value: 0.9408433537, norms: [0.2332183904, 0.4903411527], first: -0.0491382107 },
      invariances: [...COSINE, 'swapped views'],
    },
  ),
  supConRow(
    'one view',
    1,
    {},
    {
      golden: { temperature: 0.1, value: 6.7186679711, norms: [6.3841958764], first: -2.3336247024 },
    },
  ),
  supConRow('one view, lonely rows left out', 1, { lonely: 'skip', convention: 'official' }, {}),
  supConRow('in, three views', 3, { form: 'in' }, { temperatures: [0.1, 0.05] }),
  supConRow(
    'pairs',
    2,
    {},
    {
      live: true,
      golden: { temperature: 0.5, value: 1.0430643859, norms: [0.150772737, 0.1196047989], first: -0.0381794851 },
      invariances: [...COSINE, 'permutation', 'swapped views'],
      allEqual: (n) => Math.log(2 * n - 1),
    },
    (n) => Array.from({ length: n }, (_, i) => i),
  ),
  supConRow(
    'one class',
    2,
    { form: 'out' },
    {
      kinds: ['normal', 'outlier', 'x1e4', 'unit'], // rows below the norm's floor are all alike: nothing is left of p - 1 / |P|
      accepts: (_, d) => d > 1, // of single numbers nothing is left but rounding
      temperatures: [0.1, 0.5],
      invariances: [...COSINE, 'permutation'],
      allEqual: (n) => Math.log(2 * n - 1),
      peaked: { rows: 150 }, // of 250 rows, whose p - 1 / |P| is as small again, the gradient's error is 1.4e-5
    },
    (n) => new Array(n).fill(7),
  ),
  supConRow(
    'a class a cluster',
    1,
    {},
    { temperatures: [0.1], kinds: ['normal', 'outlier', 'x1e4', 'unit'], accepts: (_, d) => d > 1 },
    (n) => Array.from({ length: n }, (_, i) => Math.floor(i / 3)),
  ),
  {
    name: 'dcl',
    inputs: views(2),
    run: ([z0, z1], temperature) => dcl(z0, z1, { temperature }),
    reference: ([z0, z1], temperature) => reference.dcl(z0, z1, temperature),
    coincide: true,
    temperatures: TEMPERATURES,
    live: true,
    golden: { temperature: 0.1, value: -2.1264195112, norms: [2.4668204937, 1.5246182019], first: -0.8781790107 },
    invariances: [...COSINE, 'permutation', 'swapped views'],
    allEqual: (n) => (n === 1 ? 0 : Math.log(2 * n - 2)),
  },
  {
    name: 'uniformity',
    inputs: views(1),
    run: ([z], t) => uniformity(z as Tensor, { t: t as number }),
    reference: ([z], t) => reference.uniformity(z, t),
    coincide: true,
    temperatures: [2, 0.5, 5, 30, 1],
    exponent: (t) => 2 * t,
    golden: { temperature: 2, value: -2.5812697277, norms: [1.2136659884], first: -0.308789744 },
    invariances: [...COSINE, 'permutation'],
    accepts: (n) => n > 1,
    peaked: false,
  },
];
