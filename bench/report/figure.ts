/// <reference lib="dom" />
// README's figure: runs in a browser, and hands back one SVG that stands alone.
import * as Plot from '@observablehq/plot';
import { contenderName, type Row } from '../results.ts';
import { axisOf, colours, points, tick } from './charts.ts';

const [WIDTH, HEIGHT, GAP, ASIDE] = [360, 300, 20, 10];
const SVG = 'http://www.w3.org/2000/svg';

// An image has no page around it: colours for both of its grounds come along.
const FONT = '12px system-ui, sans-serif';
const STYLE = `svg { font: ${FONT}; color: #1b1f27; --accent: #3257d5; --soft: #5d6675; overflow: visible; }
@media (prefers-color-scheme: dark) { svg { color: #e7eaef; --accent: #84a3ff; --soft: #98a2b1; } }`;

interface Panel {
  readonly title: string;
  readonly value: (row: Row) => number | null;
  /** Draws what one matrix between all rows takes, and names the contenders at its right, in a column of this width. */
  readonly names: number | null;
}

/** The width of a column of these names, wherever the figure is shown: fonts of other systems may be wider than this one's. */
function widthOf(names: readonly string[]): number {
  const context = document.createElement('canvas').getContext('2d') as CanvasRenderingContext2D;
  context.font = `600 ${FONT}`;
  return ASIDE + Math.ceil(1.2 * Math.max(...names.map((name) => context.measureText(name).width)));
}

function panel(rows: readonly Row[], { title, value, names: column }: Panel): Element {
  const last = column !== null;
  const axis = axisOf(rows);
  const list = points(rows, axis, value, '');
  const extents = [...new Set(list.map(({ extent }) => extent))].sort((a, b) => a - b);
  const matrix = extents.map((extent) => ({ extent, value: (4 * extent * extent) / 1e6 }));
  const top = (name: string): number => Math.max(...list.filter((p) => p.name === name).map((p) => p.value));
  const names = [...new Set(list.map(({ name }) => name))].sort((a, b) => top(b) - top(a));
  const line = { x: 'extent', y: 'value' };
  const powers = list.map((point) => Math.log10(point.value));
  const lowest = Math.floor(Math.min(...powers));
  const decades = Array.from({ length: Math.ceil(Math.max(...powers)) - lowest + 1 }, (_, i) => 10 ** (lowest + i));
  return Plot.plot({
    width: WIDTH + (column ?? 0),
    height: HEIGHT,
    marginLeft: 46,
    marginRight: column ?? 10,
    marginBottom: 36,
    style: { background: 'none' },
    x: { type: 'log', base: 2, label: axis, labelAnchor: 'center', ticks: extents, tickFormat: 'd', inset: 8 },
    y: { type: 'log', label: title, grid: true, nice: true, ticks: decades, tickFormat: tick },
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
          dx: ASIDE,
          dy: 18 * i,
        }),
      ),
    ],
  });
}

/** Time and memory of one case against its rows, side by side. */
export default function figure(rows: readonly Row[]): string {
  const column = widthOf(rows.map(contenderName));
  const panels = [
    panel(rows, { title: 'ms, loss and gradient', value: ({ median }) => median, names: null }),
    panel(rows, {
      title: 'MB of GPU memory (dotted: one n x n matrix)',
      value: ({ peakBytes }) => (peakBytes === null ? null : peakBytes / 1e6),
      names: column,
    }),
  ];
  const outer = document.createElementNS(SVG, 'svg');
  const width = 2 * WIDTH + GAP + column;
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
