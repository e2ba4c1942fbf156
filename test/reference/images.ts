// The ops of a convolutional encoder in plain f64, each with its gradient. Images are [N, C, H, W], row-major.

export interface ImageResult {
  readonly y: Float64Array;
  /** Gradients of the inputs, in their order, for the output's gradient. */
  backward(dy: ArrayLike<number>): Float64Array[];
}

type Shape4 = readonly [number, number, number, number];

export function conv2d(
  x: ArrayLike<number>,
  [n, c, h, w]: Shape4,
  weight: ArrayLike<number>,
  [o, , kh, kw]: Shape4,
  stride: number,
  padding: number,
): ImageResult {
  const oh = Math.floor((h + 2 * padding - kh) / stride) + 1;
  const ow = Math.floor((w + 2 * padding - kw) / stride) + 1;
  /** Calls `visit` with the indices of output, input and weight for every product of the sum. */
  const each = (visit: (at: number, from: number, by: number) => void): void => {
    for (let at = 0; at < n * o * oh * ow; at++) {
      const [image, out] = [Math.floor(at / (o * oh * ow)), Math.floor(at / (oh * ow)) % o];
      const [row, column] = [Math.floor(at / ow) % oh, at % ow];
      for (let by = 0; by < c * kh * kw; by++) {
        const y = row * stride + (Math.floor(by / kw) % kh) - padding;
        const z = column * stride + (by % kw) - padding;
        const channel = Math.floor(by / (kh * kw));
        if (y >= 0 && z >= 0 && y < h && z < w)
          visit(at, ((image * c + channel) * h + y) * w + z, out * c * kh * kw + by);
      }
    }
  };
  const y = new Float64Array(n * o * oh * ow);
  each((at, from, by) => {
    y[at] += x[from] * weight[by];
  });
  return {
    y,
    backward: (dy) => {
      const dx = new Float64Array(x.length);
      const dw = new Float64Array(weight.length);
      each((at, from, by) => {
        dx[from] += dy[at] * weight[by];
        dw[by] += dy[at] * x[from];
      });
      return [dx, dw];
    },
  };
}

export interface Norm {
  readonly weight: ArrayLike<number>;
  readonly bias: ArrayLike<number>;
  readonly mean: ArrayLike<number>;
  readonly variance: ArrayLike<number>;
}

/** Also gives the running moments after the call (momentum 0.1). */
export function batchNorm(
  x: ArrayLike<number>,
  [images, channels, ...rest]: readonly number[],
  { weight, bias, mean, variance }: Norm,
  { training, relu }: { training: boolean; relu: boolean },
): ImageResult & { runningMean: Float64Array; runningVariance: Float64Array } {
  const pixels = rest.reduce((a, b) => a * b, 1);
  const count = images * pixels;
  const channel = (i: number) => Math.floor(i / pixels) % channels;
  const mu = Float64Array.from(mean);
  const spread = Float64Array.from(variance);
  const runningMean = Float64Array.from(mean);
  const runningVariance = Float64Array.from(variance);
  if (training) {
    mu.fill(0);
    spread.fill(0);
    for (let i = 0; i < x.length; i++) mu[channel(i)] += x[i] / count;
    for (let i = 0; i < x.length; i++) spread[channel(i)] += (x[i] - mu[channel(i)]) ** 2 / count;
    for (let c = 0; c < channels; c++) {
      runningMean[c] += 0.1 * (mu[c] - runningMean[c]);
      runningVariance[c] += 0.1 * ((spread[c] * count) / (count - 1) - runningVariance[c]);
    }
  }
  const scale = spread.map((v) => 1 / Math.sqrt(v + 1e-5));
  const hat = Float64Array.from({ length: x.length }, (_, i) => (x[i] - mu[channel(i)]) * scale[channel(i)]);
  const plain = hat.map((value, i) => value * weight[channel(i)] + bias[channel(i)]);
  return {
    y: relu ? plain.map((value) => Math.max(value, 0)) : plain,
    runningMean,
    runningVariance,
    backward: (dy) => {
      const g = Float64Array.from({ length: x.length }, (_, i) => (relu && plain[i] <= 0 ? 0 : dy[i]));
      const db = new Float64Array(channels);
      const dw = new Float64Array(channels);
      g.forEach((value, i) => {
        db[channel(i)] += value;
        dw[channel(i)] += value * hat[i];
      });
      const dx = g.map((value, i) => {
        const c = channel(i);
        const shared = training ? (db[c] + hat[i] * dw[c]) / count : 0;
        return weight[c] * scale[c] * (value - shared);
      });
      return [dx, dw, db];
    },
  };
}

export function pool2d(x: ArrayLike<number>, [n, c, h, w]: Shape4, size: number, maximum: boolean): ImageResult {
  const [oh, ow] = [Math.floor(h / size), Math.floor(w / size)];
  const windows = Array.from({ length: n * c * oh * ow }, (_, at) => {
    const plane = Math.floor(at / (oh * ow));
    const corner = (plane * h + (Math.floor(at / ow) % oh) * size) * w + (at % ow) * size;
    return Array.from({ length: size * size }, (_, i) => corner + Math.floor(i / size) * w + (i % size));
  });
  const best = (window: number[]) => window.reduce((top, i) => (x[i] > x[top] ? i : top));
  const average = (window: number[]) => window.reduce((sum, i) => sum + x[i], 0) / window.length;
  return {
    y: Float64Array.from(windows, (window) => (maximum ? x[best(window)] : average(window))),
    backward: (dy) => {
      const dx = new Float64Array(x.length);
      windows.forEach((window, at) => {
        if (maximum) dx[best(window)] += dy[at];
        else for (const i of window) dx[i] += dy[at] / window.length;
      });
      return [dx];
    },
  };
}
