import type { ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { browserName } from '../../bench/host.browser.ts';
import { renderBenchPage } from '../../bench/page/write.ts';
import { answersOf } from '../../bench/probe/numerics/report.ts';
import { renderBenchReport } from '../../bench/report/write.ts';
import type { Row } from '../../bench/results.ts';
import { findCarrier } from '../../src/gpu/embedded.node.ts';
import { commandFolder } from '../cli/command.ts';
import { type Chromium, launchChromium } from './chromium.ts';

const here = findCarrier() !== null;
let chromium: Chromium;

/** A page's script, as tools/build.ts makes it. */
async function scriptOf(entry: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    format: 'iife',
    platform: 'browser',
    conditions: ['source'],
    write: false,
  });
  return outputFiles[0].text;
}

beforeAll(async () => {
  if (here) chromium = await launchChromium();
}, 180_000);
afterAll(() => chromium?.close());

test.skipIf(!here)(
  'the benchmark page proves and times a case, and offers the numbers',
  async () => {
    const lines: string[] = [];
    const files = { '/bench.html': renderBenchPage(await scriptOf('bench/page/main.ts')) };
    const options = { files, timeout: 500_000, onConsole: (line: string) => lines.push(line) };
    const seen = await chromium.open(options, async (page, origin) => {
      await page.goto(`${origin}/bench.html#cases=matmul&sizes=m=32+n=16+k=8&quick=1&repeats=3&run=1`);
      await page.waitForFunction('document.documentElement.dataset.state.match(/done|failed/)', { timeout: 480_000 });
      return page.evaluate<{ state: string; status: string; table: string; json: string; shapes: number[] }>(`({
        state: document.documentElement.dataset.state,
        status: document.getElementById('status').textContent,
        table: [...document.querySelectorAll('.numbers tr')].at(-1).textContent,
        json: document.getElementById('json').href,
        shapes: [...document.querySelectorAll('.chart')].map((chart) => chart.querySelectorAll('circle, path').length),
      })`);
    });
    expect(seen.status).toMatch(/: done$/);
    expect(seen.state).toBe('done');
    expect(seen.table).toMatch(/^matmulm=32 n=16 k=8gramian \d+\.\d+\.\d+\d/);
    expect(seen.table).toMatch(/e-\d$/); // its error
    expect(seen.json).toMatch(/^blob:/);
    expect(seen.shapes).toHaveLength(3);
    for (const count of seen.shapes) expect(count).toBeGreaterThan(0);
    expect(lines.filter((line) => line.startsWith('error'))).toEqual([]);
  },
  520_000,
);

test.skipIf(!here)(
  "the page takes a user's work, served by the command, with what it imports of the package",
  async () => {
    const { folder, start } = commandFolder('bench-page');
    const page = readFileSync('docs/own-kernels.md', 'utf8');
    const [program, work] = [...page.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code);
    mkdirSync(join(folder, 'works'));
    writeFileSync(join(folder, 'silu.mjs'), `${program.slice(0, program.indexOf('const engine'))}export { silu };`);
    writeFileSync(join(folder, 'works', 'bench-silu.mjs'), work.replace('./silu.mjs', '../silu.mjs'));
    writeFileSync(join(folder, '.secret'), 'not for others');
    const lines: string[] = [];
    const state = 'document.documentElement.dataset.state';
    const asked = ['--work', 'works/bench-silu.mjs', '--quick', '--sizes', 'n=64', '--repeats', '3'];
    let ended: Promise<unknown> = Promise.resolve();
    let server: ChildProcess | undefined;
    const told = new Promise<string>((resolve) => {
      ended = start(['bench', '--page', ...asked], (text, child) => {
        server = child;
        const [, address] = / open (\S+) in a browser; /.exec(text) ?? [];
        if (address) resolve(address);
      });
    });
    try {
      const address = await told;
      const seen = await chromium.open(
        { files: {}, timeout: 200_000, onConsole: (line) => lines.push(line) },
        async (page) => {
          await page.goto(`${address}&run=1`);
          await page.waitForFunction(`${state}?.match(/done|failed/)`, { timeout: 180_000 });
          return page.evaluate<Record<string, string>>(`({
          status: document.getElementById('status').textContent,
          table: [...document.querySelectorAll('.numbers tr')].at(-1)?.textContent,
        })`);
        },
      );
      expect(seen).toEqual({
        status: expect.stringMatching(/: done$/),
        table: expect.stringMatching(/^silun=64bench-silu \d.*e-\d$/),
      });
      const { origin, host } = new URL(address);
      for (const path of [
        '/work/.secret',
        '/work/../package.json',
        '/work/%2e%2e%2fx',
        '/work/%',
        '/etc/passwd',
        '/dist/',
      ])
        expect((await fetch(origin + path)).status, path).toBe(404);
      expect((await fetch(`http://localhost:${host.split(':')[1]}/work/silu.mjs`)).status).toBe(404);
      expect((await fetch(`${origin}/work/silu.mjs`)).headers.get('content-type')).toContain('text/javascript');
      expect(lines).toEqual([]);
    } finally {
      server?.kill();
      await ended;
      rmSync(folder, { recursive: true, force: true });
    }
  },
  220_000,
);

