// Kernels of transport and codes.
import { type Case, floats, LANES } from './case.ts';

export const TRANSPORT: Record<string, Case[]> = {
  swav_slopes: [1, 2].map((sources) => {
    const codes = Float32Array.from({ length: 144 }, (_, t) => (t < 72 ? 1 / 72 : t === 100 ? 1 : 0));
    return {
      params: { rows: 2, columns4: 18, first_row: 1, scale: 14, rest: 0.01 },
      buffers: { codes0: codes, codes1: codes, scores: floats(144), losses: floats(3) },
      groups: 2,
      tuning: { ...LANES, SOURCES: sources },
      expected: {
        losses: [0, sources * Math.log(72), sources * Math.log(72)],
        scores: Array.from(codes, (code) => sources * (1 / 72 - code)),
      },
    };
  }),
  cached_columns: [
    {
      params: { rows: 40, columns: 18, stride: 20, scale: 1, rest: 0, step: 1, kappa: 0, damping: 1 },
      buffers: {
        scores: floats(40 * 20).fill(3), // every marginal is 8 times what is wanted
        w: floats(80), // (e, r): factors of 1
        state: floats(16),
        u: floats(36),
        excess: floats(18),
      },
      groups: 2,
      tuning: {},
    },
  ],
  cached_rows: [
    {
      params: { rows: 2, columns: 70, stride: 72, scale: 1, rest: 0, step: 1, kappa: 0, damping: 1 },
      buffers: {
        scores: floats(2 * 72).fill(3),
        w: floats(140), // factors of 1
        state: floats(16),
        u: floats(4),
        excess: floats(2),
      },
      groups: 2,
      tuning: LANES,
    },
  ],
  sinkhorn_rows: [0, 1].map(
    (last): Case => ({
      params: { rows: 2, columns: 70, scale: 1, rest: 0 },
      buffers: {
        scores: floats(140).fill(3),
        w: floats(140), // factors of 1
        u: floats(4),
        codes: floats(140),
      },
      groups: 2,
      tuning: { ...LANES, LAST: last },
    }),
  ),
  sinkhorn_sweep: [
    [1, 0],
    [0, 0],
    [0, 1],
  ].map(
    ([FIRST, LAST]): Case => ({
      params: { rows: 3, columns: 50, rows_each: 2, out_row: 0, scale: 1, rest: 0 },
      buffers: {
        scores: floats(150).fill(3),
        w: floats(100), // factors of 1
        u: floats(6),
        out: floats(150),
      },
      groups: 2,
      tuning: { SIDE: 4, QUADS: 1, FIRST, LAST },
    }),
  ),
  sinkhorn_update: [
    {
      params: { rows: 6, columns: 18, parts: 24 },
      buffers: {
        partial: floats(24 * 18).fill(0.5), // the mean is 2
        // (e, r) = (0, 1/4), a factor of 1.25: one for all, as the detector hands a call's arguments from lane to lane
        w: Float32Array.from({ length: 36 }, (_, i) => (i % 2) / 4),
      },
      groups: 2,
      tuning: {},
      expected: { w: Float32Array.from({ length: 36 }, (_, i) => (i % 2 ? 0.25 : -1)) }, // 1.25 / 2 = (1 + 1/4) 2^-1
    },
  ],
  transport_control: [
    {
      params: { rows: 100, most: 9, relaxing: 1, tolerance: 3 },
      buffers: { excess: floats(100).fill(-2), state: floats(16) },
      groups: 1,
      tuning: LANES,
      expected: { state: [0, 0, 1, 6, 1, 0, 0, 2] },
    },
  ],
  transport_report: [
    {
      params: { rows: 100, fixed_iterations: 0, tolerance: 3 },
      buffers: {
        excess: floats(100).fill(-2),
        state: floats(16).fill(5),
        marginal_error: floats(1),
        converged: floats(1),
        iterations: floats(1),
      },
      groups: 1,
      tuning: LANES,
      expected: { marginal_error: [2], converged: [1], iterations: [5] },
    },
  ],
};
