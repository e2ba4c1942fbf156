import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  cast,
  createEngine,
  defineKernel,
  type Engine,
  type KernelDefinition,
  KernelError,
  relu as ours,
  UsedAfterDisposeError,
} from '../../src/index.ts';
import { sharedEngine } from '../engine.ts';
import { expectNoneLeft, heldBuffers } from '../held.ts';

const LEAKY = `
struct Params { slope: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> p: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let i = id.y * grid.x * 64u + id.x;
  if (i < arrayLength(&x)) { y[i] = select(x[i], p.slope * x[i], x[i] < 0.0); }
}`;
const groups: KernelDefinition['workgroups'] = ({ x }) => Math.ceil(x.size / 64);
const leaky = { name: 'leaky', wgsl: LEAKY, workgroups: groups };

let engine: Engine;
let checking: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
  checking = await createEngine({ check: true, tune: 'off' });
});
afterAll(() => checking.destroy());

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
      override FIRST: u32 = 1;
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

describe('what is wrong with a definition', () => {
  const wrong = (change: Partial<Record<keyof KernelDefinition, unknown>>): string => {
    try {
      defineKernel({ ...leaky, ...change } as KernelDefinition);
      return 'nothing';
    } catch (error) {
      return (error as Error).message;
    }
  };
  const text = (from: string, to: string): { wgsl: string } => ({ wgsl: LEAKY.replace(from, to) });
  test.each<[string, Partial<Record<keyof KernelDefinition, unknown>>, string]>([
    ['no name', { name: '' }, 'defineKernel: name is "", expected a text.'],
    ['no WGSL', { wgsl: 3 }, 'leaky: wgsl is 3, expected a text.'],
    ['no entry point', text('@compute', ''), 'leaky: the WGSL has no entry point, expected a function with @compute.'],
    ['another entry point', { entryPoint: 'mian' }, 'leaky: entryPoint = "mian", expected one of the WGSL\'s: main.'],
    [
      'no output',
      text('read_write', 'read'),
      'leaky: the WGSL has no var<storage, read_write>, expected one for each output.',
    ],
    [
      'an output never written',
      text('y[i] = ', 'let z = y[i] + '),
      'leaky: the WGSL never writes y, expected that of an output.',
    ],
    ['a binding twice', text('@binding(1)', '@binding(0)'), 'leaky: the WGSL has binding 0 twice, expected each once.'],
    [
      'another group',
      text('@group(0) @binding(1)', '@group(1) @binding(1)'),
      'leaky: y is in group 1, expected all bindings in group 0.',
    ],
    [
      'a binding of no number',
      text('@binding(1)', '@binding(Y)'),
      'leaky: the @binding of y is no number, expected bindings to list all names in order.',
    ],
    [
      'a list with one too many',
      { bindings: ['x', 'y', 'p', 'q'] },
      'leaky: bindings has "q", which the WGSL does not declare.',
    ],
    ['a list with one too few', { bindings: ['x', 'p'] }, 'leaky: bindings lacks "y", which the WGSL declares.'],
    [
      'a list in another order',
      { bindings: ['x', 'p', 'y'] },
      "leaky: bindings = x, p, y, expected x, y, p: the order of the WGSL's.",
    ],
    [
      'a struct member too many',
      { params: { slope: 'f32', beta: 'f32' } },
      'leaky: params has "beta", which Params of the WGSL lacks.',
    ],
    [
      'a struct member too few',
      { ...text('slope: f32', 'slope: f32, beta: u32'), params: { slope: 'f32' } },
      'leaky: params lack "beta", which Params of the WGSL has.',
    ],
    [
      'another member',
      { params: { slop: 'f32' } },
      'leaky: params has "slop" where Params of the WGSL has "slope", expected the same order.',
    ],
    ['a member of another type', { params: { slope: 'u32' } }, 'leaky: params.slope = "u32", the WGSL declares f32.'],
    [
      'a type that is none',
      { params: { slope: 'float' } },
      'leaky: params.slope = "float", expected "f32" or "i32" or "u32".',
    ],
    [
      'a vector among the members',
      text('slope: f32', 'slope: f32, at: vec2f'),
      'leaky: Params.at is vec2f in the WGSL, expected f32, i32 or u32.',
    ],
    [
      'a constant that is not there',
      { constants: { WG: 3 } },
      'leaky: constants has "WG", which the WGSL does not declare by override.',
    ],
    [
      'no workgroups',
      { workgroups: undefined },
      'leaky: workgroups is missing, expected a function, a number or [x, y, z].',
    ],
    ['half a workgroup', { workgroups: 0.5 }, 'leaky: workgroups = 0.5, expected a positive integer or [x, y, z].'],
    [
      'a texture',
      text('@compute', '@group(0) @binding(3) var image: texture_2d<f32>;\n@compute'),
      'leaky: image is texture_2d<f32> in the WGSL, expected only var<storage> and at most one var<uniform>.',
    ],
    [
      'a member placed by hand',
      text('slope: f32', 'bias: f32, @align(8) slope: f32'),
      'leaky: Params.slope has @align or @size in the WGSL, expected members without.',
    ],
    [
      'an array in the uniform',
      text('p: Params', 'p: array<vec4f, 2>'),
      'leaky: the uniform p is array<vec4f,2>, expected a struct of f32, i32 and u32.',
    ],
    [
      'four dimensions',
      { workgroups: [1, 1, 1, 1] },
      'leaky: workgroups = [1, 1, 1, 1], expected 1 to 3 integers in [1, 65535].',
    ],
    [
      'an unknown member',
      { workgroup: 1 } as object,
      'defineKernel: unknown option "workgroup"; did you mean "workgroups"?',
    ],
  ])('%s', (_, change, sentence) => expect(wrong(change)).toBe(sentence));
});

