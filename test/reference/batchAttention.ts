// BA2M in plain f64, forward only: its gradients are central differences.
import { logSumExp } from './matrix.ts';

export interface Extents {
  readonly n: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly reduced: number;
}

/** `channel.reduce`, `local.norm.bias` and so on, row-major. */
export type Weights = Readonly<Record<string, Float64Array>>;

export interface Forward {
  /** A, one number a sample. */
  readonly drawn: Float64Array;
  readonly weights: Float64Array;
  readonly y: Float64Array;
}

export interface How {
  readonly rescale: 'none' | 'N';
  readonly pool: 'max-then-mean' | 'pool-then-max';
  /** Running moments and level take the batch's place. */
  readonly running?: { readonly level: number; readonly count: number } | 'batch';
}

/** y[n, o, p] = sum_c w[o, c] x[n, c, p] */
function mix(x: Float64Array, n: number, from: number, pixels: number, w: Float64Array): Float64Array {
  const out = w.length / from;
  const y = new Float64Array(n * out * pixels);
  for (let image = 0; image < n; image++)
    for (let o = 0; o < out; o++)
      for (let c = 0; c < from; c++)
        for (let p = 0; p < pixels; p++)
          y[(image * out + o) * pixels + p] += w[o * from + c] * x[(image * from + c) * pixels + p];
  return y;
}

function convolve3(x: Float64Array, channels: number, height: number, width: number, w: Float64Array) {
  const at = (image: number, c: number, i: number, j: number): number =>
    i < 0 || j < 0 || i >= height || j >= width ? 0 : x[((image * channels + c) * height + i) * width + j];
  return x.map((_, t) => {
    const j = t % width;
    const i = Math.floor(t / width) % height;
    const o = Math.floor(t / (width * height)) % channels;
    const image = Math.floor(t / (width * height * channels));
    let sum = 0;
    for (let c = 0; c < channels; c++)
      for (let k = 0; k < 9; k++)
        sum += w[(o * channels + c) * 9 + k] * at(image, c, i + Math.floor(k / 3) - 1, j + (k % 3) - 1);
    return sum;
  });
}

function batchNorm(x: Float64Array, n: number, channels: number, w: Weights, name: string, training: boolean) {
  const pixels = x.length / (n * channels);
  const y = new Float64Array(x.length);
  for (let c = 0; c < channels; c++) {
    const own: number[] = [];
    for (let image = 0; image < n; image++)
      for (let p = 0; p < pixels; p++) own.push((image * channels + c) * pixels + p);
    const average = (f: (at: number) => number): number => own.reduce((total, at) => total + f(at), 0) / own.length;
    const mean = training ? average((at) => x[at]) : w[`${name}.runningMean`][c];
    const variance = training ? average((at) => (x[at] - mean) ** 2) : w[`${name}.runningVariance`][c];
    const scale = w[`${name}.weight`][c] / Math.sqrt(variance + 1e-5);
    for (const at of own) y[at] = (x[at] - mean) * scale + w[`${name}.bias`][c];
  }
  return y;
}

function overPixels(x: Float64Array, pixels: number): Float64Array {
  return Float64Array.from({ length: x.length / pixels }, (_, r) => {
    let sum = 0;
    for (let p = 0; p < pixels; p++) sum += x[r * pixels + p];
    return sum / pixels;
  });
}

/** Where image b's row r of [N, rows, pixels] begins. */
const lineOf = (b: number, rows: number, r: number, pixels: number): number => (b * rows + r) * pixels;

/** to_j = softmax_j(q_i . k_j) for position i of that image. */
function weigh(to: Float64Array, q: Float64Array, k: Float64Array, image: number, embedding: number, i: number): void {
  const pixels = to.length;
  to.fill(0);
  for (let e = 0; e < embedding; e++) {
    const line = lineOf(image, embedding, e, pixels);
    for (let j = 0; j < pixels; j++) to[j] += q[line + i] * k[line + j];
  }
  let top = to[0];
  for (let j = 1; j < pixels; j++) top = Math.max(top, to[j]);
  let total = 0;
  for (let j = 0; j < pixels; j++) {
    to[j] = Math.exp(to[j] - top);
    total += to[j];
  }
  for (let j = 0; j < pixels; j++) to[j] /= total;
}

