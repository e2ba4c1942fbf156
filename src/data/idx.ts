import * as check from '../core/check.ts';
import { GramianError } from '../gpu/errors.ts';
import type { ImageSet } from './dataset.ts';
import { gunzip } from './gzip.ts';

/** Bytes and the name they go by in errors. */
export interface NamedBytes {
  name: string;
  bytes: Uint8Array;
}

/** What an IDX file may hold, by its magic number: the bytes of a value, and how many sizes its header has. */
interface Kind {
  readonly bytes: 1 | 4;
  readonly rank: number;
}

const IMAGES: ReadonlyMap<number, Kind> = new Map([[0x0803, { bytes: 1, rank: 3 }]]);
/** A byte a label; or rows of 32-bit integers whose first is the class, as QMNIST has them. */
const LABELS: ReadonlyMap<number, Kind> = new Map([
  [0x0801, { bytes: 1, rank: 1 }],
  [0x0c01, { bytes: 4, rank: 1 }],
  [0x0c02, { bytes: 4, rank: 2 }],
]);
const MOST_BYTES = 2 ** 32;

/**
 * Reads a set of images in the IDX format of MNIST, gzipped or not.
 *
 * @param images an idx3 file: magic 0x00000803, count, height, width, then a byte a pixel
 * @param labels an idx1 file: magic 0x00000801, count, then a byte a label; or QMNIST's idx2 file of 32-bit integers, whose first
 * column is the class; null for images without labels
 * @param options `name` of the set; `classes`, their names (default null)
 * @returns one channel
 * @throws GramianError where a file is damaged, of another kind, or the two counts differ
 */
export async function readIdx(
  images: NamedBytes,
  labels: NamedBytes | null,
  options: { name: string; classes?: readonly string[] | null },
): Promise<ImageSet> {
  const op = 'readIdx';
  checkBytes(op, 'images', images);
  if (labels !== null) checkBytes(op, 'labels', labels);
  const given = check.options(op, options, {
    name: check.REQUIRED as string,
    classes: null as readonly string[] | null,
  });
  check.text(op, 'name', given.name);
  if (given.classes !== null) {
    if (!Array.isArray(given.classes))
      check.fail(op, `${check.came('classes', given.classes, 'are')}, expected an array of names.`);
    for (let i = 0; i < given.classes.length; i++) check.text(op, `classes[${i}]`, given.classes[i]);
  }
  const { dims, data } = await parse(images, IMAGES, 'images');
  const [count, height, width] = dims;
  const classes = given.classes === null ? null : [...given.classes];
  const set = { name: given.name, images: data, count, channels: 1, height, width, classes };
  if (!labels) return { ...set, labels: null };

  const found = await parse(labels, LABELS, 'labels');
  if (found.dims[0] !== count) {
    throw new GramianError(
      `readIdx: ${labels.name} holds ${found.dims[0]} labels, expected ${count} to match ${images.name}.`,
    );
  }
  const numbers = firstColumn(found);
  const wrong = numbers.findIndex((label) => label < 0 || (classes !== null && label >= classes.length));
  if (wrong >= 0) {
    const wanted = classes ? `a class in [0, ${classes.length})` : 'an integer from 0';
    throw new GramianError(`readIdx: label ${wrong} of ${labels.name} is ${numbers[wrong]}, expected ${wanted}.`);
  }
  return { ...set, labels: numbers };
}

/** Refuses what is no file in memory. */
export function checkBytes(op: string, name: string, file: unknown): void {
  const { name: called, bytes } = check.plain(op, name, file);
  check.text(op, `${name}.name`, called);
  if (!(bytes instanceof Uint8Array))
    check.fail(op, `${check.came(`${name}.bytes`, bytes, 'are')}, expected a Uint8Array.`);
}

interface Parsed {
  readonly kind: Kind;
  readonly dims: number[];
  readonly data: Uint8Array;
}

function firstColumn({ kind, dims, data }: Parsed): Int32Array {
  if (kind.bytes === 1) return Int32Array.from(data);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const columns = dims[1] ?? 1;
  return Int32Array.from({ length: dims[0] }, (_, i) => view.getInt32(4 * columns * i));
}

async function parse(file: NamedBytes, kinds: ReadonlyMap<number, Kind>, what: string): Promise<Parsed> {
  const least = Math.min(...[...kinds.values()].map(({ rank }) => 4 + 4 * rank));
  const head = Math.max(...[...kinds.values()].map(({ rank }) => 4 + 4 * rank));
  const ofHead = (bytes: Uint8Array) => headerOf(file.name, bytes, kinds, what, least);
  const bytes = await gunzip(file.bytes, file.name, head, (start) => {
    const { length, dims } = ofHead(start);
    if (length > MOST_BYTES)
      throw new GramianError(
        `readIdx: ${file.name} has the shape [${dims.join(', ')}], expected at most ${MOST_BYTES} bytes.`,
      );
    return length;
  });
  const { kind, dims, start, length } = ofHead(bytes);
  if (bytes.length !== length) {
    const have = bytes !== file.bytes && bytes.length > length ? `more than ${length}` : bytes.length;
    throw new GramianError(
      `readIdx: ${file.name} has ${have} bytes, expected ${length} for its shape [${dims.join(', ')}].`,
    );
  }
  return { kind, dims, data: bytes.subarray(start) };
}

/** What the first bytes say of the rest. */
function headerOf(
  name: string,
  bytes: Uint8Array,
  kinds: ReadonlyMap<number, Kind>,
  what: string,
  least: number,
): { kind: Kind; dims: number[]; start: number; length: number } {
  const tooShort = (wanted: number): never => {
    throw new GramianError(
      `readIdx: ${name} has ${bytes.length} bytes, expected the ${wanted} bytes of an IDX header or more.`,
    );
  };
  if (bytes.length < least) return tooShort(least);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  const kind = kinds.get(magic);
  if (!kind) {
    const [wanted] = kinds.keys();
    throw new GramianError(`readIdx: ${name} starts with ${hex(magic)}, expected ${hex(wanted)} (IDX ${what}).`);
  }
  const start = 4 + 4 * kind.rank;
  if (bytes.length < start) return tooShort(start);
  const dims = Array.from({ length: kind.rank }, (_, i) => view.getUint32(4 + 4 * i));
  if (dims.some((size) => size === 0)) {
    throw new GramianError(`readIdx: ${name} has the shape [${dims.join(', ')}], expected sizes above 0.`);
  }
  return { kind, dims, start, length: start + dims.reduce((product, size) => product * size, kind.bytes) };
}

const hex = (value: number) => `0x${value.toString(16).padStart(8, '0')}`;
