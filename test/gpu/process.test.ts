// How processes end that use a GPU.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';

describe('a process', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gramian-faults-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const root = join(import.meta.dirname, '..', '..');
  const from = (path: string): string => JSON.stringify(pathToFileURL(join(root, path)).href);
  const HEAD = `
    import { createEngine, mul, sum } from ${from('dist/index.js')};
    const engine = await createEngine();
    const z = engine.tensor(new Float32Array(4096).fill(0.5), [4096], { requiresGrad: true });
    let y = z; // what is computed does not matter, but that no kernel takes long to compile: 40 processes would
    for (let i = 0; i < 8; i++) y = mul(y, z);
    const loss = sum(y);
    loss.backward();
    process.on('exit', () => console.log('exit', Date.now()));
    const last = () => console.log('last', Date.now());`;
  const ENDS: Record<string, { code: string; exit: number; err?: RegExp }> = {
    'with work in flight': { code: `${HEAD} engine.lowLevel.queue.flush(); last();`, exit: 0 },
    'with a read in flight': { code: `${HEAD} loss.item().then(last);`, exit: 0 },
    'after a read': { code: `${HEAD} await loss.item(); last();`, exit: 0 },
    'after destroy()': { code: `${HEAD} await loss.item(); engine.destroy(); last();`, exit: 0 },
    'by process.exit() in the middle': { code: `${HEAD} last(); process.exit(3);`, exit: 3 },
    'by process.exit() while the GPU computes': {
      code: `${HEAD} engine.lowLevel.queue.flush(); last(); process.exit(3);`,
      exit: 3,
    },
    'by a throw while the GPU computes': {
      code: `${HEAD} engine.lowLevel.queue.flush(); last(); throw new Error('mine');`,
      exit: 1,
      err: /Error: mine/,
    },
    'by a throw at the top level': { code: `${HEAD} last(); throw new Error('mine');`, exit: 1, err: /Error: mine/ },
    'on the null backend': {
      code: `
        import { create } from ${JSON.stringify(import.meta.resolve('webgpu'))};
        const navigator = { gpu: create(['backend=null']) };
        Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
        const { createEngine } = await import(${from('dist/index.js')});
        await createEngine();`,
      exit: 1,
      err: /NoAdapterError: createEngine: the adapter is Dawn's null backend/,
    },
  };

  test.each(Object.entries(ENDS))(
    'ends %s as it should, five times',
    async (name, { code, exit, err }) => {
      const file = join(folder, `${name.replace(/\W/g, '-')}.mjs`);
      writeFileSync(file, code);
      for (let round = 0; round < 5; round++) {
        const ended = await run(file);
        expect(ended).toMatchObject({ code: exit, signal: null });
        expect(ended.err).toMatch(err ?? /^(Warning: .*\s*)*$/);
        const [, last] = /last (\d+)/.exec(ended.out) ?? [];
        if (last) expect(ended.at - Number(last)).toBeLessThan(1000);
        else expect(name).toBe('on the null backend');
      }
    },
    120_000,
  );

  interface Ended {
    readonly code: number | null;
    readonly signal: string | null;
    readonly out: string;
    readonly err: string;
    readonly at: number;
  }

  function run(file: string): Promise<Ended> {
    // A pinned adapter would be looked for on the null backend too, and hide the answer.
    const pin = file.includes('null') ? '' : (process.env.GRAMIAN_ADAPTER ?? '');
    const env = { ...process.env, NODE_OPTIONS: '', GRAMIAN_ADAPTER: pin };
    const child = spawn(process.execPath, [file], { cwd: root, env });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err += chunk));
    return new Promise((resolve, reject) => {
      child.on('error', reject).on('close', (code, signal) => resolve({ code, signal, out, err, at: Date.now() }));
    });
  }
});
