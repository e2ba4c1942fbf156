// The encoder of encoder.ts trained in frameworks that differentiate, by a loss of ours and by their own gradients: in Node and in a page.
import { HIDDEN, INPUTS, OUTPUTS, ROWS, SIZES, STEPS, start, TEMPERATURE, TRAINED } from './encoder.ts';
import { jaxFormulas, tensorFlowFormulas } from './formulas.ts';

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
// biome-ignore-end lint/suspicious/noExplicitAny: see above
