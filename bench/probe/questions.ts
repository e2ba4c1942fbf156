// What the probe asks: each question gives an object of numbers.

import type { Tuning } from '../../src/gpu/kernel.ts';
import { matmul as matmulKernel } from '../../src/gpu/kernels.generated.ts';
import { ntXent } from '../../src/losses/ntXent.ts';
import { matmul } from '../../src/ops/matmul.ts';
import { contrastProblem } from '../../src/sweeps/pairs/contrast.ts';
import { scheduleOf } from '../../src/sweeps/pairs/schedule.ts';
import { matrixFor } from '../../src/tuning/families.ts';
import { allocate, download, upload } from '../buffers.ts';
import { measureRoofline } from '../roofline.ts';
import { attempt, type Bed, best, openFastest, prepared, withEngine } from './bed.ts';
import { sharedTile } from './sharedTile.ts';

const rounded = (value: number, digits = 4): number => Number(value.toPrecision(digits));
const numbers = (count: number, seed: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: count }, (_, i) => Math.sin((i + 1) * (1.37 + seed)));

/** Features, limits and what the library makes of them. */
export function offered({ adapter, note, extras }: Bed): object {
  const { info, limits } = adapter;
  const matrices = (info as { subgroupMatrixConfigs?: Iterable<Record<string, unknown>> }).subgroupMatrixConfigs ?? [];
  return {
    adapter: note,
    vendor: info.vendor,
    architecture: info.architecture,
    description: info.description,
    features: [...adapter.features].sort(),
    limits: Object.fromEntries(
      (
        [
          'maxBufferSize',
          'maxStorageBufferBindingSize',
          'maxComputeWorkgroupStorageSize',
          'maxComputeInvocationsPerWorkgroup',
          'maxStorageBuffersPerShaderStage',
        ] as const
      ).map((name) => [name, limits[name]]),
    ),
    subgroupSizes: [info.subgroupMinSize, info.subgroupMaxSize],
    subgroupMatrixConfigs: [...matrices].map(
      ({ componentType, resultComponentType, M, N, K }) => `${componentType}->${resultComponentType} ${M}x${N}x${K}`,
    ),
    chosen: Object.fromEntries(
      (['highest', 'high', 'medium'] as const).map((precision) => [precision, matrixFor(extras.matrices, precision)]),
    ),
  };
}

/** Multiply-adds of registers alone, TFLOP/s: what the tiles can reach at most. */
async function peak({ software }: Bed): Promise<object> {
  const { adapter } = await openFastest();
  const { flops } = await measureRoofline(adapter, software);
  return { tflops: rounded(flops / 1e12) };
}

/** f32 tiles on one square product: the library's shapes, with and without shuffles, and shared-memory tiles. */
async function tiles(bed: Bed): Promise<object> {
  const n = bed.quick ? 512 : 4096;
  const rates: Record<string, unknown> = {};
  await withEngine(bed, {}, async (engine) => {
    const [a, b] = [1, 2].map((seed) => engine.tensor(numbers(n * n, seed), [n, n]));
    const out = engine.empty([n, n], 'probe');
    const shapes = [
      [8, 1, 16, 4],
      [8, 2, 16, 4],
      [16, 1, 16, 4],
      [16, 2, 8, 1],
      [8, 2, 8, 4],
      [4, 1, 16, 4],
    ];
    for (const [TM, TV, WX, WY] of shapes)
      for (const size of [0, bed.extras.subgroup?.size ?? 0]) {
        if (size > 0 && (size < WX || bed.extras.subgroup?.pinned)) continue;
        const tuning: Tuning = { TM, TV, WX, WY, ...(size > 0 ? { SUBGROUP: size } : {}) };
        const strips = Math.ceil(n / (4 * TV * WX));
        const stride4 = n / 4;
        const ms = await attempt(() =>
          best(bed, () => {
            engine.run(matmulKernel, {
              params: {
                rows: n,
                columns: n,
                depth: n,
                strips,
                lhs_at4: 0,
                lhs_stride4: stride4,
                rhs_at4: 0,
                rhs_stride4: stride4,
                out_at: 0,
                out_stride: n,
                scale: 1,
                accumulating: 0,
              },
              buffers: { lhs: a, rhs: b, out },
              groups: Math.ceil(n / (TM * WY)) * strips,
              work: n,
              tuning,
            });
            engine.flush();
          }),
        );
        const name = `${TM}x${4 * TV} by ${WX}x${WY}${size > 0 ? ' shuffled' : ''}`;
        rates[name] = typeof ms === 'number' ? rounded((2 * n ** 3) / ms / 1e9) : ms;
      }
    const raw = [a, b, out].map((tensor) => tensor.storage.buffer);
    for (const [name, per] of [
      ['shared 64x64', 4],
      ['shared 128x128', 8],
    ] as const)
      rates[name] = await attempt(async () => {
        const run = await prepared(bed, sharedTile(n, per), raw);
        return rounded((2 * n ** 3) / (await best(bed, () => run(n / (16 * per), n / (16 * per)))) / 1e9);
      });
  });
  return { n, tflops: rates };
}

