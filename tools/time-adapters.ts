// npm run bench:adapters: NT-Xent through an adapter and by the framework's own autodiff, in turns in one process: 512 rows of 128
// numbers a view, with the gradients to them, and as a training step behind a layer tanh(x W), with the gradient to W. Then
// by the plans of an adapter and eagerly, on buffers of TypeGPU, which differentiates nothing.
// -- --write puts the tables into docs/frameworks.md.
import { attach as attachJax } from '../src/adapters/jax.ts';
import { attach as attachTensorFlow } from '../src/adapters/tfjs.ts';
import { attach as attachTypeGPU } from '../src/adapters/typegpu.ts';
import { ntXent, type Tensor } from '../src/index.ts';
import { jaxFormulas, tensorFlowFormulas } from '../test/adapters/formulas.ts';
import { load } from '../test/adapters/hosts.ts';
import { normals } from '../test/engine.ts';
import { fillMarkers } from './markers.ts';

const [ROWS, COLUMNS, TEMPERATURE] = [512, 128, 0.5];
const [WARM, RUNS] = [4, 31];
const SIZES = { rows: ROWS, columns: COLUMNS, temperature: TEMPERATURE };
const given = [
  normals(ROWS * COLUMNS, 1),
  normals(ROWS * COLUMNS, 2),
  normals(COLUMNS * COLUMNS, 3).map((value) => value / 10),
];

/** A step is done when this resolves; it gives the loss. */
type Step = () => Promise<number>;
/** What is compared, by what is said of it. */
type Pairs = Readonly<Record<string, readonly [other: Step, ours: Step]>>;
interface Framework {
  readonly device: GPUDevice;
  readonly pairs: Pairs;
}

async function tensorFlow(): Promise<Framework> {
  const [tf] = await load('tfjs', '@tensorflow/tfjs', '@tensorflow/tfjs-backend-webgpu');
  await tf.setBackend('webgpu');
  const g = await attachTensorFlow<typeof tf>(tf, { tune: 'off' });
  const backend = tf.backend();
  const [x0, x1] = [0, 1].map((v) => tf.tensor2d(given[v], [ROWS, COLUMNS]));
  const w = tf.variable(tf.tensor2d(given[2], [COLUMNS, COLUMNS]));
  const formula = tensorFlowFormulas(tf, SIZES).ntXent;
  const named = g as unknown as Record<string, (...args: unknown[]) => object>;
  const ours = (z0: object, z1: object): object => named.ntXent(z0, z1, { temperature: TEMPERATURE });
  const done = async (value: { data(): Promise<number[]> }, gradients: unknown): Promise<number> => {
    backend.ensureCommandEncoderReady();
    backend.endComputePassEncoder();
    backend.submitQueue();
    await backend.device.queue.onSubmittedWorkDone();
    const [number] = await value.data();
    tf.dispose([value, gradients]);
    return number;
  };
  const loss = (fn: typeof ours) => (): Promise<number> => {
    const { value, grads } = tf.valueAndGrads(fn)([x0, x1]);
    return done(value, grads);
  };
  const training = (fn: typeof ours) => (): Promise<number> => {
    const encode = (x: object): object => tf.tanh(tf.matMul(x, w));
    const { value, grads } = tf.variableGrads(() => fn(encode(x0), encode(x1)), [w]);
    return done(value, grads);
  };
  return {
    device: backend.device,
    pairs: {
      'loss and gradients': [loss(formula), loss(ours)],
      'a training step': [training(formula), training(ours)],
    },
  };
}

async function jaxJs(): Promise<Framework> {
  const [jax] = await load('jax', '@jax-js/jax');
  await jax.init('webgpu');
  jax.defaultDevice('webgpu');
  const np = jax.numpy;
  const g = await attachJax<typeof jax>(jax, { tune: 'off' });
  const device: GPUDevice = jax.getWebGPUDevice();
  const [x0, x1] = [0, 1].map((v) => np.array(given[v], { shape: [ROWS, COLUMNS] }));
  const w = np.array(given[2], { shape: [COLUMNS, COLUMNS] });
  type Arr = { readonly ref: Arr; data(): Promise<number[]>; dispose(): void };
  const encode = (x: Arr, weights: Arr): Arr => np.tanh(np.matmul(x, weights));
  const formula = jaxFormulas(jax, SIZES).ntXent;
  // Its own autodiff is fastest as one compiled function; behind a loss of ours, an encoder is as it is written.
  const ownLoss = jax.jit(jax.valueAndGrad(formula, { argnums: [0, 1] }));
  const ownTraining = jax.jit(
    jax.valueAndGrad((weights: Arr, a: Arr, b: Arr) => formula(encode(a, weights.ref), encode(b, weights))),
  );
  const named = g as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  const ours = (fn: (params: never) => Arr[], params: unknown): Promise<unknown> =>
    named.valueAndGrad('ntXent', fn, params, { temperature: TEMPERATURE });
  const views = (weights: Arr): Arr[] => [encode(x0.ref, weights.ref), encode(x1.ref, weights)];
  const step = (run: () => unknown) => async (): Promise<number> => {
    const [value, gradient] = (await run()) as [Arr, Arr | Arr[]];
    const gradients = [gradient].flat();
    await jax.blockUntilReady([value, ...gradients]);
    await device.queue.onSubmittedWorkDone();
    const [number] = await value.data();
    for (const each of gradients) each.dispose();
    return number;
  };
  return {
    device,
    pairs: {
      'loss and gradients': [step(() => ownLoss(x0.ref, x1.ref)), step(() => ours((z: Arr[]) => z, [x0.ref, x1.ref]))],
      'a training step': [step(() => ownTraining(w.ref, x0.ref, x1.ref)), step(() => ours(views, w.ref))],
    },
  };
}

