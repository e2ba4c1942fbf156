import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { attach } from '../../src/adapters/tfjs.ts';
import { normals } from '../engine.ts';
import { supCon } from '../reference/losses/symmetric.ts';
import { matrix } from '../reference/matrix.ts';
import { OUTPUTS, ROWS, SIZES, TEMPERATURE, TRAINED } from './encoder.ts';
import { expectTrained } from './expectTrained.ts';
import { type Formulas, tensorFlowFormulas } from './formulas.ts';
import { countHeld, expectFlat, load, runProgram, typeErrors } from './hosts.ts';
import { trainTensorFlow } from './training.ts';

// biome-ignore-start lint/suspicious/noExplicitAny: TensorFlow.js' types are not there where this is checked
let tf: any;
let backend: any;
let g: any;
let held: ReturnType<typeof countHeld>;
let FORMULAS: Formulas<Tensor>;
// biome-ignore-end lint/suspicious/noExplicitAny: see above

beforeAll(async () => {
  [tf, backend] = await load('tfjs', '@tensorflow/tfjs', '@tensorflow/tfjs-backend-webgpu');
  held = countHeld();
  await tf.setBackend('webgpu');
  FORMULAS = tensorFlowFormulas(tf, SIZES);
  g = await attach(tf, { tune: 'off' });
});
afterAll(() => g.destroy());

type Tensor = object;
describe('an encoder of TensorFlow.js', () => {
  test.each(TRAINED)('trained by $loss as by its own autodiff', async ({ loss: name }) => {
    const tensors: number[] = [];
    const { ours, theirs } = await trainTensorFlow(tf, g, name, () => tensors.push(tf.memory().numTensors));
    expect(new Set(tensors).size).toBe(1);
    expectTrained(name, ours, theirs);
  });

  test('holds no more after 500 steps than after 20, of its own and of ours', async () => {
    const z = [1, 2].map((seed) => tf.tensor2d(normals(ROWS * OUTPUTS, seed), [ROWS, OUTPUTS]));
    await expectFlat(
      async () => {
        tf.tidy(() => void tf.grads((a: Tensor, b: Tensor) => g.ntXent(a, b))(z));
        await g.engine.sync();
      },
      { ...held, tensors: () => tf.memory().numTensors },
    );
    tf.dispose(z);
  }, 300_000);
});

