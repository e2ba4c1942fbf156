/// <reference lib="dom" />
// The embedding on a canvas: a letter for each picture, coloured by class, gliding from where it was to where it is.
import { classColor } from '../src/cli/report/scatter.ts';
import type { Plane } from './planes.ts';

const GLIDE = 500; // milliseconds
const MARGIN = 16;

export interface LivePicture {
  /** Which letters there are; what was shown before goes. */
  begin(labels: Int32Array, classes: readonly string[]): void;
  show(plane: Plane): void;
}

export function livePicture(canvas: HTMLCanvasElement): LivePicture {
  const pen = canvas.getContext('2d') as CanvasRenderingContext2D;
  const still = matchMedia('(prefers-reduced-motion: reduce)');
  let labels = new Int32Array();
  let classes: readonly string[] = [];
  let [from, to] = [new Float32Array(), new Float32Array()];
  let since = 0;

  const draw = (): void => {
    const side = canvas.clientWidth;
    const dense = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(side * dense)) {
      canvas.width = Math.round(side * dense);
      canvas.height = canvas.width;
    }
    pen.setTransform(dense, 0, 0, dense, 0, 0);
    pen.clearRect(0, 0, side, side);
    const part = still.matches ? 1 : Math.min(1, (performance.now() - since) / GLIDE);
    const eased = 1 - (1 - part) ** 3;
    const half = side / 2;
    pen.font = `650 ${side < 420 ? 10 : 13}px system-ui, sans-serif`;
    pen.textAlign = 'center';
    pen.textBaseline = 'middle';
    const at = (i: number): number => half + (half - MARGIN) * (from[i] + eased * (to[i] - from[i]));
    for (let i = 0; i < labels.length && to.length > 0; i++) {
      pen.fillStyle = classColor(labels[i], classes.length);
      pen.fillText(classes[labels[i]], at(2 * i), at(2 * i + 1));
    }
    if (part < 1) requestAnimationFrame(draw);
  };
  new ResizeObserver(draw).observe(canvas);

  return {
    begin: (given, names) => {
      [labels, classes, from, to] = [new Int32Array(given), names, new Float32Array(), new Float32Array()];
      draw();
    },
    show: (plane) => {
      const fitted = scaled(plane);
      from = to.length > 0 ? to : fitted;
      to = fitted;
      since = performance.now();
      requestAnimationFrame(draw);
    },
  };
}

/** Into [-1, 1] by the farthest point. */
function scaled(plane: Plane): Plane {
  const farthest = plane.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  return plane.map((value) => value / farthest);
}
