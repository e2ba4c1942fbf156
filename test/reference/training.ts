// Optimisers, augmentation and evaluation in plain f64: the slow obvious twins.
import { DRAW } from '../../src/data/draws.ts';
import { dot, logSumExp, type Matrix, matrix, normalize, row } from './matrix.ts';

/** PyTorch's SGD for one parameter; `state.velocity` is kept between calls. */
export function sgdStep(
  w: Float64Array,
  g: ArrayLike<number>,
  state: { velocity?: Float64Array },
  { learningRate = 0, momentum = 0, weightDecay = 0, nesterov = false },
): void {
  state.velocity ??= new Float64Array(w.length);
  for (let i = 0; i < w.length; i++) {
    const slope = g[i] + weightDecay * w[i];
    const v = momentum * state.velocity[i] + slope;
    state.velocity[i] = v;
    w[i] -= learningRate * (nesterov ? slope + momentum * v : v);
  }
}

/** PyTorch's AdamW for one parameter. */
export function adamWStep(
  w: Float64Array,
  g: ArrayLike<number>,
  state: { first?: Float64Array; second?: Float64Array; step?: number },
  { learningRate = 1e-3, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0 },
): void {
  state.first ??= new Float64Array(w.length);
  state.second ??= new Float64Array(w.length);
  state.step = (state.step ?? 0) + 1;
  for (let i = 0; i < w.length; i++) {
    state.first[i] = beta1 * state.first[i] + (1 - beta1) * g[i];
    state.second[i] = beta2 * state.second[i] + (1 - beta2) * g[i] ** 2;
    const m = state.first[i] / (1 - beta1 ** state.step);
    const v = state.second[i] / (1 - beta2 ** state.step);
    w[i] = w[i] * (1 - learningRate * weightDecay) - (learningRate * m) / (Math.sqrt(v) + epsilon);
  }
}

/** LARS for one parameter, as BYOL's code (rate outside of the momentum) or SimCLR's (inside). */
export function larsStep(
  w: Float64Array,
  g: ArrayLike<number>,
  state: { velocity?: Float64Array },
  { learningRate = 0, momentum = 0.9, weightDecay = 1e-6, trust = 1e-3, rate = 'outside', adapts = true },
): void {
  state.velocity ??= new Float64Array(w.length);
  const slope = w.map((value, i) => g[i] + (adapts ? weightDecay : 0) * value);
  const [ofWeights, ofSlope] = [w, slope].map((list) => Math.hypot(...list));
  const q = adapts && ofWeights > 0 && ofSlope > 0 && trust > 0 ? (trust * ofWeights) / ofSlope : 1;
  for (let i = 0; i < w.length; i++) {
    state.velocity[i] = momentum * state.velocity[i] + (rate === 'inside' ? learningRate : 1) * q * slope[i];
    w[i] -= (rate === 'inside' ? 1 : learningRate) * state.velocity[i];
  }
}

interface Images {
  readonly images: Uint8Array;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
}