describe('what is easy to get wrong', () => {
  test('work that TensorFlow.js holds back is submitted first', async () => {
    const [a, b] = [3, 4].map((seed) => tf.tensor2d(normals(ROWS * OUTPUTS, seed), [ROWS, OUTPUTS]));
    for (const { dataId } of [a, b]) tf.backend().uploadToGPU(dataId); // what is small it would compute on the CPU
    await tf.backend().queue.onSubmittedWorkDone();
    const ready = [a, b].map((t) => tf.mul(tf.add(tf.mul(t, 3), 1), 0.5)); // dispatches that wait in its encoder
    expect(tf.backend().commandEncoder).not.toBeNull();
    const loss = g.ntXent(...ready);
    const [value] = await tf.tidy(() => FORMULAS.ntXent(ready[0], ready[1])).data();
    expect((await loss.data())[0]).toBeCloseTo(value, 5);
    tf.dispose([a, b, loss, ...ready]);
  });

  test('where a call fails, its results go', () => {
    const z = [1, 2].map((seed) => tf.tensor2d(normals(ROWS * OUTPUTS, seed), [ROWS, OUTPUTS]));
    g.ntXent(...z).dispose(); // captured
    const before = tf.backend().numDataIds();
    const submit = vi.spyOn(tf.backend().device.queue, 'submit').mockImplementation(() => {
      throw new Error('refused');
    });
    expect(() => g.ntXent(...z)).toThrow('refused');
    submit.mockRestore();
    expect(tf.backend().numDataIds()).toBe(before);
    tf.dispose(z);
  });

  test('tensors that lie on the CPU, and results used by its next ops at once', async () => {
    const small = [5, 6].map((seed) => tf.tensor2d(normals(12, seed), [4, 3]));
    const twice = tf.tidy(() => tf.mul(g.alignment(small[0], small[1]), 2));
    const once = g.alignment(small[0], small[1]);
    expect((await twice.data())[0]).toBeCloseTo(2 * (await once.data())[0], 5);
    tf.dispose([...small, twice, once]);
  });

  test('int32 labels stay on the GPU, and one plan takes others at every step', async () => {
    const z = normals(2 * ROWS * OUTPUTS, 7);
    const views = [0, 1].map((v) =>
      tf.tensor2d(z.slice(v * ROWS * OUTPUTS, (v + 1) * ROWS * OUTPUTS), [ROWS, OUTPUTS]),
    );
    const exact = [0, 1].map((v) => matrix(ROWS, OUTPUTS, z.slice(v * ROWS * OUTPUTS, (v + 1) * ROWS * OUTPUTS)));
    const launches: number[] = [];
    for (const classes of [3, 5, 7]) {
      const numbers = Int32Array.from({ length: ROWS }, (_, i) => (i * i) % classes);
      const labels = tf.tensor1d(numbers, 'int32');
      const before = tf.memory().numTensors;
      const { value, grads } = tf.valueAndGrads((a: Tensor, b: Tensor) => g.supCon([a, b], labels))(views);
      const wanted = supCon(exact, Array.from(numbers), 0.1);
      expect((await value.data())[0]).toBeCloseTo(wanted.value, 4);
      for (const [v, grad] of grads.entries()) {
        const got = await grad.data();
        for (const [i, want] of wanted.gradients[v].data.entries()) expect(Math.abs(got[i] - want)).toBeLessThan(1e-5);
      }
      const own = g.supCon(views, numbers);
      expect((await own.data())[0]).toBeCloseTo(wanted.value, 4);
      tf.dispose([labels, value, ...grads, own]);
      expect(tf.memory().numTensors).toBe(before - 1);
      launches.push(g.engine.memory().bytes);
    }
    expect(new Set(launches).size).toBe(1);
    tf.dispose(views);
  });

  test('a temperature that is a variable gets its slope', async () => {
    const z = [8, 9].map((seed) => tf.tensor2d(normals(ROWS * OUTPUTS, seed), [ROWS, OUTPUTS]));
    const slope = (loss: (t: Tensor) => Tensor): Promise<Float32Array> =>
      tf.tidy(() => tf.grad(loss)(tf.scalar(TEMPERATURE))).data();
    const [ours] = await slope((temperature) => g.ntXent(z[0], z[1], { temperature }));
    const at = async (t: number): Promise<number> =>
      (await tf.tidy(() => g.ntXent(z[0], z[1], { temperature: t })).data())[0];
    expect(ours).toBeCloseTo(((await at(0.55)) - (await at(0.45))) / 0.1, 1);
    tf.dispose(z);
  });

  test.each<[string, () => unknown, RegExp]>([
    ['a disposed tensor', () => disposed(), /^ntXent: a tensor \[4, 3\] was disposed, expected a live one\.$/],
    [
      'a bool',
      () => g.koLeo(tf.zeros([4, 3], 'bool')),
      /^koLeo: a tensor \[4, 3\] holds bool, expected float32, or int32/,
    ],
    ['other shapes', () => g.ntXent(tf.zeros([4, 3]), tf.zeros([4, 2])), /^ntXent: z1 is \[4, 2\], expected \[4, 3\]/],
    ['an option', () => g.ntXent(tf.zeros([4, 3]), tf.zeros([4, 3]), { temp: 1 }), /^ntXent: unknown option "temp"/],
    ['numbers', () => g.ntXent([[1, 2]], tf.zeros([1, 2])), /^ntXent: z0 is an Array, expected a Tensor/],
    [
      'a second derivative',
      () => tf.grad((x: Tensor) => tf.sum(tf.grad((y: Tensor) => g.koLeo(y))(x)))(tf.tensor2d(normals(12, 1), [4, 3])),
      /^koLeo: a second derivative was asked for, expected first ones only\.$/,
    ],
  ])('refuses %s', (_, call, sentence) => {
    expect(() => tf.tidy(call)).toThrow(sentence);
  });

  function disposed(): unknown {
    const z = tf.zeros([4, 3]);
    z.dispose();
    return g.ntXent(z, z);
  }

  test('attach() wants the WebGPU backend, and a tf', async () => {
    await expect(attach({ ...tf, getBackend: () => 'cpu' })).rejects.toThrow(
      /^attach: the backend is "cpu", expected "webgpu"; await tf\.setBackend\('webgpu'\) first\.$/,
    );
    await expect(attach({} as never)).rejects.toThrow(/^attach: tf is an Object, expected what import \* as tf/);
    await expect(attach(tf, { plan: 1 } as never)).rejects.toThrow(
      /^attach: unknown option "plan"; did you mean "plans"/,
    );
  });
});

test('the program of docs/frameworks.md prints what it says', async () => {
  const modules = { '@tensorflow/tfjs': tf, '@tensorflow/tfjs-backend-webgpu': backend, 'gramian/tfjs': { attach } };
  const [printed, promised] = await runProgram('TensorFlow.js', modules);
  expect(printed).toEqual(promised);
});

test('its types are those of TensorFlow.js', async () => {
  const said = await typeErrors(
    'tfjs',
    `import * as tf from '@tensorflow/tfjs';
     import { attach } from 'gramian/tfjs';
     const g = await attach(tf, { plans: 8 });
     const z: tf.Tensor2D = tf.zeros([4, 3]);
     const labels: tf.Tensor1D = tf.zeros([4], 'int32');
     const losses: tf.Scalar[] = [
       g.ntXent(z, z, { temperature: tf.scalar(0.5) }), g.supCon([z, z], labels), g.supCon([z], new Int32Array(4), { form: 'in' }), g.byol(z, z),
       g.contrastiveClustering({ instances: [z, z], clusters: [z, z] }), g.sinkhornDivergence(z, z, { epsilon: 0.1 }),
     ];
     // @ts-expect-error a misspelt option
     g.ntXent(z, z, { temp: 1 });
     // @ts-expect-error no tensor
     g.ntXent(z, [1, 2]);
     // @ts-expect-error epsilon is missing
     g.sinkhornDivergence(z, z, {});
     g.engine.memory().bytes;
     export { losses };`,
  );
  expect(said).toBe('');
});
