import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as check from '../core/check.ts';
import { GramianError } from '../gpu/errors.ts';
import { readCifar10 } from './cifar.ts';
import type { ImageSet, ImageSplits } from './dataset.ts';
import { type FolderOptions, folderOptions, readFolder } from './folder.ts';
import { type NamedBytes, readIdx } from './idx.ts';
import { findIdx, type IdxFiles } from './idxFiles.ts';
import { findImages, list } from './layout.ts';

const LETTERS = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ');
const CIFAR_TRAIN = /^data_batch_\d+\.bin$/;
const CIFAR = /^(data_batch_\d+|test_batch)\.bin$/;

/**
 * Opens a data set by what it is. Node only.
 *
 * @param nameOrDirectory `letters`, the set that comes with the package (labels 0 .. 25 = A .. Z); or a directory with
 * IDX files (MNIST, Fashion-MNIST, QMNIST, EMNIST: `train-*` and `t10k-*` or `test-*`, gzipped or not), with the .bin files of
 * CIFAR-10, or with folders of PNG and JPEG images; of a directory with several IDX sets, one by its name: `DIR/emnist-letters`
 * @param options for folders of images only; see `loadImages`
 * @throws GramianError where the directory is none of these, or a file in it is damaged
 */
export function openData(nameOrDirectory: string, options?: FolderOptions): Promise<ImageSplits> {
  return openJoined(nameOrDirectory, options, false);
}

/** As `openData`; `joined` as in `findImages`. */
export async function openJoined(
  nameOrDirectory: string,
  options: FolderOptions | undefined,
  joined: boolean,
): Promise<ImageSplits> {
  check.text('openData', 'nameOrDirectory', nameOrDirectory);
  folderOptions('openData', options); // before anything is read, and whatever the data turn out to be
  if (nameOrDirectory === 'letters') {
    const [letters] = await findIdx(findLetters());
    return openIdx(letters, 'letters', LETTERS);
  }
  const directory = nameOrDirectory;
  const found = await stat(directory).catch(() => null);
  if (!found?.isDirectory()) {
    const one = (await findIdx(dirname(directory))).find(({ set }) => set !== '' && set === basename(directory));
    if (one && !found) return openIdx(one, one.set, null);
    throw new GramianError(
      `openData: ${directory} is ${found ? 'a file, expected a directory' : 'not a directory, expected one'}, or the name letters.`,
    );
  }
  const name = basename(resolve(directory));
  const sets = await findIdx(directory);
  if (sets.length > 1) {
    const [names, first] = [sets.map(({ set }) => set || 'one without a name'), sets.find(({ set }) => set !== '')];
    throw new GramianError(
      `openData: ${directory} holds ${sets.length} sets (${names.join(', ')}), expected one; ` +
        `name it, such as ${join(directory, first?.set ?? '')}.`,
    );
  }
  if (sets.length === 1) return openIdx(sets[0], name, null);
  const { files } = await list(directory, CIFAR).catch(unlistable(directory));
  if (files.some((file) => CIFAR_TRAIN.test(file))) return openCifar(directory, name, files);
  if (await findImages(directory, joined).catch(unlistable(directory))) return readFolder(directory, options, joined);
  throw new GramianError(
    `openData: ${directory} holds no known data, expected train-images-idx3-ubyte(.gz), data_batch_1.bin, ` +
      'or PNG/JPEG files in DIR/train/CLASS, DIR/CLASS or DIR.',
  );
}

const unlistable = (directory: string) => (error: unknown) => {
  if (error instanceof GramianError) throw error;
  const { code } = error as NodeJS.ErrnoException;
  throw new GramianError(`openData: ${directory} cannot be listed (${code}), expected a directory that may be read.`);
};

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

async function openIdx(
  { train, test }: IdxFiles,
  name: string,
  classes: readonly string[] | null,
): Promise<ImageSplits> {
  const load = async ({ images, labels }: IdxFiles['train']): Promise<ImageSet> =>
    readIdx(await read(images), labels === null ? null : await read(labels), { name, classes });
  const splits = { train: await load(train), test: test ? await load(test) : null };
  if (test && splits.test && (splits.test.height !== splits.train.height || splits.test.width !== splits.train.width)) {
    throw new GramianError(
      `openData: the test images of ${dirname(test.images)} are ${splits.test.height} x ${splits.test.width}, ` +
        `expected ${splits.train.height} x ${splits.train.width} as in training.`,
    );
  }
  return splits;
}

async function openCifar(directory: string, name: string, files: readonly string[]): Promise<ImageSplits> {
  const load = (names: readonly string[]) => Promise.all(names.map((file) => read(join(directory, file))));
  const train = readCifar10(await load(files.filter((file) => CIFAR_TRAIN.test(file))), name);
  const test = files.includes('test_batch.bin') ? readCifar10(await load(['test_batch.bin']), name) : null;
  return { train, test };
}

async function read(file: string): Promise<NamedBytes> {
  try {
    return { name: basename(file), bytes: await readFile(file) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new GramianError(`openData: ${file} cannot be read (${code ?? message}), expected a file that may be read.`);
  }
}
