import { randomUUID } from 'node:crypto';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cacheFolders, ownFolder } from './embedded.node.ts';

/** A small text that was kept under this name, and where; null where there is none. */
export async function recall(name: string): Promise<{ text: string; place: string } | null> {
  for (const folder of cacheFolders()) {
    const place = join(folder, name);
    try {
      return { text: await readFile(place, 'utf8'), place };
    } catch {}
  }
  return null;
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
