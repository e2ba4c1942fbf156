/// <reference lib="dom" />
import * as Plot from '@observablehq/plot';
import { note } from '../../src/report/mount.ts';
import { contenderName, isOurs, type Row, sizeOf } from '../results.ts';
import type { Roofline } from '../roofline.ts';

/** A row as a chart sees it. */
interface Point {
  readonly name: string;
  /** Contender and all of the size but the extent on the axis: what one line goes through. */
  readonly line: string;
  readonly extent: number;
  readonly value: number;
  readonly says: string;
}

/** `0.1`, `20`, `5k`: a log axis reaches from a thousandth to millions. */
export const tick = (value: number): string =>
  value >= 1000 ? `${value / 1000}k` : String(Number(value.toPrecision(3)));

/** The axis along which the rows differ most; the first where they do not. */
export function axisOf(rows: readonly Row[]): string {
  const sizes = rows.map(({ size }) => sizeOf(size));
  const axes = Object.keys(sizes[0] ?? {});
  const distinct = (axis: string): number => new Set(sizes.map((size) => size[axis])).size;
  return axes.reduce((best, axis) => (distinct(axis) > distinct(best) ? axis : best), axes[0] ?? 'n');
}

/** What was measured, against the extent on an axis. */
export function points(rows: readonly Row[], axis: string, value: (row: Row) => number | null, unit: string): Point[] {
  return rows.flatMap((row) => {
    const size = sizeOf(row.size);
    const measured = value(row);
    if (row.status !== 'ok' || measured === null || measured <= 0) return [];
    const rest = Object.entries(size).filter(([name]) => name !== axis);
    const name = contenderName(row);
    return [
      {
        name,
        line: `${name} ${rest.join(' ')}`,
        extent: size[axis],
        value: measured,
        says: `${name}\n${row.size}\n${measured.toPrecision(4)} ${unit}`,
      },
    ];
  });
}

/** The same colour for a contender in every chart; ours is the accent. */
export function colours(rows: readonly Row[]): { domain: string[]; range: string[] } {
  const ours = [...new Set(rows.filter(isOurs).map(contenderName))];
  const others = [...new Set(rows.filter((row) => !isOurs(row)).map(contenderName))];
  const wheel = others.map((_, i) => `oklch(62% 0.14 ${(35 + (i * 360) / Math.max(others.length, 1)) % 360})`);
  return { domain: [...ours, ...others], range: [...ours.map(() => 'var(--accent)'), ...wheel] };
}

function logLog(
  rows: readonly Row[],
  list: readonly Point[],
  axis: string,
  unit: string,
  width: number,
  more: Plot.Markish[],
) {
  const extents = [...new Set(list.map(({ extent }) => extent))].sort((a, b) => a - b);
  return Plot.plot({
    width,
    height: 300,
    marginLeft: 58,
    marginBottom: 38,
    x: { type: 'log', base: 2, label: axis, ticks: extents, tickFormat: 'd', inset: 10 },
    y: { type: 'log', label: unit, grid: true, nice: true, ticks: 6, tickFormat: tick },
    color: { ...colours(rows), legend: true },
    marks: [
      ...more,
      Plot.line(list, { x: 'extent', y: 'value', z: 'line', stroke: 'name', strokeWidth: 2 }),
      Plot.dot(list, { x: 'extent', y: 'value', fill: 'name', r: 3 }),
      Plot.tip(list, Plot.pointer({ x: 'extent', y: 'value', title: 'says', fontSize: 13 })),
    ],
  });
}

/** Median time against one extent; dashed: what the adapter's own rates allow, with the work's slope. */
export function drawTimes(rows: readonly Row[], width: number): Element {
  const axis = axisOf(rows);
  const list = points(rows, axis, ({ median }) => median, 'ms');
  if (list.length === 0) return note('Nothing was timed.');
  const least = points(
    rows.filter(isOurs),
    axis,
    ({ share, median }) => (share === null || median === null ? null : share * median),
    'ms at least, by the roofline',
  );
  return logLog(rows, list, axis, 'ms', width, [
    Plot.line(least, { x: 'extent', y: 'value', z: 'line', stroke: 'var(--soft)', strokeDasharray: '5 4' }),
    Plot.dot(least, { x: 'extent', y: 'value', fill: 'var(--soft)', r: 2 }),
  ]);
}

/** GPU memory against one extent; dashed: n x n floats, where the case has rows. */
export function drawMemory(rows: readonly Row[], width: number): Element {
  const axis = axisOf(rows);
  const list = points(rows, axis, ({ peakBytes }) => (peakBytes === null ? null : peakBytes / 1e6), 'MB');
  if (list.length === 0) return note('Nothing was counted.');
  const square = axis === 'n' ? [...new Set(list.map(({ extent }) => extent))] : [];
  const matrix = square.map((extent) => ({ extent, value: (4 * extent * extent) / 1e6 }));
  return logLog(rows, list, axis, 'MB', width, [
    Plot.line(matrix, { x: 'extent', y: 'value', stroke: 'var(--soft)', strokeDasharray: '2 4', sort: 'extent' }),
  ]);
}

/** Achieved rate against operations per byte, below the adapter's roof. */
export function drawRoofline(rows: readonly Row[], roofline: Roofline, width: number): Element {
  const list = rows.flatMap((row) => {
    if (!isOurs(row) || !row.gflops || !row.gbps) return [];
    const says = `${row.case} ${row.size}\n${row.gflops.toPrecision(3)} GFLOP/s`;
    return [{ case: row.case, intensity: row.gflops / row.gbps, gflops: row.gflops, says }];
  });
  if (list.length === 0) return note('Nothing was timed.');
  const [peak, bandwidth] = [roofline.flops / 1e9, roofline.bandwidth / 1e9];
  const ridge = peak / bandwidth;
  const [low, high] = [Math.min(...list.map((p) => p.intensity)), Math.max(...list.map((p) => p.intensity))];
  const roof = [Math.min(low, ridge) / 2, ridge, 2 * Math.max(high, ridge)].map((intensity) => ({
    intensity,
    gflops: Math.min(peak, bandwidth * intensity),
  }));
  return Plot.plot({
    width,
    height: 340,
    marginLeft: 58,
    marginBottom: 38,
    x: { type: 'log', label: 'operations per byte', ticks: width < 420 ? 3 : 6, tickFormat: tick },
    y: { type: 'log', label: 'GFLOP/s', grid: true, nice: true, ticks: 6, tickFormat: tick },
    marks: [
      Plot.line(roof, { x: 'intensity', y: 'gflops', stroke: 'var(--soft)', strokeWidth: 2 }),
      Plot.dot(list, { x: 'intensity', y: 'gflops', fill: 'var(--accent)', r: 4 }),
      Plot.tip(list, Plot.pointer({ x: 'intensity', y: 'gflops', title: 'says', fontSize: 13 })),
    ],
  });
}
