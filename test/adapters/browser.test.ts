import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findCarrier } from '../../src/gpu/embedded.node.ts';
import { need } from '../../tools/needs.mjs';
import { type Chromium, launchChromium } from '../browser/chromium.ts';
import type { Files } from '../browser/files.ts';
import { normals } from '../engine.ts';
import { ntXent } from '../reference/losses/symmetric.ts';
import { matrix } from '../reference/matrix.ts';
import { OUTPUTS } from './encoder.ts';
import { expectTrained } from './expectTrained.ts';
import { programOf } from './hosts.ts';
import { embeddingModel } from './onnx.ts';
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
  import * as byHand from './test/adapters/byHand.ts';
  export default async function (names) {
    ${opened}
    const trained = {};
    for (const name of names) {
      const { ours, theirs } = await ${train};
      trained[name] = [ours, theirs].map((weights) => weights.map((numbers) => [...numbers]));
    }
    return trained;
  }`;

type Folder = Parameters<typeof need>[0];

/** A module bundled as /main.js, and the files that a framework fetches beside it. */
async function bundled(folder: Folder, contents: string, fetched: readonly string[] = []): Promise<Files> {
  await need(folder);
  const packages = join(root, 'test', 'needs', folder, 'node_modules');
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root },
    nodePaths: [packages],
    alias: { gramian: join(root, 'src/index.ts') },
    bundle: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['source'],
    write: false,
    logLevel: 'error',
  });
  const beside = fetched.map((file) => [`/${basename(file)}`, readFileSync(join(packages, file))]);
  return { '/main.js': outputFiles[0].text, ...Object.fromEntries(beside) };
}

test.skipIf(!here).each<[folder: Folder, contents: string, fetched?: readonly string[]]>([
  [
    'tfjs',
    page(
      `import * as tf from '@tensorflow/tfjs';
       import '@tensorflow/tfjs-backend-webgpu';
       import { attach } from './src/adapters/tfjs.ts';`,
      `await tf.setBackend('webgpu'); const g = await attach(tf, { tune: 'off' });`,
      'training.trainTensorFlow(tf, g, name)',
    ),
  ],
  [
    'jax',
    page(
      `import * as jax from '@jax-js/jax';
       import { attach } from './src/adapters/jax.ts';`,
      `await jax.init('webgpu'); jax.defaultDevice('webgpu'); const g = await attach(jax, { tune: 'off' });`,
      'training.trainJax(jax, g, name)',
    ),
  ],
  [
    'typegpu',
    page(
      `import tgpu from 'typegpu';
       import * as d from 'typegpu/data';
       import { attach } from './src/adapters/typegpu.ts';`,
      `const root = await tgpu.init(); const g = await attach(root, { tune: 'off' });`,
      'byHand.trainTypeGPU(root, d, g, name)',
    ),
  ],
  [
    'ort',
    page(
      `import * as ort from 'onnxruntime-web/webgpu';
       import { MODEL } from './test/adapters/onnx.ts';
       import { attach } from './src/adapters/ort.ts';`,
      `ort.env.wasm.numThreads = 1;
       const options = { executionProviders: ['webgpu'], preferredOutputLocation: 'gpu-buffer' };
       const session = await ort.InferenceSession.create(MODEL, options);
       const g = await attach(ort, { tune: 'off' });`,
      'byHand.trainOrt(ort, session, g, name)',
    ),
    ['onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.wasm'],
  ],
  [
    'three',
    page(
      `import { WebGPURenderer } from 'three/webgpu';
       import * as tsl from 'three/tsl';
       import { createEngine } from './src/index.ts';`,
      `const renderer = new WebGPURenderer();
       await renderer.init();
       const engine = await createEngine({ device: renderer.backend.device, tune: 'off' });`,
      'byHand.trainThree(renderer, tsl, engine, name)',
    ),
  ],
])(
  '%s trains in Chromium',
  async (folder, contents, fetched) => {
    const options = { files: await bundled(folder, contents, fetched), path: '/main.js', timeout: 110_000 };
    const names: LossName[] = ['ntXent', 'barlowTwins'];
    const trained = await chromium.run<Record<LossName, [Both['ours'], Both['theirs']]>>(options, names);
    expect(Object.keys(trained)).toEqual(names);
    for (const name of names) expectTrained(name, ...trained[name]);
  },
  300_000,
);

test.skipIf(!here)(
  'the program of docs/frameworks.md about three.js prints what it says',
  async () => {
    const { program, promised } = programOf('three\\.js');
    const files = await bundled('three', `${program}\nexport default () => {};`);
    const printed: string[] = [];
    const onConsole = (line: string): void => void printed.push(line);
    await chromium.run({ files, path: '/main.js', timeout: 110_000, onConsole });
    expect(printed).toEqual(promised.map((line) => `log: ${line}`));
  },
  300_000,
);

test.skipIf(!here)(
  'embeddings of transformers.js: of a pipeline, and left on the GPU by a model',
  async () => {
    const [words, rows] = [40, 12];
    const table = normals(words * OUTPUTS, 3);
    // Two texts of two words are the views of a sample.
    const views = [0, 1].map((v) =>
      Array.from({ length: rows }, (_, i) => [(3 * i + v) % words, (7 * i + 2 * v + 5) % words]),
    );
    const vocab = Object.fromEntries(Array.from({ length: words }, (_, i) => [`w${i}`, i]));
    const contents = `
      import { AutoModel, env, pipeline, Tensor } from '@huggingface/transformers';
      import * as ort from 'onnxruntime-web/webgpu';
      import { attach } from './src/adapters/ort.ts';
      export default async function (views) {
        Object.assign(env, { allowRemoteModels: false, allowLocalModels: true, useBrowserCache: false, useWasmCache: false });
        Object.assign(env.backends.onnx.wasm, { numThreads: 1, wasmPaths: { wasm: '/ort-wasm-simd-threaded.asyncify.wasm' } });
        const options = { device: 'webgpu', dtype: 'fp32' };
        const extract = await pipeline('feature-extraction', 'tiny', options);
        const session_options = { preferredOutputLocation: 'gpu-buffer' };
        const model = await AutoModel.from_pretrained('tiny', { ...options, session_options });
        const g = await attach(ort, { tune: 'off' });
        const [pooled, tokens] = [[], []];
        for (const view of views) {
          pooled.push(await extract(view.map((ids) => ids.map((id) => 'w' + id).join(' ')), { pooling: 'mean' }));
          const input_ids = new Tensor('int64', BigInt64Array.from(view.flat(), BigInt), [view.length, 2]);
          tokens.push((await model({ input_ids })).last_hidden_state);
        }
        const places = [pooled[0].location, tokens[0].location];
        const losses = [];
        for (const z of [pooled, tokens]) {
          const { loss, gradients } = await g.ntXent(...z, { gradients: true });
          losses.push({ value: (await loss.getData())[0], slopes: [...await gradients[1].getData()], dims: gradients[1].dims });
        }
        return { places, losses };
      }`;
    const files = {
      ...(await bundled('transformers', contents, ['onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.wasm'])),
      '/models/tiny/onnx/model.onnx': embeddingModel(table, OUTPUTS),
      '/models/tiny/config.json': JSON.stringify({ model_type: 'bert' }),
      '/models/tiny/tokenizer_config.json': JSON.stringify({ tokenizer_class: 'BertTokenizer', pad_token: 'w0' }),
      '/models/tiny/tokenizer.json': JSON.stringify({
        version: '1.0',
        added_tokens: [],
        normalizer: null,
        pre_tokenizer: { type: 'Whitespace' },
        post_processor: null,
        decoder: null,
        model: {
          type: 'WordPiece',
          unk_token: 'w0',
          vocab,
          max_input_chars_per_word: 9,
          continuing_subword_prefix: '##',
        },
      }),
    };
    type Got = { places: string[]; losses: { value: number; slopes: number[]; dims: number[] }[] };
    const { places, losses } = await chromium.run<Got>({ files, path: '/main.js', timeout: 110_000 }, views);
    expect(places).toEqual(['cpu', 'gpu-buffer']);
    const row = (id: number): Float32Array => table.subarray(id * OUTPUTS, (id + 1) * OUTPUTS);
    const tokens = views.map((view) =>
      matrix(
        2 * rows,
        OUTPUTS,
        view.flat().flatMap((id) => [...row(id)]),
      ),
    );
    const pooled = views.map((view) =>
      matrix(
        rows,
        OUTPUTS,
        view.flatMap(([a, b]) => Array.from(row(a), (x, k) => (x + row(b)[k]) / 2)),
      ),
    );
    for (const [i, [z0, z1]] of [pooled, tokens].entries()) {
      const wanted = ntXent(z0, z1, 0.5);
      expect(losses[i].value).toBeCloseTo(wanted.value, 5);
      for (const [k, want] of wanted.gradients[1].data.entries())
        expect(Math.abs(losses[i].slopes[k] - want)).toBeLessThan(1e-6);
    }
    expect(losses.map(({ dims }) => dims)).toEqual([
      [rows, OUTPUTS],
      [rows, 2, OUTPUTS],
    ]);
  },
  300_000,
);
