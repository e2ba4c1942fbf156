import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findCarrier } from '../../src/gpu/embedded.node.ts';
import { need } from '../../tools/needs.mjs';
import { type Chromium, launchChromium } from '../browser/chromium.ts';
import { expectTrained } from './expectTrained.ts';
import type { Both, LossName } from './training.ts';

const root = join(import.meta.dirname, '..', '..');
const here = findCarrier() !== null;
let chromium: Chromium;
beforeAll(async () => {
  if (here) chromium = await launchChromium();
}, 180_000);
afterAll(() => chromium?.close());

/** A page's module, which trains with a framework by each loss. */
const page = (imports: string, opened: string, train: string): string => `
  ${imports}
  import * as training from './test/adapters/training.ts';
  export default async function (names) {
    ${opened}
    const trained = {};
    for (const name of names) {
      const { ours, theirs } = await training.${train};
      trained[name] = [ours, theirs].map((weights) => weights.map((numbers) => [...numbers]));
    }
    return trained;
  }`;

test.skipIf(!here).each([
  [
    'tfjs',
    page(
      `import * as tf from '@tensorflow/tfjs';
       import '@tensorflow/tfjs-backend-webgpu';
       import { attach } from './src/adapters/tfjs.ts';`,
      `await tf.setBackend('webgpu'); const g = await attach(tf, { tune: 'off' });`,
      'trainTensorFlow(tf, g, name)',
    ),
  ],
  [
    'jax',
    page(
      `import * as jax from '@jax-js/jax';
       import { attach } from './src/adapters/jax.ts';`,
      `await jax.init('webgpu'); jax.defaultDevice('webgpu'); const g = await attach(jax, { tune: 'off' });`,
      'trainJax(jax, g, name)',
    ),
  ],
  [
    'typegpu',
    page(
      `import tgpu from 'typegpu';
       import * as d from 'typegpu/data';
       import { attach } from './src/adapters/typegpu.ts';`,
      `const root = await tgpu.init(); const g = await attach(root, { tune: 'off' });`,
      'trainTypeGPU(root, d, g, name)',
    ),
  ],
] as const)(
  '%s trains in Chromium as in Node',
  async (folder, contents) => {
    await need(folder);
    const { outputFiles } = await build({
      stdin: { contents, resolveDir: root },
      nodePaths: [join(root, 'test', 'needs', folder, 'node_modules')],
      bundle: true,
      format: 'esm',
      platform: 'browser',
      conditions: ['source'],
      write: false,
      logLevel: 'error',
    });
    const options = { files: { '/train.js': outputFiles[0].text }, path: '/train.js', timeout: 110_000 };
    const names: LossName[] = ['ntXent', 'barlowTwins'];
    const trained = await chromium.run<Record<LossName, [Both['ours'], Both['theirs']]>>(options, names);
    expect(Object.keys(trained)).toEqual(names);
    for (const name of names) expectTrained(name, ...trained[name]);
  },
  300_000,
);
