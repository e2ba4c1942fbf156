import { came, text } from '../core/check.ts';
import { GramianError } from '../gpu/errors.ts';
import type { ImageSet } from './dataset.ts';
import { checkBytes, type NamedBytes } from './idx.ts';

const SIDE = 32;
const PIXELS = 3 * SIDE * SIDE; // the red plane, the green plane, the blue plane, row by row
const RECORD = 1 + PIXELS; // the label comes first

/** The classes of CIFAR-10, in the order of their labels. */
export const CIFAR10_CLASSES: readonly string[] = Object.freeze([
  'airplane',
  'automobile',
  'bird',
  'cat',
  'deer',
  'dog',
  'frog',
  'horse',
  'ship',
  'truck',
]);

/**
 * Reads batches of the binary version of CIFAR-10 (`data_batch_*.bin`, `test_batch.bin`) into one set.
 *
 * @param batches at least one; each a whole number of 3073-byte records
 * @param name of the set; default `cifar10`
 * @returns [count, 3, 32, 32]
 * @throws GramianError where a length or a label is wrong
 */
export function readCifar10(batches: readonly NamedBytes[], name = 'cifar10'): ImageSet {
  if (!Array.isArray(batches))
    throw new GramianError(`readCifar10: ${came('batches', batches, 'are')}, expected an array of { name, bytes }.`);
  if (batches.length === 0) throw new GramianError('readCifar10: batches is empty, expected one or more.');
  text('readCifar10', 'name', name);
  for (let i = 0; i < batches.length; i++) {
    checkBytes('readCifar10', `batches[${i}]`, batches[i]);
    const { name, bytes } = batches[i];
    if (bytes.length === 0 || bytes.length % RECORD !== 0) {
      throw new GramianError(
        `readCifar10: ${name} has ${bytes.length} bytes, expected a multiple of ${RECORD}; ` +
          'give the binary version of CIFAR-10.',
      );
    }
  }
  const count = batches.reduce((total, batch) => total + batch.bytes.length / RECORD, 0);
  const images = new Uint8Array(count * PIXELS);
  const labels = new Int32Array(count);
  let image = 0;
  for (const { name, bytes } of batches) {
    for (let at = 0; at < bytes.length; at += RECORD, image++) {
      if (bytes[at] >= CIFAR10_CLASSES.length) {
        throw new GramianError(
          `readCifar10: record ${at / RECORD} of ${name} has the label ${bytes[at]}, expected one in [0, 10).`,
        );
      }
      labels[image] = bytes[at];
      images.set(bytes.subarray(at + 1, at + RECORD), image * PIXELS);
    }
  }
  return { name, images, labels, count, channels: 3, height: SIDE, width: SIDE, classes: [...CIFAR10_CLASSES] };
}
