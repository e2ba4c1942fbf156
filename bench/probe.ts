// node --import tsx --conditions=source bench/probe.ts [--quick] [--toggles LIST]
// What this adapter can do, in one call, as one JSON object on stdout: features and limits, rates of every kernel family,
// accuracy of split halves, whether compensated sums survive the compiler, what a dispatch costs. Toggles are Dawn's.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { openAdapter } from '#platform';
import { createEngine, type Engine } from '../src/core/engine.ts';
import { type MatmulPrecision, matrixFor } from '../src/core/families.ts';
import { extrasOf } from '../src/gpu/device.ts';
import type { Tuning } from '../src/gpu/kernel.ts';
import { matmul as matmulKernel } from '../src/gpu/kernels.generated.ts';
import { ntXent } from '../src/losses/ntXent.ts';
import { matmul } from '../src/ops/matmul.ts';
import { PARTNERS, sweepTriangle } from '../src/sweeps/pairSweep.ts';
import { sharedTile } from './sharedTile.ts';

const FAST = 'allow_unsafe_apis,vulkan_enable_f16_on_nvidia,use_vulkan_memory_model,-timestamp_quantization';
const UNCHECKED =
  'skip_validation,disable_robustness,disable_workgroup_init,disable_polyfills_on_integer_div_and_mod,-lazy_clear_resource_on_first_use';

const args = process.argv.slice(2);
const option = (name: string): string | undefined => args[args.indexOf(name) + 1 || args.length];
process.env.GRAMIAN_DAWN_TOGGLES = option('--toggles') ?? process.env.GRAMIAN_DAWN_TOGGLES ?? FAST;
const only = option('--only'); // a child's one question

const { adapter, note } = await openAdapter({ adapter: 'auto' });
const { info, limits } = adapter;
const device = await adapter.requestDevice({
  requiredFeatures: [...adapter.features].filter((name) =>
    /^(subgroups|subgroup-size-control|shader-f16|timestamp-query|chromium-experimental-subgroup-matrix)$/.test(name),
  ) as GPUFeatureName[],
  requiredLimits: {
    maxBufferSize: limits.maxBufferSize,
    maxStorageBufferBindingSize: limits.maxStorageBufferBindingSize,
    maxComputeWorkgroupStorageSize: limits.maxComputeWorkgroupStorageSize,
  },
});
const software = /llvmpipe|swiftshader/i.test(`${info.description} ${info.architecture} ${info.vendor}`);
const quick = args.includes('--quick') || software;
const extras = extrasOf(device.features, info);

/** Shortest of `turns` runs, in ms, each waited for. */
async function best(run: () => void, turns = quick ? 5 : 20): Promise<number> {
  run();
  await device.queue.onSubmittedWorkDone();
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < turns; i++) {
    const start = performance.now();
    run();
    await device.queue.onSubmittedWorkDone();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

/** What fails is an answer too. */
async function attempt<T>(question: () => Promise<T>): Promise<T | { error: string }> {
  try {
    return await question();
  } catch (error) {
    return { error: String((error as Error).message ?? error).slice(0, 300) };
  }
}

const rounded = (value: number, digits = 4): number => Number(value.toPrecision(digits));
const numbers = (count: number, seed: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: count }, (_, i) => Math.sin((i + 1) * (1.37 + seed)));

async function withEngine<T>(
  options: {
    matmulPrecision?: MatmulPrecision;
    families?: readonly ('f32' | 'subgroups' | 'f16' | 'subgroup-matrix')[];
  },
  question: (engine: Engine) => Promise<T>,
): Promise<T | { error: string }> {
  return attempt(async () => question(await createEngine({ device, tune: 'off', ...options })));
}

// Raw kernels --------------------------------------------------------------------------------------------------------

function buffer(bytes: number, data?: Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>): GPUBuffer {
  const made = device.createBuffer({ size: bytes, usage: 0x80 | 0x8 | 0x4 });
  if (data) device.queue.writeBuffer(made, 0, data);
  return made;
}

