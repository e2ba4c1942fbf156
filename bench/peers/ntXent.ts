// NT-Xent loss + gradient with respect to raw embeddings: this engine and its peers on one Dawn, one adapter, one process,
// runs interleaved. Every one is checked against f64 before it is timed; one that fails says why and is left out.
//
//   npm ci --prefix bench/peers --ignore-scripts && npm run bench:peers            (512 and 2,048 rows, D = 128)
import { parseArgs } from 'node:util';
import { createEngine } from '../../src/core/engine.ts';
import { createRandom } from '../../src/core/random.ts';
import { ntXent } from '../../src/losses/ntXent.ts';
import { ntXent as reference } from '../../test/reference/losses/symmetric.ts';
import { matrix } from '../../test/reference/matrix.ts';
import type { Contender, Entry, Work } from '../contender.ts';
import { shareAdapter } from './environment.ts';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '512,2048' },
    columns: { type: 'string', default: '128' },
    repeats: { type: 'string', default: '20' },
    peers: { type: 'string', default: 'naive,tfjs,jax-js,ort' },
  },
});
const PEERS: Record<string, () => Promise<{ contenders: readonly Entry[] }>> = {
  naive: () => import('./naive.ts'),
  tfjs: () => import('./tfjs.ts'),
  'jax-js': () => import('./jaxJs.ts'),
  ort: () => import('./ort.ts'),
};
const TEMPERATURE = 0.5;
const D = Number(values.columns);
const ALLOWED = 1e-4; // of the largest entry

function makeWork(rows: number): Work {
  const random = createRandom(1);
  const shape = [rows / 2, D] as const;
  const make = () => ({ shape, data: Float32Array.from({ length: (rows / 2) * D }, () => random.gaussian()) });
  const inputs = { z0: make(), z1: make() };
  return {
    name: 'ntXent',
    size: { n: rows, d: D },
    inputs,
    differentiated: ['z0', 'z1'],
    options: { temperature: TEMPERATURE },
    flops: 4 * rows ** 2 * D,
    bytes: 8 * rows * D,
    reference: () => {
      const [z0, z1] = [inputs.z0, inputs.z1].map(({ data }) => matrix(rows / 2, D, data));
      const { value, gradients } = reference(z0, z1, TEMPERATURE);
      return { value: [value], d_z0: gradients[0].data, d_z1: gradients[1].data };
    },
  };
}

async function ours({ inputs }: Work): Promise<Contender> {
  const engine = await createEngine();
  const views = [inputs.z0, inputs.z1].map(({ data, shape }) => engine.tensor(data, shape, { requiresGrad: true }));
  let loss = ntXent(views[0], views[1], { temperature: TEMPERATURE });
  return {
    library: 'gramian',
    version: '',
    form: 'fused',
    run: async () => {
      loss.dispose();
      for (const view of views) view.zeroGrad();
      loss = ntXent(views[0], views[1], { temperature: TEMPERATURE });
      loss.backward();
      await engine.sync();
    },
    read: async () => {
      const data = [loss, ...views.map(({ grad }) => grad)].map((tensor) => tensor?.data() ?? new Float32Array());
      const [value, d_z0, d_z1] = await Promise.all(data);
      return { value, d_z0, d_z1 };
    },
    dispose: () => engine.destroy(),
  };
}

/** Largest error of all outputs, each relative to its largest entry. */
function errorOf(given: Readonly<Record<string, Float32Array>>, wanted: ReturnType<Work['reference']>): number {
  let error = 0;
  for (const [name, values] of Object.entries(wanted)) {
    const top = Array.from(values).reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    for (let i = 0; i < values.length; i++) {
      const off = Math.abs((given[name]?.[i] ?? Number.NaN) - values[i]) / top;
      error = Number.isNaN(off) ? Number.POSITIVE_INFINITY : Math.max(error, off);
    }
  }
  return error;
}

function median(times: number[]): number {
  return times.sort((a, b) => a - b)[times.length >> 1];
}

console.log(`adapter: ${await shareAdapter()}`);
const entries: Entry[] = [{ library: 'gramian', form: 'fused', open: ours }];
for (const peer of values.peers.split(',').filter(Boolean)) entries.push(...(await PEERS[peer]()).contenders);
for (const rows of values.rows.split(',').map(Number)) {
  const work = makeWork(rows);
  const wanted = work.reference();
  const running: { contender: Contender; name: string; first: number; error: number; times: number[] }[] = [];
  for (const { library, form, open } of entries) {
    const name = `${library} ${form}`;
    try {
      const start = performance.now();
      const contender = await open(work);
      if (!contender) continue;
      await contender.run();
      const first = performance.now() - start;
      await contender.run();
      const error = errorOf(await contender.read(), wanted);
      if (!(error < ALLOWED)) throw new Error(`its error against f64 is ${error}, expected less than ${ALLOWED}`);
      running.push({ contender, name, first, error, times: [] });
    } catch (error) {
      console.log(`${rows} x ${D}  ${name.padEnd(30)} ${(error as Error).message.split('\n')[0]}`);
    }
  }
  for (let repeat = 0; repeat < Number(values.repeats); repeat++)
    for (const { contender, times } of running) {
      const start = performance.now();
      await contender.run();
      times.push(performance.now() - start);
    }
  const best = median(running[0].times);
  for (const { contender, name, first, error, times } of running) {
    const middle = median(times);
    console.log(
      `${rows} x ${D}  ${name.padEnd(30)} ${middle.toFixed(1)} ms (least ${times[0].toFixed(1)}, first ${first.toFixed(0)})` +
        `  ${(middle / best).toFixed(1)} x ours, error ${error.toExponential(1)}`,
    );
    contender.dispose();
  }
}
process.exit(0); // the peers hold the process open
