import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { completeConfig } from '../../src/cli/config.ts';
import { writeNpy } from '../../src/cli/npy.ts';
import type { ComparisonData } from '../../src/cli/report/comparison.ts';
import type { ReportData } from '../../src/cli/report/data.ts';
import { projectEmbeddings } from '../../src/cli/report/project.ts';
import { makeThumbnails } from '../../src/cli/report/thumbnails.ts';
import { renderComparison, renderReport } from '../../src/cli/report/write.ts';
import { interval, planRuns } from '../../src/cli/several.ts';
import { createRandom } from '../../src/core/random.ts';
import { resultsText } from '../../tools/results-table.ts';

const data: ReportData = {
  title: 'SimCLR on letters',
  command: 'gramian train simclr --data letters',
  adapter: 'lavapipe',
  startedAt: '2026-11-24T10:11:12.000Z',
  method: 'SimCLR',
  dataset: { name: 'letters', train: 10_000, test: 2000, classes: 26 },
  parameters: { batch: 256, optimiser: 'adam' },
  loss: [
    { step: 0, epoch: 0, loss: 5.5, learningRate: 0.001 },
    { step: 1, epoch: 0.5, loss: 4.25, learningRate: 0.0005 },
    { step: 2, epoch: 1, loss: Number.NaN, learningRate: 0 },
  ],
  accuracy: {
    raw: { knn: 0.6, probe: Number.NaN },
    untrained: { knn: 0.5, probe: Number.NaN },
    trained: { knn: 0.875, probe: Number.NaN },
    history: [{ epoch: 1, knn: 0.875 }],
  },
  speed: { imagesPerSecond: 1234.5, seconds: 754, peakBytes: 245e6 },
  embeddings: { points: [[0, 1]], labels: [0], classes: ['A'] },
};

/** The data as the page will read it. */
const embedded = (html: string): unknown =>
  JSON.parse(/<script type="application\/json" id="report-data">(.*?)<\/script>/s.exec(html)?.[1] ?? '');

test('a report holds its numbers, its data and its script', () => {
  const html = renderReport(data, 'start()');
  for (const text of ['87.5%', '+27.5', '4.250', '1,235', '12.6 min', '245 MB', '2026-11-24 10:11', 'adam']) {
    expect(html).toContain(text);
  }
  expect(html).not.toContain('linear probe');
  expect(html).toContain('<script>start()</script>');
  expect(embedded(html)).toEqual(JSON.parse(JSON.stringify(data)));
  expect(renderReport({ ...data, accuracy: { ...data.accuracy, trained: { knn: 1, probe: 0.9 } } }, '')).toContain(
    '90.0%',
  );
});

const comparison: ComparisonData = {
  title: '2 methods on letters',
  command: 'gramian train --compare byol,cc',
  adapter: 'lavapipe',
  startedAt: data.startedAt,
  dataset: data.dataset,
  seeds: 3,
  raw: { knn: 0.4, probe: 0.3 },
  runs: [
    {
      label: 'BYOL',
      method: 'byol',
      knn: interval([0.5, 0.6, 0.7]),
      imagesPerSecond: interval([900, 1000, 1100]),
      peakBytes: 12e6,
      warnings: ['the embeddings span few directions'],
      loss: [{ step: 0, epoch: 1, loss: 3 }],
      embeddings: data.embeddings,
    },
    {
      label: 'CC',
      method: 'cc',
      nmi: interval([0.25]),
      peakBytes: 1e6,
      warnings: [],
      loss: [],
      embeddings: data.embeddings,
    },
  ],
};

test('a comparison holds its numbers, its warnings and a place for each chart', () => {
  const html = renderComparison(comparison, 'start()');
  for (const text of ['60.0% ± 24.8', '1,000', '12 MB', '0.250', 'BYOL: the embeddings span few directions'])
    expect(html).toContain(text);
  for (const id of ['compared', 'loss-0', 'loss-1', 'embeddings-0', 'embeddings-1'])
    expect(html).toContain(`id="${id}"`);
  expect(html).not.toContain('linear probe'); // no run has one
  expect(embedded(html)).toEqual(JSON.parse(JSON.stringify(comparison)));
});

