import type { ImageSet } from '../../data/dataset.ts';
import type { Thumbnails } from './data.ts';

/**
 * Small square copies of some images of a set, for the picture of the embeddings.
 *
 * @param indices the images, in the order of the picture's points
 * @param most side of the copies in pixels at most; default 28. Larger images are averaged down, small ones kept.
 */
export function makeThumbnails(set: ImageSet, indices: ArrayLike<number>, most = 28): Thumbnails {
  const size = Math.min(most, Math.max(set.height, set.width));
  const channels = set.channels === 3 ? 3 : 1;
  const bytes = new Uint8Array(indices.length * channels * size * size);
  let at = 0;
  for (let i = 0; i < indices.length; i++) {
    for (let channel = 0; channel < channels; channel++) {
      const plane = (indices[i] * set.channels + channel) * set.height * set.width;
      for (let y = 0; y < size; y++) {
        for (let x = 0; x < size; x++) bytes[at++] = average(set, plane, x / size, y / size, 1 / size);
      }
    }
  }
  return { size, channels, data: base64(bytes) };
}

/** The mean of the pixels that the square at (left, top) covers, in shares of the image; one at least. */
function average(set: ImageSet, plane: number, left: number, top: number, side: number): number {
  const { height, width, images } = set;
  const x0 = Math.floor(left * width);
  const y0 = Math.floor(top * height);
  const x1 = Math.max(x0 + 1, Math.floor((left + side) * width));
  const y1 = Math.max(y0 + 1, Math.floor((top + side) * height));
  let sum = 0;
  for (let y = y0; y < y1; y++) for (let x = x0; x < x1; x++) sum += images[plane + y * width + x];
  return Math.round(sum / ((x1 - x0) * (y1 - y0)));
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