/** softmax_j(q_i . k_j) v_j within each image. */
export function attention(q: Float64Array, k: Float64Array, v: Float64Array, n: number, pixels: number): Float64Array {
  const [embedding, channels] = [q.length / (n * pixels), v.length / (n * pixels)];
  const y = new Float64Array(v.length);
  const weights = new Float64Array(pixels);
  for (let image = 0; image < n; image++)
    for (let i = 0; i < pixels; i++) {
      weigh(weights, q, k, image, embedding, i);
      for (let c = 0; c < channels; c++) {
        const line = lineOf(image, channels, c, pixels);
        for (let j = 0; j < pixels; j++) y[line + i] += weights[j] * v[line + j];
      }
    }
  return y;
}

/** Gradients of sum(dy y) of attention, for query, key and value. */
export function attentionGradients(
  [q, k, v]: readonly Float64Array[],
  dy: ArrayLike<number>,
  n: number,
  pixels: number,
): Float64Array[] {
  const [embedding, channels] = [q.length / (n * pixels), v.length / (n * pixels)];
  const [dq, dk, dv] = [q, k, v].map(({ length }) => new Float64Array(length));
  const weights = new Float64Array(pixels);
  const slopes = new Float64Array(pixels);
  for (let image = 0; image < n; image++)
    for (let i = 0; i < pixels; i++) {
      weigh(weights, q, k, image, embedding, i);
      slopes.fill(0);
      for (let c = 0; c < channels; c++) {
        const line = lineOf(image, channels, c, pixels);
        for (let j = 0; j < pixels; j++) {
          slopes[j] += dy[line + i] * v[line + j];
          dv[line + j] += dy[line + i] * weights[j];
        }
      }
      const mean = weights.reduce((total, weight, j) => total + weight * slopes[j], 0);
      for (let e = 0; e < embedding; e++) {
        const line = lineOf(image, embedding, e, pixels);
        for (let j = 0; j < pixels; j++) {
          const g = weights[j] * (slopes[j] - mean);
          dq[line + i] += g * k[line + j];
          dk[line + j] += g * q[line + i];
        }
      }
    }
  return [dq, dk, dv];
}

export function batchAttention(x: Float64Array, w: Weights, extents: Extents, how: How): Forward {
  const { n, channels, height, width, reduced } = extents;
  const pixels = height * width;
  const training = how.running === undefined;
  const small = mix(overPixels(x, pixels), n, channels, 1, w['channel.reduce']);
  const ofChannels = batchNorm(
    mix(small, n, reduced, 1, w['channel.expand']),
    n,
    channels,
    w,
    'channel.norm',
    training,
  );
  const mixed = convolve3(mix(x, n, channels, pixels, w['local.reduce']), reduced, height, width, w['local.mix']);
  const expanded = mix(mixed, n, reduced, pixels, w['local.expand']);
  const ofNeighbours = batchNorm(expanded, n, channels, w, 'local.norm', training);
  const project = (name: string): Float64Array => mix(x, n, channels, pixels, w[name]);
  const ofAll = attention(project('global.query'), project('global.key'), project('global.value'), n, pixels);
  const pooled = how.pool === 'pool-then-max';
  const [local, across] = pooled
    ? [overPixels(ofNeighbours, pixels), overPixels(ofAll, pixels)]
    : [ofNeighbours, ofAll];
  const each = pooled ? 1 : pixels;
  const drawn = Float64Array.from({ length: n }, (_, image) => {
    let sum = 0;
    for (let t = 0; t < channels * each; t++) {
      const at = image * channels * each + t;
      sum += Math.max(ofChannels[Math.floor(at / each)], local[at], across[at]);
    }
    return sum / (channels * each);
  });
  const lse = logSumExp(drawn);
  const weights = drawn.map((a) => {
    if (how.running === undefined || how.running === 'batch') return Math.exp(a - lse) * (how.rescale === 'N' ? n : 1);
    return Math.exp(a - how.running.level) / (how.rescale === 'N' ? 1 : how.running.count);
  });
  return { drawn, weights, y: x.map((value, t) => weights[Math.floor(t / (channels * pixels))] * value) };
}

/** d f / d each number of `data`, which is put back. */
export function differences(data: Float64Array, f: () => number, h = 1e-6): Float64Array {
  return data.map((value, t) => {
    data[t] = value + h;
    const above = f();
    data[t] = value - h;
    const below = f();
    data[t] = value;
    return (above - below) / (2 * h);
  });
}
