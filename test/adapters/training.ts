// The encoder of encoder.ts trained in each framework, by a loss of ours and by the framework's own gradients: in Node and in a page.
import { barlowTwins, ntXent, type Tensor } from '../../src/index.ts';
import { matrix } from '../reference/matrix.ts';
import { HIDDEN, INPUTS, OUTPUTS, ROWS, SIZES, STEPS, start, TEMPERATURE, TRAINED } from './encoder.ts';
import { jaxFormulas, tensorFlowFormulas } from './formulas.ts';
import { layersOn } from './layers.ts';

export type LossName = (typeof TRAINED)[number]['loss'];
/** The weights after all steps. */
export interface Both {
  readonly ours: readonly Float32Array[];
  readonly theirs: readonly Float32Array[];
}

const rateOf = (name: LossName): number => (TRAINED.find(({ loss }) => loss === name) as (typeof TRAINED)[number]).rate;
const optionsOf = (name: LossName): object[] => (name === 'ntXent' ? [{ temperature: TEMPERATURE }] : []);

// biome-ignore-start lint/suspicious/noExplicitAny: the frameworks' types are not there where this is checked
/** @param each called after each step of ours */
export async function trainTensorFlow(tf: any, g: any, name: LossName, each = () => {}): Promise<Both> {
  const train = async (loss: (z0: object, z1: object) => object, after: () => void): Promise<Float32Array[]> => {
    const given = start();
    const [x0, x1] = [given.x0, given.x1].map((x) => tf.tensor2d(x, [ROWS, INPUTS]));
    const weights = [
      tf.variable(tf.tensor2d(given.w1, [INPUTS, HIDDEN])),
      tf.variable(tf.tensor2d(given.w2, [HIDDEN, OUTPUTS])),
    ];
    const encode = (x: object): object => tf.matMul(tf.tanh(tf.matMul(x, weights[0])), weights[1]);
    for (let step = 0; step < STEPS; step++) {
      tf.tidy(() => {
        const { grads } = tf.variableGrads(() => loss(encode(x0), encode(x1)), weights);
        for (const w of weights) w.assign(tf.sub(w, tf.mul(grads[w.name], rateOf(name))));
      });
      after();
    }
    const read = await Promise.all(weights.map((w) => w.data()));
    tf.dispose([x0, x1, ...weights]);
    return read;
  };
  return {
    ours: await train((z0, z1) => g[name](z0, z1, ...optionsOf(name)), each),
    theirs: await train(tensorFlowFormulas(tf, SIZES)[name], () => {}),
  };
}

type Arr = any;
type Weights = Record<'w1' | 'w2', Arr>;
type Views = (w: Weights) => [Arr, Arr];
export async function trainJax(jax: any, g: any, name: LossName): Promise<Both> {
  const np = jax.numpy;
  const array = (data: Float32Array, shape: number[]): Arr => np.array(data, { shape });
  const encode = (x: Arr, { w1, w2 }: Weights): Arr => np.matmul(np.tanh(np.matmul(x, w1)), w2);
  const train = async (gradientOf: (fn: Views, w: Weights) => Promise<[Arr, Weights]>): Promise<Float32Array[]> => {
    const given = start();
    const [x0, x1] = [given.x0, given.x1].map((x) => array(x, [ROWS, INPUTS]));
    let weights: Weights = { w1: array(given.w1, [INPUTS, HIDDEN]), w2: array(given.w2, [HIDDEN, OUTPUTS]) };
    const views: Views = ({ w1, w2 }) => [encode(x0.ref, { w1: w1.ref, w2: w2.ref }), encode(x1.ref, { w1, w2 })];
    const down = (w: Arr, slope: Arr): Arr => np.subtract(w, np.multiply(slope, rateOf(name)));
    for (let step = 0; step < STEPS; step++) {
      const { w1, w2 } = weights;
      const [loss, slope] = await gradientOf(views, { w1: w1.ref, w2: w2.ref });
      loss.dispose();
      weights = { w1: down(w1, slope.w1), w2: down(w2, slope.w2) };
      await jax.blockUntilReady([weights.w1, weights.w2]);
    }
    const read = await Promise.all([weights.w1.data(), weights.w2.data()]);
    jax.tree.dispose([x0, x1]);
    return read;
  };
  const formula = jaxFormulas(jax, SIZES)[name];
  return {
    ours: await train((fn, w) => g.valueAndGrad(name, fn, w, ...optionsOf(name))),
    theirs: await train(async (fn, w) => jax.valueAndGrad((p: Weights) => formula(...fn(p)))(w)),
  };
}

