import { beforeAll, describe, expect, test } from 'vitest';
import { detectRaces } from 'wgsl_reflect/wgsl_reflect.module.js';
import type { Engine } from '../src/core/engine.ts';
import type { KernelSource, Tuning } from '../src/gpu/kernel.ts';
import { packParams } from '../src/gpu/kernel.ts';
import { link } from '../src/gpu/link.ts';
import { kernelNames, readKernel } from '../tools/generate.ts';
import { idle } from '../tools/idle.mjs';
import { eachValue } from '../tools/variants.ts';
import { sharedEngine } from './engine.ts';

const kernels = kernelNames().map(readKernel);
const table = kernels.map((kernel) => [kernel.name, kernel] as const);

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

test.each(table)('%s says its formula first, and every piece does', (_, { parts }) => {
  for (const { text } of parts) expect(text).toMatch(/^\/\/ .*[a-z0-9]/i);
});

test.each(table)(
  '%s compiles with each tunable value',
  async (_, kernel) => {
    // SwiftShader would make machine code of all of them for minutes; what it makes of a kernel shows where ops launch it.
    const slow = engine.info.architecture === 'swiftshader';
    const parts = kernel.parts.map((part) => ({ ...part, text: idle(part.text) }));
    const form = slow ? { ...kernel, name: `${kernel.name} idle`, parts } : kernel;
    for (const tuning of eachValue(kernel)) engine.lowLevel.pipeline(form, tuning);
    await engine.sync();
  },
  120_000,
);

// Races ------------------------------------------------------------------------------------------------------------

interface Case {
  readonly params: Record<string, number>;
  readonly buffers: Record<string, Float32Array | Uint32Array | Int32Array>;
  readonly groups: number;
  readonly tuning: Tuning;
  /** Outputs that are easy to say. */
  readonly expected?: Record<string, ArrayLike<number>>;
}

const LANES = { LANES: 64 };
const TILE = { TM: 4, TV: 1, WX: 8, WY: 4 }; // 16 rows, 32 columns of floats
const floats = (count: number): Float32Array => new Float32Array(count);
const waves = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => Math.sin(1 + 3 * i));
const add = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0);

