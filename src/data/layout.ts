import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { GramianError } from '../gpu/errors.ts';

/** Image files and their classes; `labels` is null where the files stand in no class folders. */
export interface FileList {
  files: string[];
  labels: number[] | null;
}

/** How a folder of images is laid out; `test` is null where the folder makes no split of its own. */
export interface Layout {
  train: FileList;
  test: FileList | null;
  classes: string[] | null;
}

const IMAGE = /\.(png|jpe?g)$/i;
const TEST_NAMES = ['test', 'val'];

/**
 * Finds the images of DIR/train/CLASS and DIR/test/CLASS (or DIR/val/CLASS), of DIR/CLASS, or of DIR alone; null where
 * there are none. Classes and files are in the order of their names' code units, whatever the locale. Hidden files
 * and folders are left out.
 *
 * @throws GramianError where the test folder has a class that the train folder lacks
 */
export async function findImages(directory: string): Promise<Layout | null> {
  const { folders, files } = await list(directory);
  if (folders.includes('train')) {
    const train = await byClass(join(directory, 'train'));
    const testName = TEST_NAMES.find((name) => folders.includes(name));
    if (!train) return null;
    if (!testName) return { train: label(train), test: null, classes: [...train.keys()] };
    const path = join(directory, testName);
    const test = (await byClass(path)) ?? new Map<string, string[]>();
    for (const name of test.keys()) {
      if (!train.has(name)) {
        throw new GramianError(
          `loadImages: ${path} has the class ${name}, expected one of the ${train.size} classes in ${directory}/train.`,
        );
      }
    }
    const classes = [...train.keys()];
    return { train: label(train), test: test.size ? label(test, classes) : null, classes };
  }
  const classed = await byClass(directory, folders);
  if (classed) return { train: label(classed), test: null, classes: [...classed.keys()] };
  if (files.length === 0) return null;
  return { train: { files: files.map((name) => join(directory, name)), labels: null }, test: null, classes: null };
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

async function list(directory: string): Promise<{ folders: string[]; files: string[] }> {
  const folders: string[] = [];
  const files: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    if (entry.name.startsWith('.')) continue;
    // Collections of images are often links into a larger one; a link that leads nowhere is not there.
    const what = entry.isSymbolicLink() ? await stat(join(directory, entry.name)).catch(() => entry) : entry;
    if (what.isDirectory()) folders.push(entry.name);
    else if (what.isFile() && IMAGE.test(entry.name)) files.push(entry.name);
  }
  return { folders: folders.sort(), files: files.sort() };
}