/** Which has no autodiff: the layers and their gradients are kernels of the user's, and the loss's of theirs is written out. */
export async function trainTypeGPU(root: any, d: any, g: any, name: LossName): Promise<Both> {
  const { reference, rate } = TRAINED.find(({ loss }) => loss === name) as (typeof TRAINED)[number];
  const layers = layersOn(root.device);
  const rowsOf = (data: ArrayLike<number>, columns: number): number[][] =>
    Array.from({ length: data.length / columns }, (_, i) =>
      Array.from({ length: columns }, (_, k) => data[i * columns + k]),
    );
  const buffer = (data: ArrayLike<number>, columns: number): any =>
    root
      .createBuffer(d.arrayOf(d.arrayOf(d.f32, columns), data.length / columns), rowsOf(data, columns))
      .$usage('storage');
  const empty = (rows: number, columns: number): any => buffer(new Float32Array(rows * columns), columns);
  const train = async (gradient: (z: any[], dz: any[]) => unknown): Promise<Float32Array[]> => {
    const given = start();
    const x = [given.x0, given.x1].map((data) => buffer(data, INPUTS));
    const [z, dz] = [0, 1].map(() => [0, 1].map(() => empty(ROWS, OUTPUTS)));
    const hidden = [0, 1].map(() => empty(ROWS, HIDDEN));
    const weights = [buffer(given.w1, HIDDEN), buffer(given.w2, OUTPUTS)];
    const raw = (of: any): GPUBuffer => root.unwrap(of);
    const [w1, w2] = weights.map(raw);
    for (let step = 0; step < STEPS; step++) {
      for (const v of [0, 1]) layers.encode(raw(x[v]), w1, w2, raw(hidden[v]), raw(z[v]));
      await gradient(z, dz);
      const views = [0, 1].map((v) => ({ x: raw(x[v]), hidden: raw(hidden[v]), dz: raw(dz[v]) }));
      layers.descend(views, w1, w2, rate);
    }
    const read: number[][][] = await Promise.all(weights.map((w) => w.read()));
    for (const each of [...x, ...z, ...dz, ...hidden, ...weights]) each.destroy();
    return read.map((rows) => Float32Array.from(rows.flat()));
  };
  let plan: any;
  const ours = await train((z, dz) => {
    plan ??= g.plan({ z0: z[0], z1: z[1] }, ({ z0, z1 }: Record<'z0' | 'z1', Tensor>) => {
      const loss = name === 'ntXent' ? ntXent(z0, z1, { temperature: TEMPERATURE }) : barlowTwins(z0, z1);
      loss.backward();
      return { loss, dz0: z0.grad, dz1: z1.grad };
    });
    const encoder = root.device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    plan.encode(pass, { dz0: dz[0], dz1: dz[1] });
    pass.end();
    root.device.queue.submit([encoder.finish()]);
  });
  plan.dispose();
  const theirs = await train(async (z, dz) => {
    const read: number[][][] = await Promise.all(z.map((each) => each.read()));
    const [z0, z1] = read.map((rows) => matrix(ROWS, OUTPUTS, rows.flat()));
    for (const [v, { data }] of reference(z0, z1).gradients.entries()) dz[v].write(rowsOf(data, OUTPUTS));
  });
  return { ours, theirs };
}
// biome-ignore-end lint/suspicious/noExplicitAny: see above