/** 6 rows of 2 in blocks of 32: [2, 64], zeros past the sixth. */
const unitsT = (() => {
  const t = floats(2 * 64);
  for (let i = 0; i < 6; i++) {
    t[i] = Math.cos(i);
    t[64 + i] = Math.sin(i);
  }
  return t;
})();
// No expected values: the detector hands the result of a function call (a row's mark) from one lane to the others.
const pairSums: Case = {
  params: { n: 6, columns: 2, stride4: 16, edge: 32 },
  buffers: { lhs: unitsT, rhs: unitsT, temperature: Float32Array.of(0.5), partial: floats(2 * 64) },
  groups: 3,
  tuning: TILE,
};
const classes = Uint32Array.of(0, 1, 0, 0, 1, 2);
const classSums: Case = {
  ...pairSums,
  buffers: { ...pairSums.buffers, classes, partial: floats(2 * 2 * 64) },
};
const owner: Case = {
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
const rowPass: Case = {
  params: { rows: 5, columns: 40, depth: 2, lhs_stride4: 4, rhs_stride4: 16, slices: 2, slice_columns: 32, scale: 1 },
  buffers: { lhs: waves(2 * 16), rhs: waves(2 * 64), temperature: Float32Array.of(0.5), partial: floats(2 * 3 * 5) },
  groups: 2,
  tuning: TILE,
};

// 2 x 2 subgroups of 16 lanes, two fragments of 8 x 8 each: 32 x 16.
const FRAGMENT: Tuning = { FM: 8, FN: 8, FK: 8, SM: 2, SN: 1, SUBGROUP: 16 };
const one = (): Float32Array => Float32Array.of(1);
/** Three rows of 70, of which the first two are near each other; the pulls on these cancel. */
const near: Case = {
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

const CASES: Record<string, Case[]> = {
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
  class_lifts: [
    {
      params: { n: 3, columns: 70, row_stride: 72 },
      buffers: {
        units: near.buffers.units,
        cancels: near.buffers.cancels,
        temperature: Float32Array.of(0.5),
        classes: Uint32Array.of(0, 0, 0),
        pulls: floats(12).fill(1),
        misses: floats(3).fill(0.5),
        lifts: floats(6),
      },
      groups: 3,
      tuning: {},
    },
  ],
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
  heavy_features: [
    {
      params: { columns: 70, count: 3 },
      buffers: {
        // (mean, scale, spread, light): the largest spreads are those of 68, 5 and 7
        moments: Float32Array.from({ length: 4 * 70 }, (_, t) =>
          t % 4 === 3 ? 1 : t % 4 === 2 ? ({ 68: 9, 5: 8, 7: 8 }[(t - 2) / 4] ?? 1 / (t + 1)) : 0,
        ),
        heavy: new Uint32Array(3),
      },
      groups: 1,
      tuning: {},
      expected: { heavy: [68, 5, 7] },
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
  kept_columns: [
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
  kept_rows: [
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
  nt_xent_near: [{ ...near, buffers: { ...near.buffers, log2_z: floats(3).fill(9), miss: floats(3) } }],
  uniformity_near: [{ ...near, buffers: { ...near.buffers, weighing: Float32Array.of(-1, 0.5) } }],
  nt_xent_owner: [{ ...owner, buffers: { ...owner.buffers, log2_z: floats(6).fill(4) } }],
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
  uniformity_owner: [{ ...owner, buffers: { ...owner.buffers, weighing: Float32Array.of(-1, 0.5) } }],
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
  row_pass: [rowPass, { ...rowPass, tuning: { ...TILE, SKIP: 1 } }],
  row_pass_class: [3, 4].map((SKIP) => ({
    ...rowPass,
    buffers: { ...rowPass.buffers, classes: Uint32Array.from({ length: 40 }, (_, i) => i % 3) },
    tuning: { ...TILE, SKIP },
  })),
  row_pass_distance: [rowPass],
  row_pass_gap: [0, 1].map((SKIP) => ({
    ...rowPass,
    buffers: { ...rowPass.buffers, shortfalls: waves(40) },
    tuning: { ...TILE, SKIP },
  })),
  row_pass_gap_class: [3, 4].map((SKIP) => ({
    ...rowPass,
    buffers: { ...rowPass.buffers, shortfalls: waves(40), classes: Uint32Array.from({ length: 40 }, (_, i) => i % 3) },
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
  sum: [
    {
      params: { outer: 2, reduced: 300, inner: 1, offset: 0, scale: 0.5, accumulating: 0 },
      buffers: { x: waves(600), out: floats(2) },
      groups: 2,
      tuning: LANES,
      expected: { out: [0, 1].map((o) => 0.5 * add(waves(600).slice(300 * o, 300 * o + 300))) },
    },
  ],
  partner_pull: [
    {
      params: { rows: 2, columns: 70, stride4: 18, at: 0, scale: 1 },
      buffers: {
        units: Float32Array.from({ length: 144 }, (_, t) => (t % 72 < 70 ? Math.sin(t) / 6 : 0)),
        g: floats(144).fill(1),
        reaches: Float32Array.of(0.5, 0.25),
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
        reaches: floats(3),
        cancels: new Uint32Array(2),
      },
      groups: 2,
      tuning: LANES,
      expected: { cancels: [1, 0] },
    },
  ],
  sup_con_near: [
    {
      ...near,
      buffers: {
        ...near.buffers,
        classes: Uint32Array.of(0, 1, 0),
        pulls: floats(12).fill(1),
        holds: floats(3),
        lifts: floats(6).fill(-1),
      },
    },
  ],
  cross_near: [
    {
      ...near,
      buffers: {
        units: near.buffers.units,
        cancels: near.buffers.cancels,
        g: near.buffers.g,
        others: near.buffers.units,
        log2_z: floats(3).fill(9),
        miss: floats(3),
        terms: floats(13),
        logit_scale: Float32Array.of(2),
      },
    },
  ],
  sig_lip_near: [
    {
      ...near,
      buffers: {
        units: near.buffers.units,
        cancels: near.buffers.cancels,
        g: near.buffers.g,
        others: near.buffers.units,
        logit_scale: Float32Array.of(2),
        bias: Float32Array.of(-1),
      },
    },
  ],
  sup_con_owner: [{ ...owner, buffers: { ...owner.buffers, classes, pulls: waves(24), holds: waves(6) } }],
  sup_con_sums: [classSums],
  sup_con_sums_cached: [{ ...classSums, buffers: { ...classSums.buffers, cache: floats(3 * 32 * 32) } }],
  turn: [
    {
      params: { columns: 70 },
      buffers: { z: Float32Array.from({ length: 70 }, (_, k) => (k === 69 ? 3 : 0)), turn: floats(144) },
      groups: 1,
      tuning: LANES,
    },
  ],
  unit_rows: [
    {
      params: { rows: 2, columns: 70, first_row: 0, blank_rows: 1, row_stride: 72, column_stride: 4 },
      buffers: {
        z: floats(140).fill(3),
        turn: floats(144),
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
        turn: floats(144),
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

/** The detector reads from top to bottom: what a piece declares has to come before its use. */
function textOf(kernel: KernelSource, { tuning }: Case): string {
  return link({ ...kernel, parts: [...kernel.parts].reverse() }, tuning, false).code;
}

interface Found {
  readonly races: unknown[];
  readonly errors: unknown[];
  readonly buffers: Case['buffers'];
}

function detect(kernel: KernelSource, one: Case, code = textOf(kernel, one)): Found {
  const uniform = new ArrayBuffer(kernel.params.bytes);
  packParams(kernel, one.params, new DataView(uniform), 0);
  new Uint32Array(uniform).set([0, one.groups]);
  const bindings: Record<number, unknown> = { [kernel.params.binding]: { uniform } };
  const buffers = Object.fromEntries(Object.entries(one.buffers).map(([name, data]) => [name, data.slice()]));
  for (const { name, binding } of kernel.buffers) bindings[binding] = buffers[name];
  // The detector takes an alias for a type of one byte.
  let spelt = code.replace(/^alias .*$/gm, '');
  for (const [, name, type] of code.matchAll(/^alias (\w+) = (.+);$/gm))
    spelt = spelt.replace(new RegExp(`\\b${name}\\b`, 'g'), type);
  const { races, errors } = detectRaces(spelt, 'main', [one.groups, 1, 1], { 0: bindings });
  return { races, errors, buffers };
}

describe('races', () => {
  const waiting = kernels.filter(({ parts }) => parts.some(({ text }) => text.includes('workgroupBarrier()')));

  test('every kernel whose lanes wait for each other is in the table', () => {
    expect(Object.keys(CASES).sort()).toEqual(waiting.map((kernel) => kernel.name));
  });

  const rows = waiting.flatMap((kernel) =>
    (CASES[kernel.name] ?? []).map((one) => [kernel.name, kernel, one] as const),
  );
  test.each(rows)(
    '%s has none',
    (_, kernel, one) => {
      const { races, errors, buffers } = detect(kernel, one);
      expect({ races: races.slice(0, 1), errors: errors.slice(0, 1) }).toEqual({ races: [], errors: [] });
      for (const [name, expected] of Object.entries(one.expected ?? {}))
        Array.from(expected).forEach((value, i) => expect(buffers[name][i], `${name}[${i}]`).toBeCloseTo(value, 4));
    },
    120_000,
  );

  test.each([
    ['sum', 0],
    ['sum', 1],
    ['nt_xent_sums', 1],
    ['row_pass', 0],
  ])(
    'are found in %s without its barrier number %d',
    (name, number) => {
      const kernel = readKernel(name);
      const one = CASES[name][0];
      let seen = 0;
      const code = textOf(kernel, one).replace(/workgroupBarrier\(\);/g, (all) => (seen++ === number ? '' : all));
      expect(seen).toBeGreaterThan(number);
      expect(detect(kernel, one, code).races.length).toBeGreaterThan(0);
    },
    120_000,
  );
});
