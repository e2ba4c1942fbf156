import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { renderBenchPage } from '../../bench/page/write.ts';
import type { ReportData } from '../../src/cli/report/data.ts';
import { renderReport } from '../../src/cli/report/write.ts';
import { findCarrier } from '../../src/gpu/embedded.node.ts';
import { type Chromium, launchChromium } from './chromium.ts';

const here = findCarrier() !== null;
let chromium: Chromium;
let script: string;
beforeAll(async () => {
  if (!here) return;
  const page = ['src/cli/report/page.ts'];
  const { outputFiles } = await build({ entryPoints: page, bundle: true, format: 'iife', write: false });
  script = outputFiles[0].text;
  chromium = await launchChromium();
}, 180_000);
afterAll(() => chromium?.close());

const steps = Array.from({ length: 50 }, (_, step) => step);
const data: ReportData = {
  title: 'A run',
  command: 'gramian train --method simclr --data letters --epochs 14 --batch 256 --seed 0',
  adapter: 'none',
  startedAt: '2026-11-24T10:11:12Z',
  method: 'SimCLR',
  dataset: { name: 'letters', train: 50, test: 3, classes: 2 },
  parameters: {},
  loss: steps.map((step) => ({
    step,
    epoch: step / 10,
    loss: step === 9 ? Number.NaN : 5 - step / 20,
    learningRate: 1,
  })),
  accuracy: {
    raw: { knn: 0.5, probe: 0.3 },
    untrained: { knn: 0.4, probe: 0.35 },
    trained: { knn: 0.75, probe: 0.8 },
    history: [
      { epoch: 0, knn: 0.4 },
      { epoch: 5, knn: 0.75 },
    ],
  },
  speed: { imagesPerSecond: 1, seconds: 1, peakBytes: 1 },
  embeddings: {
    points: [
      [0, 0],
      [1, 0],
      [0.5, 1],
    ],
    labels: [0, 1, 1],
    classes: ['A', 'B'],
    thumbnails: { size: 1, channels: 1, data: btoa('\x00\x80\xff') },
  },
};
const empty: ReportData = {
  ...data,
  loss: [],
  accuracy: { ...data.accuracy, history: [] },
  embeddings: { points: [], labels: [], classes: [] },
};

/** What a report draws, and what went wrong in it. */
async function draw(report: ReportData, width: number) {
  const lines: string[] = [];
  const files = { '/report.html': renderReport(report, script) };
  const options = { files, onConsole: (line: string) => lines.push(line) };
  const seen = await chromium.open(options, async (page, origin) => {
    await page.setViewport({ width, height: 800 });
    await page.goto(`${origin}/report.html`);
    return page.evaluate<{ shapes: Record<string, number>; letters: string; wide: number; loads: number }>(`({
      shapes: Object.fromEntries([...document.querySelectorAll('.chart')].map((chart) =>
        [chart.id, chart.querySelectorAll('rect, path, circle, text').length])),
      letters: [...document.querySelectorAll('#embeddings g[aria-label=text] text')].map((t) => t.textContent).join(''),
      wide: document.documentElement.scrollWidth,
      loads: performance.getEntriesByType('resource').length,
    })`);
  });
  return { ...seen, lines };
}

test.skipIf(!here).each([360, 1200])('a report draws all its charts at %i pixels', async (width) => {
  const { shapes, letters, wide, loads, lines } = await draw(data, width);
  expect(Object.keys(shapes)).toEqual(['accuracy', 'history', 'loss', 'rate', 'embeddings']);
  for (const count of Object.values(shapes)) expect(count).toBeGreaterThan(2);
  expect(letters).toBe('ABB');
  expect(wide).toBe(width);
  expect({ loads, lines }).toEqual({ loads: 0, lines: [] });
});

test.skipIf(!here)("the benchmark's page fits a phone", async () => {
  const files = { '/bench.html': renderBenchPage('') };
  const wide = await chromium.open({ files }, async (page, origin) => {
    await page.setViewport({ width: 360, height: 800 });
    await page.goto(`${origin}/bench.html`);
    return page.evaluate<number>('document.documentElement.scrollWidth');
  });
  expect(wide).toBe(360);
});

test.skipIf(!here)('a report with nothing in it says so in place of charts', async () => {
  const { shapes, lines } = await draw(empty, 800);
  expect(shapes).toMatchObject({ history: 0, loss: 0, rate: 0, embeddings: 0 });
  expect(lines).toEqual([]);
});
