import type { Array as JaxArray } from '@jax-js/jax';
import type { Contender, Entry, Open, Work } from '../contender.ts';
import type { Algebra } from './algebra.ts';
import { DERIVATIVES } from './derivatives.ts';
import { shareAdapter, throwTrouble } from './environment.ts';
import { FORMULAS } from './formulas.ts';

type Jax = typeof import('@jax-js/jax');
interface Step {
  /** One run on inputs in the order of `Work.inputs`, which it consumes. */
  readonly run: (...inputs: JaxArray[]) => JaxArray[];
  readonly dispose: () => void;
}

const LIBRARY = 'jax-js';
const VERSION = '0.1.25'; // the package does not say it

let loaded: Promise<Jax> | null = null;

/** `jit(valueAndGrad(loss))` */
const autodiff: Open = async (work) => {
  const formula = FORMULAS[work.name];
  if (!formula) return null;
  return open(work, 'autodiff', (jax) => {
    const a = algebra(jax);
    const names = Object.keys(work.inputs);
    const loss = (...list: JaxArray[]): JaxArray => formula(a, named(names, list), work);
    const argnums = work.differentiated.map((name) => names.indexOf(name));
    if (argnums.length === 0) return stepOf(jax.jit((...list: JaxArray[]) => [loss(...list)]));
    const step = jax.jit(jax.valueAndGrad(loss, { argnums }));
    return {
      run: (...list) => {
        const [value, gradients] = step(...list) as unknown as [JaxArray, JaxArray[]];
        return [value, ...gradients];
      },
      dispose: () => step.dispose(),
    };
  });
};

/** Loss and gradient in closed form under `jit`. */
const handDerived: Open = async (work) => {
  const derivative = DERIVATIVES[work.name];
  // A product has no gradient here: it is the same call in both forms.
  if (!derivative || work.name === 'matmul') return null;
  return open(work, 'hand-derived', (jax) => {
    const a = algebra(jax);
    const names = Object.keys(work.inputs);
    const step = jax.jit((...list: JaxArray[]) => {
      const outputs = derivative(a, named(names, list), work);
      return outputsOf(work).map((name) => outputs[name]);
    });
    return stepOf(step);
  });
};

export async function preload(): Promise<void> {
  await import('@jax-js/jax');
}

export const contenders: readonly Entry[] = [
  { library: LIBRARY, form: 'autodiff', open: autodiff },
  { library: LIBRARY, form: 'hand-derived', open: handDerived },
];

function stepOf(jitted: Step['run'] & { dispose(): void }): Step {
  return { run: jitted, dispose: () => jitted.dispose() };
}

const outputsOf = ({ differentiated }: Work): string[] => ['value', ...differentiated.map((name) => `d_${name}`)];

function named(names: readonly string[], list: readonly JaxArray[]): Record<string, JaxArray> {
  return Object.fromEntries(names.map((name, i) => [name, list[i]]));
}

async function open(work: Work, form: Contender['form'], prepare: (jax: Jax) => Step): Promise<Contender> {
  loaded ??= (async () => {
    await shareAdapter();
    const jax = await import('@jax-js/jax');
    await jax.init('webgpu');
    jax.defaultDevice('webgpu');
    return jax;
  })();
  const jax = await loaded;
  const device = jax.getWebGPUDevice();
  const step = prepare(jax);
  const inputs = Object.values(work.inputs).map(({ data, shape }) => jax.numpy.array(data, { shape: [...shape] }));
  let outputs: JaxArray[] = [];
  const release = (): void => {
    for (const output of outputs) output.dispose();
    outputs = [];
  };
  return {
    library: LIBRARY,
    version: VERSION,
    form,
    run: async () => {
      release();
      outputs = step.run(...inputs.map((input) => input.ref));
      await jax.blockUntilReady(outputs);
      await device.queue.onSubmittedWorkDone();
      await throwTrouble(LIBRARY, device);
    },
    read: async () => {
      const data: [string, Float32Array][] = [];
      for (const [i, name] of outputsOf(work).entries())
        data.push([name, (await outputs[i].ref.data()) as Float32Array]);
      await throwTrouble(LIBRARY, device);
      return Object.fromEntries(data);
    },
    dispose: () => {
      release();
      for (const input of inputs) input.dispose();
      step.dispose();
    },
  };
}

/** jax-js moves what it is given; the formulas use a value more than once, and so every operation takes a reference. */
function algebra({ numpy: np, nn, lax }: Jax): Algebra<JaxArray> {
  const keepdims = { keepdims: true };
  const transpose = (x: JaxArray): JaxArray => np.transpose(x.ref);
  return {
    constant: (_, rows, columns, make) => np.array(make(), { shape: [rows, columns] }),
    diagonal: (n, on, off = 0) =>
      np
        .eye(n)
        .mul(on - off)
        .add(off), // never stored: jit puts it into what uses it
    matmul: (x, y, transposed) =>
      np.matmul(transposed === 'left' ? transpose(x) : x.ref, transposed === 'right' ? transpose(y) : y.ref),
    transpose,
    add: (x, y) => x.ref.add(y.ref),
    sub: (x, y) => x.ref.sub(y.ref),
    mul: (x, y) => x.ref.mul(y.ref),
    div: (x, y) => x.ref.div(y.ref),
    scale: (x, factor) => x.ref.mul(factor),
    shift: (x, term) => x.ref.add(term),
    square: (x) => x.ref.mul(x.ref),
    sqrt: (x) => np.sqrt(x.ref),
    exp: (x) => np.exp(x.ref),
    log: (x) => np.log(x.ref),
    relu: (x) => nn.relu(x.ref),
    step: (x) => np.sign(x.ref),
    inverse: (x) => np.reciprocal(x.ref),
    sum: (x, axis) => np.sum(x.ref, axis, keepdims),
    logSumExp: (x, axis) => nn.logsumexp(x.ref, axis, keepdims),
    total: (x) => np.sum(x.ndim === 2 ? np.sum(x.ref, 1) : x.ref), // in one step a single workgroup would add up all of it
    max: (x) => np.max(x.ndim === 2 ? np.max(x.ref, 1) : x.ref),
    stack: (parts) =>
      np.concatenate(
        parts.map((part) => part.ref),
        0,
      ),
    beside: (parts) =>
      np.concatenate(
        parts.map((part) => part.ref),
        1,
      ),
    rows: (x, first, end) => x.ref.slice([first, end]),
    detach: (make) => lax.stopGradient(make()),
  };
}
