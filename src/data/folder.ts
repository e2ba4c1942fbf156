import { basename, relative, resolve, sep } from 'node:path';
import * as check from '../core/check.ts';
import { GramianError } from '../gpu/errors.ts';
import { type ImageSet, type ImageSplits, permutation } from './dataset.ts';
import { type Decoder, defaultDecoder, MOST_SIZE } from './decode.ts';
import { type FileList, findImages } from './layout.ts';

export interface FolderOptions {
  /** Height and width that every image is resized and cropped to, in pixels; default 32. */
  size?: number;
  /** 1 grey, 3 red, green and blue (default). */
  channels?: 1 | 3;
  /** The part of each class held out for testing where there is no test folder, in [0, 1); default 0.2. */
  testFraction?: number;
  /** Chooses the files held out; any safe integer, default 0. */
  seed?: number;
  /** Reads one file; default: the optional package `sharp`. */
  decode?: Decoder;
}

const AT_ONCE = 8;
const NAMED = 5;

/**
 * Reads a folder of PNG and JPEG images: DIR/train/CLASS and DIR/test/CLASS (or val, valid, validation in its place); or
 * DIR/CLASS, split by file with a seed; or DIR alone, which gives no labels and no test part. Node only.
 *
 * @throws GramianError where an option is out of range, the folder holds no images, `sharp` is missing, or files
 * cannot be read
 */
export function loadImages(directory: string, options?: FolderOptions): Promise<ImageSplits> {
  return readFolder(directory, options, false);
}

/** @param joined see `findImages` */
export async function readFolder(
  directory: string,
  options: FolderOptions | undefined,
  joined: boolean,
): Promise<ImageSplits> {
  const op = 'loadImages';
  check.text(op, 'directory', directory);
  const { size, channels, testFraction, seed, decode: own } = folderOptions(op, options);
  const layout = await findImages(directory, joined).catch((error: unknown) => {
    if (error instanceof GramianError) throw error;
    throw new GramianError(`loadImages: ${directory} cannot be listed, expected a folder of PNG or JPEG files.`);
  });
  if (!layout) {
    throw new GramianError(
      `loadImages: ${directory} holds no PNG or JPEG files, expected DIR/train/CLASS, DIR/CLASS or DIR with some.`,
    );
  }
  const decode = own ?? (await defaultDecoder(directory));
  const name = basename(resolve(directory));
  const read = (list: FileList) => readAll(list, { directory, name, classes: layout.classes, size, channels, decode });
  const [train, test] = layout.test ? [layout.train, layout.test] : split(layout.train, testFraction, seed);
  const held = test.files.length;
  if (!layout.test && held > 0)
    layout.notes.push(
      `${directory} has no folder test/ or val/ of classes: ${held} of its ${held + train.files.length} images, the same ones every ` +
        'time, are held out of training as the test images',
    );
  return { train: await read(train), test: held ? await read(test) : null, notes: layout.notes };
}

/** `options` with what they leave out, checked. */
export function folderOptions(op: string, options: FolderOptions | undefined) {
  const given = check.options(op, options, {
    size: 32,
    channels: 3 as 1 | 3,
    testFraction: 0.2,
    seed: 0,
    decode: undefined as Decoder | undefined,
  });
  const { size, channels, testFraction, decode } = given;
  if (!Number.isInteger(size) || size < 1) check.fail(op, `${check.came('size', size)}, expected an integer above 0.`);
  check.integer(op, 'size', size, 1, MOST_SIZE);
  if (channels !== 1 && channels !== 3) check.fail(op, `${check.came('channels', channels)}, expected 1 or 3.`);
  check.fraction(op, 'testFraction', testFraction);
  check.safeInteger(op, 'seed', given.seed);
  if (decode !== undefined) check.callback(op, 'decode', decode);
  return given;
}

/** Holds out the same part of every class, so that a small class is in both parts where it can be. */
function split(list: FileList, fraction: number, seed: number): [FileList, FileList] {
  const { files, labels } = list;
  if (!labels) return [list, { files: [], labels: null }];
  const sizes = new Map<number, number>();
  for (const label of labels) sizes.set(label, (sizes.get(label) ?? 0) + 1);
  const wanted = new Map([...sizes].map(([label, count]) => [label, Math.floor(count * fraction + 0.5)]));
  const held = new Set<number>();
  for (const index of permutation(files.length, seed)) {
    const left = wanted.get(labels[index]) ?? 0;
    if (left > 0) held.add(index);
    wanted.set(labels[index], left - 1);
  }
  const part = (inTest: boolean): FileList => ({
    files: files.filter((_, index) => held.has(index) === inTest),
    labels: labels.filter((_, index) => held.has(index) === inTest),
  });
  return [part(false), part(true)];
}

interface ReadOptions {
  directory: string;
  name: string;
  classes: string[] | null;
  size: number;
  channels: 1 | 3;
  decode: Decoder;
}

async function readAll(list: FileList, options: ReadOptions): Promise<ImageSet> {
  const { directory, name, classes, size, channels, decode } = options;
  const count = list.files.length;
  const images = new Uint8Array(count * channels * size * size);
  const bad: number[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < count; index = next++) {
      const pixels = await decode(list.files[index], size, channels).catch(() => null);
      if (pixels?.length === channels * size * size) toPlanes(pixels, images, index, channels);
      else bad.push(index);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  if (bad.length) throw unreadable(list.files, bad);
  const labels = list.labels ? Int32Array.from(list.labels) : null;
  const files = list.files.map((file) => relative(directory, file).split(sep).join('/'));
  return { name, images, labels, count, channels, height: size, width: size, classes, files };
}

/** [pixel, channel] to [channel, pixel]. */
function toPlanes(pixels: Uint8Array, images: Uint8Array, index: number, channels: number): void {
  const area = pixels.length / channels;
  const start = index * pixels.length;
  for (let channel = 0; channel < channels; channel++) {
    for (let i = 0; i < area; i++) images[start + channel * area + i] = pixels[i * channels + channel];
  }
}

function unreadable(all: string[], indices: number[]): GramianError {
  const files = indices.sort((a, b) => a - b).map((index) => all[index]);
  const more = files.length > NAMED ? ` and ${files.length - NAMED} more` : '';
  return new GramianError(
    `loadImages: ${files.length} of ${all.length} files cannot be read (${files.slice(0, NAMED).join(', ')}${more}), ` +
      'expected whole PNG or JPEG images; repair or remove them.',
  );
}