test("README's table: the best first, and only columns that somebody fills", () => {
  const [byol, cc] = comparison.runs;
  const better = {
    ...cc,
    label: 'Better',
    knn: interval([0.8]),
    untrained: { knn: interval([0.3, 0.4]), probe: interval([0.1]) },
  };
  const text = resultsText([{ ...comparison, runs: [byol, better] }]);
  expect(text).toContain(
    'Raw\npixels: k-NN 40.0 %, linear probe 30.0 %; the untrained encoder: 35.0 %, 10.0 %. lavapipe; 3 seeds.',
  );
  expect(text).toContain('| | k-NN, % | NMI, % | GPU memory, MB |\n');
  expect(text).toContain('| Better | 80.0 | 25.0 | 1 |\n| BYOL | 60.0 ± 24.8 |  | 12 |\n');
  expect(text).toContain('`gramian train --compare byol,cc`');
});

test.each([
  ['byol', 'photos', 3, 'asymmetric'],
  ['simclr', 'photos', 3, 'photos'],
  ['byol', 'digits', 1, 'digits'],
  ['byol', 'letters', 1, 'letters'],
] as const)('%s augments %s as its paper and the data want', (method, data, channels, augmentation) => {
  expect(completeConfig({ method, data }, false, { count: 100, channels }).augmentation).toBe(augmentation);
  expect(completeConfig({ method, data, augmentation: 'photos' }, false, { count: 100, channels }).augmentation).toBe(
    'photos',
  );
});

test('the command of a comparison says what was asked for', () => {
  const asked = {
    data: 'letters',
    epochs: 6,
    learningRate: 0.01,
    cached: true,
    corrupted: false,
    options: { head: false },
  };
  const complete = (config: object) =>
    completeConfig({ ...config, data: 'letters' }, false, { count: 100, channels: 1 });
  const { command, variants } = planRuns(asked, { compare: ['simclr', 'byol'], seeds: 2 }, complete);
  expect(command).toBe(
    'gramian train --compare simclr,byol --data letters --epochs 6 --learning-rate 0.01 --cached --batch 256 --width 16 --features 256 --limit 0 --option head=false --seeds 2',
  );
  expect(variants.map(({ config }) => config.method)).toEqual(['simclr', 'byol']);
});

test('interval: mean and 95 % of the mean by Student', () => {
  expect(interval([2])).toEqual({ mean: 2, half: null, values: [2] });
  const { mean, half } = interval([1, 2, 3, 4, 5]);
  expect(mean).toBe(3);
  expect(half).toBeCloseTo(2.776 * Math.sqrt(2.5 / 5), 10);
});

