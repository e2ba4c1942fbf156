import type { Tensor, Tensor2D } from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import type { Contender, Entry, Open, Work } from '../contender.ts';
import type { Algebra } from './algebra.ts';
import { DERIVATIVES } from './derivatives.ts';
import { shareAdapter, throwTrouble } from './environment.ts';
import { FORMULAS } from './formulas.ts';

type TF = typeof import('@tensorflow/tfjs');
/** One run: the outputs, owned by the caller. */
type Step = (inputs: Record<string, Tensor>) => Record<string, Tensor>;

const LIBRARY = 'TensorFlow.js';

interface Session {
  readonly tf: TF;
  readonly backend: WebGPUBackend;
  /** After an error its pools may hold buffers that were never made. */
  broken: boolean;
}
let current: Promise<Session> | null = null;

/** Loss by TensorFlow.js's operations, gradient by `tf.valueAndGrads`. */
const autodiff: Open = async (work) => {
  const formula = FORMULAS[work.name];
  if (!formula) return null;
  return open(work, 'autodiff', ({ tf }, keep) => {
    const a = algebra(tf, keep);
    const names = work.differentiated;
    if (names.length === 0) return (inputs) => ({ value: tf.tidy(() => formula(a, inputs, work)) });
    return (inputs) => {
      const { value, grads } = tf.valueAndGrads((...live: Tensor[]) => {
        const differentiated = Object.fromEntries(names.map((name, i) => [name, live[i]]));
        return formula(a, { ...inputs, ...differentiated }, work).asScalar();
      })(names.map((name) => inputs[name]));
      return { value, ...Object.fromEntries(names.map((name, i) => [`d_${name}`, grads[i]])) };
    };
  });
};

/** Loss and gradient in closed form by TensorFlow.js's operations. */
const handDerived: Open = async (work) => {
  const derivative = DERIVATIVES[work.name];
  // A product has no gradient here: it is the same call in both forms.
  if (!derivative || work.name === 'matmul') return null;
  return open(work, 'hand-derived', ({ tf }, keep) => {
    const a = algebra(tf, keep);
    return (inputs) => tf.tidy(() => derivative(a, inputs, work));
  });
};

export async function preload(): Promise<void> {
  await import('@tensorflow/tfjs');
  await import('@tensorflow/tfjs-backend-webgpu');
}

export const contenders: readonly Entry[] = [
  { library: LIBRARY, form: 'autodiff', open: autodiff },
  { library: LIBRARY, form: 'hand-derived', open: handDerived },
];

async function open(
  work: Work,
  form: Contender['form'],
  prepare: (session: Session, keep: <T extends Tensor>(made: T) => T) => Step,
): Promise<Contender> {
  const session = await start();
  const { tf, backend } = session;
  const kept: Tensor[] = [];
  const keep = <T extends Tensor>(made: T): T => {
    kept.push(tf.keep(made));
    return made;
  };
  const step = prepare(session, keep);
  const inputs = Object.fromEntries(
    Object.entries(work.inputs).map(([name, { data, shape }]) => {
      const tensor = keep(tf.tensor(data, [...shape]));
      backend.uploadToGPU(tensor.dataId);
      return [name, tensor];
    }),
  );
  let outputs: Record<string, Tensor> = {};
  const whole = async <T>(doing: () => Promise<T>): Promise<T> => {
    if (session.broken) throw new Error(`${LIBRARY}: its device has failed`);
    try {
      const result = await doing();
      await throwTrouble(LIBRARY, backend.device);
      return result;
    } catch (error) {
      session.broken = true;
      throw error;
    }
  };
  return {
    library: LIBRARY,
    version: tf.version.tfjs,
    form,
    run: () =>
      whole(async () => {
        tf.dispose(outputs);
        outputs = step(inputs);
        // Up to 15 dispatches wait in its encoder for more to come.
        backend.ensureCommandEncoderReady();
        backend.endComputePassEncoder();
        backend.submitQueue();
        await backend.queue.onSubmittedWorkDone();
      }),
    read: () =>
      whole(async () => {
        const data = Object.entries(outputs).map(async ([name, tensor]) => [name, await tensor.data()] as const);
        return Object.fromEntries(await Promise.all(data)) as Record<string, Float32Array>;
      }),
    dispose: () => {
      tf.dispose(outputs);
      tf.dispose(kept);
      outputs = {};
    },
  };
}