async function read(from: GPUBuffer, bytes: number): Promise<Float32Array> {
  const staging = device.createBuffer({ size: bytes, usage: 0x1 | 0x8 });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(from, 0, staging, 0, bytes);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(1);
  return new Float32Array(staging.getMappedRange().slice(0));
}

async function prepared(code: string, buffers: readonly GPUBuffer[]) {
  const module = device.createShaderModule({ code });
  const pipeline = await device.createComputePipelineAsync({ layout: 'auto', compute: { module } });
  const entries = buffers.map((each, binding) => ({ binding, resource: { buffer: each } }));
  const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
  return (x: number, y = 1, times = 1): void => {
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    for (let i = 0; i < times; i++) {
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(x, y);
    }
    pass.end();
    device.queue.submit([encoder.finish()]);
  };
}

// The questions ------------------------------------------------------------------------------------------------------

function what(): object {
  const matrices = (info as { subgroupMatrixConfigs?: Iterable<Record<string, unknown>> }).subgroupMatrixConfigs ?? [];
  return {
    adapter: note,
    vendor: info.vendor,
    architecture: info.architecture,
    description: info.description,
    toggles: process.env.GRAMIAN_DAWN_TOGGLES,
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
async function peak(): Promise<object> {
  const code = `@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
    @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
      let s = x[0]; var a = s; var b = s + 1.0; var c = s + 2.0; var d = s + 3.0;
      var e = s + 4.0; var f = s + 5.0; var g = s + 6.0; var h = s + 7.0;
      for (var i = 0u; i < 512u; i++) {
        a = fma(a, s, b); b = fma(b, s, c); c = fma(c, s, d); d = fma(d, s, e);
        e = fma(e, s, f); f = fma(f, s, g); g = fma(g, s, h); h = fma(h, s, a);
      }
      x[id.x] = a + b + c + d + e + f + g + h; }`;
  const groups = quick ? 32 : 16384;
  const run = await prepared(code, [buffer(16 * 64 * groups)]);
  return { tflops: rounded((groups * 64 * 512 * 8 * 8) / (await best(() => run(groups))) / 1e9) };
}

/** f32 tiles on one square product: the library's shapes, with and without shuffles, and shared-memory tiles. */
async function tiles(): Promise<object> {
  const n = quick ? 512 : 4096;
  const rates: Record<string, unknown> = {};
  await withEngine({}, async (engine) => {
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
      for (const size of [0, extras.subgroup?.size ?? 0]) {
        if (size > 0 && (size < WX || extras.subgroup?.pinned)) continue;
        const tuning: Tuning = { TM, TV, WX, WY, ...(size > 0 ? { SUBGROUP: size } : {}) };
        const strips = Math.ceil(n / (4 * TV * WX));
        const stride4 = n / 4;
        const ms = await attempt(() =>
          best(() => {
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
        const run = await prepared(sharedTile(n, per), raw);
        return rounded((2 * n ** 3) / (await best(() => run(n / (16 * per), n / (16 * per)))) / 1e9);
      });
  });
  return { n, tflops: rates };
}

/** One square product and one sweep over pairs by every precision: TFLOP/s, and the loss with its gradient in ms. */
async function families(): Promise<object> {
  const n = quick ? 512 : 4096;
  const rows = quick ? 256 : 4096;
  const depths = quick ? [64, 128] : [64, 128, 256, 512, 1024];
  const answers: Record<string, unknown> = {};
  for (const matmulPrecision of ['highest', 'high', 'medium'] as const)
    answers[matmulPrecision] = await withEngine({ matmulPrecision }, async (engine) => {
      const [a, b] = [1, 2].map((seed) => engine.tensor(numbers(n * n, seed), [n, n]));
      const product = await best(() => matmul(a, b).dispose());
      const sweeps: Record<number, unknown> = {};
      for (const d of depths) {
        const [z0, z1] = [1, 2].map((seed) =>
          engine.tensor(numbers(rows * d, seed), [rows, d], { requiresGrad: true }),
        );
        const temperature = engine.constant(0.1);
        const forward = await best(() =>
          engine.scope(() => {
            const sweep = sweepTriangle(engine, 'probe', { z0, z1 }, temperature, PARTNERS, false);
            sweep.partial?.of.release();
            sweep.packed?.release();
            sweep.units.release();
          }),
        );
        const both = await best(() => {
          const loss = ntXent(z0, z1, { temperature: 0.1 });
          loss.backward();
          loss.dispose();
          for (const z of [z0, z1]) z.zeroGrad();
        });
        sweeps[d] = { forwardTflops: rounded((4 * rows ** 2 * d) / forward / 1e9), lossAndGradientMs: rounded(both) };
        for (const tensor of [z0, z1]) tensor.dispose();
      }
      const result = { families: engine.info.families, productTflops: rounded((2 * n ** 3) / product / 1e9), sweeps };
      engine.destroy();
      return result;
    });
  return { n, rows: 2 * rows, answers };
}

/** Largest error of 128 x 64 sums of `depth` products against f64, relative to the largest sum. */
async function accuracy(): Promise<object> {
  const [rows, columns] = [128, 64];
  const answers: Record<string, Record<string, unknown>> = { highest: {}, high: {}, medium: {} };
  for (const depth of quick ? [128, 1024] : [128, 1024, 8192]) {
    const a = numbers(rows * depth, 1);
    const b = numbers(depth * columns, 2);
    const exact = new Float64Array(rows * columns);
    for (let i = 0; i < rows; i++)
      for (let k = 0; k < depth; k++)
        for (let j = 0; j < columns; j++) exact[i * columns + j] += a[i * depth + k] * b[k * columns + j];
    const top = exact.reduce((most, sum) => Math.max(most, Math.abs(sum)), 0);
    for (const matmulPrecision of ['highest', 'high', 'medium'] as const)
      answers[matmulPrecision][depth] = await withEngine({ matmulPrecision }, async (engine) => {
        const c = await matmul(engine.tensor(a, [rows, depth]), engine.tensor(b, [depth, columns])).data();
        engine.destroy();
        return rounded(exact.reduce((most, sum, i) => Math.max(most, Math.abs(sum - c[i])), 0) / top, 3);
      });
  }
  return answers;
}

/** Errors of 65,536 additions of 0.1: plain, compensated, and compensated behind a zero that is known at run time only. */
async function compensation(): Promise<object> {
  const sums = (sum: string): string => `var s = 0.0; var c = 0.0;
    for (var i = 0u; i < 65536u; i++) { let y = x[1] - c; let t = ${sum}; c = (t - s) - y; s = t; }`;
  const code = `@group(0) @binding(0) var<storage, read_write> x: array<f32>;
    @compute @workgroup_size(1) fn main() { let zero = bitcast<u32>(x[0]);
      var plain = 0.0; for (var i = 0u; i < 65536u; i++) { plain += x[1]; } x[2] = plain;
      { ${sums('s + y')} x[3] = s; } { ${sums('bitcast<f32>(bitcast<u32>(s + y) ^ zero)')} x[4] = s; } }`;
  const x = buffer(32, Float32Array.of(0, 0.1, 0, 0, 0, 0, 0, 0));
  (await prepared(code, [x]))(1);
  const exact = 65536 * Math.fround(0.1);
  const [plain, compensated, hidden] = (await read(x, 32)).slice(2, 5).map((sum) => Math.abs(sum - exact) / exact);
  return { plain, compensated, hidden };
}

/** Microseconds: a submit alone, a dispatch within a pass, encoding one; and the step of timestamps in nanoseconds. */
async function costs(): Promise<object> {
  const code = `@group(0) @binding(0) var<storage, read_write> x: array<f32>;
    @compute @workgroup_size(1) fn main() { x[0] += 1.0; }`;
  const run = await prepared(code, [buffer(256)]);
  const one = await best(() => run(1));
  const many = await best(() => run(1, 1, 500));
  const start = performance.now();
  run(1, 1, 2000);
  const encode = performance.now() - start;
  await device.queue.onSubmittedWorkDone();
  return {
    submitAndWait: rounded(1000 * one),
    dispatch: rounded((1000 * (many - one)) / 499),
    encode: rounded((1000 * encode) / 2000),
    timestampStepNs: device.features.has('timestamp-query') ? await timestampStep() : null,
  };
}

/** The greatest common divisor of what passes of different lengths take. */
async function timestampStep(): Promise<number> {
  const set = device.createQuerySet({ type: 'timestamp', count: 32 });
  const code = `@group(0) @binding(0) var<storage, read_write> x: array<u32>;
    @compute @workgroup_size(1) fn main() { for (var i = 0u; i < x[1]; i++) { x[0] += i; } }`;
  const x = buffer(16, Uint32Array.of(0, 999, 0, 0));
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
  const stamps = new BigUint64Array((await read(into, 256)).buffer);
  let step = 0n;
  for (let i = 1; i < stamps.length; i++) {
    let [a, b] = [step, stamps[i] > stamps[0] ? stamps[i] - stamps[0] : stamps[0] - stamps[i]];
    while (b > 0n) [a, b] = [b, a % b];
    step = a;
  }
  return Number(step);
}

/** Whether pipelines survive subgroup matrices and subgroup arithmetic in one module: NVIDIA's 595 crashed on them. */
async function mixed(): Promise<object> {
  const shape = matrixFor(extras.matrices, 'medium');
  if (!shape || !extras.subgroup) return { skipped: 'no subgroup matrices' };
  const type = `<${shape.of}, ${shape.k}, ${shape.m}>`;
  const code = `${shape.of === 'f16' ? 'enable f16;' : ''} enable subgroups; enable chromium_experimental_subgroup_matrix;
    @group(0) @binding(0) var<storage, read_write> x: array<f32>; @group(0) @binding(1) var<storage, read> y: array<${shape.of}>;
    @compute @workgroup_size(${extras.subgroup.size}) fn main(@builtin(local_invocation_index) i: u32) {
      let a = subgroupMatrixLoad<subgroup_matrix_left${type}, row_major>(&y, 0u, ${shape.k}u);
      let b = subgroupMatrixLoad<subgroup_matrix_right<${shape.of}, ${shape.n}, ${shape.k}>, row_major>(&y, 0u, ${shape.n}u);
      var c: subgroup_matrix_result<f32, ${shape.n}, ${shape.m}>;
      c = subgroupMatrixMultiplyAccumulate(a, b, c);
      subgroupMatrixStore<row_major>(&x, 0u, c, ${shape.n}u);
      x[1024u + i] = subgroupAdd(x[i]); }`;
  (await prepared(code, [buffer(16384), buffer(16384)]))(1);
  await device.queue.onSubmittedWorkDone();
  return { survived: true };
}

/** The same program, asked one question in a process of its own: other toggles, or what may crash. */
function inChild(question: string, toggles: string): unknown {
  const child = [...process.execArgv, fileURLToPath(import.meta.url), '--only', question, '--toggles', toggles];
  const { stdout, status, signal } = spawnSync(process.execPath, [...child, ...(quick ? ['--quick'] : [])], {
    encoding: 'utf8',
    timeout: 120_000,
  });
  try {
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  } catch {
    return { status, signal };
  }
}

const QUESTIONS: Record<string, () => Promise<unknown>> = {
  peak,
  tiles,
  families,
  accuracy,
  compensation,
  costs,
  mixed,
};

if (only) console.log(JSON.stringify(await attempt(QUESTIONS[only])));
else {
  const answers: Record<string, unknown> = { date: new Date().toISOString(), ...what() };
  for (const name of ['peak', 'tiles', 'families', 'accuracy', 'compensation', 'costs']) {
    console.error(`probe: ${name}`);
    answers[name] = await attempt(QUESTIONS[name]);
  }
  const toggles = process.env.GRAMIAN_DAWN_TOGGLES;
  answers.unchecked = inChild('costs', `${toggles},${UNCHECKED}`);
  answers.uncheckedTiles = inChild('tiles', `${toggles},${UNCHECKED}`);
  answers.mixed = inChild('mixed', toggles);
  console.log(JSON.stringify(answers, null, 2));
}
process.exit(0);
