import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { attach } from '../../src/adapters/jax.ts';
import { collectGarbage } from '../../src/gpu/collect.node.ts';
import { normals } from '../engine.ts';
import { ntXent, supCon } from '../reference/losses/symmetric.ts';
import { matrix } from '../reference/matrix.ts';
import { HIDDEN, INPUTS, OUTPUTS, ROWS, TEMPERATURE, TRAINED } from './encoder.ts';
import { expectTrained } from './expectTrained.ts';
import { countHeld, expectFlat, load, runProgram, typeErrors } from './hosts.ts';
import { trainJax } from './training.ts';

// biome-ignore-start lint/suspicious/noExplicitAny: jax-js' types are not there where this is checked
let jax: any;
let np: any;
let g: any;
type Arr = any;
// biome-ignore-end lint/suspicious/noExplicitAny: see above
let held: ReturnType<typeof countHeld>;

beforeAll(async () => {
  [jax] = await load('jax', '@jax-js/jax');
  held = countHeld();
  await jax.init('webgpu');
  jax.defaultDevice('webgpu');
  np = jax.numpy;
  g = await attach(jax, { tune: 'off' });
});
afterAll(() => g.destroy());

const array = (data: Float32Array | Int32Array, shape: number[]): Arr => np.array(data, { shape });
const view = (seed: number, shape: readonly number[] = [ROWS, OUTPUTS]): Arr =>
  array(normals(shape[0] * shape[1], seed), [...shape]);

type Weights = Record<'w1' | 'w2', Arr>;
const encode = (x: Arr, { w1, w2 }: Weights): Arr => np.matmul(np.tanh(np.matmul(x, w1)), w2);

describe('an encoder of jax-js', () => {
  test.each(TRAINED)('trained by $loss as by its own autodiff', async ({ loss: name }) => {
    const { ours, theirs } = await trainJax(jax, g, name);
    expectTrained(name, ours, theirs);
  });

  test('holds no more after 500 steps than after 20, whether or not the way back is taken', async () => {
    const [x0, x1, w1, w2] = [
      view(1, [ROWS, INPUTS]),
      view(2, [ROWS, INPUTS]),
      view(3, [INPUTS, HIDDEN]),
      view(4, [HIDDEN, OUTPUTS]),
    ];
    const fn = (w: Weights): Arr[] => [encode(x0.ref, { w1: w.w1.ref, w2: w.w2.ref }), encode(x1.ref, w)];
    const step = async (i: number): Promise<void> => {
      const [loss, pull] = await g.valueAndVjp('ntXent', fn, { w1: w1.ref, w2: w2.ref });
      if (i % 3 === 0) jax.tree.dispose(pull());
      else if (i % 3 === 1) pull.dispose();
      else collectGarbage(); // the third is forgotten: it goes when it is collected
      await loss.data();
    };
    // It keeps every trace on a stack, and every program that it transposed in a map.
    await expectFlat(step, held, async (i) => {
      const [z, pull] = jax.vjp(fn, [{ w1: w1.ref, w2: w2.ref }]);
      await jax.blockUntilReady(z.map((each: Arr) => each.ref));
      if (i % 3 === 0) jax.tree.dispose(pull(z));
      else jax.tree.dispose(z);
      pull.dispose();
    });
    jax.tree.dispose([x0, x1, w1, w2]);
  }, 300_000);
});