async function start(): Promise<Session> {
  if (current && (await current).broken) {
    (await current).tf.removeBackend('webgpu'); // destroys its device
    current = null;
  }
  current ??= (async () => {
    await shareAdapter();
    const tf = await import('@tensorflow/tfjs');
    const { WebGPUBackend } = await import('@tensorflow/tfjs-backend-webgpu');
    if (!tf.findBackendFactory('webgpu')) tf.registerBackend('webgpu', () => makeBackend(WebGPUBackend), 3);
    await tf.setBackend('webgpu');
    await tf.ready();
    return { tf, backend: tf.backend() as WebGPUBackend, broken: false };
  })();
  return current;
}

/** As the package makes it at import, which it can do only once. */
async function makeBackend(Backend: typeof WebGPUBackend): Promise<WebGPUBackend> {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error(`${LIBRARY}: no adapter`);
  const { limits } = adapter;
  const device = await adapter.requestDevice({
    requiredLimits: Object.fromEntries(
      (
        [
          'maxComputeWorkgroupStorageSize',
          'maxComputeWorkgroupsPerDimension',
          'maxStorageBufferBindingSize',
          'maxBufferSize',
          'maxComputeWorkgroupSizeX',
          'maxComputeInvocationsPerWorkgroup',
        ] as const
      ).map((name) => [name, limits[name]]),
    ),
  });
  return new Backend(device, adapter.info);
}

function algebra(tf: TF, keep: <T extends Tensor>(made: T) => T): Algebra<Tensor> {
  const constants = new Map<unknown, Tensor>();
  /** Made at the first run, then kept: a scalar or mask made anew would be uploaded anew. */
  const once = (key: unknown, make: () => Tensor): Tensor => {
    let constant = constants.get(key);
    if (!constant) {
      constant = keep(tf.tidy(make));
      constants.set(key, constant);
    }
    return constant;
  };
  const scalar = (value: number): Tensor => once(value, () => tf.scalar(value));
  const a: Algebra<Tensor> = {
    constant: (name, rows, columns, make) => once(name, () => tf.tensor2d(make(), [rows, columns])),
    diagonal: (n, on, off = 0) =>
      once(`${n} ${on} ${off}`, () =>
        tf
          .eye(n)
          .mul(on - off)
          .add(off),
      ),
    matmul: (x, y, transposed) => tf.matMul(x, y, transposed === 'left', transposed === 'right'),
    transpose: (x) => (x.shape.includes(1) ? x.reshape([x.shape[1] as number, x.shape[0]]) : tf.transpose(x)),
    add: tf.add,
    sub: tf.sub,
    mul: tf.mul,
    div: tf.div,
    scale: (x, factor) => tf.mul(x, scalar(factor)),
    shift: (x, term) => tf.add(x, scalar(term)),
    square: tf.square,
    sqrt: tf.sqrt,
    exp: tf.exp,
    log: tf.log,
    relu: tf.relu,
    step: tf.sign,
    inverse: tf.reciprocal,
    sum: (x, axis) => tf.sum(x, axis, true),
    logSumExp: (x, axis) => tf.logSumExp(x, axis, true),
    total: (x) => tf.sum(x.rank === 2 ? tf.sum(x, 1) : x), // in one step a single workgroup would add up all of it
    max: (x) => tf.max(x.rank === 2 ? tf.max(x, 1) : x),
    stack: (parts) => tf.concat([...parts], 0),
    beside: (parts) => tf.concat([...parts], 1),
    rows: (x, first, end) => tf.slice(x as Tensor2D, [first, 0], [end - first, x.shape[1] as number]),
    detach: (make) => tf.customGrad(() => ({ value: make(), gradFunc: () => scalar(0) }))(scalar(0)), // what it closes over is not on the tape
  };
  return a;
}
