import { beforeAll, describe, expect, test } from 'vitest';
import { pieces } from '../../src/gpu/kernels.generated.ts';
import {
  customGrad,
  defineKernel,
  type Engine,
  log,
  logSumExp,
  mul,
  normalize,
  square,
  sum,
  type Tensor,
} from '../../src/index.ts';
import { link } from '../../src/kernels/index.ts';
import { canaries, detectRaces, gradcheck } from '../../src/testing/index.ts';
import { normals, sharedEngine } from '../engine.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

/** The softmax of each row of x, a workgroup a row. */
const SOFTMAX = `// @use rows grid
struct Params { first_group: u32, end_group: u32, rows: u32, columns: u32 }
@group(0) @binding(0) var<uniform> p: Params;
@group(0) @binding(1) var<storage, read> x: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(WG)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) grid: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = group_number(id, grid);
  if (group >= p.end_group) { return; }
  let at = min(group, p.rows - 1u) * p.columns;
  var top = -1e30;
  for (var k = lane; k < p.columns; k += LANES) { top = max(top, x[at + k]); }
  top = row_max(lane, top);
  var total = 0.0;
  for (var k = lane; k < p.columns; k += LANES) { total += exp(x[at + k] - top); }
  total = row_sum(lane, total);
  for (var k = lane; k < p.columns; k += LANES) { y[at + k] = exp(x[at + k] - top) / total; }
}`;
const wgsl = link(SOFTMAX, { constants: { LANES: 64 } });
const definition = { name: 'softmax', wgsl, workgroups: ({ x }: Readonly<Record<string, Tensor>>) => x.shape[0] };
const softmaxOf = (x: Tensor): Tensor =>
  defineKernel(definition)({ x }, { y: x.shape }, { rows: x.shape[0], columns: x.shape[1] }).y;

describe('link', () => {
  test('joins a kernel with the pieces that it uses, which runs as it is', async () => {
    const values = normals(7 * 130, 3);
    const y = await softmaxOf(engine.tensor(values, [7, 130])).data();
    for (let i = 0; i < 7; i++) {
      const row = [...values.subarray(130 * i, 130 * (i + 1))].map(Math.exp);
      const total = row.reduce((a, b) => a + b, 0);
      row.forEach((e, k) => expect(Math.abs(y[130 * i + k] - e / total)).toBeLessThan(1e-6));
    }
  });

  test('leaves constants alone that nobody sets', () => {
    expect(link(SOFTMAX)).toContain('const LANES: u32 = 1; // @tune 1 64');
    expect(wgsl).toContain('const LANES: u32 = 64; // @tune 1 64');
    expect(link('// @unroll\nfor (var i = 0u; i < 2; i++) {\n  x = i;\n}')).toMatch(/x = 0u;[\s\S]*x = 1u;/);
  });

  test("a compiler's message names the line of the file that it is from", async () => {
    const bad = defineKernel({
      ...definition,
      name: 'bad',
      wgsl: link(SOFTMAX.replace('row_sum(lane, total)', 'row_sums(lane, total)')),
    });
    const x = engine.tensor([1, 2], [1, 2]);
    await expect(bad({ x }, { y: [1, 2] }, { rows: 1, columns: 2 }).y.data()).rejects.toThrow(
      /^bad: line 17: unresolved call target 'row_sums', in "total = row_sums/,
    );
    await engine.sync().catch(() => {});
  });

  test.each([
    [
      'an unknown piece',
      () => link('fn f() {}\n// @use gird'),
      /^link: line 2 uses "gird", expected one of .*\bexpm1, /,
    ],
    ['a value not listed', () => link(SOFTMAX, { constants: { LANES: 3 } }), 'link: LANES = 3, expected one of 1 64.'],
    ['an unknown constant', () => link(SOFTMAX, { constants: { LANE: 3 } }), 'link: no tunable is named LANE.'],
    ['no text', () => link(3 as never), 'link: wgsl is 3, expected a text.'],
    [
      'a loop that does not unroll',
      () => link('fn f() {}\n// @unroll\nx = 1;'),
      /^link: line 3: @unroll stands above no "for/,
    ],
  ] as const)('refuses %s', (_, call, sentence) => expect(call).toThrow(sentence));

  test('every piece is there', () => {
    expect(Object.keys(pieces)).toEqual(
      expect.arrayContaining(['grid', 'rows', 'tile', 'tile_long', 'store_product', 'triangle']),
    );
    for (const name of Object.keys(pieces)) expect(link(`// @use ${name}`)).toContain(`kernels/lib/${name}.wgsl`);
  });
});

