import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GramianError } from '../gpu/errors.ts';
import { readCifar10 } from './cifar.ts';
import type { ImageSplits } from './dataset.ts';
import { type FolderOptions, loadImages } from './folder.ts';
import { type NamedBytes, readIdx } from './idx.ts';
import { findImages } from './layout.ts';

const LETTERS = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ');
const TRAIN_IMAGES = /^train-images[-.]idx3-ubyte(\.gz)?$/;
const CIFAR_TRAIN = /^data_batch_\d+\.bin$/;

/**
 * Opens a data set by what it is. Node only.
 *
 * @param nameOrDirectory `letters`, the set that comes with the package (labels 0 .. 25 = A .. Z); or a directory with
 * IDX files (`train-*` and `t10k-*` or `test-*`, gzipped or not), with the .bin files of CIFAR-10, or with folders of
 * PNG and JPEG images
 * @param options for folders of images only; see `loadImages`
 * @throws GramianError where the directory is none of these, or a file in it is damaged
 */
export async function openData(nameOrDirectory: string, options: FolderOptions = {}): Promise<ImageSplits> {
  if (nameOrDirectory === 'letters') return openIdx(findLetters(), 'letters', LETTERS);
  const directory = nameOrDirectory;
  const names = await readdir(directory).catch(() => {
    throw new GramianError(`openData: ${directory} is not a directory, expected one, or the name letters.`);
  });
  const name = basename(resolve(directory));
  if (names.some((file) => TRAIN_IMAGES.test(file))) return openIdx(directory, name, null);
  if (names.some((file) => CIFAR_TRAIN.test(file))) return openCifar(directory, name, names);
  if (await findImages(directory)) return loadImages(directory, options);
  throw new GramianError(
    `openData: ${directory} holds no known data, expected train-images-idx3-ubyte(.gz), data_batch_1.bin, ` +
      'or PNG/JPEG files in DIR/train/CLASS, DIR/CLASS or DIR.',
  );
}

/** The nearest data/letters above this file: the same folder from src/ and from dist/. */
function findLetters(): string {
  const start = dirname(fileURLToPath(import.meta.url));
  for (let directory = start; ; directory = dirname(directory)) {
    const letters = join(directory, 'data', 'letters');
    if (existsSync(join(letters, 'train-images-idx3-ubyte.gz'))) return letters;
    if (directory === dirname(directory)) {
      throw new GramianError('openData: letters is missing from this package, expected it in data/letters; reinstall.');
    }
  }
}

async function openIdx(directory: string, name: string, classes: readonly string[] | null): Promise<ImageSplits> {
  const names = await readdir(directory);
  const find = async (prefix: string, kind: string): Promise<NamedBytes | null> => {
    const pattern = new RegExp(`^${prefix}-${kind}[-.]idx\\d-ubyte(\\.gz)?$`);
    const file = names.sort().find((candidate) => pattern.test(candidate));
    return file ? { name: file, bytes: await readFile(join(directory, file)) } : null;
  };
  const load = async (prefix: string) => {
    const images = await find(prefix, 'images');
    return images ? readIdx(images, await find(prefix, 'labels'), { name, classes }) : null;
  };
  const train = await load('train');
  const test = (await load('t10k')) ?? (await load('test'));
  if (!train) throw new GramianError(`openData: ${directory} lost its train-images file, expected it to stay.`);
  if (test && (test.height !== train.height || test.width !== train.width)) {
    throw new GramianError(
      `openData: the test images of ${directory} are ${test.height} x ${test.width}, ` +
        `expected ${train.height} x ${train.width} as in training.`,
    );
  }
  return { train, test };
}

async function openCifar(directory: string, name: string, names: string[]): Promise<ImageSplits> {
  const read = async (file: string) => ({ name: file, bytes: await readFile(join(directory, file)) });
  const files = names.filter((file) => CIFAR_TRAIN.test(file)).sort();
  const train = readCifar10(await Promise.all(files.map(read)), name);
  return { train, test: names.includes('test_batch.bin') ? readCifar10([await read('test_batch.bin')], name) : null };
}
