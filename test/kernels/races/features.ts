// Kernels over features and channels.
import { add, type Case, floats, LANES, waves } from './case.ts';

export const FEATURES: Record<string, Case[]> = {
  batch_norm_channels: [
    {
      params: {
        channels: 2,
        pixels: 70,
        slices: 2,
        images: 3,
        images_per_slice: 2,
        epsilon: 1e-5,
        momentum: 0.1,
        keep: 0.9,
      },
      buffers: {
        means: waves(2 * 2 * 70),
        spreads: floats(2 * 2 * 70),
        mean: floats(2),
        inverse_std: floats(2),
        running_mean: floats(2),
        running_variance: floats(2),
      },
      groups: 2,
      tuning: LANES,
      expected: {
        mean: [0, 1].map(
          (c) =>
            (2 * add(waves(280).slice(70 * c, 70 * c + 70)) + add(waves(280).slice(140 + 70 * c, 210 + 70 * c))) / 210,
        ),
      },
    },
  ],
  batch_norm_totals: [
    {
      params: { channels: 2, pixels: 70, slices: 2 },
      buffers: { partial: waves(2 * 2 * 2 * 70), sums: floats(4), dbias: floats(2), dweight: floats(2) },
      groups: 2,
      tuning: LANES,
      expected: {
        dweight: [0, 1].map(
          (c) => add(waves(560).slice(280 + 70 * c, 350 + 70 * c)) + add(waves(560).slice(420 + 70 * c, 490 + 70 * c)),
        ),
      },
    },
  ],
  branch_maximum: [
    {
      params: { rows: 2, pixels: 70 },
      buffers: {
        channel: Float32Array.of(0.5, -1),
        local: waves(140),
        across: floats(140),
        y: floats(2),
      },
      groups: 2,
      tuning: LANES,
      expected: {
        y: [
          add(Array.from(waves(70), (v) => Math.max(v, 0.5))),
          add(Array.from(waves(140).slice(70), (v) => Math.max(v, 0))),
        ],
      },
    },
  ],
  branch_maximum_grad: [
    {
      params: { rows: 2, pixels: 70, channels: 2, scale: 0.5 },
      buffers: {
        channel: Float32Array.of(0.5, -1),
        local: waves(140),
        across: floats(140),
        dy: Float32Array.of(4),
        dchannel: floats(2),
        dlocal: floats(140),
        dacross: floats(140),
      },
      groups: 2,
      tuning: LANES,
      expected: {
        dchannel: [2 * Array.from(waves(70)).filter((v) => v <= 0.5).length, 0],
        dlocal: Array.from(waves(140), (v, i) => (v >= (i < 70 ? 0.50001 : 0) ? 2 : 0)),
        dacross: Array.from(waves(140), (v, i) => (i >= 70 && v < 0 ? 2 : 0)),
      },
    },
  ],
  outlier_features: [
    {
      params: { columns: 70, count: 2 },
      buffers: {
        // (mean, scale, spread, included): the largest spreads are those of 68 and 5, then 7 as large
        moments: Float32Array.from({ length: 4 * 70 }, (_, t) =>
          t % 4 === 3 ? 1 : t % 4 === 2 ? ({ 68: 9, 5: 8, 7: 8 }[(t - 2) / 4] ?? 1 / (t + 1)) : 0,
        ),
        outliers: new Uint32Array(2),
      },
      groups: 1,
      tuning: {},
      expected: { outliers: [68, 5] },
    },
  ],
  inner_rows: [
    {
      params: { n: 70, stride: 72 },
      buffers: { a: floats(70 * 72).fill(2), b: floats(70 * 72).fill(0.5), out: floats(70) },
      groups: 70,
      tuning: LANES,
      expected: { out: floats(70).fill(70) },
    },
  ],
};
