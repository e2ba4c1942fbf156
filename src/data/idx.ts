import { GramianError } from '../gpu/errors.ts';
import type { ImageSet } from './dataset.ts';
import { gunzip } from './gzip.ts';

/** Bytes and the name they go by in errors. */
export interface NamedBytes {
  name: string;
  bytes: Uint8Array;
}

const IMAGES = 0x0803; // unsigned bytes, three dimensions
const LABELS = 0x0801; // unsigned bytes, one dimension

/**
 * Reads a set of images in the IDX format of MNIST, gzipped or not.
 *
 * @param images an idx3 file: magic 0x00000803, count, height, width, then a byte a pixel
 * @param labels an idx1 file: magic 0x00000801, count, then a byte a label; null for images without labels
 * @param options `name` of the set; `classes`, their names (default null)
 * @returns one channel
 * @throws GramianError where a file is damaged, of another kind, or the two counts differ
 */
export async function readIdx(
  images: NamedBytes,
  labels: NamedBytes | null,
  options: { name: string; classes?: readonly string[] | null },
): Promise<ImageSet> {
  const { dims, data } = await parse(images, IMAGES, 3, 'images');
  const [count, height, width] = dims;
  const classes = options.classes ? [...options.classes] : null;
  const set = { name: options.name, images: data, count, channels: 1, height, width, classes };
  if (!labels) return { ...set, labels: null };

  const numbers = await parse(labels, LABELS, 1, 'labels');
  if (numbers.dims[0] !== count) {
    throw new GramianError(
      `readIdx: ${labels.name} holds ${numbers.dims[0]} labels, expected ${count} to match ${images.name}.`,
    );
  }
  const wrong = classes ? numbers.data.findIndex((label) => label >= classes.length) : -1;
  if (classes && wrong >= 0) {
    throw new GramianError(
      `readIdx: label ${wrong} of ${labels.name} is ${numbers.data[wrong]}, expected a class in [0, ${classes.length}).`,
    );
  }
  return { ...set, labels: Int32Array.from(numbers.data) };
}

async function parse(file: NamedBytes, magic: number, rank: number, kind: string) {
  const bytes = await gunzip(file.bytes, file.name);
  const start = 4 + 4 * rank;
  if (bytes.length < start) {
    throw new GramianError(
      `readIdx: ${file.name} has ${bytes.length} bytes, expected the ${start} bytes of an IDX header or more.`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = view.getUint32(0);
  if (found !== magic) {
    throw new GramianError(`readIdx: ${file.name} starts with ${hex(found)}, expected ${hex(magic)} (IDX ${kind}).`);
  }
  const dims = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  if (dims.some((size) => size === 0)) {
    throw new GramianError(`readIdx: ${file.name} has the shape [${dims.join(', ')}], expected sizes above 0.`);
  }
  const expected = start + dims.reduce((product, size) => product * size, 1);
  if (bytes.length !== expected) {
    throw new GramianError(
      `readIdx: ${file.name} has ${bytes.length} bytes, expected ${expected} for its shape [${dims.join(', ')}].`,
    );
  }
  return { dims, data: bytes.subarray(start) };
}

const hex = (value: number) => `0x${value.toString(16).padStart(8, '0')}`;
