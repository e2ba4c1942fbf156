// NT-Xent loss + gradient with respect to raw embeddings: this engine, TensorFlow.js and jax-js on one Dawn, one adapter,
// one process, runs interleaved. Every one is checked against f64 before it is timed.
//
//   npm ci --prefix bench/peers && npm run bench:peers            (512 and 2,048 rows, D = 128)
import { parseArgs } from 'node:util';
import { createEngine } from '../../src/core/engine.ts';
import { createRandom } from '../../src/core/random.ts';
import { openAdapter } from '../../src/gpu/platform.node.ts';
import { ntXent } from '../../src/losses/ntXent.ts';
import { ntXent as reference } from '../../test/reference/losses/symmetric.ts';
import { matrix } from '../../test/reference/matrix.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '512,2048' },
    columns: { type: 'string', default: '128' },
    repeats: { type: 'string', default: '20' },
    peers: { type: 'string', default: 'tfjs,jax-js' },
  },
});
const TEMPERATURE = 0.5;
const D = Number(values.columns);

/**
 * One library's loss and gradient of z ([2 N, D], both views stacked). Both are read back: a library that had only the
 * loss awaited would leave its gradient's work to run into the next one's time.
 */
interface Contender {
  readonly name: string;
  readonly step: () => Promise<number>;
}

async function ours(z: Float32Array<ArrayBuffer>, rows: number): Promise<Contender> {
  const engine = await createEngine();
  const half = (rows / 2) * D;
  const views = [z.slice(0, half), z.slice(half)].map((part) =>
    engine.tensor(part, [rows / 2, D], { requiresGrad: true }),
  );
  return {
    name: 'gramian',
    step: async () => {
      for (const view of views) view.zeroGrad();
      const loss = ntXent(views[0], views[1], { temperature: TEMPERATURE });
      loss.backward();
      const value = await loss.item();
      for (const view of views) await view.grad?.data();
      loss.dispose();
      return value;
    },
  };
}

async function tfjs(z: Float32Array, rows: number): Promise<Contender> {
  const tf = await import('@tensorflow/tfjs');
  await import('@tensorflow/tfjs-backend-webgpu');
  await tf.setBackend('webgpu');
  await tf.ready();
  const x = tf.tensor2d(z, [rows, D]);
  const mask = tf.tidy(() => tf.eye(rows).mul(-1e9));
  const half = rows / 2;
  const valueAndGrad = tf.valueAndGrad((input: typeof x) => {
    const u = input.div(tf.norm(input, 2, 1, true)) as typeof x;
    const s = tf.matMul(u, u, false, true).div(TEMPERATURE).add(mask);
    const positive = u
      .slice([0, 0], [half, D])
      .mul(u.slice([half, 0], [half, D]))
      .sum(1)
      .div(TEMPERATURE) as never;
    return tf
      .logSumExp(s, 1)
      .sub(tf.concat([positive, positive]))
      .mean();
  });
  return {
    name: 'TensorFlow.js 4.22.0',
    step: async () => {
      const { value, grad } = valueAndGrad(x);
      const number = (await value.data())[0];
      await grad.data();
      tf.dispose([value, grad]);
      return number;
    },
  };
}

async function jaxJs(z: Float32Array<ArrayBuffer>, rows: number): Promise<Contender> {
  const { numpy: np, nn, init, defaultDevice, jit, valueAndGrad } = await import('@jax-js/jax');
  await init('webgpu');
  defaultDevice('webgpu');
  const half = rows / 2;
  type Value = ReturnType<typeof np.zeros>;
  const loss = (x: Value): Value => {
    const u = x.div(np.sqrt(x.ref.mul(x.ref).sum(1, { keepdims: true })));
    const s = np
      .matmul(u.ref, np.transpose(u.ref))
      .mul(1 / TEMPERATURE)
      .add(np.eye(rows).mul(-1e9));
    const other = np.concatenate([u.ref.slice([half, rows]), u.ref.slice([0, half])], 0);
    return nn
      .logsumexp(s, 1)
      .sub(
        u
          .mul(other)
          .sum(1)
          .mul(1 / TEMPERATURE),
      )
      .mean();
  };
  const step = jit(valueAndGrad(loss));
  const x = np.array(z).reshape([rows, D]);
  return {
    name: '@jax-js/jax 0.1.25',
    step: async () => {
      const [value, gradient] = step(x.ref) as [Value, Value];
      const number = (await value.jsAsync()) as number;
      await gradient.data();
      return number;
    },
  };
}

const CONTENDERS: Record<string, (z: Float32Array<ArrayBuffer>, rows: number) => Promise<Contender>> = {
  tfjs,
  'jax-js': jaxJs,
};

/** Makes Node look enough like a browser for the peers; they open devices of their own on the same adapter. */
async function shareAdapter(): Promise<string> {
  const { note } = await openAdapter({ adapter: 'auto', powerPreference: 'high-performance' });
  const { globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const shared = globalThis as unknown as Record<symbol, Promise<{ gpu: GPU }>>;
  const { gpu: instance } = await shared[Symbol.for('gramian.webgpu')];
  const navigator = { gpu: instance, userAgent: 'node', hardwareConcurrency: 2 };
  if (globalThis.navigator) Object.defineProperty(globalThis.navigator, 'gpu', { value: instance, configurable: true });
  else Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true, writable: true });
  return note;
}

function median(times: number[]): number {
  return times.sort((a, b) => a - b)[times.length >> 1];
}

console.log(`adapter: ${await shareAdapter()}`);
for (const rows of values.rows.split(',').map(Number)) {
  const random = createRandom(1);
  const z = Float32Array.from({ length: rows * D }, () => random.gaussian());
  const half = (rows / 2) * D;
  const wanted = reference(
    matrix(rows / 2, D, z.slice(0, half)),
    matrix(rows / 2, D, z.slice(half)),
    TEMPERATURE,
  ).value;
  const contenders = [await ours(z, rows)];
  for (const peer of values.peers.split(',').filter(Boolean)) contenders.push(await CONTENDERS[peer](z, rows));
  for (const { name, step } of contenders) {
    for (let i = 0; i < 3; i++) {
      const value = await step();
      if (!(Math.abs(value - wanted) < 1e-4 * wanted)) throw new Error(`${name}: loss ${value}, expected ${wanted}`);
    }
  }
  const times = contenders.map((): number[] => []);
  for (let repeat = 0; repeat < Number(values.repeats); repeat++) {
    for (const [i, { step }] of contenders.entries()) {
      const start = performance.now();
      await step();
      times[i].push(performance.now() - start);
    }
  }
  const medians = times.map(median);
  contenders.forEach(({ name }, i) => {
    console.log(
      `${rows} x ${D}  ${name.padEnd(22)} ${medians[i].toFixed(1)} ms  ${(medians[i] / medians[0]).toFixed(1)} x ours`,
    );
  });
}
process.exit(0); // the peers hold the process open
