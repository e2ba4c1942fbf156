// Kernels over rows, sums and products.
import { add, type Case, FRAGMENT, floats, LANES, one, rowPass, TILE, waves } from './case.ts';

export const ROWS: Record<string, Case[]> = {
  contrast_panel_running: [
    {
      params: { rows: 2, columns: 70, stride: 4, first: 70, temperatures: 1 },
      buffers: {
        temperature: Float32Array.of(0.5),
        positives: Uint32Array.of(72, 0), // the second row's is not in this panel
        weights: floats(70 * 4).fill(0.25),
        tops: Float32Array.of(Math.LOG2E / 2, Math.LOG2E / 2),
        sums: Float32Array.of(1, 2),
        weighteds: floats(2),
        falls: floats(2),
        shortfalls: floats(70),
      },
      groups: 2,
      tuning: LANES,
      expected: { sums: [70, 72], falls: [1, 1], weights: [2, 2] },
    },
  ],
  contrast_rows: [0, 1].map(
    (GAP): Case => ({
      params: { rows: 2, columns: 70, stride: 72, temperatures: 1 },
      buffers: {
        units: floats(2 * 72).fill(1 / Math.sqrt(70)),
        own: floats(2 * 70).fill(1 / Math.sqrt(70)),
        temperature: Float32Array.of(0.5),
        positives: new Uint32Array(2),
        tops: floats(2).fill(GAP ? 0 : 2 * Math.LOG2E), // with GAP scores are less 1
        sums: floats(2).fill(9),
        weighteds: floats(2),
        results: floats(8),
      },
      groups: 2,
      tuning: { ...LANES, GAP },
      expected: { results: [Math.log(10), Math.log(10), 0.1, 0.1, 1.8, 1.8, 0, 0] },
    }),
  ),
  cross_entropy: [
    {
      params: { rows: 2, classes: 70, stride: 72, first_label: 0, scale: 1 },
      buffers: { logits: floats(2 * 72), labels: Uint32Array.of(3, 69), losses: floats(2), gradient: floats(2 * 72) },
      groups: 2,
      tuning: LANES,
      expected: { losses: [Math.log(70), Math.log(70)] },
    },
  ],
  // Scores of 0, and all of the second row's codes at its last prototype: slopes 1 / 72 - codes.
  log_sum_exp: [
    {
      params: { outer: 2, reduced: 100, inner: 1 },
      buffers: { x: floats(200).fill(2), y: floats(2), tops: floats(2), sums: floats(2) },
      groups: 2,
      tuning: LANES,
      expected: { y: [2 + Math.log(100), 2 + Math.log(100)], tops: [2, 2], sums: [100, 100] },
    },
  ],
  normalize: [
    {
      params: { rows: 2, columns: 70 },
      buffers: { z: floats(140).fill(3), y: floats(140), inverse_norms: floats(2) },
      groups: 2,
      tuning: LANES,
      expected: { y: floats(140).fill(1 / Math.sqrt(70)) },
    },
  ],
  matmul_fragments: [0, 1].map(
    (LEFT_ROWS): Case => ({
      params: {
        rows: 20,
        columns: 7,
        depth: 16,
        strips: 1,
        lhs_at: 0,
        lhs_stride: LEFT_ROWS ? 16 : 32,
        lhs_low: 0,
        rhs_at: 0,
        rhs_stride: 16,
        rhs_low: 0,
        out_at: 0,
        out_stride: 7,
        scale: 0.5,
        accumulating: 1,
      },
      buffers: {
        lhs: floats(32 * 16).fill(0.5),
        rhs: floats(16 * 16).fill(2),
        lhs_top: new Uint32Array(one().buffer),
        rhs_top: new Uint32Array(one().buffer),
        out: floats(140).fill(1),
      },
      groups: 1,
      tuning: { ...FRAGMENT, LEFT_ROWS },
      expected: { out: floats(140).fill(9) },
    }),
  ),
  row_pass: [rowPass, { ...rowPass, tuning: { ...TILE, SKIP: 1 } }],
  row_pass_class: [3, 4].map((SKIP) => ({
    ...rowPass,
    buffers: { ...rowPass.buffers, classes: Uint32Array.from({ length: 40 }, (_, i) => i % 3) },
    tuning: { ...TILE, SKIP },
  })),
  row_pass_distance: [rowPass],
  row_pass_gap: [0, 1].map((SKIP) => ({
    ...rowPass,
    buffers: { ...rowPass.buffers, shortfalls: waves(120) },
    tuning: { ...TILE, SKIP },
  })),
  row_pass_gap_class: [3, 4].map((SKIP) => ({
    ...rowPass,
    buffers: { ...rowPass.buffers, shortfalls: waves(120), classes: Uint32Array.from({ length: 40 }, (_, i) => i % 3) },
    tuning: { ...TILE, SKIP },
  })),
  row_total: [
    {
      params: { rows: 70, scale: -1 },
      buffers: {
        // k = 2 / ln 2: a top ln 2 below the highest makes a sum of 4 count a quarter, as much as the others'
        tops: Float32Array.from({ length: 70 }, (_, i) => (i % 2 ? 1 - Math.LN2 : 1)),
        sums: Float32Array.from({ length: 70 }, (_, i) => (i % 2 ? 4 : 1)),
        temperature: Float32Array.of(0.5),
        total: floats(2),
      },
      groups: 1,
      tuning: LANES,
      expected: { total: [1, 70] },
    },
  ],
  softmax_columns: [
    {
      params: { rows: 2, columns: 70 },
      buffers: { x: floats(140).fill(3), out: floats(140) },
      groups: 2,
      tuning: LANES,
      expected: { out: floats(140).fill(1 / 70) },
    },
  ],
  softmax_columns_grad: [
    {
      params: { rows: 2, columns: 70 },
      buffers: { y: floats(140).fill(1 / 70), dy: floats(140).fill(5), dx: floats(140) }, // all alike: nothing is left
      groups: 2,
      tuning: LANES,
      expected: { dx: floats(140) },
    },
  ],
  sum: [
    {
      params: { outer: 2, reduced: 300, inner: 1, offset: 0, scale: 0.5, accumulating: 0 },
      buffers: { x: waves(600), out: floats(2) },
      groups: 2,
      tuning: LANES,
      expected: { out: [0, 1].map((o) => 0.5 * add(waves(600).slice(300 * o, 300 * o + 300))) },
    },
  ],
  reflection: [
    {
      params: { rows: 1, columns: 70 },
      buffers: { z: Float32Array.from({ length: 70 }, (_, k) => (k === 69 ? 3 : 0)), reflection: floats(144) },
      groups: 1,
      tuning: LANES,
    },
  ],
  unit_rows: [
    {
      params: { rows: 2, columns: 70, first_row: 0, blank_rows: 1, row_stride: 72, column_stride: 4 },
      buffers: {
        z: floats(140).fill(3),
        reflection: floats(144),
        units: floats(4 * 72),
        units_t: floats(70 * 4),
        inverse_norms: floats(2),
      },
      groups: 3,
      tuning: LANES,
      expected: { inverse_norms: [1 / (3 * Math.sqrt(70)), 1 / (3 * Math.sqrt(70))] },
    },
  ],
  unit_rows_grad: [
    {
      params: { rows: 2, columns: 70, first_row: 0, row_stride: 72, factor: 2 },
      buffers: {
        units: floats(144).fill(1 / Math.sqrt(70)),
        inverse_norms: Float32Array.of(0.5, 0.5),
        reflection: floats(144),
        g: floats(144).fill(1), // along u: nothing is left of it
        dy: floats(1).fill(1),
        temperature: floats(1).fill(1),
        dz: floats(140),
      },
      groups: 2,
      tuning: LANES,
      expected: { dz: floats(140) },
    },
  ],
};
