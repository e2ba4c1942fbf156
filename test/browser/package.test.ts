// What the package ships for browsers: README's first program and a plan in a module worker, and the pages of `gramian init`.
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findCarrier } from '../../src/gpu/embedded.node.ts';
import { commandFolder, installInto, shell } from '../cli/command.ts';
import { type Chromium, launchChromium } from './chromium.ts';

const root = join(import.meta.dirname, '..', '..');
const readme = /```js\n([\s\S]*?)```/.exec(readFileSync(join(root, 'README.md'), 'utf8'))?.[1] as string;
const plan = readFileSync(join(root, 'test/runtimes/plan.mjs'), 'utf8');

/** Starts a worker, and resolves with the first thing that it says. */
const PAGE = `export default (path) => new Promise((resolve, reject) => {
  const worker = new Worker(path, { type: 'module' });
  worker.onmessage = ({ data }) => resolve(data);
  worker.onerror = ({ message }) => reject(new Error(message));
});`;

describe.skipIf(findCarrier() === null)('in Chromium', () => {
  let chromium: Chromium;
  const { folder, start } = commandFolder('pages');
  beforeAll(async () => {
    installInto(folder);
    chromium = await launchChromium();
  }, 180_000);
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await chromium?.close();
  });

  /** What a program prints first in a worker. */
  async function inWorker(program: string): Promise<string> {
    const { outputFiles } = await build({
      stdin: { contents: program.replaceAll('console.log(', 'postMessage('), resolveDir: root },
      bundle: true,
      format: 'esm',
      write: false,
    });
    const files = { '/page.js': PAGE, '/worker.js': outputFiles[0].text };
    return chromium.run({ files, path: '/page.js', timeout: 110_000 }, '/worker.js');
  }

  test('a worker prints what README says', async () => {
    expect(await inWorker(readme)).toBe(/console\.log\(.*\); \/\/ (.+)/.exec(readme)?.[1]);
  });

  test('a worker encodes a plan into its own encoder', async () => {
    expect(JSON.parse(await inWorker(plan)).same).toBe(true);
  });

  test('vite builds the page of `init vite` without a setting, and its loss falls', async () => {
    await start(['init', 'vite']);
    const { status, stderr } = shell(folder, `node ${join(root, 'node_modules/vite/bin/vite.js')} build`);
    expect(status, stderr).toBe(0);
    const html = readFileSync(join(folder, 'dist', 'index.html'), 'utf8');
    const [, script] = /src="(\/assets\/[^"]+\.js)"/.exec(html) as RegExpExecArray;
    const files = { '/': html, [script]: readFileSync(join(folder, 'dist', script)) };
    const text = await chromium.open({ files, path: '/?steps=10', timeout: 110_000 }, async (page) => {
      const ended = "/step 10|:.*expected/.test(document.getElementById('said').textContent)";
      await page.waitForFunction(ended, { timeout: 100_000 });
      return page.evaluate<string>("document.getElementById('said').textContent");
    });
    const losses = [...text.matchAll(/step \d+: loss ([\d.]+)/g)].map(([, loss]) => Number(loss));
    expect(losses, text).toHaveLength(2);
    expect(losses[1]).toBeLessThan(0.95 * losses[0]);
  });

  test('the line of `init browser` with esbuild makes the script that its page loads', async () => {
    for (const file of ['index.html', 'main.js']) rmSync(join(folder, file), { force: true });
    const { out } = await start(['init', 'browser']);
    // The development server runs until it is stopped, and npx would ask the registry.
    const line = (/npx --yes esbuild@0\.28 (.*) --servedir=\.$/m.exec(out) as RegExpExecArray)[1];
    const { status, stderr } = shell(folder, `${join(root, 'node_modules/.bin/esbuild')} ${line}`);
    expect(status, stderr).toBe(0);
    const script = /src="([^"]+)"/.exec(readFileSync(join(folder, 'index.html'), 'utf8'))?.[1] as string;
    expect(readFileSync(join(folder, script), 'utf8')).toContain('navigator.gpu');
  });
});