describe('what is easy to get wrong', () => {
  test('arrays are consumed once ours is submitted, and not before; .ref keeps them', async () => {
    const [a, b] = [view(5), view(6)];
    const exact = [5, 6].map((seed) => matrix(ROWS, OUTPUTS, normals(ROWS * OUTPUTS, seed)));
    const wanted = ntXent(exact[0], exact[1], 0.5).value;
    const kept = g.ntXent(a.ref, b.ref); // both go on being used while it waits for their buffers
    const squares = np.square(a.ref);
    const moved = g.ntXent(a, b);
    expect((await (await kept).data())[0]).toBeCloseTo(wanted, 5);
    expect((await (await moved).data())[0]).toBeCloseTo(wanted, 5);
    expect(a.refCount).toBe(0);
    await expect(g.ntXent(a, b)).rejects.toThrow(
      /^ntXent: an array \[24, 8\] was consumed, expected a live one; hand on \.ref/,
    );
    squares.dispose();
  });

  test('an array that nobody else holds keeps its memory while another is still computed', async () => {
    const exact = [5, 6].map((seed) => matrix(ROWS, OUTPUTS, normals(ROWS * OUTPUTS, seed)));
    const slow = np.subtract(np.add(np.exp(np.multiply(view(6), 0)), view(6)), 1); // a kernel that has to be compiled first
    const waiting = g.ntXent(view(5), slow);
    const others: Arr[] = [];
    for (let i = 0; i < 20; i++) {
      await Promise.resolve();
      others.push(array(new Float32Array(ROWS * OUTPUTS).fill(9), [ROWS, OUTPUTS]));
    }
    const loss = await waiting;
    expect((await loss.data())[0]).toBeCloseTo(ntXent(exact[0], exact[1], 0.5).value, 5);
    jax.tree.dispose(others);
  });

  test('work that jax-js has not done yet, and shapes that are only looked at otherwise', async () => {
    const exact = [7, 8].map((seed) => matrix(ROWS, OUTPUTS, normals(ROWS * OUTPUTS, seed)));
    const lazy = np.transpose(array(transposed(exact[0].data), [OUTPUTS, ROWS]));
    const loss = await g.ntXent(np.multiply(np.add(lazy, 0), 1), view(8));
    expect((await loss.data())[0]).toBeCloseTo(ntXent(exact[0], exact[1], 0.5).value, 5);
  });

  test('int32 labels stay on the GPU; gradients are of the parameters alone', async () => {
    const numbers = Int32Array.from({ length: ROWS }, (_, i) => (i * i) % 5);
    const exact = [9, 10].map((seed) => matrix(ROWS, OUTPUTS, normals(ROWS * OUTPUTS, seed)));
    const wanted = supCon(exact, Array.from(numbers), 0.1);
    const [loss, gradient] = await g.valueAndGrad(
      'supCon',
      (p: Arr[]) => [p],
      [view(9), view(10)],
      array(numbers, [ROWS]),
    );
    expect((await loss.data())[0]).toBeCloseTo(wanted.value, 4);
    for (const [v, each] of gradient.entries()) {
      const got = await each.data();
      for (const [i, want] of wanted.gradients[v].data.entries()) expect(Math.abs(got[i] - want)).toBeLessThan(1e-5);
    }
    const [value, slope] = await g.valueAndGrad('koLeo', (p: Arr) => p, view(9));
    expect(slope.shape).toEqual([ROWS, OUTPUTS]);
    jax.tree.dispose([value, slope]);
  });

  test('a live temperature among the parameters, behind arrays that do not depend on them', async () => {
    const [z0, z1] = [view(11), view(12)];
    const fn = (t: Arr): unknown[] => [z0.ref, z1.ref, { temperature: t }];
    const [loss, slope] = await g.valueAndGrad('ntXent', fn, np.array(TEMPERATURE));
    const at = async (temperature: number): Promise<number> =>
      (await (await g.ntXent(z0.ref, z1.ref, { temperature })).data())[0];
    const difference = ((await at(0.55)) - (await at(0.45))) / 0.1;
    expect((await slope.data())[0]).toBeCloseTo(difference, 1);
    jax.tree.dispose([loss, z0, z1]);
  });

  test('a stop-gradient side in front of the other, and labels among what fn gives', async () => {
    const [z0, z1] = [view(13), view(14)];
    const wanted = await g.valueAndGrad('ntXent', (z: Arr) => [z, z1.ref], z0.ref);
    const fn = (z: Record<string, Arr>): Arr[] => [jax.lax.stopGradient(z.b), z.a];
    const got = await g.valueAndGrad('ntXent', fn, { a: z0.ref, b: z1.ref });
    expect(Math.max(...(await got[1].b.data()).map(Math.abs))).toBe(0);
    const [a, b] = [await got[1].a.data(), await wanted[1].data()];
    for (const [i, want] of b.entries()) expect(Math.abs(a[i] - want)).toBeLessThan(1e-6);
    const labels = np.array(Int32Array.from({ length: ROWS }, (_, i) => i % 3));
    const all = await g.valueAndGrad('supCon', (z: Arr) => [[z], labels, { form: 'in' }], z0);
    expect(all[1].shape).toEqual([ROWS, OUTPUTS]);
    jax.tree.dispose([z1, got[0], wanted[0], ...all]);
  });

  test.each<[string, () => Promise<unknown>, RegExp]>([
    ['a bool', () => g.koLeo(np.array([[true], [false]])), /^koLeo: an array \[2, 1\] holds bool, expected float32/],
    ['other shapes', () => g.ntXent(view(1), view(1, [4, 2])), /^ntXent: z1 is \[4, 2\], expected \[24, 8\]/],
    ['an option', () => g.ntXent(view(1), view(1), { temp: 1 }), /^ntXent: unknown option "temp"/],
    ['traced arrays', traced, /^koLeo: an array \[24, 8\] is traced and has no numbers, expected it outside of jit/],
    ['pull, twice', twice, /^koLeo: pull was called before, or disposed, expected one call\.$/],
  ])('refuses %s', async (_, call, sentence) => {
    await expect(call()).rejects.toThrow(sentence);
  });

  function traced(): Promise<unknown> {
    let said = Promise.resolve();
    const fn = (z: Arr): Arr => {
      said = g.koLeo(z.ref);
      return z;
    };
    jax.jit(fn)(view(1)).dispose();
    return said;
  }
  async function twice(): Promise<unknown> {
    const [, pull] = await g.valueAndVjp('koLeo', (z: Arr) => z, view(1));
    pull();
    return pull();
  }

  test('attach() wants a WebGPU device, and a jax', async () => {
    const none = () => {
      throw new Error('not yet');
    };
    await expect(attach({ ...jax, getWebGPUDevice: none })).rejects.toThrow(
      /^attach: jax-js has no WebGPU device yet, expected one; await jax\.init/,
    );
    await expect(attach({} as never)).rejects.toThrow(/^attach: jax is an Object, expected what import \* as jax/);
  });
});

