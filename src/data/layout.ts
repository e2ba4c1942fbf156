import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GramianError } from '../gpu/errors.ts';

/** Image files and their classes; `labels` is null where the files stand in no class folders. */
export interface FileList {
  files: string[];
  labels: number[] | null;
}

/** How a folder of images is laid out; `test` is null where the folder makes no split of its own. */
export interface DataFiles {
  train: FileList;
  test: FileList | null;
  classes: string[] | null;
  /** What was decided on the way; see `ImageSplits`. */
  notes: string[];
}

const IMAGE = /\.(png|jpe?g)$/i;
const TRAIN_NAMES = ['train', 'training'];
/** Best first: what is there to choose settings by is measured on where nothing was kept for the end. */
const TEST_NAMES = ['test', 'testing', 't10k', 'val', 'valid', 'validation'];

/**
 * Finds the images of DIR/train/CLASS and DIR/test/CLASS (or val, valid, validation in its place), of DIR/CLASS, or of DIR alone;
 * null where there are none. Classes and files are in the order of their names' code units, whatever the locale. Hidden files
 * and folders are left out; `Train` is `train`.
 *
 * @param joined whether the classes of both are taken together, where nothing is learnt from one to be scored on the other
 * @throws GramianError where the test folder has a class that the train folder lacks, unless they are `joined`
 */
export async function findImages(directory: string, joined = false): Promise<DataFiles | null> {
  const { folders, files } = await list(directory);
  const [trainName] = named(folders, TRAIN_NAMES);
  if (trainName) {
    const train = await byClass(join(directory, trainName));
    if (!train) return null;
    const parts = named(folders, TEST_NAMES);
    for (const name of parts) {
      const test = await byClass(join(directory, name));
      if (!test) continue;
      for (const found of test.keys()) {
        if (!joined && !train.has(found)) {
          throw new GramianError(
            `loadImages: ${join(directory, name)} has the class ${found}, expected one of the ${train.size} classes in ` +
              `${join(directory, trainName)}.`,
          );
        }
      }
      const others = parts.filter((other) => other !== name);
      const notes = others.map((other) => `${name}/ is what is measured on; ${other}/ is left out`);
      if (notes.length === 0 && /^val/i.test(name)) notes.push(`${name}/ is what is measured on, as there is no test/`);
      const classes = [...new Set([...train.keys(), ...test.keys()])].sort();
      return { train: label(train, classes), test: label(test, classes), classes, notes };
    }
    const notes = parts.map((name) => `${name}/ is left out, as it has no folders of classes with images`);
    return { train: label(train), test: null, classes: [...train.keys()], notes };
  }
  const classed = await byClass(directory, folders);
  if (classed) return { train: label(classed), test: null, classes: [...classed.keys()], notes: [] };
  if (files.length === 0) return null;
  const all = { files: files.map((name) => join(directory, name)), labels: null };
  return { train: all, test: null, classes: null, notes: [] };
}

/** Those of `folders` that are called so, in the order of `names`. */
function named(folders: readonly string[], names: readonly string[]): string[] {
  return names.flatMap((name) => folders.filter((folder) => folder.toLowerCase() === name));
}

function label(byName: Map<string, string[]>, classes = [...byName.keys()]): FileList {
  const files: string[] = [];
  const labels: number[] = [];
  for (const [name, paths] of byName) {
    files.push(...paths);
    for (const _ of paths) labels.push(classes.indexOf(name));
  }
  return { files, labels };
}

/** The image files of each class folder; null where no folder holds any. */
async function byClass(directory: string, folders?: string[]): Promise<Map<string, string[]> | null> {
  const classes = new Map<string, string[]>();
  for (const name of folders ?? (await list(directory)).folders) {
    const { files } = await list(join(directory, name));
    const paths = files.map((file) => join(directory, name, file));
    if (paths.length) classes.set(name, paths);
  }
  return classes.size ? classes : null;
}

/** The folders of a directory and its files of that kind, sorted; a FIFO or a device is neither. */
export async function list(directory: string, wanted = IMAGE): Promise<{ folders: string[]; files: string[] }> {
  const folders: string[] = [];
  const files: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.name.startsWith('.')) continue;
    // Collections of images are often links into a larger one; a link that leads nowhere is not there.
    const what = entry.isSymbolicLink() ? await stat(join(directory, entry.name)).catch(() => entry) : entry;
    if (what.isDirectory()) folders.push(entry.name);
    else if (what.isFile() && wanted.test(entry.name)) files.push(entry.name);
  }
  return { folders: folders.sort(), files: files.sort() };
}
