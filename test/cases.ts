import { createRandom } from '../src/core/random.ts';
import { type Numbers, numbers } from './reference/ops.ts';

// Around the sizes of vectors, workgroups and tiles, where kernels go wrong, and far from them.
const ROWS = [1, 2, 3, 31, 32, 33, 63, 64, 65, 127, 129, 255, 257];
const COLUMNS = [1, 2, 3, 4, 5, 15, 16, 17, 63, 64, 65, 127, 128, 129];

export interface Shape {
  readonly rows: number;
  readonly columns: number;
  /** Rows of a second operand. */
  readonly others: number;
}

/**
 * Every number of rows and of columns at least once, in combinations that have nothing to do with each other; and a few
 * rows against many, which are cut into slices.
 */
export const SHAPES: readonly Shape[] = [
  ...COLUMNS.map((columns, i) => ({
    rows: ROWS[(5 * i + 4) % ROWS.length],
    columns,
    others: ROWS[(3 * i + 7) % ROWS.length],
  })),
  { rows: 3, columns: 40, others: 515 },
];

/** Small, odd in all extents: for what is repeated with other settings. */
export const ODD: readonly Shape[] = [
  { rows: 37, columns: 13, others: 21 },
  { rows: 66, columns: 40, others: 131 },
];

export const VALUES = [
  'normal',
  'unit',
  'x1e-20',
  'x1e4',
  'identical rows',
  'zero row',
  'outlier',
  'near-parallel',
] as const;

export type Values = (typeof VALUES)[number];

/** f32 numbers of that kind: the same for the same seed, everywhere. */
export function values(kind: Values, shape: readonly number[], seed: number): Numbers {
  const random = createRandom(seed);
  const columns = shape.at(-1) ?? 1;
  const data = numbers(shape, () => random.gaussian()).data;
  const row = (i: number): Float64Array => data.subarray(i * columns, (i + 1) * columns);
  const rows = data.length / columns;
  const first = row(0);
  for (let i = 0; i < rows; i++) {
    const own = row(i);
    const norm = kind === 'unit' ? Math.hypot(...own) : 1;
    for (let k = 0; k < columns; k++) {
      if (kind === 'unit') own[k] /= norm;
      else if (kind === 'x1e-20') own[k] *= 1e-20;
      else if (kind === 'x1e4') own[k] *= 1e4;
      else if (kind === 'identical rows') own[k] = first[k];
      else if (kind === 'near-parallel') own[k] = first[k] + 1e-3 * own[k];
    }
  }
  if (kind === 'zero row') row(Math.floor(rows / 2)).fill(0);
  if (kind === 'outlier') row(Math.floor(rows / 3)).set(row(Math.floor(rows / 3)).map((x) => 20 * x));
  return { shape, data: data.map(Math.fround) };
}
