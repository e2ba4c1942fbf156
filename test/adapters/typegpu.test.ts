import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { attach } from '../../src/adapters/typegpu.ts';
import { ntXent } from '../../src/index.ts';
import { normals } from '../engine.ts';
import * as symmetric from '../reference/losses/symmetric.ts';
import { matrix } from '../reference/matrix.ts';
import { trainTypeGPU } from './byHand.ts';
import { OUTPUTS, ROWS, TEMPERATURE, TRAINED } from './encoder.ts';
import { expectTrained } from './expectTrained.ts';
import { countHeld, expectFlat, load, runProgram, typeErrors } from './hosts.ts';

// biome-ignore-start lint/suspicious/noExplicitAny: TypeGPU's types are not there where this is checked
let tgpu: any;
let d: any;
let root: any;
let g: any;
// biome-ignore-end lint/suspicious/noExplicitAny: see above
let held: ReturnType<typeof countHeld>;

beforeAll(async () => {
  [tgpu, d] = await load('typegpu', 'typegpu', 'typegpu/data');
  held = countHeld();
  root = await tgpu.default.init();
  g = await attach(root, { tune: 'off' });
});
afterAll(() => {
  g.destroy();
  root.destroy();
});

type Buffer = { read(): Promise<number[][]>; write(data: unknown): void; destroy(): void };
const rowsOf = (data: ArrayLike<number>, columns: number): number[][] =>
  Array.from({ length: data.length / columns }, (_, i) =>
    Array.from({ length: columns }, (_, k) => data[i * columns + k]),
  );
const buffer = (data: ArrayLike<number>, columns: number): Buffer =>
  root
    .createBuffer(d.arrayOf(d.arrayOf(d.f32, columns), data.length / columns), rowsOf(data, columns))
    .$usage('storage');
const view = (seed: number): Buffer => buffer(normals(ROWS * OUTPUTS, seed), OUTPUTS);
const exactly = (seed: number) => matrix(ROWS, OUTPUTS, normals(ROWS * OUTPUTS, seed));
const flat = (rows: readonly (readonly number[])[]): Float32Array => Float32Array.from(rows.flat());

describe('an encoder on TypeGPU', () => {
  test.each(TRAINED)('trained by $loss in a plan as by the gradients written out', async ({ loss: name }) => {
    const { ours, theirs } = await trainTypeGPU(root, d, g, name);
    expectTrained(name, ours, theirs);
  });

  test('holds no more after 500 steps than after 20', async () => {
    const z = [view(5), view(6)];
    await expectFlat(async () => {
      const { loss, gradients } = g.ntXent(...z, { gradients: true });
      await loss.read();
      for (const each of [loss, ...gradients]) each.destroy();
    }, held);
    for (const each of z) each.destroy();
  }, 300_000);
});

