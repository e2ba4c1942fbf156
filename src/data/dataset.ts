import * as check from '../core/check.ts';
import { createRandom } from '../core/random.ts';
import { formatBytes, GramianError } from '../gpu/errors.ts';

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

const MOST_PERMUTED = 2 ** 27;

/** Refuses what is no set of images, or one whose parts do not belong together. */
export function checkSet(op: string, set: ImageSet): void {
  const { images, labels, count, channels, height, width } = check.plain(op, 'set', set) as unknown as ImageSet;
  if (!(images instanceof Uint8Array))
    check.fail(op, `${check.came('set.images', images, 'are')}, expected a Uint8Array.`);
  for (const [name, extent] of Object.entries({ count, channels, height, width }))
    check.integer(op, `set.${name}`, extent, name === 'count' ? 0 : 1, 2 ** 31);
  const wanted = count * channels * height * width;
  if (images.length !== wanted)
    check.fail(
      op,
      `${typeof set.name === 'string' ? set.name : 'set'} has ${images.length} bytes, expected ${wanted} for [${count}, ${channels}, ${height}, ${width}].`,
    );
  const { classes } = set;
  if (classes !== null && classes !== undefined && !check.every(classes, (name) => typeof name === 'string'))
    check.fail(op, `set.classes are ${check.say(classes)}, expected an array of names.`);
  if (labels === null || labels === undefined) return;
  if (!(labels instanceof Int32Array))
    check.fail(op, `${check.came('set.labels', labels, 'are')}, expected an Int32Array.`);
  if (labels.length !== count)
    check.fail(op, `set.labels has ${labels.length} numbers, expected ${count}, one an image.`);
  const wrong = labels.findIndex((label) => label < 0 || label >= (classes?.length ?? 2 ** 31));
  if (wrong >= 0)
    check.fail(
      op,
      `set.labels[${wrong}] = ${labels[wrong]}, expected ${classes ? `a class in [0, ${classes.length})` : 'an integer, 0 or above'}.`,
    );
}

/** Refuses what is no list of images, and returns its length. */
export function checkIndices(op: string, indices: ArrayLike<number>, count: number): number {
  const length: unknown = indices === null || typeof indices !== 'object' ? undefined : indices.length;
  if (typeof length !== 'number' || !Number.isInteger(length) || length < 0)
    check.fail(op, `${check.came('indices', indices, 'are')}, expected a list of integers in [0, ${count}).`);
  for (let i = 0; i < length; i++) {
    const index: unknown = indices[i];
    if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || index >= count)
      check.fail(op, `${check.came(`indices[${i}]`, index)}, expected an integer in [0, ${count}).`);
  }
  return length;
}

/**
 * A copy of the images at `indices`, in that order; an index may come more than once.
 *
 * @throws GramianError where an index is not an integer in [0, set.count)
 */
export function subset(set: ImageSet, indices: ArrayLike<number>): ImageSet {
  const op = 'subset';
  checkSet(op, set);
  const count = checkIndices(op, indices, set.count);
  const size = set.channels * set.height * set.width;
  const images = new Uint8Array(count * size);
  const labels = set.labels ? new Int32Array(count) : null;
  for (let i = 0; i < count; i++) {
    const index = indices[i];
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
  checkSet('holdOut', set);
  if (typeof share !== 'number' || !(share > 0 && share < 1))
    throw new GramianError(`holdOut: ${check.came('share', share)}, expected a number in (0, 1).`);
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
 * @param count at most 2^27: more is no data set that memory holds
 * @param seed any safe integer
 * @param epoch each epoch of a seed has its own order
 * @returns [count]
 * @throws GramianError where an argument is not an integer in its range
 */
export function permutation(count: number, seed: number, epoch = 0): Uint32Array {
  const op = 'permutation';
  if (!Number.isInteger(count) || count < 0 || count > 2 ** 32)
    check.fail(op, `${check.came('count', count)}, expected an integer in [0, 2^32].`);
  if (count > MOST_PERMUTED)
    check.fail(
      op,
      `count = ${count} needs ${formatBytes(4 * count)}, expected at most ${MOST_PERMUTED} to keep in memory.`,
    );
  check.safeInteger(op, 'seed', seed);
  check.safeInteger(op, 'epoch', epoch);
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