/** One square product and one sweep over pairs by every precision: TFLOP/s, and the loss with its gradient in ms. */
async function families(bed: Bed): Promise<object> {
  const n = bed.quick ? 512 : 4096;
  const rows = bed.quick ? 256 : 4096;
  const depths = bed.quick ? [64, 128] : [64, 128, 256, 512, 1024];
  const answers: Record<string, unknown> = {};
  for (const matmulPrecision of ['highest', 'high', 'medium'] as const)
    answers[matmulPrecision] = await withEngine(bed, { matmulPrecision }, async (engine) => {
      const [a, b] = [1, 2].map((seed) => engine.tensor(numbers(n * n, seed), [n, n]));
      const product = await best(bed, () => matmul(a, b).dispose());
      const sweeps: Record<number, unknown> = {};
      for (const d of depths) {
        const [z0, z1] = [1, 2].map((seed) =>
          engine.tensor(numbers(rows * d, seed), [rows, d], { requiresGrad: true }),
        );
        const temperature = engine.constant(0.1);
        const forward = await best(bed, () =>
          engine.scope(() => {
            const pairs = scheduleOf(contrastProblem('probe', { z0, z1 }, temperature, false));
            pairs.sums().of.release();
            pairs.release();
          }),
        );
        const both = await best(bed, () => {
          const loss = ntXent(z0, z1, { temperature: 0.1 });
          loss.backward();
          loss.dispose();
          for (const z of [z0, z1]) z.zeroGrad();
        });
        sweeps[d] = { forwardTflops: rounded((4 * rows ** 2 * d) / forward / 1e9), lossAndGradientMs: rounded(both) };
        for (const tensor of [z0, z1]) tensor.dispose();
      }
      return { families: engine.info.families, productTflops: rounded((2 * n ** 3) / product / 1e9), sweeps };
    });
  return { n, rows: 2 * rows, answers };
}

/** Largest error of 128 x 64 sums of `depth` products against f64, relative to the largest sum. */
async function accuracy(bed: Bed): Promise<object> {
  const [rows, columns] = [128, 64];
  const answers: Record<string, Record<string, unknown>> = { highest: {}, high: {}, medium: {} };
  for (const depth of bed.quick ? [128, 1024] : [128, 1024, 8192]) {
    const a = numbers(rows * depth, 1);
    const b = numbers(depth * columns, 2);
    const exact = new Float64Array(rows * columns);
    for (let i = 0; i < rows; i++)
      for (let k = 0; k < depth; k++)
        for (let j = 0; j < columns; j++) exact[i * columns + j] += a[i * depth + k] * b[k * columns + j];
    const top = exact.reduce((most, sum) => Math.max(most, Math.abs(sum)), 0);
    for (const matmulPrecision of ['highest', 'high', 'medium'] as const)
      answers[matmulPrecision][depth] = await withEngine(bed, { matmulPrecision }, async (engine) => {
        const c = await matmul(engine.tensor(a, [rows, depth]), engine.tensor(b, [depth, columns])).data();
        return rounded(exact.reduce((most, sum, i) => Math.max(most, Math.abs(sum - c[i])), 0) / top, 3);
      });
  }
  return answers;
}

/** Errors of 65,536 additions of 0.1: plain, compensated, and compensated behind a zero that is known at run time only. */
async function compensation(bed: Bed): Promise<object> {
  const sums = (sum: string): string => `var s = 0.0; var c = 0.0;
    for (var i = 0u; i < 65536u; i++) { let y = x[1] - c; let t = ${sum}; c = (t - s) - y; s = t; }`;
  const code = `@group(0) @binding(0) var<storage, read_write> x: array<f32>;
    @compute @workgroup_size(1) fn main() { let zero = bitcast<u32>(x[0]);
      var plain = 0.0; for (var i = 0u; i < 65536u; i++) { plain += x[1]; } x[2] = plain;
      { ${sums('s + y')} x[3] = s; } { ${sums('bitcast<f32>(bitcast<u32>(s + y) ^ zero)')} x[4] = s; } }`;
  const x = upload(bed.device, Float32Array.of(0, 0.1, 0, 0, 0, 0, 0, 0));
  (await prepared(bed, code, [x]))(1);
  const exact = 65536 * Math.fround(0.1);
  const [plain, compensated, hidden] = (await download(bed.device, x, 8))
    .slice(2, 5)
    .map((sum) => Math.abs(sum - exact) / exact);
  return { plain, compensated, hidden };
}