async function typeGPU(): Promise<Framework> {
  const [tgpu, d] = await load('typegpu', 'typegpu', 'typegpu/data');
  const root = await tgpu.default.init();
  const g = await attachTypeGPU(root, { tune: 'off' });
  const { engine } = g;
  const device: GPUDevice = root.device;
  const pairs: Record<string, readonly [Step, Step]> = {};
  // What a step costs the CPU shows where the GPU has little to do.
  for (const [rows, columns, repeats] of [
    [ROWS, COLUMNS, 1],
    [32, 16, 25],
  ]) {
    const schema = d.arrayOf(d.arrayOf(d.f32, columns), rows);
    const z = [0, 1].map((v) => {
      const buffer = root.createBuffer(schema).$usage('storage');
      device.queue.writeBuffer(root.unwrap(buffer), 0, given[v], 0, rows * columns);
      return buffer;
    });
    const tensors = z.map((buffer) => engine.fromBuffer(root.unwrap(buffer), [rows, columns], { requiresGrad: true }));
    const gradientOf = (z0: Tensor, z1: Tensor): Tensor => {
      const loss = ntXent(z0, z1, { temperature: TEMPERATURE });
      loss.backward();
      return loss;
    };
    const many = async (run: () => unknown): Promise<void> => {
      for (let i = 1; i < repeats; i++) await run();
    };
    const eager = (): Tensor => {
      for (const each of tensors) each.zeroGrad();
      return engine.scope(() => gradientOf(tensors[0], tensors[1]));
    };
    const plan = g.plan({ z0: z[0], z1: z[1] }, ({ z0, z1 }) => {
      const loss = gradientOf(z0, z1);
      return { loss, dz0: z0.grad, dz1: z1.grad };
    });
    const encode = (): void => {
      const encoder = device.createCommandEncoder();
      plan.encode(encoder);
      device.queue.submit([encoder.finish()]);
    };
    const call = () => g.ntXent(z[0], z[1], { temperature: TEMPERATURE, gradients: true });
    const destroyed = ({ loss, gradients }: ReturnType<typeof call>): void => {
      for (const each of [loss, ...gradients]) each.destroy();
    };
    const eagerly: Step = async () => {
      await many(() => eager().dispose());
      const loss = eager();
      const [number] = await loss.data();
      loss.dispose();
      return number;
    };
    const size = `${rows} x ${columns}${repeats > 1 ? `, ${repeats} times` : ''}`;
    pairs[`${size}: \`g.ntXent\``] = [
      eagerly,
      async () => {
        await many(() => destroyed(call()));
        const results = call();
        const number = await results.loss.read();
        destroyed(results);
        return number;
      },
    ];
    pairs[`${size}: \`plan.encode\``] = [
      eagerly,
      async () => {
        await many(encode);
        encode();
        return (await plan.outputs.loss.read()) as number;
      },
    ];
  }
  return { device, pairs };
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];

/** The steps of a pair in turns. */
async function rowsOf(name: string, pairs: Pairs): Promise<string[]> {
  const lines: string[] = [];
  for (const [said, steps] of Object.entries(pairs)) {
    const times: [number[], number[]] = [[], []];
    for (let run = 0; run < WARM + RUNS; run++) {
      const losses: number[] = [];
      for (const [i, step] of steps.entries()) {
        const before = performance.now();
        losses.push(await step());
        if (run >= WARM) times[i].push(performance.now() - before);
      }
      if (Math.abs(losses[0] - losses[1]) > 1e-4)
        throw new Error(`${name}: the losses are ${losses}, expected the same.`);
    }
    const ratio = median(times[1].map((time, i) => time / times[0][i]));
    const [other, ours] = times.map((all) => median(all).toFixed(1));
    lines.push(`| ${name}, ${said} | ${other} | ${ours} | ${ratio.toFixed(2)} |`);
    console.log(lines.at(-1));
  }
  return lines;
}

const lines = ['| NT-Xent, 512 x 128 | Its autodiff, ms | With gramian, ms | Ratio |', '| --- | --- | --- | --- |'];
for (const [name, open] of [
  ['TensorFlow.js 4.22.0', tensorFlow],
  ['jax-js 0.1.25 under `jit`', jaxJs],
] as const)
  lines.push(...(await rowsOf(name, (await open()).pairs)));
const { device, pairs } = await typeGPU();
lines.push(
  '',
  '| NT-Xent and gradients, captured or not | Eager, ms | By a plan, ms | Ratio |',
  '| --- | --- | --- | --- |',
);
lines.push(...(await rowsOf('TypeGPU 0.12.5', pairs)));
const adapter = device.adapterInfo.description || device.adapterInfo.device;
const today = new Date().toISOString().slice(0, 10);
if (process.argv.includes('--write'))
  fillMarkers(
    'docs/frameworks.md',
    'time',
    `${lines.join('\n')}\n\n\`npm run bench:adapters -- --write\`, ${adapter}, ${today}.`,
  );
process.exit(0); // the frameworks keep a process alive
