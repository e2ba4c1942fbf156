import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { setUp } from '../../bench/ours.ts';
import { prove } from '../../bench/proof.ts';
import { CASES, type Case, type Size, workOf } from '../../bench/works/index.ts';
import type { Engine } from '../../src/index.ts';
import * as gramian from '../../src/index.ts';
import { sharedEngine } from '../engine.ts';
import { caseOf } from './samples.ts';

// No adapter here has fragments, but Dawn's null backend compiles what they need; it is another instance of Dawn.
const COMPILE = `
import { create } from 'webgpu';
import * as kernels from './bench/rooflineKernels.ts';
const gpu = create(['backend=null', 'enable-dawn-features=allow_unsafe_apis']);
const adapter = await gpu.requestAdapter();
const device = await adapter.requestDevice({
  requiredFeatures: ['shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'],
});
const width = adapter.info.subgroupMaxSize;
const shape = (component, result, m, n, k) => ({ component, result, m, n, k });
const texts = [
  kernels.subgroupMatrix(shape('f16', 'f32', 16, 16, 16), width),
  kernels.subgroupMatrix(shape('f16', 'f16', 8, 16, 16), width),
  kernels.subgroupMatrix(shape('f32', 'f32', 8, 8, 8), width),
  kernels.fmaChains('f16', { chains: 8, unroll: 4 }),
  kernels.exp2Chains({ chains: 2, unroll: 2 }),
  kernels.COPY,
  kernels.NOTHING,
];
const said = [];
for (const code of texts) {
  device.pushErrorScope('validation');
  const module = device.createShaderModule({ code });
  device.createComputePipeline({ layout: 'auto', compute: { module, entryPoint: 'main' } });
  said.push((await device.popErrorScope())?.message ?? 'ok');
}
console.log(JSON.stringify(said));
process.exit();`;

test('the kernels of the roofline compile, fragments included', async () => {
  const cwd = fileURLToPath(new URL('../..', import.meta.url));
  const args = ['--import', 'tsx', '--input-type=module', '--eval', COMPILE];
  const said = await new Promise<string>((resolve, reject) => {
    execFile(process.execPath, args, { cwd }, (error, out) => (error ? reject(error) : resolve(out)));
  });
  expect(JSON.parse(said.trim().split('\n').at(-1) ?? '')).toEqual(Array(7).fill('ok'));
});

describe('works', () => {
  test('names are the exports of the package, and every op and loss is there', () => {
    const names = CASES.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const functions = Object.entries(gramian).filter(
      ([name, value]) => typeof value === 'function' && /^[a-z]/.test(name),
    );
    // No ops: what makes an engine, works and ops of one's own; reshape and cast compute nothing.
    const elsewhere = ['createEngine', 'standardWork', 'defineKernel', 'customGrad', 'reshape', 'cast'];
    expect(names.filter((name) => name !== 'simCLRStep').sort()).toEqual(
      functions
        .map(([name]) => name)
        .filter((name) => !elsewhere.includes(name))
        .sort(),
    );
  });

  test('operations are those of the cost model', () => {
    expect(caseOf('ntXent').flops({ n: 512, d: 128 })).toBe(3 * 512 ** 2 * 128);
    expect(caseOf('ntXent').flops({ n: 2048, d: 128 })).toBe(4 * 2048 ** 2 * 128);
    expect(caseOf('barlowTwins').flops({ n: 256, d: 8192 })).toBe(6 * 256 ** 2 * 8192);
    expect(caseOf('barlowTwins').flops({ n: 512, d: 64 })).toBe(6 * 512 * 64 ** 2);
    expect(caseOf('sinkhorn').bytes({ n: 1024, k: 3000 })).toBe(20 * 1024 * 3000);
    expect(caseOf('matmul').flops({ m: 2, n: 3, k: 5 })).toBe(60);
  });

  test.each(CASES.map((of) => [of.name, of] as const))('%s grows with its size', (_, of) => {
    for (const cost of [of.flops, of.bytes, of.exps ?? (() => 0)]) {
      const small = cost(of.quick);
      const large = cost(Object.fromEntries(Object.entries(of.quick).map(([axis, extent]) => [axis, 2 * extent])));
      expect(small).toBeGreaterThanOrEqual(0);
      expect(large).toBeGreaterThanOrEqual(2 * small);
    }
    for (const size of [...of.sizes, of.quick]) expect(Object.keys(size).sort()).toEqual([...of.axes].sort());
  });

  test('inputs are the same every time', () => {
    const [first, second] = [0, 1].map(() => workOf(caseOf('swav'), { n: 8, k: 6, d: 4 }).inputs);
    expect(first).toEqual(second);
  });

  // Sizes at which some entries are compared, against the complete references.
  const SAMPLED: [string, Size][] = [
    ['ntXent', { n: 512, d: 8 }],
    ['supCon', { n: 512, d: 8 }],
    ['clip', { n: 400, d: 8 }],
    ['infoNCE', { n: 60, k: 300, d: 8 }],
    ['mocoV3', { n: 60, d: 8 }],
    ['barlowTwins', { n: 40, d: 1000 }],
    ['vicReg', { n: 40, d: 1000 }],
    ['swav', { n: 400, k: 400, d: 8 }],
    ['matmul', { m: 200, n: 120, k: 9 }],
  ];
  test.each(SAMPLED)('%s: the entries computed apart are those of the reference', (name, size) => {
    const work = workOf(caseOf(name), size);
    const whole = work.reference();
    const expected = work.expected?.() ?? {};
    expect(Object.keys(expected).sort()).toEqual(Object.keys(whole).sort());
    const { error, refusal } = prove({ ...work, tolerance: 1e-9 }, expected, whole);
    expect(refusal).toBeNull();
    expect(error).toBeLessThan(1e-9);
    expect(Object.values(expected).some(({ at }) => at !== undefined)).toBe(true);
  });

  let engine: Engine;
  beforeAll(async () => {
    engine = await sharedEngine();
  });
  const tiny = (of: Case): Size =>
    Object.fromEntries(of.axes.map((axis, i) => [axis, Math.min(of.quick[axis], [24, 16, 8][i])]));
  test.each(CASES.map((of) => [of.name, of] as const))("%s: the package's own contender is right", async (_, of) => {
    const work = workOf(of, tiny(of));
    const contender = setUp(engine, work);
    await contender.run();
    if (of.name !== 'simCLRStep') await contender.run(); // a step of training moves its weights
    const { error, refusal } = prove(work, work.expected?.() ?? {}, await contender.read());
    contender.dispose();
    expect(refusal).toBeNull();
    expect(error).toBeLessThan(2e-5);
  });
});