test.skipIf(!here)(
  'the page shows what becomes of numbers, as docs/adapters.md has it of this Chromium',
  async () => {
    const lines: string[] = [];
    const files = { '/bench.html': renderBenchPage(await scriptOf('bench/page/main.ts')) };
    const options = { files, timeout: 200_000, onConsole: (line: string) => lines.push(line) };
    const seen = await chromium.open(options, async (page, origin) => {
      await page.setViewport({ width: 400, height: 800 });
      await page.goto(`${origin}/bench.html#numerics`);
      await page.waitForFunction('document.documentElement.dataset.state.match(/done|failed/)', { timeout: 180_000 });
      return page.evaluate<{ status: string; agent: string; cells: string[][]; links: string[]; wide: number }>(`({
        status: document.getElementById('status').textContent,
        agent: navigator.userAgent,
        cells: [...document.querySelectorAll('.findings tr')].map((tr) => [...tr.children].map((cell) => cell.textContent)),
        links: [...document.querySelectorAll('a[download]')].map((link) => link.href),
        wide: document.documentElement.scrollWidth,
      })`);
    });
    expect(seen.status).toBe('SwiftShader: done');
    expect(seen.links).toEqual([expect.stringMatching(/^blob:/), expect.stringMatching(/^blob:/)]);
    expect(seen.wide).toBe(400);
    expect(seen.cells.length).toBeGreaterThan(70);
    expect(lines).toEqual([]);
    const page = readFileSync('docs/adapters.md', 'utf8');
    const section = page.split(/^(?=## )/m).find((each) => each.startsWith('## SwiftShader in Chromium\n')) ?? '';
    if (!section.includes(`. ${browserName(seen.agent)}. `)) return; // another version, which may do otherwise
    const wanted = answersOf(section);
    expect(seen.cells.map(([group, name]) => `${group}: ${name}`)).toEqual([...wanted.keys()]);
    for (const [group, name, answer] of seen.cells)
      if (!/^(Worst errors|Compiling)/.test(group)) expect(answer, name).toBe(wanted.get(`${group}: ${name}`));
  },
  220_000,
);

const row: Row = {
  date: '2026-11-25T03:00:00',
  commit: '',
  adapter: 'an adapter',
  driver: 'a driver',
  runtime: 'node',
  profile: 'default',
  tune: 'cached',
  case: 'ntXent',
  size: 'n=512 d=128',
  library: 'gramian',
  version: '0.1.0',
  form: 'fused',
  status: 'ok',
  runs: 20,
  min: 9,
  median: 10,
  spread: 0.1,
  first: 90,
  gpu: 8,
  gflops: 10,
  gbps: 0.1,
  share: 0.5,
  dispatches: 10,
  submits: 1,
  peakBytes: 2e6,
  error: 1e-6,
  detail: '',
};

test.skipIf(!here).each([390, 1200])('a report of the benchmark draws all its charts at %i pixels', async (width) => {
  const lines: string[] = [];
  const roofline = {
    flops: 3e10,
    bandwidth: 1e10,
    exps: 1e9,
    dispatch: 0.01,
    submit: 0.1,
    flopsF16: null,
    matrix: null,
  };
  const rows: Row[] = [row, { ...row, size: 'n=2048 d=128', median: 120, peakBytes: 9e6 }].flatMap((ours) => [
    ours,
    { ...ours, library: 'other', form: 'autodiff', median: 6 * (ours.median as number) },
  ]);
  rows.push({ ...row, case: 'clip', library: 'other', form: 'autodiff', status: 'unsupported', median: null });
  const html = renderBenchReport([{ environment: row, roofline, rows }], await scriptOf('bench/report/page.ts'));
  const options = { files: { '/report.html': html }, onConsole: (line: string) => lines.push(line) };
  const seen = await chromium.open(options, async (page, origin) => {
    await page.setViewport({ width, height: 800 });
    await page.goto(`${origin}/report.html`);
    return page.evaluate<{ shapes: Record<string, number>; wide: number; loads: number }>(`({
      shapes: Object.fromEntries([...document.querySelectorAll('.chart')].map((chart) =>
        [chart.id, chart.querySelectorAll('path, circle').length])),
      wide: document.documentElement.scrollWidth,
      loads: performance.getEntriesByType('resource').length,
    })`);
  });
  expect(seen.shapes).toMatchObject({ 'time-0-1': 0, 'memory-0-1': 0 });
  for (const id of ['roofline-0', 'time-0-0', 'memory-0-0']) expect(seen.shapes[id]).toBeGreaterThan(2);
  expect(seen.wide).toBe(width);
  expect({ loads: seen.loads, lines }).toEqual({ loads: 0, lines: [] });
});

test.skipIf(!here)("README's figure is one SVG that stands alone", async () => {
  const { outputFiles } = await build({
    entryPoints: ['bench/report/figure.ts'],
    bundle: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['source'],
    write: false,
  });
  const rows = [row, { ...row, size: 'n=2048 d=128', median: 120, peakBytes: 9e6 }];
  const files = { '/figure.js': outputFiles[0].text };
  const long = rows.map((each) => ({ ...each, library: 'a library with a name', form: 'hand-derived' }));
  const svg = await chromium.run<string>({ files, path: '/figure.js' }, [...rows, ...long]);
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" viewBox="0 0 \d+ 300"/);
  expect(svg.match(/<circle/g)).toHaveLength(8);
  expect(svg).toContain('>gramian<');
  expect(svg).not.toMatch(/href=|NaN/);
  // Nothing is cut, also where another system's font is wider.
  const texts = await chromium.open({ files: { '/': svg } }, (page) =>
    page.evaluate<{ said: string; room: number; width: number }[]>(`(() => {
      const whole = document.querySelector('svg').getBoundingClientRect();
      return [...document.querySelectorAll('text')].map((text) => {
        const { left, right, width } = text.getBoundingClientRect();
        return { said: text.textContent, room: Math.min(left - whole.left, whole.right - right), width };
      });
    })()`),
  );
  expect(texts.filter(({ room }) => room < 0)).toEqual([]);
  const [longest] = texts
    .sort((a, b) => b.said.length - a.said.length)
    .filter(({ said }) => said.startsWith('a library'));
  expect(longest.room).toBeGreaterThan(0.15 * longest.width);
});