describe('gradcheck', () => {
  const relu3 = (a: Tensor): Tensor => engine.tensor(new Float32Array(a.size).fill(3), a.shape);
  test('passes what is right, and says where what is wrong is wrong', async () => {
    const z = [1, 2].map((seed) => engine.tensor(normals(12, seed), [4, 3]));
    const { worst, naive } = await gradcheck((a, b) => logSumExp(mul(a, square(b)), 1), z);
    expect(worst).toBeLessThan(1e-4);
    expect(naive).toBeLessThan(0.1);
    const wrong = customGrad((a: Tensor) => ({ value: square(a), saved: [a], gradient: (dy) => [mul(dy, a)] }));
    await expect(gradcheck((a) => wrong(a), [z[0]])).rejects.toThrow(
      /^gradcheck: the gradient of inputs\[0\] at element \d+ is \S+, expected \S+ by differences/,
    );
    await expect(gradcheck((() => 3) as never, [z[0]])).rejects.toThrow('gradcheck: fn returned 3, expected a Tensor.');
    await expect(gradcheck(relu3, [z[0]])).rejects.toThrow(
      'gradcheck: what relu3 returned has no gradient, expected it to be computed from the inputs by ops or customGrad(), without detach() or noGrad().',
    );
    let calls = 0;
    for (const odd of [(a: Tensor) => mul(a, ++calls), (a: Tensor) => (calls++ % 2 ? sum(a) : square(a))])
      await expect(gradcheck((a) => odd(a), [z[0]])).rejects.toThrow(
        'gradcheck: fn gives other numbers at every call, expected the same of the same inputs; fix its seed.',
      );
    const broken = customGrad(function half(a: Tensor) {
      return { value: mul(a, 0.5), gradient: () => (undefined as never)[0] };
    });
    await expect(gradcheck(broken, [z[0]])).rejects.toThrow(/^half: gradient throws: Cannot read .*\.$/);
    await expect(gradcheck((a) => mul(a, 'x' as never), [z[0]])).rejects.toThrow(
      'gradcheck: fn throws: mul: b is "x", ',
    );
    await expect(gradcheck((a) => a, 3 as never)).rejects.toThrow(
      'gradcheck: inputs is 3, expected an array of Tensors.',
    );
    await expect(gradcheck((a) => a, [])).rejects.toThrow('gradcheck: inputs is empty, expected at least one Tensor.');
    await expect(gradcheck((a) => log(a), [engine.tensor([1, 2 ** -8])])).rejects.toThrow(
      'gradcheck: fn is not finite where inputs[0] at element 1 is 0.00390625 +- 0.03125, expected numbers there.',
    );
  });
});

