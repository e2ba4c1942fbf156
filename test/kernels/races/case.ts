// What the kernels of the race table have in common: small inputs, and launches that several of them share.
import type { Tuning } from '../../../src/gpu/kernel.ts';

export interface Case {
  readonly params: Record<string, number>;
  readonly buffers: Record<string, Float32Array | Uint32Array | Int32Array>;
  readonly groups: number;
  readonly tuning: Tuning;
  /** Outputs that are easy to say. */
  readonly expected?: Record<string, ArrayLike<number>>;
}

export const LANES = { LANES: 64 };
export const TILE = { TM: 4, TV: 1, WX: 8, WY: 4 }; // 16 rows, 32 columns of floats
export const floats = (count: number): Float32Array => new Float32Array(count);
export const waves = (count: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(1 + 3 * i));
export const add = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0);

/** 6 rows of 2 in blocks of 32: [2, 64], zeros past the sixth. */
export const unitsT = (() => {
  const t = floats(2 * 64);
  for (let i = 0; i < 6; i++) {
    t[i] = Math.cos(i);
    t[64 + i] = Math.sin(i);
  }
  return t;
})();
// No expected values: the detector hands the result of a function call (a row's mark) from one lane to the others.
export const pairSums: Case = {
  params: { n: 6, columns: 2, stride4: 16, edge: 32 },
  buffers: { lhs: unitsT, rhs: unitsT, temperature: Float32Array.of(0.5), partial: floats(2 * 64) },
  groups: 3,
  tuning: TILE,
};
export const classes = Uint32Array.of(0, 1, 0, 0, 1, 2);
export const classSums: Case = {
  ...pairSums,
  buffers: { ...pairSums.buffers, classes, partial: floats(2 * 2 * 64) },
};
export const rowBlock: Case = {
  params: { n: 6, columns: 2, stride4: 16, row_stride4: 1 },
  buffers: {
    lhs: unitsT,
    rhs: unitsT,
    temperature: Float32Array.of(0.5),
    rows: waves(4 * 64 + 128),
    g: floats(4 * 64),
  },
  groups: 2,
  tuning: { ...TILE, FV: 1 },
};
export const rowPass: Case = {
  params: { rows: 5, columns: 40, depth: 2, lhs_stride4: 4, rhs_stride4: 16, slices: 2, slice_columns: 32, scale: 1 },
  buffers: { lhs: waves(2 * 16), rhs: waves(2 * 64), temperature: Float32Array.of(0.5), partial: floats(2 * 3 * 5) },
  groups: 2,
  tuning: TILE,
};

// 2 x 2 subgroups of 16 lanes, two fragments of 8 x 8 each: 32 x 16.
export const FRAGMENT: Tuning = { FM: 8, FN: 8, FK: 8, SM: 2, SN: 1, SUBGROUP: 16 };
export const one = (): Float32Array => Float32Array.of(1);
/** Three rows of 70, of which the first two are nearly parallel; their gradient cancels. */
export const cancelling: Case = {
  params: { rows: 3, n: 3, columns: 70, row_stride: 72, own_at: 0, other_at: 0, scale: 1 },
  buffers: {
    units: Float32Array.from({ length: 3 * 72 }, (_, t) => Math.sin(t % 72) / 6 + (t < 144 ? 0 : 0.1)),
    cancels: Uint32Array.of(1, 1, 0),
    temperature: Float32Array.of(0.5),
    g: floats(3 * 72).fill(7),
  },
  groups: 3,
  tuning: {},
};
