import type { ImageSet } from './dataset.ts';

/** Mean and deviation of every channel, and each image's mean, in [0, 1]; sums of integers, so exact. */
export function statistics({ images, count, channels, height, width }: ImageSet) {
  const area = height * width;
  const sums = new Float64Array(channels);
  const squares = new Float64Array(channels);
  const greyMeans = new Float32Array(count);
  const luma = channels === 1 ? [1] : [0.299, 0.587, 0.114];
  for (let i = 0, at = 0; i < count; i++) {
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      let square = 0;
      for (const end = at + area; at < end; at++) {
        const value = images[at];
        sum += value;
        square += value * value;
      }
      sums[c] += sum;
      squares[c] += square;
      greyMeans[i] += (luma[c] * sum) / (255 * area);
    }
  }
  const n = count * area;
  const mean = Array.from(sums, (sum) => sum / n / 255);
  // A channel that never changes has no deviation to divide by.
  const deviation = Array.from(
    squares,
    (square, c) => Math.sqrt(Math.max(0, square / n / 255 ** 2 - mean[c] ** 2)) || 1,
  );
  return { mean, deviation, greyMeans };
}
