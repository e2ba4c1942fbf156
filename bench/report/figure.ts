/// <reference lib="dom" />
// README's figure: runs in a browser, and hands back one SVG that stands alone.
import * as Plot from '@observablehq/plot';
import type { Row } from '../results.ts';
import { axisOf, colours, points, tick } from './charts.ts';

const [WIDTH, HEIGHT, GAP, NAMES] = [360, 300, 20, 190];
const SVG = 'http://www.w3.org/2000/svg';

// An image has no page around it: colours for both of its grounds come along.
const STYLE = `svg { font: 12px system-ui, sans-serif; color: #1b1f27; --accent: #3257d5; --soft: #5d6675; overflow: visible; }
@media (prefers-color-scheme: dark) { svg { color: #e7eaef; --accent: #84a3ff; --soft: #98a2b1; } }`;

interface Panel {
  readonly title: string;
  readonly value: (row: Row) => number | null;
  /** Draws what one matrix between all rows takes, and names the contenders at its right. */
  readonly last: boolean;
}

function panel(rows: readonly Row[], { title, value, last }: Panel): Element {
  const axis = axisOf(rows);
  const list = points(rows, axis, value, '');
  const extents = [...new Set(list.map(({ extent }) => extent))].sort((a, b) => a - b);
  const matrix = extents.map((extent) => ({ extent, value: (4 * extent * extent) / 1e6 }));
  const top = (name: string): number => Math.max(...list.filter((p) => p.name === name).map((p) => p.value));
  const names = [...new Set(list.map(({ name }) => name))].sort((a, b) => top(b) - top(a));
  const line = { x: 'extent', y: 'value' };
  return Plot.plot({
    width: last ? WIDTH + NAMES : WIDTH,
    height: HEIGHT,
    marginLeft: 46,
    marginRight: last ? NAMES : 10,
    marginBottom: 36,
    style: { background: 'none' },
    x: { type: 'log', base: 2, label: axis, labelAnchor: 'center', ticks: extents, tickFormat: 'd', inset: 8 },
    y: { type: 'log', label: title, grid: true, nice: true, ticks: 5, tickFormat: tick },
    color: colours(rows),
    marks: [
      last ? Plot.line(matrix, { ...line, stroke: 'var(--soft)', strokeDasharray: '2 4' }) : null,
      Plot.line(list, { ...line, z: 'line', stroke: 'name', strokeWidth: 2 }),
      Plot.dot(list, { ...line, fill: 'name', r: 3 }),
      ...(last ? names : []).map((name, i) =>
        Plot.text([{ name }], {
          text: 'name',
          fill: 'name',
          fontWeight: 600,
          frameAnchor: 'top-right',
          textAnchor: 'start',
          dx: 10,
          dy: 18 * i,
        }),
      ),
    ],
  });
}

/** Time and memory of one case against its rows, side by side. */
export default function figure(rows: readonly Row[]): string {
  const panels = [
    panel(rows, { title: 'ms, loss and gradient', value: ({ median }) => median, last: false }),
    panel(rows, {
      title: 'MB of GPU memory (dotted: one n x n matrix)',
      value: ({ peakBytes }) => (peakBytes === null ? null : peakBytes / 1e6),
      last: true,
    }),
  ];
  const outer = document.createElementNS(SVG, 'svg');
  const width = 2 * WIDTH + GAP + NAMES;
  for (const [name, value] of Object.entries({ viewBox: `0 0 ${width} ${HEIGHT}`, width, height: HEIGHT }))
    outer.setAttribute(name, String(value));
  const style = document.createElementNS(SVG, 'style');
  style.textContent = STYLE;
  outer.append(style);
  panels.forEach((each, i) => {
    each.setAttribute('x', String(i * (WIDTH + GAP)));
    outer.append(each);
  });
  return new XMLSerializer().serializeToString(outer);
}
