import { describe, expect, test } from 'vitest';
import { defineKernel, type KernelDefinition, KernelError, UsedAfterDisposeError } from '../../src/index.ts';
import { expectNoneLeft, heldBuffers } from '../held.ts';
import { checking, engine, useEngines } from './engines.ts';
import { LEAKY, leaky } from './leaky.ts';

useEngines();

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
      'half a constant of u32',
      { ...text('@compute', 'override N: u32 = 2;\n@compute'), constants: { N: 0.5 } },
      'leaky: constants.N = 0.5, expected an integer in [0, 4294967295].',
    ],
    [
      'a constant below u32',
      { ...text('@compute', 'override N = 2u;\n@compute'), constants: { N: -1 } },
      'leaky: constants.N = -1, expected an integer in [0, 4294967295].',
    ],
    [
      'a number for a boolean constant',
      { ...text('@compute', 'override N = true;\n@compute'), constants: { N: 2 } },
      'leaky: constants.N = 2, expected an integer in [0, 1].',
    ],
    [
      'a constant without a value',
      text('@compute', 'override N: f32;\n@compute'),
      'leaky: constants lacks "N", which the WGSL declares without a value.',
    ],
    ['a binding too far', text('@binding(1)', '@binding(5000)'), 'leaky: y has binding 5000, expected less than 999.'],
    ['a name of two lines', { name: 'a\nb' }, 'defineKernel: name has several lines, expected one.'],
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
    const many = Array.from(
      { length: 40 },
      (_, i) => `@group(0) @binding(${i + 3}) var<storage, read> x${i}: array<f32>;`,
    );
    const inputs = Object.fromEntries(many.map((_, i) => [`x${i}`, x]));
    expect(call({ wgsl: many.join('\n') + LEAKY }, { x, ...inputs }, { y: [2] }, slope)).toMatch(
      /^leaky: the WGSL has 42 var<storage>, this device binds at most \d+ in a kernel; put some into one buffer, or /,
    );
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
    const x = checking.tensor(new Float32Array(100));
    const { y } = half({ x }, { y: [10, 10] }, slope);
    await expect(y.data()).rejects.toThrow('half: y[6, 4] was not written, expected all of y.');
    await checking.sync();
  });
});
