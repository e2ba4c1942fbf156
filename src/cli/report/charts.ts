/// <reference lib="dom" />
import * as Plot from '@observablehq/plot';
import { note } from '../../report/mount.ts';
import type { ComparisonData, Interval } from './comparison.ts';
import type { Accuracy, LossPoint } from './data.ts';

const NARROW = 420; // pixels of a chart on a phone
const MOST_POINTS = 3000; // more than a screen has columns

const percent = (share: number) => (Number.isFinite(share) ? `${(share * 100).toFixed(1)}%` : 'none');

/** One bar for each kind of features and each way to score them. */
export function drawAccuracy({ raw, untrained, trained }: Accuracy, width: number): Element {
  const bars = (
    [
      ['k-NN', 'knn', 'var(--accent)'],
      ['probe', 'probe', 'var(--good)'],
    ] as const
  )
    .filter(([, score]) => Number.isFinite(trained[score]))
    .flatMap(([name, score, fill]) => [
      { name: `${name}, raw pixels`, share: raw[score], fill: 'var(--quiet)' },
      { name: `${name}, untrained`, share: untrained[score], fill: 'var(--faint)' },
      { name: `${name}, trained`, share: trained[score], fill },
    ]);
  if (bars.length === 0) return note('The images have no labels to be scored by.');
  return Plot.plot({
    width,
    height: 60 + 34 * bars.length,
    marginLeft: 122,
    marginRight: 48,
    x: { domain: [0, 1], tickFormat: '.0%', label: null, ticks: width < NARROW ? 2 : 5, grid: true },
    y: { domain: bars.map((bar) => bar.name), label: null, padding: 0.3, tickSize: 0 },
    marks: [
      Plot.barX(bars, { x: 'share', y: 'name', fill: (bar: { fill: string }) => bar.fill, rx: 3 }),
      Plot.text(bars, {
        x: 'share',
        y: 'name',
        text: (bar: { share: number }) => percent(bar.share),
        dx: 6,
        textAnchor: 'start',
        fontWeight: 600,
        fontSize: 13,
      }),
    ],
  });
}

/** A line for each run: k-NN, linear probe, and whatever else it is scored by, with intervals over the seeds. */
export function drawCompared({ runs, raw }: ComparisonData, width: number): Element {
  const kinds: [name: string, fill: string, of: (run: ComparisonData['runs'][number]) => Interval | undefined][] = [
    ['k-NN', 'var(--accent)', (run) => run.knn],
    ['linear probe', 'var(--good)', (run) => run.probe],
    ['classifier', 'var(--soft)', (run) => run.classifier],
    ['ACC', 'var(--soft)', (run) => run.acc],
    ['untrained k-NN', 'var(--faint)', (run) => run.untrained?.knn],
  ];
  const dots = runs.flatMap((run) =>
    kinds.flatMap(([name, , of]) => {
      const value = of(run);
      if (!value) return [];
      const { mean, half } = value;
      return [{ label: run.label, name, mean, low: mean - (half ?? 0), high: mean + (half ?? 0) }];
    }),
  );
  if (dots.length === 0) return note('The images have no labels to be scored by.');
  const longest = Math.max(...runs.map(({ label }) => label.length));
  return Plot.plot({
    width,
    color: { domain: kinds.map(([name]) => name), range: kinds.map(([, fill]) => fill), legend: true },
    height: 60 + 34 * runs.length,
    marginLeft: Math.min(width < NARROW ? 0.4 * width : 170, 16 + 7 * longest),
    x: { tickFormat: '.0%', label: null, grid: true, nice: true, ticks: width < NARROW ? 3 : undefined },
    y: { domain: runs.map((run) => run.label), label: null, padding: 0.4, tickSize: 0 },
    marks: [
      ...(Number.isFinite(raw.knn) ? [Plot.ruleX([raw.knn], { stroke: 'var(--soft)', strokeDasharray: '4 4' })] : []),
      Plot.ruleY(dots, { y: 'label', x1: 'low', x2: 'high', stroke: 'name', strokeWidth: 2 }),
      Plot.dot(dots, { x: 'mean', y: 'label', r: 5, fill: 'name' }),
      Plot.tip(
        dots,
        Plot.pointer({
          x: 'mean',
          y: 'label',
          title: (dot: (typeof dots)[number]) => `${dot.name} ${percent(dot.mean)}`,
        }),
      ),
    ],
  });
}

export function drawHistory({ history, raw }: Pick<Accuracy, 'history' | 'raw'>, width: number): Element {
  if (history.length === 0) return note('k-NN was not measured during training.');
  return Plot.plot({
    width,
    height: 240,
    marginBottom: 38,
    x: { label: 'epoch', nice: true },
    y: { tickFormat: '.0%', label: null, grid: true, nice: true },
    marks: [
      Plot.ruleY([raw.knn], { stroke: 'var(--soft)', strokeDasharray: '4 4' }),
      Plot.lineY(history, { x: 'epoch', y: 'knn', stroke: 'var(--accent)', strokeWidth: 2 }),
      Plot.dot(history, { x: 'epoch', y: 'knn', fill: 'var(--accent)', r: 3 }),
      Plot.tip(history, Plot.pointerX({ x: 'epoch', y: 'knn', format: { y: percent } })),
    ],
  });
}

export function drawLoss(loss: Pick<LossPoint, 'step' | 'epoch' | 'loss'>[], width: number): Element {
  const points = thin(loss);
  if (points.length === 0) return note('No loss was recorded.');
  const k = Math.min(points.length, Math.max(1, Math.round(points.length / 40)));
  const smooth = Plot.windowY({ k, anchor: 'middle' }, { x: 'step', y: 'loss' });
  return Plot.plot({
    width,
    height: 240,
    marginBottom: 38,
    x: { label: 'step' },
    y: { label: null, grid: true, nice: true },
    marks: [
      Plot.lineY(points, { x: 'step', y: 'loss', stroke: 'var(--faint)', strokeWidth: 1 }),
      Plot.lineY(points, { ...smooth, stroke: 'var(--accent)', strokeWidth: 2 }),
      Plot.tip(points, Plot.pointerX({ x: 'step', y: 'loss', channels: { epoch: 'epoch' } })),
    ],
  });
}

export function drawRate(loss: LossPoint[], width: number): Element {
  const points = thin(loss);
  if (points.length === 0) return note('No learning rate was recorded.');
  return Plot.plot({
    width,
    height: 240,
    marginBottom: 38,
    marginLeft: 56,
    x: { label: 'step' },
    y: { label: null, grid: true, nice: true, zero: true },
    marks: [
      Plot.lineY(points, { x: 'step', y: 'learningRate', stroke: 'var(--accent)', strokeWidth: 2 }),
      Plot.tip(points, Plot.pointerX({ x: 'step', y: 'learningRate', channels: { epoch: 'epoch' } })),
    ],
  });
}

/** Every k-th point and the last, so that long runs stay light to draw. */
function thin<Point>(points: Point[]): Point[] {
  const every = Math.ceil(points.length / MOST_POINTS);
  return points.filter((_, i) => i % every === 0 || i === points.length - 1);
}