describe('what is wrong with a call', () => {
  type Call = Parameters<ReturnType<typeof defineKernel>>;
  const call = (change: Partial<KernelDefinition>, ...given: unknown[]): string => {
    try {
      defineKernel({ ...leaky, ...change })(...(given as Call));
      return 'nothing';
    } catch (error) {
      return (error as Error).message;
    }
  };
  const slope = { slope: 0.5 };
  const nonsense: [unknown, string][] = [
    [0, 'leaky: workgroups = 0, expected a positive integer or [x, y, z].'],
    [Number.NaN, 'leaky: workgroups = NaN, expected a positive integer or [x, y, z].'],
    [undefined, 'leaky: workgroups = undefined, expected a positive integer or [x, y, z].'],
    [[70000], 'leaky: workgroups = [70000], expected 1 to 3 integers in [1, 65535].'],
    [Promise.resolve(1), 'leaky: workgroups returned a Promise, expected a synchronous function; await outside of it.'],
  ];

  test('is one sentence', async () => {
    const x = engine.tensor([1, 2]);
    const gone = engine.tensor([1]);
    gone.dispose();
    expect(call({}, { x }, { y: [2] }, slope)).toBe('nothing');
    expect(call({}, {}, { y: [2] }, slope)).toBe('leaky: input "x" is missing.');
    expect(call({}, { x, z: x }, { y: [2] }, slope)).toBe('leaky: the WGSL has no binding "z" for an input; it has x.');
    expect(call({}, { x, y: x }, { y: [2] }, slope)).toBe(
      'leaky: input "y" is var<storage, read_write> in the WGSL, expected var<storage, read>.',
    );
    expect(call({}, { x }, {}, slope)).toBe('leaky: output "y" is missing.');
    expect(call({}, { x })).toBe('leaky: outputs are missing, expected the shape of each, { y: [...] }.');
    expect(call({}, { x }, { y: [2], z: [2] }, slope)).toBe(
      'leaky: the WGSL has no binding "z" for an output; it has y.',
    );
    expect(call({}, { x }, { x: [2], y: [2] }, slope)).toBe(
      'leaky: output "x" is var<storage, read> in the WGSL, expected var<storage, read_write>.',
    );
    expect(call({}, { x }, { y: [2.5] }, slope)).toBe('leaky: y[0] = 2.5, expected a positive integer.');
    expect(call({}, { x }, { y: 2 }, slope)).toBe('leaky: y is 2, expected an array of at most 4 positive integers.');
    expect(call({}, { x }, { y: { shape: [2], dtype: 'f64' } }, slope)).toMatch(
      /^leaky: y\.dtype = "f64", expected "f32"/,
    );
    expect(call({}, { x }, { y: { shape: [2], dtype: 'i32' } }, slope)).toBe(
      'leaky: y [2] holds i32, the WGSL declares f32.',
    );
    expect(call({}, { x }, { y: { shape: [2], dtype: 'f16' } }, slope)).toBe(
      'leaky: y.dtype = "f16", the WGSL writes f32; cast() the output.',
    );
    const structs = (members: string) => ({
      wgsl: `struct Item { ${members} } ${LEAKY.replace('array<f32>', 'array<Item>').replaceAll('x[i]', 'f32(x[i].a)')}`,
    });
    expect(call(structs('a: f32, b: vec2<f32>'), { x }, { y: [1] }, slope)).toBe(
      'leaky: x [2] has 8 bytes, the WGSL declares at least 16.',
    );
    expect(call(structs('a: i32, b: i32'), { x }, { y: [1] }, slope)).toBe(
      'leaky: x [2] holds f32, the WGSL declares i32.',
    );
    expect(call(structs('a: i32, b: f32'), { x }, { y: [1] }, slope)).toBe('nothing');
    expect(call({}, { x: engine.tensor(Int32Array.of(1)) }, { y: [1] }, slope)).toBe(
      'leaky: x [1] holds i32, the WGSL declares f32.',
    );
    expect(
      call(
        { wgsl: LEAKY.replace('array<f32>', 'array<f32, 16>').replace('arrayLength(&x)', '16') },
        { x },
        { y: [2] },
        slope,
      ),
    ).toBe('leaky: x [2] has 8 bytes, the WGSL declares at least 64.');
    expect(call({}, { x }, { y: [2] })).toBe('leaky: params.slope is missing, expected a finite number.');
    expect(call({}, { x }, { y: [2] }, { ...slope, beta: 1 })).toBe(
      'leaky: params has "beta", which the WGSL\'s uniform lacks; it takes slope.',
    );
    expect(call({}, { x: checking.tensor([1]) }, { y: [1] }, { ...slope, engine })).toBe(
      'leaky: x lives on another engine than what came before it.',
    );
    expect(call({ features: ['float64'] }, { x }, { y: [2] }, slope)).toBe(
      'leaky: needs the feature "float64", which this device does not have.',
    );
    expect(
      call({ wgsl: LEAKY.replace(/.*read> x.*/, '').replace(/x\[i\]|arrayLength\(&x\)/g, '1') }, {}, { y: [2] }, slope),
    ).toBe('leaky: engine is missing, expected { engine } among the params of a kernel without inputs.');
    for (const [workgroups, sentence] of nonsense)
      expect(call({ workgroups: (() => workgroups) as () => number }, { x }, { y: [2] }, slope)).toBe(sentence);
    expect(() => defineKernel(leaky)({ x: gone }, { y: [1] }, slope)).toThrow(UsedAfterDisposeError);
    const before = await heldBuffers(engine);
    expect(call({ workgroups: ({ X }) => X.size }, { x }, { y: [2] }, slope)).toMatch(/^leaky: workgroups throws: .+/);
    expect(call({ workgroups: () => 0 }, { x }, { y: [2] }, slope)).not.toBe('nothing');
    expectNoneLeft(engine, before);
    await engine.sync();
  });

  test('WGSL that does not compile rejects the next read with its own line, and the engine goes on', async () => {
    const x = engine.tensor([1, 2]);
    const bad = defineKernel({ ...leaky, name: 'bad', wgsl: LEAKY.replace('p.slope * x[i]', 'p.slope * xx[i]') });
    const { y } = bad({ x }, { y: [2] }, slope);
    const error = await y.data().catch((reason) => reason);
    expect(error).toBeInstanceOf(KernelError);
    expect(error.message).toMatch(/^bad: line 10: unresolved value 'xx', in "if \(i < arrayLength.*"\.$/);
    const slow = defineKernel({ ...leaky, name: 'slow', wgsl: LEAKY.replace('size(64)', 'size(64, 64)') });
    const refused = await slow({ x }, { y: [2] }, slope)
      .y.data()
      .catch((reason) => reason);
    expect(refused.message).toMatch(/^slow: [^\n]*\.?$/);
    await engine.sync().catch(() => {});
    expect(await defineKernel(leaky)({ x }, { y: [2] }, slope).y.data()).toEqual(Float32Array.of(1, 2));
  });

  test('with check on, an element that was not written rejects the next read', async () => {
    const half = defineKernel({ ...leaky, name: 'half', workgroups: 1 });
    const x = checking.tensor(ramp(100));
    const { y } = half({ x }, { y: [10, 10] }, slope);
    await expect(y.data()).rejects.toThrow('half: y[6, 4] was not written, expected all of y.');
    await checking.sync();
  });
});