/** One view of one image from its draws: [channels, outHeight, outWidth], standardised. */
export function renderView(
  { images, channels, height, width }: Images,
  draws: Float32Array,
  [outHeight, outWidth]: readonly [number, number],
  mean: readonly number[],
  deviation: readonly number[],
): Float64Array {
  const [a, b, c, number, d, e, f, , blur1, blur2, gain, offset, noise, stream, solarises] = draws;
  const colour = draws.subarray(16, 28);
  const [u0, v0, k0, l0, u1, v1, k1, l1, phase0, phase1] = draws.subarray(28, DRAW);
  const texel = (channel: number, x: number, y: number) =>
    x < 0 || y < 0 || x >= width || y >= height
      ? 0
      : images[((number * channels + channel) * height + y) * width + x] / 255;
  const area = outHeight * outWidth;
  const moved = new Float64Array(channels * area);
  const each = (visit: (channel: number, x: number, y: number, at: number) => void) => {
    for (let at = 0; at < moved.length; at++)
      visit(Math.floor(at / area), at % outWidth, Math.floor((at % area) / outWidth), at);
  };
  each((channel, x, y, at) => {
    const wave = (turns: number): number => {
      const p = 2 * (turns - Math.floor(turns)) - 1;
      return 4 * p * (Math.abs(p) - 1);
    };
    const [wave0, wave1] = [wave(k0 * x + l0 * y + phase0), wave(k1 * x + l1 * y + phase1)];
    const u = a * x + b * y + c + u0 * wave0 + u1 * wave1;
    const v = d * x + e * y + f + v0 * wave0 + v1 * wave1;
    const [x0, y0] = [Math.floor(u), Math.floor(v)];
    for (const [dx, dy] of [
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
    ])
      moved[at] += (1 - Math.abs(u - x0 - dx)) * (1 - Math.abs(v - y0 - dy)) * texel(channel, x0 + dx, y0 + dy);
  });
  const weights = [blur2, blur1, 1 - 2 * (blur1 + blur2), blur1, blur2];
  const clamp = (value: number, top = 1) => Math.min(top, Math.max(0, value));
  const levelled = new Float64Array(moved.length);
  each((channel, x, y, at) => {
    let sum = 0;
    for (let dy = -2; dy <= 2; dy++)
      for (let dx = -2; dx <= 2; dx++) {
        const from = channel * area + clamp(y + dy, outHeight - 1) * outWidth + clamp(x + dx, outWidth - 1);
        sum += weights[dx + 2] * weights[dy + 2] * moved[from];
      }
    levelled[at] = clamp(gain * sum + offset);
  });
  const out = new Float64Array(moved.length);
  each((channel, x, y, at) => {
    const pixel = y * outWidth + x;
    let value = colour[4 * channel + 3];
    for (let other = 0; other < channels; other++)
      value += colour[4 * channel + other] * levelled[other * area + pixel];
    value = clamp(value);
    if (solarises && value >= 0.5) value = 1 - value;
    out[at] = (value + noise * randomNormal(at, stream) - mean[channel]) / deviation[channel];
  });
  return out;
}

function pcg(value: number): number {
  const state = (Math.imul(value, 747796405) + 2891336453) >>> 0;
  const word = Math.imul((state >>> ((state >>> 28) + 4)) ^ state, 277803737) >>> 0;
  return ((word >>> 22) ^ word) >>> 0;
}

/** The four-byte noise of kernels/nn/random.wgsl. */
function randomNormal(counter: number, stream: number): number {
  const bits = pcg((counter ^ pcg(stream)) >>> 0);
  return ((bits & 255) + ((bits >>> 8) & 255) + ((bits >>> 16) & 255) + (bits >>> 24) - 510) / 147.80053;
}

/** Softmax cross-entropy, mean over the rows, and its gradient. */
export function crossEntropy(x: Matrix, labels: ArrayLike<number>): { value: number; gradient: Matrix } {
  const gradient = matrix(x.rows, x.columns);
  let value = 0;
  for (let i = 0; i < x.rows; i++) {
    const logits = row(x, i);
    const others = logSumExp(logits, (j) => j !== labels[i]) - logits[labels[i]];
    value += (others > 30 ? others : Math.log1p(Math.exp(others))) / x.rows;
    const all = logSumExp(logits);
    logits.forEach((logit, j) => {
      const miss = 1 / (1 + Math.exp(-others));
      gradient.data[i * x.columns + j] = (j === labels[i] ? -miss : Math.exp(logit - all)) / x.rows;
    });
  }
  return { value, gradient };
}

/** Weighted votes of the k nearest by cosine: [test rows][classes]; of equally near ones the lower number counts. */
export function knnVotes(
  train: Matrix,
  labels: ArrayLike<number>,
  test: Matrix,
  { k, temperature, classes }: { k: number; temperature: number; classes: number },
): number[][] {
  const [known, asked] = [normalize(train).u, normalize(test).u];
  return Array.from({ length: test.rows }, (_, i) => {
    const neighbours = Array.from({ length: train.rows }, (_, j) => ({ j, s: dot(row(asked, i), row(known, j)) }))
      .sort((p, q) => q.s - p.s || p.j - q.j)
      .slice(0, k);
    const votes = new Array<number>(classes).fill(0);
    for (const { j, s } of neighbours) votes[labels[j]] += Math.exp((s - neighbours[0].s) / temperature);
    return votes;
  });
}
