/// <reference lib="dom" />
import * as Plot from '@observablehq/plot';
import { note } from '../../report/mount.ts';
import type { EmbeddingPicture, Thumbnails } from './data.ts';

interface Point {
  x: number;
  y: number;
  index: number;
  name: string;
}

/** The picture of the embeddings with its legend; a pressed class in the legend stands out until pressed again. */
export function embeddingChart(picture: EmbeddingPicture): (width: number) => Element {
  const { points, labels, classes } = picture;
  const rows: Point[] = points.map(([x, y], index) => ({ x, y, index, name: classes[labels[index]] ?? 'unlabelled' }));
  const domain = classes.length ? classes : ['unlabelled'];
  const range = domain.map((_, i) => classColor(i, domain.length));
  const letters = rows.every((row) => [...row.name].length <= 2);
  const decoded = picture.thumbnails && { ...picture.thumbnails, bytes: fromBase64(picture.thumbnails.data) };
  let chosen: string | null = null;

  return (width) => {
    if (rows.length === 0) return note('No embeddings were recorded.');
    const box = document.createElement('div');
    const redraw = () => {
      const at = { x: 'x', y: 'y', opacity: (row: Point) => (chosen === null || row.name === chosen ? 0.9 : 0.08) };
      const fill = (row: Point) => row.name;
      const chart = Plot.plot({
        width,
        height: Math.round(Math.min(width * 0.95, 640)),
        margin: 12,
        x: { axis: null, inset: 8 },
        y: { axis: null, inset: 8 },
        color: { domain, range },
        marks: [
          letters
            ? Plot.text(rows, { ...at, text: 'name', fill, fontWeight: 700, fontSize: width < 500 ? 9 : 12 })
            : Plot.dot(rows, { ...at, fill, r: width < 500 ? 2 : 3 }),
          Plot.dot(rows, Plot.pointer({ x: 'x', y: 'y', r: 10, stroke: 'currentColor', strokeWidth: 1.5 })),
          Plot.tip(rows, Plot.pointer({ x: 'x', y: 'y', title: 'name', fontSize: 14 })),
        ],
      });
      const peek = decoded && peekOf(chart, decoded);
      box.replaceChildren(chart, ...(peek ? [peek] : []), legend());
    };
    const legend = () => {
      const list = document.createElement('div');
      list.className = 'legend';
      for (const [i, name] of domain.entries()) {
        const button = document.createElement('button');
        const mark = document.createElement('i');
        mark.style.background = range[i];
        button.append(mark, name);
        button.ariaPressed = String(name === chosen);
        button.onclick = () => {
          chosen = name === chosen ? null : name;
          redraw();
        };
        list.append(button);
      }
      return list;
    };
    redraw();
    return box;
  };
}

/** The image under the pointer, in a corner of the chart. */
function peekOf(chart: Element & { value?: unknown }, images: Thumbnails & { bytes: Uint8Array }): Element {
  const { size, channels, bytes } = images;
  const box = document.createElement('div');
  const canvas = document.createElement('canvas');
  box.className = 'peek';
  box.hidden = true;
  box.append(canvas);
  canvas.width = size;
  canvas.height = size;
  const pen = canvas.getContext('2d');
  chart.addEventListener('input', () => {
    const row = chart.value as Point | null;
    box.hidden = !row || !pen;
    if (!row || !pen) return;
    const picture = pen.createImageData(size, size);
    const area = size * size;
    for (let i = 0; i < area; i++) {
      const pixel = Array.from({ length: 3 }, (_, c) => bytes[(row.index * channels + (c % channels)) * area + i]);
      picture.data.set([...pixel, 255], 4 * i);
    }
    pen.putImageData(picture, 0, 0);
  });
  return box;
}

/** Colours around the wheel; neighbours in the alphabet are far apart on it and differ in lightness. */
export function classColor(index: number, count: number): string {
  if (count === 1) return 'var(--accent)';
  const stride = count < 5 ? 1 : coprimeNear(count * 0.38, count);
  const hue = (((index * stride) % count) * 360) / count;
  return `oklch(${[62, 70, 55][index % 3]}% 0.17 ${(hue + 20).toFixed(1)})`;
}

function coprimeNear(start: number, count: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  let stride = Math.max(1, Math.round(start));
  while (divisor(stride, count) !== 1) stride++;
  return stride;
}

function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