describe('what is easy to get wrong', () => {
  test('rows of vec3f take the room of a vec4f: in what is read, and in its gradient', async () => {
    const data = [7, 8].map((seed) => normals(3 * 8, seed));
    const z = data.map((values) =>
      root
        .createBuffer(
          d.arrayOf(d.vec3f, 8),
          rowsOf(values, 3).map(([x, y, w]) => d.vec3f(x, y, w)),
        )
        .$usage('storage'),
    );
    const { loss, gradients } = g.ntXent(...z, { temperature: TEMPERATURE, gradients: true });
    const wanted = symmetric.ntXent(matrix(8, 3, data[0]), matrix(8, 3, data[1]), TEMPERATURE);
    expect(await loss.read()).toBeCloseTo(wanted.value, 5);
    for (const [v, gradient] of gradients.entries()) {
      const got = flat((await gradient.read()).map(({ x, y, z }: Record<string, number>) => [x, y, z]));
      for (const [i, want] of wanted.gradients[v].data.entries()) expect(Math.abs(got[i] - want)).toBeLessThan(1e-6);
    }
  });

  test('labels are i32 or u32; gradients are of the float buffers alone', async () => {
    const numbers = Array.from({ length: ROWS }, (_, i) => (i * i) % 5);
    const labels = root.createBuffer(d.arrayOf(d.u32, ROWS), numbers).$usage('storage');
    const { loss, gradients } = g.supCon([view(9), view(10)], labels, { gradients: true });
    const wanted = symmetric.supCon([exactly(9), exactly(10)], numbers, 0.1);
    expect(await loss.read()).toBeCloseTo(wanted.value, 4);
    expect(gradients.length).toBe(2);
    const got = flat(await gradients[1].read());
    for (const [i, want] of wanted.gradients[1].data.entries()) expect(Math.abs(got[i] - want)).toBeLessThan(1e-5);
    expect(g.supCon([view(9), view(10)], labels).gradients).toEqual([]);
  });

  test('a plan in an encoder of TypeGPU, with buffers of its own for what is one number or has the schema of an input', async () => {
    const [a, b] = [view(11), view(12)];
    const plan = g.plan({ a, b }, ({ a, b }: Record<'a' | 'b', Parameters<typeof ntXent>[0]>) => {
      const loss = ntXent(a, b, { temperature: TEMPERATURE });
      loss.backward();
      return { loss, da: a.grad };
    });
    expect(Object.keys(plan.outputs)).toEqual(['loss', 'da']);
    const encoder = root.createCommandEncoder();
    plan.encode(encoder);
    root.device.queue.submit([root.unwrap(encoder).finish()]);
    const wanted = symmetric.ntXent(exactly(11), exactly(12), TEMPERATURE);
    expect(await plan.outputs.loss.read()).toBeCloseTo(wanted.value, 5);
    const got = flat(await plan.outputs.da.read());
    for (const [i, want] of wanted.gradients[0].data.entries()) expect(Math.abs(got[i] - want)).toBeLessThan(1e-6);
    plan.dispose();
  });

  test.each<[string, () => unknown, RegExp]>([
    [
      'a struct',
      () => g.koLeo(root.createBuffer(d.struct({ x: d.f32 })).$usage('storage')),
      /^koLeo: a buffer holds struct, expected arrays of f32/,
    ],
    [
      'a buffer of no use',
      () => g.koLeo(root.createBuffer(d.arrayOf(d.vec4f, 3))),
      /^koLeo: a buffer \[3, 4\] lacks usage, expected \.\$usage\('storage'\)\.$/,
    ],
    ['a destroyed one', () => g.koLeo(destroyed()), /^koLeo: a buffer \[24, 8\] was destroyed, expected a live one\.$/],
    ['other shapes', () => g.ntXent(view(1), buffer(normals(12, 1), 3)), /^ntXent: z1 is \[4, 3\], expected \[24, 8\]/],
    ['an option', () => g.ntXent(view(1), view(1), { temp: 1, gradients: true }), /^ntXent: unknown option "temp"/],
    [
      'gradients = 1',
      () => g.ntXent(view(1), view(1), { gradients: 1 }),
      /^ntXent: gradients = 1, expected true or false\.$/,
    ],
    [
      'a plan of numbers',
      () => g.plan({ z: [1] }, () => ({})),
      /^plan: inputs\.z is an Array, expected a buffer of TypeGPU\.$/,
    ],
  ])('refuses %s', (_, call, sentence) => {
    expect(call).toThrow(sentence);
  });

  function destroyed(): Buffer {
    const gone = view(1);
    gone.destroy();
    return gone;
  }

  test('where a call fails, its results go', () => {
    const z = [view(1), view(2)];
    g.ntXent(...z); // captured
    const before = held.buffers();
    const submit = vi.spyOn(root.device.queue, 'submit').mockImplementation(() => {
      throw new Error('refused');
    });
    expect(() => g.ntXent(...z)).toThrow('refused');
    submit.mockRestore();
    expect(held.buffers()).toBe(before);
  });

  test('attach() wants a root', async () => {
    await expect(attach({} as never)).rejects.toThrow(/^attach: root is an Object, expected what tgpu\.init\(\) or/);
  });
});

test('the program of docs/frameworks.md prints what it says', async () => {
  const [printed, promised] = await runProgram('TypeGPU', {
    typegpu: tgpu.default,
    'typegpu/data': d,
    'gramian/typegpu': { attach },
  });
  expect(printed).toEqual(promised);
});

test('its types take those of TypeGPU', async () => {
  const said = await typeErrors(
    'typegpu',
    `import tgpu from 'typegpu';
     import * as d from 'typegpu/data';
     import { ntXent } from 'gramian';
     import { attach } from 'gramian/typegpu';
     const root = await tgpu.init();
     const g = await attach(root);
     const z = root.createBuffer(d.arrayOf(d.arrayOf(d.f32, 8), 4)).$usage('storage');
     const { loss, gradients } = g.ntXent(z, z, { temperature: 0.2, gradients: true });
     const value: number = await loss.read();
     g.byol(z, z, { gradients: true });
     g.supCon([z], root.createBuffer(d.arrayOf(d.i32, 4)).$usage('storage'));
     g.sinkhornDivergence(z, z, { epsilon: 0.1, gradients: true });
     const plan = g.plan({ a: z, b: z }, ({ a, b }) => {
       const loss = ntXent(a, b);
       loss.backward();
       return { loss, da: a.grad };
     });
     plan.encode(root.device.createCommandEncoder(), { da: z });
     // @ts-expect-error a misspelt option
     g.ntXent(z, z, { temp: 1 });
     // @ts-expect-error epsilon is missing
     g.sinkhornDivergence(z, z, { gradients: true });
     // @ts-expect-error no usage storage
     g.koLeo(root.createBuffer(d.arrayOf(d.vec4f, 4)));
     export { value, gradients };`,
  );
  expect(said).toBe('');
});