describe('detectRaces', () => {
  const given = { inputs: { x: normals(10, 1) }, outputs: { y: 10 }, workgroups: 1, params: { rows: 1, columns: 10 } };
  test('finds what a missing barrier lets happen, and nothing where none is missing', async () => {
    expect(await detectRaces(wgsl, given)).toEqual([]);
    const without = wgsl.replace('workgroupBarrier();', '');
    expect((await detectRaces(without, given)).length).toBeGreaterThan(0);
  });
  test('refuses what the kernel does not have', async () => {
    await expect(detectRaces(wgsl, { ...given, inputs: {} })).rejects.toThrow('detectRaces: input "x" is missing.');
    await expect(detectRaces(wgsl, { ...given, params: { rows: 1 } })).rejects.toThrow(
      'detectRaces: params.columns is missing',
    );
    await expect(detectRaces(wgsl, { ...given, workgroups: 0 })).rejects.toThrow(
      'detectRaces: workgroups = 0, expected',
    );
    const x = (of: unknown) => detectRaces(wgsl, { ...given, inputs: { x: of as Float32Array } });
    await expect(x([1, 2])).rejects.toThrow('detectRaces: x is an Array, expected a Float32Array.');
    await expect(x(new Int32Array(10))).rejects.toThrow(
      'detectRaces: x holds numbers of Int32Array, expected a Float32Array.',
    );
    await expect(x(new Float32Array(0))).rejects.toThrow('detectRaces: x has 0 bytes, the WGSL declares at least 4.');
    await expect(x(new Float32Array(2))).rejects.toThrow('detectRaces: the WGSL cannot be interpreted: ');
    await expect(detectRaces(wgsl.replace('workgroupBarrier();', 'workgroupBarrier()'), given)).rejects.toThrow(
      'detectRaces: the WGSL cannot be interpreted: Expected ',
    );
    await expect(detectRaces(`enable f16;\n${wgsl.replaceAll('f32', 'f16')}`, given)).rejects.toThrow(
      'detectRaces: x is f16 in the WGSL, which wgsl_reflect does not read; try it with f32.',
    );
  });
});

describe('canaries', () => {
  const past = (wrong: string): ReturnType<typeof defineKernel> =>
    defineKernel({
      name: 'past',
      workgroups: 1,
      wgsl: `
        @group(0) @binding(0) var<storage, read> x: array<f32>;
        @group(0) @binding(1) var<storage, read_write> y: array<f32>;
        @compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) {
          if (i < arrayLength(&x)${wrong}) { y[i] = 2.0 * x[i]; }
        }`,
    });
  test('are noticed by those who write past the end, and by nobody else', async () => {
    const x = engine.tensor(normals(10, 1));
    let y: Tensor | undefined;
    await canaries(() => {
      y = past('')({ x }, { y: [10] }).y;
    });
    expect(await y?.data()).toEqual((await x.data()).map((value) => 2 * value));
    await expect(canaries(() => past(' + 1u')({ x }, { y: [10] }))).rejects.toThrow(
      'canaries: past wrote past the end of y.',
    );
    const z = engine.tensor(normals(64 * 5, 2), [64, 5], { requiresGrad: true });
    await canaries(() => sum(logSumExp(normalize(z), 1)).backward());
    await expect(
      canaries(() => {
        throw new TypeError('x is not ready.');
      }),
    ).rejects.toThrow('canaries: fn throws: x is not ready.');
    await expect(canaries(3 as never)).rejects.toThrow('canaries: fn is 3, expected a function.');
    await expect(canaries(async () => {})).rejects.toThrow('canaries: fn returned a Promise');
  });

  test('are behind the buffers of recorded steps and of loops too; plans are refused', async () => {
    const x = engine.tensor(normals(10, 1));
    const [right, wrong] = ['', ' + 1u'].map((change) =>
      engine.recorded((of: Tensor) => past(change)({ x: of }, { y: [10] }).y),
    );
    for (let call = 0; call < 3; call++) {
      let y: Tensor | undefined;
      await canaries(() => {
        y = right(x);
      });
      expect(await y?.data()).toEqual((await x.data()).map((value) => 2 * value));
      await expect(canaries(() => wrong(x))).rejects.toThrow('canaries: past wrote past the end of y.');
      if (call === 0) wrong(x); // outside of them it runs as it was bound
    }
    // What an iteration makes is released before any of them runs.
    const loop = (change: string) => () =>
      engine.encodeLoop(2, () => engine.scope(() => void past(change)({ x }, { y: [10] })));
    await canaries(loop(''));
    await expect(canaries(loop(' + 1u'))).rejects.toThrow('canaries: past wrote past the end of y.');
    const plan = engine.plan({ x: [10] }, ({ x }) => past('')({ x }, { y: [10] }));
    await expect(canaries(() => plan.encode(engine.device.createCommandEncoder(), {}))).rejects.toThrow(
      'canaries: fn throws: encode: called inside of canaries(), which sees nothing of your encoder, expected a call outside',
    );
    for (const made of [right, wrong, plan, x]) made.dispose();
  });
});
