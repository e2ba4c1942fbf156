import { randomUUID } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolders, isOwn, ownFolder } from './embedded.node.ts';

const LARGEST = 2 ** 24; // bytes: what is kept here is some kilobytes

/** A small text that was kept under this name, and where; null where there is none, or where somebody else may have put it. */
export async function recall(name: string): Promise<{ text: string; place: string } | null> {
  for (const folder of cacheFolders()) {
    const place = join(folder, name);
    try {
      if (isOwn(folder)) return { text: await readOwn(place), place };
    } catch {}
  }
  return null;
}

/** Only a plain file of this user's: to open a FIFO would wait for a writer for ever, and a device may never end. */
async function readOwn(place: string): Promise<string> {
  const file = await open(place, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const found = await file.stat();
    const own = !process.getuid || found.uid === process.getuid();
    if (!found.isFile() || !own || found.size > LARGEST) throw new Error(`${place} is no file of this user's`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

/**
 * Keeps a small text in the user's cache, for `recall` in later processes, and returns where; null where no folder can be
 * written. It is written beside its place and renamed into it: who reads meanwhile sees the old text or the new one.
 */
export async function keep(name: string, text: string): Promise<string | null> {
  for (const folder of cacheFolders()) {
    const draft = join(folder, `.${name}-${randomUUID()}`);
    try {
      ownFolder(folder);
      await writeFile(draft, text);
      await rename(draft, join(folder, name));
      return join(folder, name);
    } catch {
      await rm(draft, { force: true }).catch(() => {});
    }
  }
  return null;
}
