import { createRandom } from '../core/random.ts';
import { GramianError } from '../gpu/errors.ts';

/** Images in main memory, one byte a value. */
export interface ImageSet {
  name: string;
  /** [count, channels, height, width], 0 black .. 255 white; channels are grey, or red, green and blue. */
  images: Uint8Array;
  /** [count], numbers of `classes`; null where nothing is known about them. */
  labels: Int32Array | null;
  count: number;
  channels: number;
  height: number;
  width: number;
  /** The name of each class; null where the data came without names. */
  classes: string[] | null;
  /** The file of each image, from the folder that was opened; absent where images do not lie in files of their own. */
  files?: readonly string[];
}

/** What to train on and what to measure on; `test` is null where the data has no such part. */
export interface ImageSplits {
  train: ImageSet;
  test: ImageSet | null;
  /** What the loader decided that the data did not say, such as which images are held out: a sentence each. */
  notes?: string[];
}

/**
 * A copy of the images at `indices`, in that order; an index may come more than once.
 *
 * @throws GramianError where an index is not an integer in [0, set.count)
 */
export function subset(set: ImageSet, indices: ArrayLike<number>): ImageSet {
  const count = indices.length;
  const size = set.channels * set.height * set.width;
  const images = new Uint8Array(count * size);
  const labels = set.labels ? new Int32Array(count) : null;
  for (let i = 0; i < count; i++) {
    const index = indices[i];
    if (!Number.isInteger(index) || index < 0 || index >= set.count) {
      throw new GramianError(`subset: indices[${i}] = ${index}, expected an integer in [0, ${set.count}).`);
    }
    images.set(set.images.subarray(index * size, (index + 1) * size), i * size);
    if (labels && set.labels) labels[i] = set.labels[index];
  }
  const { files } = set;
  return { ...set, images, labels, count, ...(files ? { files: Array.from(indices, (index) => files[index]) } : {}) };
}

/**
 * Cuts a set in two: most to train on, and a share to choose settings by, so that test images stay unseen until the end.
 *
 * @param share of the images that go to `test`, in (0, 1); which ones depends on nothing but their number
 * @throws GramianError where the share is outside of (0, 1) or leaves one of the two without images
 */
export function holdOut(set: ImageSet, share: number): { train: ImageSet; test: ImageSet } {
  if (!(share > 0 && share < 1)) throw new GramianError(`holdOut: share = ${share}, expected a number in (0, 1).`);
  const count = Math.round(share * set.count);
  if (count < 1 || count >= set.count)
    throw new GramianError(
      `holdOut: share = ${share} of ${set.count} images is ${count}, expected some on both sides.`,
    );
  const order = permutation(set.count, 0);
  return { train: subset(set, order.subarray(count)), test: subset(set, order.subarray(0, count)) };
}

/**
 * The numbers 0 .. count - 1 in a random order that depends on nothing but the arguments.
 *
 * @param count at most 2^32
 * @param seed any safe integer
 * @param epoch each epoch of a seed has its own order
 * @returns [count]
 * @throws GramianError where an argument is not an integer in its range
 */
export function permutation(count: number, seed: number, epoch = 0): Uint32Array {
  if (!Number.isInteger(count) || count < 0 || count > 2 ** 32) {
    throw new GramianError(`permutation: count = ${count}, expected an integer in [0, 2^32].`);
  }
  if (!Number.isSafeInteger(seed)) throw new GramianError(`permutation: seed = ${seed}, expected a safe integer.`);
  if (!Number.isSafeInteger(epoch)) throw new GramianError(`permutation: epoch = ${epoch}, expected a safe integer.`);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  const random = createRandom(seed, epoch);
  for (let last = count - 1; last > 0; last--) {
    const other = random.below(last + 1);
    const value = order[last];
    order[last] = order[other];
    order[other] = value;
  }
  return order;
}
