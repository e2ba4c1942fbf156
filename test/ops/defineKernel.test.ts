import { describe, expect, test } from 'vitest';
import { cast, defineKernel, relu as ours } from '../../src/index.ts';
import { checking, engine, useEngines } from './engines.ts';
import { LEAKY, leaky } from './leaky.ts';

useEngines();

const ramp = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => i - count / 2);
const leakyOf = (values: Float32Array, slope: number): number[] =>
  Array.from(values, (x) => Math.fround(x < 0 ? Math.fround(slope) * x : x));

describe("a kernel of one's own", () => {
  test('runs eagerly, in scope, noGrad, recorded, a plan, under check; prepare, tune and explain take it', async () => {
    const kernel = defineKernel(leaky);
    const values = ramp(1000);
    for (const on of [engine, checking]) {
      const x = on.tensor(values, [10, 100]);
      const run = (input = x) => kernel({ x: input }, { y: input.shape }, { slope: 0.1 }).y;
      const wanted = leakyOf(values, 0.1);
      on.prepare([run]);
      await on.tune([run], { budget: 1 });
      const y = on.scope(() => on.noGrad(() => run()));
      expect(y.shape).toEqual([10, 100]);
      expect(Array.from(await y.data())).toEqual(wanted);
      const step = on.recorded((input) => run(input));
      for (let turn = 0; turn < 3; turn++) expect(Array.from(await step(x).data())).toEqual(wanted);
      step.dispose();
      expect(on.explain(run).filter(({ kernel: { length } }) => length === 5)).toMatchObject([
        { op: 'leaky', kernel: 'leaky', groups: 16, choices: [] },
      ]);
      const plan = on.plan({ x: [10, 100] }, ({ x: input }) => ({ y: run(input) }));
      const out = on.device.createBuffer({ size: 4000, usage: 0x80 | 4 });
      const encoder = on.device.createCommandEncoder();
      plan.encode(encoder, { x: x.buffer, y: out });
      on.device.queue.submit([encoder.finish()]);
      expect(Array.from(await on.fromBuffer(out, [1000]).data())).toEqual(wanted);
      plan.dispose();
      out.destroy();
      await on.sync();
    }
  });

  test('several outputs; i32 and u32; what the WGSL declares is what comes', async () => {
    const split = defineKernel({
      name: 'split',
      workgroups: 1,
      wgsl: `
        @group(0) @binding(3) var<storage, read_write> sign: array<i32>;
        @group(0) @binding(1) var<storage, read> x: array<i32>;
        @group(0) @binding(2) var<storage, read_write> size: array<u32>;
        @group(0) @binding(7) var<storage, read_write> half: array<f32>;
        @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) {
          if (i >= arrayLength(&x)) { return; }
          sign[i] = sign(x[i]); size[i] = u32(abs(x[i])); half[i] = f32(x[i]) / 2.0;
        }`.replace('sign(x[i])', 'select(1, -1, x[i] < 0)'),
    });
    const x = engine.tensor(Int32Array.of(3, -4, 5));
    const { sign, size, half } = split({ x }, { sign: [3], size: { shape: [3], dtype: 'u32' }, half: [3, 1] });
    expect([sign.dtype, size.dtype, half.dtype, half.shape]).toEqual(['i32', 'u32', 'f32', [3, 1]]);
    expect(await sign.data()).toEqual(Int32Array.of(1, -1, 1));
    expect(await size.data()).toEqual(Uint32Array.of(3, 4, 5));
    expect(await half.data()).toEqual(Float32Array.of(1.5, -2, 2.5));
  });

  test('f16: converted for WGSL that reads f32, as it is where the WGSL declares it', async () => {
    const x = cast(engine.tensor([1.5, -2, 3]), 'f16');
    expect(await defineKernel(leaky)({ x }, { y: [3] }, { slope: 2 }).y.data()).toEqual(Float32Array.of(1.5, -4, 3));
    const wgsl = `enable f16; ${LEAKY.replaceAll('array<f32>', 'array<f16>').replace('p.slope *', 'f16(p.slope) *').replace('0.0', '0.0h')}`;
    const halves = defineKernel({ ...leaky, wgsl, name: 'halves', features: ['shader-f16'] });
    const run = () => halves({ x }, { y: [3] }, { slope: 2 }).y;
    if (!engine.info.f16)
      return expect(run).toThrow('halves: needs the feature "shader-f16", which this device does not have.');
    const y = run();
    expect(y.dtype).toBe('f16');
    expect(await y.data()).toEqual(Float32Array.of(1.5, -4, 3));
    expect(() => halves({ x: engine.tensor([1]) }, { y: [1] }, { slope: 2 })).toThrow(
      'halves: x [1] holds f32, the WGSL declares f16.',
    );
  });

  test('no inputs: on the engine that is given; one number; constants; an entry point among others', async () => {
    const wgsl = `
      /* comments /* may */ @group(0) @binding(9) var<storage, read> hidden: array<f32>; nest */
      @id(7) override FIRST: u32 = 1;
      @group(0) @binding(0) var<storage, read_write> out: array<u32>;
      @group(0) @binding(1) var<uniform> p: vec2u;
      @group(0) @binding(2) var<storage, read> other: array<u32>;
      @compute @workgroup_size(1) fn count() { out[0] = FIRST + p.x * p.y; }
      @compute @workgroup_size(1) fn copy() { helper(); }
      fn helper() { out[0] = other[0]; }`;
    const definition = { name: 'count', wgsl, workgroups: [1] };
    const count = defineKernel({ ...definition, entryPoint: 'count', constants: { FIRST: 5 } });
    const { out } = count({}, { out: [] }, { engine, p0: 3, p1: 4 });
    expect(out.shape).toEqual([]);
    expect(await out.item()).toBe(17);
    const copy = defineKernel({ ...definition, entryPoint: 'copy' });
    expect(await copy({ other: out }, { out: [1] }).out.item()).toBe(17);
  });

  test('more workgroups than one dimension has room for are folded; [x, y, z] stands as it is', async () => {
    const wgsl = `
      @group(0) @binding(0) var<storage, read_write> hits: array<atomic<u32>>;
      @compute @workgroup_size(1) fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
        let i = (id.z * grid.y + id.y) * grid.x + id.x;
        if (i < arrayLength(&hits)) { atomicAdd(&hits[i], 1u); }
      }`;
    for (const workgroups of [70_000, [100, 70, 10], () => 70_000] as const) {
      const { hits } = defineKernel({ name: 'hits', wgsl, workgroups })({}, { hits: [70_000] }, { engine });
      expect(new Set(await hits.data())).toEqual(new Set([1])); // atomics start at zero
    }
  });

  test('an array has the length of its tensor, and arrays of vectors take whole ones', async () => {
    const wgsl = `
      @group(0) @binding(0) var<storage, read> x: array<vec4f>;
      @group(0) @binding(1) var<storage, read_write> n: array<u32>;
      @compute @workgroup_size(1) fn main() { n[0] = arrayLength(&x); n[1] = arrayLength(&n); }`;
    const length = defineKernel({ name: 'length', wgsl, workgroups: 1 });
    const { n } = length({ x: engine.tensor(ramp(20)) }, { n: [2] });
    expect(await n.data()).toEqual(Uint32Array.of(5, 2));
    const scalars = defineKernel({ name: 'length', wgsl: wgsl.replace('vec4f', 'f32'), workgroups: 1 });
    const step = engine.recorded((x) => scalars({ x }, { n: [2] }).n); // memory goes in steps of four
    expect(await step(engine.tensor(ramp(21))).data()).toEqual(Uint32Array.of(21, 2));
    step.dispose();
    expect(() => length({ x: engine.tensor(ramp(22)) }, { n: [2] })).toThrow(
      "length: x [22] has 88 bytes, the WGSL's elements have 16 each: pad it to whole ones.",
    );
  });

  test('two kernels of one name do not meet', async () => {
    const x = engine.tensor([-1]);
    const other = defineKernel({ ...leaky, wgsl: LEAKY.replace('p.slope * x[i]', 'p.slope') });
    const own = defineKernel({ ...leaky, name: 'relu' });
    expect(await other({ x }, { y: [1] }, { slope: 4 }).y.item()).toBe(4);
    expect(await defineKernel(leaky)({ x }, { y: [1] }, { slope: 4 }).y.item()).toBe(-4);
    expect(await own({ x }, { y: [1] }, { slope: 4 }).y.item()).toBe(-4);
    expect(await ours(x).item()).toBe(0);
  });

  test('asked for a gradient, it says that it has none', async () => {
    const x = engine.tensor([1], undefined, { requiresGrad: true });
    const { y } = defineKernel(leaky)({ x }, { y: [1] }, { slope: 0 });
    expect(() => y.backward()).toThrow('leaky: a gradient is asked for, and it has none; wrap it in customGrad().');
  });
});
