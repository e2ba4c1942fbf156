import { join } from 'node:path';
import { list } from './layout.ts';

interface Part {
  readonly images: string;
  /** Null where there are none. */
  readonly labels: string | null;
}

/** One set of IDX files, by their paths. */
export interface IdxFiles {
  /** What stands before `train-` in their names: `qmnist`, `emnist-letters`; empty for MNIST's own. */
  readonly set: string;
  readonly train: Part;
  readonly test: Part | null;
}

const FILE = /^(?:(.+)-)?(train|t10k|test|val|valid|validation)-(images|labels)[-.]idx\d-(?:ubyte|int)(?:\.gz)?$/i;
const TEST_NAMES = ['t10k', 'test', 'val', 'valid', 'validation'];

/**
 * The sets of IDX files in a directory. Where a file is missing, a folder of its name may hold it: what unpacks archives makes
 * one for each file. Of two that serve, the one that is not gzipped counts.
 */
export async function findIdx(directory: string): Promise<IdxFiles[]> {
  const nothing = { folders: [] as string[], files: [] as string[] };
  const { folders, files } = await list(directory, FILE).catch(() => nothing);
  const paths = files.map((file) => [file, join(directory, file)]);
  for (const folder of folders.filter((name) => FILE.test(name))) {
    const inside = await list(join(directory, folder), FILE).catch(() => nothing);
    for (const file of inside.files) paths.push([file, join(directory, folder, file)]);
  }
  const sets = new Map<string, Map<string, string>>();
  const zipped = ([file]: string[]): number => (/\.gz$/i.test(file) ? 1 : 0);
  for (const [file, path] of paths.sort((a, b) => zipped(a) - zipped(b))) {
    const [, set = '', part, kind] = FILE.exec(file) as unknown as [string, string | undefined, string, string];
    const known = sets.get(set) ?? new Map<string, string>();
    const key = `${part} ${kind}`.toLowerCase();
    if (!known.has(key)) known.set(key, path);
    sets.set(set, known);
  }
  return [...sets].flatMap(([set, known]) => {
    const partOf = (name: string): Part | null => {
      const images = known.get(`${name} images`);
      return images === undefined ? null : { images, labels: known.get(`${name} labels`) ?? null };
    };
    const train = partOf('train');
    const test = TEST_NAMES.map(partOf).find((part) => part !== null) ?? null;
    return train ? [{ set, train, test }] : [];
  });
}
