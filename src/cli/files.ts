import { link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GramianError } from '../gpu/errors.ts';

/** What the codes of the operating system mean, where a sentence helps. */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the quota of the disk is used up',
  EFBIG: 'the file is larger than the system allows',
  EROFS: 'the disk can only be read',
  EACCES: 'there is no permission',
  EPERM: 'there is no permission',
  ENOTDIR: 'a part of the path is a file',
  EEXIST: 'a part of the path is a file',
  EISDIR: 'it is a directory',
  ENOENT: 'it, or its directory, is not there',
  ENAMETOOLONG: 'the name is too long',
};

/** `ENOSPC: the disk is full`, of an error of node:fs. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  if (!code) return String(message ?? error);
  return Object.hasOwn(REASONS, code) ? `${code}: ${REASONS[code]}` : code;
}

/**
 * Writes a file whole or not at all: under another name that ends in `.tmp`, onto the disk, and only then under its own. What
 * was there before stays until then, whatever happens meanwhile.
 * @param before called between the two, when the new file is safe
 */
export async function writeWhole(
  op: string,
  path: string,
  bytes: Uint8Array | string,
  before?: () => Promise<void>,
): Promise<void> {
  const part = `${path}.tmp`;
  try {
    const file = await open(part, 'w');
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await before?.();
    await rename(part, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(part, { force: true }).catch(() => {}); // on a full disk, its room is what the next attempt needs
    throw new GramianError(
      `${op}: ${path} cannot be written (${reasonOf(error)}), expected room for ${bytes.length} bytes.`,
    );
  }
}

/** Gives a file a second name, in the place of what had it; the file itself keeps its own all the while. */
export async function keepAs(path: string, second: string): Promise<void> {
  const part = `${second}.tmp`;
  await rm(part, { force: true });
  try {
    await link(path, part);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return; // there is none yet
    await rename(path, second).catch(() => {}); // a file system without links: for a moment only the second name is there
    return;
  }
  await rename(part, second);
  await rm(part, { force: true }); // renaming one name of a file to another of its names does nothing
}

/** Names are on the disk once their directory is. Where directories cannot be opened (Windows), there is nothing to do. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r').catch(() => null);
  await directory?.sync().catch(() => {});
  await directory?.close();
}