test('a NumPy file says its shape, and its numbers begin at a multiple of 64', () => {
  const bytes = writeNpy(Float32Array.of(1.5, -2, 3, 4, 5, 6), [2, 3]);
  const view = new DataView(bytes.buffer);
  expect([...bytes.subarray(0, 8)]).toEqual([0x93, 78, 85, 77, 80, 89, 1, 0]);
  const end = 10 + view.getUint16(8, true);
  expect(end % 64).toBe(0);
  const head = new TextDecoder().decode(bytes.subarray(10, end));
  expect(head.trim()).toBe("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
  expect(head.endsWith('\n')).toBe(true);
  expect([0, 1, 5].map((i) => view.getFloat32(end + 4 * i, true))).toEqual([1.5, -2, 6]);
  expect(new TextDecoder().decode(writeNpy(new Float32Array(3), [3]))).toContain('(3,)');
});

const hostile = [
  '</script><script>alert(1)</script>',
  '<!--<script>',
  '<b onload="x">',
  '\u2028\u2029',
  '$&$1',
  '&lt;',
];

test.each(hostile)('the text %j stays text', (text) => {
  const html = renderReport({ ...data, title: text, command: text, adapter: text, parameters: { [text]: text } }, '');
  expect(html.match(/<script/g)).toHaveLength(2);
  expect(html.match(/<\/script/g)).toHaveLength(2);
  expect(html).not.toMatch(/<b onload|<!--/);
  const json = /id="report-data">(.*?)<\/script>/s.exec(html)?.[1] ?? '';
  expect(json).not.toMatch(/[<\u2028\u2029]/);
  expect(embedded(html)).toMatchObject({ title: text, parameters: { [text]: text } });
});

test('the script cannot end its element', () => {
  const html = renderReport(data, 'a = "</script>"; b = "<!-- </SCRIPT>"');
  expect(html).toContain('<script>a = "<\\/script>"; b = "<\\!-- <\\/SCRIPT>"</script>');
});

test('a report with nothing in it is still a page', () => {
  const none = { knn: Number.NaN, probe: Number.NaN };
  const accuracy = { raw: none, untrained: none, trained: none, history: [] };
  const html = renderReport({ ...data, loss: [], accuracy, embeddings: { points: [], labels: [], classes: [] } }, '');
  expect(html).not.toContain('NaN');
  expect(html).toContain('</html>');
});

test('the page bundles into one classic script that keeps off the network', async () => {
  const { outputFiles } = await build({
    entryPoints: ['src/cli/report/page.ts'],
    bundle: true,
    minify: true,
    format: 'iife',
    write: false,
  });
  const script = outputFiles[0].text;
  expect(script).not.toMatch(/\b(fetch|XMLHttpRequest|WebSocket|EventSource|importScripts)\s*\(|\bimport\s*\(/);
  expect(renderReport(data, script)).toContain("default-src 'none'");
});

/** Rows around `clusters` directions, row i near direction i % clusters. */
function rows(count: number, dimension: number, clusters: number): Float32Array {
  const random = createRandom(1);
  return Float32Array.from({ length: count * dimension }, (_, i) => {
    const near = Math.floor(i / dimension) % clusters === i % dimension;
    return (near ? 1 : 0) + 0.05 * random.gaussian();
  });
}

test('projectEmbeddings keeps what is near near, the same way every time', () => {
  const { indices, points } = projectEmbeddings(rows(90, 8, 3), 90, 8, { seed: 2, limit: 60 });
  expect(indices).toHaveLength(60);
  expect([...indices]).toEqual([...new Set(indices)].sort((a, b) => a - b));
  const distance = (i: number, j: number) => Math.hypot(points[i][0] - points[j][0], points[i][1] - points[j][1]);
  for (let i = 0; i < 60; i++) {
    const others = Array.from({ length: 60 }, (_, j) => j).filter((j) => j !== i);
    const nearest = others.reduce((best, j) => (distance(i, j) < distance(i, best) ? j : best));
    expect(indices[nearest] % 3).toBe(indices[i] % 3);
  }
  expect(projectEmbeddings(rows(90, 8, 3), 90, 8, { seed: 2, limit: 60 }).points).toEqual(points);
});

test.each([0, 1, 2, 3, 4, 5, 16])('projectEmbeddings places %i rows, all the same or zero', (count) => {
  for (const value of [0, 1]) {
    const { points } = projectEmbeddings(new Float32Array(count * 2).fill(value), count, 2);
    expect(points).toHaveLength(count);
    expect(points.flat().every(Number.isFinite)).toBe(true);
  }
});

test('projectEmbeddings refuses what it cannot place', () => {
  expect(() => projectEmbeddings(new Float32Array(5), 2, 3)).toThrow('rows has 5 numbers, expected 6 for [2, 3].');
  expect(() => projectEmbeddings(Float32Array.of(0, 1, 2, Number.NaN), 2, 2)).toThrow(
    'projectEmbeddings: rows[1, 1] = NaN, expected finite numbers.',
  );
});

test('makeThumbnails keeps small images and averages large ones', () => {
  const set = { name: 'x', labels: null, classes: null, count: 2, height: 4, width: 4 };
  const grey = { ...set, channels: 1, images: Uint8Array.from({ length: 32 }, (_, i) => i) };
  const bytes = (text: string) => [...Buffer.from(text, 'base64')];
  const same = makeThumbnails(grey, [1]);
  expect({ ...same, data: bytes(same.data) }).toEqual({ size: 4, channels: 1, data: [...grey.images.subarray(16)] });
  expect(bytes(makeThumbnails(grey, [0, 1], 2).data)).toEqual([3, 5, 11, 13, 19, 21, 27, 29]);
  const colour = { ...set, channels: 3, images: new Uint8Array(96).fill(9) };
  expect(makeThumbnails(colour, [0, 1], 3)).toMatchObject({ size: 3, channels: 3 });
  expect(bytes(makeThumbnails(colour, [0, 1], 3).data)).toEqual(Array(54).fill(9));
});
