// Kernels over pairs of rows.
import {
  type Case,
  cancelling,
  classes,
  classSums,
  FRAGMENT,
  floats,
  LANES,
  one,
  pairSums,
  rowBlock,
  rowPass,
  TILE,
  waves,
} from './case.ts';

export const PAIRS: Record<string, Case[]> = {
  lonely_share: [
    {
      params: { rows: 3, n: 6 },
      buffers: { members: Uint32Array.of(0, 3, 5, 6, 0, 2, 3, 1, 4, 5), share: floats(1) },
      groups: 1,
      tuning: {},
      expected: { share: [6 / 5] },
    },
  ],
  class_mean_expm1: [
    {
      params: { n: 3, columns: 70, row_stride: 72 },
      buffers: {
        units: cancelling.buffers.units,
        cancels: cancelling.buffers.cancels,
        temperature: Float32Array.of(0.5),
        classes: Uint32Array.of(0, 0, 0),
        row_factors: floats(12).fill(1),
        misses: floats(3).fill(0.5),
        mean_expm1: floats(6),
      },
      groups: 3,
      tuning: {},
    },
  ],
  nt_xent_panel_fragments: [
    {
      params: { n: 6, depth: 8, stride: 32, low: 0, first: 0, width: 32, strips: 2, weights_low: 0 },
      buffers: {
        lhs: waves(8 * 32),
        rhs: waves(8 * 32),
        top: new Uint32Array(one().buffer),
        log2_z: floats(6),
        temperature: Float32Array.of(0.5),
        weights: floats(32 * 32),
      },
      groups: 2,
      tuning: FRAGMENT,
    },
  ],
  nt_xent_sums_fragments: [
    {
      params: { n: 6, depth: 8, stride: 32, low: 0, edge: 32 },
      buffers: {
        lhs: waves(8 * 32),
        rhs: waves(8 * 32),
        top: new Uint32Array(one().buffer),
        temperature: Float32Array.of(0.5),
        partial: floats(32),
      },
      groups: 1,
      tuning: FRAGMENT,
    },
  ],
  nt_xent_recompute: [
    { ...cancelling, buffers: { ...cancelling.buffers, log2_z: floats(3).fill(9), miss: floats(3) } },
  ],
  uniformity_recompute: [{ ...cancelling, buffers: { ...cancelling.buffers, weighing: Float32Array.of(-1, 0.5) } }],
  nt_xent_row_block: [{ ...rowBlock, buffers: { ...rowBlock.buffers, log2_z: floats(6).fill(4) } }],
  uniformity_deficit: [0.9, 0.1].map((mean) => ({
    params: { n: 40, columns: 2, stride4: 16, slices: 2, slice_columns: 32 },
    buffers: {
      lhs: waves(2 * 64),
      rhs: waves(2 * 64),
      temperature: Float32Array.of(0.5),
      total: Float32Array.of(mean),
      deficits: floats(6),
    },
    groups: 6,
    tuning: { ...TILE, RUNNING: 0 },
    ...(mean < 0.5 ? { expected: { deficits: floats(6).fill(-1) } } : {}),
  })),
  uniformity_row_block: [{ ...rowBlock, buffers: { ...rowBlock.buffers, weighing: Float32Array.of(-1, 0.5) } }],
  nt_xent_sums: [pairSums],
  uniformity_sums: [pairSums],
  uniformity_sums_cached: [{ ...pairSums, buffers: { ...pairSums.buffers, cache: floats(3 * 32 * 32) } }],
  nt_xent_sums_cached: [{ ...pairSums, buffers: { ...pairSums.buffers, cache: floats(3 * 32 * 32) } }],
  off_diagonal: [
    {
      params: { n: 70, stride: 72 },
      buffers: { c: floats(70 * 72).fill(2), squares: floats(70) },
      groups: 70,
      tuning: LANES,
      expected: { squares: floats(70).fill(4 * 69), c: [0, 2] },
    },
  ],
  paired_rows: [
    {
      params: { rows: 2, columns: 70, distance: 0, alpha: 2, scale: 1 },
      buffers: {
        x: floats(140).fill(3),
        y: floats(140).fill(-5), // opposite: nothing lies across
        losses: floats(2),
        inverse_norms: floats(2),
        dx: floats(140),
      },
      groups: 2,
      tuning: LANES,
      expected: { losses: [4, 4], dx: floats(140) },
    },
  ],
  pair_row_pass: [
    {
      ...rowPass,
      buffers: { ...rowPass.buffers, numbers: floats(1), labels: new Int32Array(45) },
    },
  ],
  positive_gradient: [
    {
      params: { rows: 2, columns: 70, stride4: 18, at: 0, scale: 1 },
      buffers: {
        units: Float32Array.from({ length: 144 }, (_, t) => (t % 72 < 70 ? Math.sin(t) / 6 : 0)),
        g: floats(144).fill(1),
        cancellation_scales: Float32Array.of(0.5, 0.25),
        inverse_norms: floats(2).fill(1),
        cancels: new Uint32Array(2),
      },
      groups: 2,
      tuning: LANES,
      expected: {
        g: Float32Array.from({ length: 144 }, (_, t) =>
          t % 72 < 70 ? 1 - (0.75 * (Math.sin((t + 72) % 144) - Math.sin(t))) / 6 : 1,
        ),
        cancels: [0, 0],
      },
    },
  ],
  row_cancel: [
    {
      params: { rows: 2, columns: 70, stride4: 18, at: 1, scale: 1 },
      buffers: {
        units: Float32Array.from({ length: 144 }, (_, t) => (t % 72 < 70 ? 1 / Math.sqrt(70) : 0)),
        g: Float32Array.from({ length: 144 }, (_, t) => (t < 72 ? 1 : Math.sin(t))), // along u; across
        cancellation_scales: floats(3),
        cancels: new Uint32Array(2),
      },
      groups: 2,
      tuning: LANES,
      expected: { cancels: [1, 0] },
    },
  ],
  sup_con_recompute: [
    {
      ...cancelling,
      buffers: {
        ...cancelling.buffers,
        classes: Uint32Array.of(0, 1, 0),
        row_factors: floats(12).fill(1),
        target_weights: floats(3),
        mean_expm1: floats(6).fill(-1),
      },
    },
  ],
  anchored_rows: [
    {
      params: { rows: 3, columns: 70, stride: 72, at: 1 },
      buffers: {
        units: cancelling.buffers.units,
        others: cancelling.buffers.units,
        inverse_norms: floats(3), // below the norm's floor
        cancels: cancelling.buffers.cancels,
        apart: floats(3 * 72),
        log_means: floats(16),
        any: new Uint32Array(1),
      },
      groups: 3,
      tuning: LANES,
      expected: { any: [1], apart: Array.from({ length: 214 }, (_, t) => (t < 144 ? 0 : 0.1)) },
    },
  ],
  cross_log_means: [
    {
      params: { n: 3, columns: 70, stride: 72, own_at: 0, other_at: 4 },
      buffers: {
        own: cancelling.buffers.units,
        others: floats(3 * 72),
        any: Uint32Array.of(1),
        log2_z: floats(8),
        miss: floats(8).fill(0.25),
        positives: floats(4),
        logit_scale: Float32Array.of(2),
        log_means: floats(32),
      },
      groups: 3,
      tuning: {},
      expected: { log_means: [0, 0, 1, 0.25, 0, 0, 1, 0.25, 0, 0, 1, 0.25, 0, 0, 0, 0] },
    },
  ],
  contrast_recompute: [
    {
      params: { n: 3, columns: 10, stride: 12, scale: 1 },
      buffers: {
        units: cancelling.buffers.units,
        own: floats(3 * 10 + 1).fill(1),
        results: floats(12),
        temperature: Float32Array.of(0.5),
        cancels: Uint32Array.of(0, 1, 0),
        g: floats(3 * 12).fill(7),
      },
      groups: 3,
      tuning: {},
      expected: { g: Array.from({ length: 34 }, (_, t) => (t >= 12 && t < 22 ? 0 : 7)) },
    },
  ],
  cross_recompute: [
    {
      params: { n: 3, columns: 70, stride: 72, own_at: 0, other_at: 4, scale: 1 },
      buffers: {
        own: floats(3 * 72),
        others: floats(3 * 72),
        units: cancelling.buffers.units,
        other_units: Float32Array.from(cancelling.buffers.units as Float32Array, (x) => x + 1),
        log_means: Float32Array.from({ length: 32 }, (_, t) => (t % 4 === 1 ? -1 : t % 4 === 2 ? 1 : 0)), // sums of 3 / 2
        logit_scale: Float32Array.of(2),
        cancels: Uint32Array.of(0, 1, 0),
        g: floats(3 * 72).fill(7),
      },
      groups: 3,
      tuning: {},
      expected: { g: Array.from({ length: 214 }, (_, t) => (t >= 72 && t < 142 ? 1 : 7)) },
    },
  ],
  sig_lip_recompute: [
    {
      ...cancelling,
      buffers: {
        units: cancelling.buffers.units,
        cancels: cancelling.buffers.cancels,
        g: cancelling.buffers.g,
        others: cancelling.buffers.units,
        logit_scale: Float32Array.of(2),
        bias: Float32Array.of(-1),
      },
    },
  ],
  sup_con_row_block: [
    { ...rowBlock, buffers: { ...rowBlock.buffers, classes, row_factors: waves(24), target_weights: waves(6) } },
  ],
  sup_con_sums: [classSums],
  sup_con_sums_cached: [{ ...classSums, buffers: { ...classSums.buffers, cache: floats(3 * 32 * 32) } }],
};
