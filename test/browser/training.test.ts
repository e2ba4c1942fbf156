import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findCarrier } from '../../src/gpu/embedded.node.ts';
import { sharedEngine } from '../engine.ts';
import { type Chromium, launchChromium } from './chromium.ts';
import { gradients, train, trainAll } from './steps.ts';

const PAGE = `
import { createEngine } from './src/engine/engine.ts';
import { gradients, train, trainAll } from './test/browser/steps.ts';

export default async function ({ task, without }) {
  if (without === 'gpu') Object.defineProperty(navigator, 'gpu', { value: undefined });
  try {
    const engine = await createEngine();
    const answer = await (task === 'all' ? trainAll(engine) : task === 'train' ? train(engine) : gradients(engine, ...task));
    engine.destroy();
    return { answer };
  } catch (error) {
    return { error: error.name + ': ' + error.message };
  }
}`;

interface Answer<T = number[]> {
  readonly answer?: T;
  readonly error?: string;
}

let chromium: Chromium;
let files: Record<string, string>;
const here = findCarrier() !== null;
beforeAll(async () => {
  if (!here) return;
  const { outputFiles } = await build({
    stdin: { contents: PAGE, resolveDir: join(import.meta.dirname, '..', '..'), loader: 'ts' },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['source'],
    write: false,
  });
  files = { '/page.js': outputFiles[0].text };
  chromium = await launchChromium();
}, 180_000);
afterAll(() => chromium?.close());

const inPage = <T = number[]>(argument: object, timeout = 60_000): Promise<Answer<T>> =>
  chromium.run<Answer<T>>({ files, path: '/page.js', timeout }, argument);

/** Largest difference in relation to the largest number. */
function distance(a: readonly number[], b: readonly number[]): number {
  expect(a).toHaveLength(b.length);
  const worst = Math.max(...a.map((value, i) => Math.abs(value - b[i])));
  return worst / Math.max(...b.map(Math.abs));
}

test.skipIf(!here).each([
  [37, 5],
  [24, 32],
])(
  'ntXent [%d, %d] in Chromium has the value and the gradients that Node has',
  async (n, d) => {
    const { answer, error } = await inPage({ task: [n, d] });
    expect(error).toBeUndefined();
    const wanted = await gradients(await sharedEngine(), n, d);
    expect(distance(answer!.slice(0, 1), wanted.slice(0, 1))).toBeLessThan(1e-4);
    expect(distance(answer!.slice(1), wanted.slice(1))).toBeLessThan(1e-4);
  },
  120_000,
);

test.skipIf(!here)(
  'SimCLR trains in Chromium as it trains in Node',
  async () => {
    const { answer, error } = await inPage({ task: 'train' });
    expect(error).toBeUndefined();
    const wanted = await train(await sharedEngine());
    wanted.forEach((loss, step) => expect(distance([answer![step]], [loss])).toBeLessThan(1e-4));
    expect(new Set(wanted).size).toBe(wanted.length);
  },
  120_000,
);

test.skipIf(!here)(
  'every system steps in Chromium as it steps in Node',
  async () => {
    const { answer, error } = await inPage<Record<string, number[]>>({ task: 'all' }, 500_000);
    expect(error).toBeUndefined();
    const wanted = await trainAll(await sharedEngine());
    expect(Object.keys(answer!)).toEqual(Object.keys(wanted));
    for (const [name, losses] of Object.entries(wanted))
      losses.forEach((loss, step) =>
        expect(Math.abs(answer![name][step] - loss), name).toBeLessThan(1e-4 * (1 + Math.abs(loss))),
      );
  },
  600_000,
);

test.skipIf(!here)(
  'a page without WebGPU gets one sentence',
  async () => {
    const { error } = await inPage({ task: 'train', without: 'gpu' });
    expect(error).toBe('NoAdapterError: createEngine: this browser has no WebGPU (navigator.gpu is missing).');
  },
  120_000,
);