/** Microseconds: a submit alone, a dispatch within a pass, encoding one; and the step of timestamps in nanoseconds. */
async function costs(bed: Bed): Promise<object> {
  const code = `@group(0) @binding(0) var<storage, read_write> x: array<f32>;
    @compute @workgroup_size(1) fn main() { x[0] += 1.0; }`;
  const run = await prepared(bed, code, [allocate(bed.device, 64)]);
  const one = await best(bed, () => run(1));
  const many = await best(bed, () => run(1, 1, 500));
  const start = performance.now();
  run(1, 1, 2000);
  const encode = performance.now() - start;
  await bed.device.queue.onSubmittedWorkDone();
  return {
    submitAndWait: rounded(1000 * one),
    dispatch: rounded((1000 * (many - one)) / 499),
    encode: rounded((1000 * encode) / 2000),
    timestampStepNs: bed.device.features.has('timestamp-query') ? await timestampStep(bed) : null,
  };
}

/** The greatest common divisor of what passes of different lengths take. */
async function timestampStep(bed: Bed): Promise<number> {
  const { device } = bed;
  const set = device.createQuerySet({ type: 'timestamp', count: 32 });
  const code = `@group(0) @binding(0) var<storage, read_write> x: array<u32>;
    @compute @workgroup_size(1) fn main() { for (var i = 0u; i < x[1]; i++) { x[0] += i; } }`;
  const x = upload(device, Uint32Array.of(0, 999, 0, 0));
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const group = device.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: [{ binding: 0, resource: { buffer: x } }],
  });
  const encoder = device.createCommandEncoder();
  for (let i = 0; i < 16; i++) {
    const pass = encoder.beginComputePass({
      timestampWrites: { querySet: set, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
    });
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    for (let j = 0; j <= i; j++) pass.dispatchWorkgroups(1);
    pass.end();
  }
  const into = device.createBuffer({ size: 256, usage: 0x200 | 0x4 | 0x80 });
  encoder.resolveQuerySet(set, 0, 32, into, 0);
  device.queue.submit([encoder.finish()]);
  const stamps = new BigUint64Array((await download(device, into, 64)).buffer);
  let step = 0n;
  for (let i = 1; i < stamps.length; i++) {
    let [a, b] = [step, stamps[i] > stamps[0] ? stamps[i] - stamps[0] : stamps[0] - stamps[i]];
    while (b > 0n) [a, b] = [b, a % b];
    step = a;
  }
  return Number(step);
}

/** Whether pipelines survive subgroup matrices and subgroup arithmetic in one module: NVIDIA's 595 crashed on them. */
async function mixed(bed: Bed): Promise<object> {
  const shape = matrixFor(bed.extras.matrices, 'medium');
  if (!shape || !bed.extras.subgroup) return { skipped: 'no subgroup matrices' };
  const type = `<${shape.of}, ${shape.k}, ${shape.m}>`;
  const code = `${shape.of === 'f16' ? 'enable f16;' : ''} enable subgroups; enable chromium_experimental_subgroup_matrix;
    @group(0) @binding(0) var<storage, read_write> x: array<f32>; @group(0) @binding(1) var<storage, read> y: array<${shape.of}>;
    @compute @workgroup_size(${bed.extras.subgroup.size}) fn main(@builtin(local_invocation_index) i: u32) {
      let a = subgroupMatrixLoad<subgroup_matrix_left${type}, row_major>(&y, 0u, ${shape.k}u);
      let b = subgroupMatrixLoad<subgroup_matrix_right<${shape.of}, ${shape.n}, ${shape.k}>, row_major>(&y, 0u, ${shape.n}u);
      var c: subgroup_matrix_result<f32, ${shape.n}, ${shape.m}>;
      c = subgroupMatrixMultiplyAccumulate(a, b, c);
      subgroupMatrixStore<row_major>(&x, 0u, c, ${shape.n}u);
      x[1024u + i] = subgroupAdd(x[i]); }`;
  (await prepared(bed, code, [allocate(bed.device, 4096), allocate(bed.device, 4096)]))(1);
  await bed.device.queue.onSubmittedWorkDone();
  return { survived: true };
}

export const QUESTIONS: Readonly<Record<string, (bed: Bed) => Promise<object>>> = {
  peak,
  tiles,
  families,
  accuracy,
  compensation,
  costs,
  mixed,
};