test('the program of docs/frameworks.md prints what it says', async () => {
  const [printed, promised] = await runProgram('jax-js', { '@jax-js/jax': jax, 'gramian/jax': { attach } });
  expect(printed).toEqual(promised);
});

test('its types are those of jax-js', async () => {
  const said = await typeErrors(
    'jax',
    `import * as jax from '@jax-js/jax';
     import { numpy as np } from '@jax-js/jax';
     import { attach } from 'gramian/jax';
     const g = await attach(jax);
     const z = np.zeros([4, 3]);
     const loss: np.Array = await g.ntXent(z.ref, z.ref, { temperature: np.array(0.5) });
     const encode = ({ w }: { w: np.Array }) => [np.matmul(z.ref, w.ref), np.matmul(z.ref, w)] as [np.Array, np.Array];
     const [value, pull] = await g.valueAndVjp('ntXent', encode, { w: np.zeros([3, 3]) }, { temperature: 0.2 });
     const { w } = pull();
     const [, gradient] = await g.valueAndGrad('supCon', (p: np.Array) => [[np.matmul(z.ref, p)]], np.zeros([3, 3]), np.zeros([4], { dtype: np.int32 }), { form: 'in' });
     const same: np.Array = gradient;
     // @ts-expect-error a misspelt option
     g.ntXent(z, z, { temp: 1 });
     // @ts-expect-error a misspelt option
     g.valueAndGrad('ntXent', encode, { w: z }, { temp: 1 });
     export { loss, value, w, same };`,
  );
  expect(said).toBe('');
});

/** [ROWS, OUTPUTS] as [OUTPUTS, ROWS]. */
function transposed(data: Float64Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(data, (_, i) => data[(i % ROWS) * OUTPUTS + Math.floor(i / ROWS)]);
}
