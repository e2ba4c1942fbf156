// Rows in the plane: where they differ most, and by who their neighbours are; and one picture turned to fit the one before.
import { projectEmbeddings } from '../src/cli/report/project.ts';

/** x and y of each row, one after the other. */
export type Plane = Float32Array<ArrayBuffer>;

const ROUNDS = 60;

/** Principal components of rows at unit length, by power iteration on their covariance. */
export function principalPlane(rows: Float32Array, count: number, width: number): Plane {
  const unit = unitRows(rows, count, width);
  const covariance = covarianceOf(unit, count, width);
  const first = strongest(covariance, width, null);
  const second = strongest(covariance, width, first);
  const plane = new Float32Array(2 * count);
  for (let i = 0; i < count; i++)
    for (let c = 0; c < width; c++) {
      plane[2 * i] += unit[i * width + c] * first[c];
      plane[2 * i + 1] += unit[i * width + c] * second[c];
    }
  return plane;
}

/** Neighbours beside each other (UMAP), around the middle. It takes a second or two. */
export function neighbourPlane(rows: Float32Array, count: number, width: number): Plane {
  const { points } = projectEmbeddings(rows, count, width, { limit: count });
  const middle = [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis] / count, 0));
  return Float32Array.from(points.flatMap((point) => point.map((value, axis) => value - middle[axis])));
}

/** At unit length, and with the mean taken off. */
function unitRows(rows: Float32Array, count: number, width: number): Float64Array {
  const unit = new Float64Array(count * width);
  const mean = new Float64Array(width);
  for (let i = 0; i < count; i++) {
    let squares = 0;
    for (let c = 0; c < width; c++) squares += rows[i * width + c] ** 2;
    const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
    for (let c = 0; c < width; c++) {
      unit[i * width + c] = scale * rows[i * width + c];
      mean[c] += unit[i * width + c] / count;
    }
  }
  return unit.map((value, at) => value - mean[at % width]);
}

function covarianceOf(unit: Float64Array, count: number, width: number): Float64Array {
  const covariance = new Float64Array(width * width);
  for (let i = 0; i < count; i++)
    for (let a = 0; a < width; a++) {
      const own = unit[i * width + a];
      for (let b = a; b < width; b++) covariance[a * width + b] += own * unit[i * width + b];
    }
  for (let a = 0; a < width; a++) for (let b = 0; b < a; b++) covariance[a * width + b] = covariance[b * width + a];
  return covariance;
}

/** The direction of most variance at right angles to `other`. */
function strongest(covariance: Float64Array, width: number, other: Float64Array | null): Float64Array {
  let direction = Float64Array.from({ length: width }, (_, c) => Math.sin(c + 1));
  for (let round = 0; round < ROUNDS; round++) {
    const next = new Float64Array(width);
    for (let a = 0; a < width; a++) for (let b = 0; b < width; b++) next[a] += covariance[a * width + b] * direction[b];
    if (other) {
      const along = next.reduce((sum, value, c) => sum + value * other[c], 0);
      for (let c = 0; c < width; c++) next[c] -= along * other[c];
    }
    const length = Math.hypot(...next);
    if (length === 0) break; // rows that all agree
    direction = next.map((value) => value / length);
  }
  return direction;
}

/** Turned or mirrored to lie as close as it can to an earlier one, so that points move no more than they have to. */
export function turnedLike(plane: Plane, before: Plane): Plane {
  const [xx, xy, yx, yy] = [0, 1, 2, 3].map((which) => {
    let sum = 0;
    for (let i = 0; i < plane.length; i += 2) sum += plane[i + (which & 1)] * before[i + (which >> 1)];
    return sum;
  });
  // The best rotation, and the best mirrored one; the one that keeps more.
  const turn = Math.hypot(xx + yy, yx - xy);
  const mirrored = Math.hypot(xx - yy, yx + xy);
  if (turn === 0 && mirrored === 0) return plane;
  const [length, sign] = turn >= mirrored ? [turn, 1] : [mirrored, -1];
  const [cosine, sine] = [(xx + sign * yy) / length, (yx - sign * xy) / length];
  const turned = new Float32Array(plane.length);
  for (let i = 0; i < plane.length; i += 2) {
    turned[i] = cosine * plane[i] - sign * sine * plane[i + 1];
    turned[i + 1] = sine * plane[i] + sign * cosine * plane[i + 1];
  }
  return turned;
}
