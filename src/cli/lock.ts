import { readFileSync, rmdirSync, unlinkSync } from 'node:fs';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { GramianError } from '../gpu/errors.ts';
import { quoted } from './command.ts';
import { reasonOf } from './files.ts';
import { logLine } from './logLine.ts';

const LOCK = 'lock';

/** Another process writes there. */
export class Locked extends GramianError {}

/** Who writes into a directory. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When its process began, in the system's own count: numbers of processes come again. */
  readonly began: string | null;
}

/**
 * Keeps a directory for this process: two runs in one would overwrite each other's files. The lock of a process that is dead is
 * taken over.
 * @param made whether the directory was made for this: it goes away again where nothing was written into it
 * @returns gives it back; the end of the process does, too
 */
export async function lockDirectory(op: string, directory: string, made: boolean): Promise<() => void> {
  const path = join(directory, LOCK);
  const own = JSON.stringify({ pid: process.pid, host: hostname(), began: beganAt(process.pid) } satisfies Holder);
  // Written under another name and linked, so that nobody ever reads half of it.
  const part = `${path}.${process.pid}.tmp`;
  for (let attempt = 0; ; attempt++) {
    try {
      await writeFile(part, `${own}\n`);
      await linkOnce(part, path, own);
      break;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST')
        throw new GramianError(
          `${op}: ${path} cannot be written (${reasonOf(error)}), expected a directory to write into.`,
        );
      const found = await readFile(path, 'utf8').catch(() => null);
      if (found === null) continue; // its owner has just ended
      const holder = holderOf(found);
      if (attempt >= 5 || (holder && isAlive(holder)))
        throw new Locked(
          `${op}: ${directory} is written into by process ${holder?.pid} on ${holder?.host}, expected one run at a time; ` +
            `wait for it${holder?.host === hostname() ? '' : `, or remove ${quoted(path)} if it has ended`}.`,
        );
      await removeDead(path, found);
      logLine(
        `${directory}: taken over from ${holder ? `process ${holder.pid}, which is dead` : 'a lock without an owner'}`,
      );
    } finally {
      await rm(part, { force: true }).catch(() => {});
    }
  }
  const release = (): void => {
    process.off('exit', release);
    try {
      if (readFileSync(path, 'utf8').trim() === own) unlinkSync(path);
      if (made) rmdirSync(directory);
    } catch {} // the directory is gone, or something lies in it
  };
  process.on('exit', release);
  return release;
}

/** Fails with EEXIST where the name is taken; file systems without links write it there instead. */
async function linkOnce(from: string, to: string, text: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPERM' && code !== 'ENOSYS' && code !== 'ENOTSUP' && code !== 'EOPNOTSUPP') throw error;
    await writeFile(to, `${text}\n`, { flag: 'wx' });
  }
}

/** Removes that lock and no other: of two processes that find it, one does, and neither removes the other's. */
async function removeDead(path: string, text: string): Promise<void> {
  const aside = `${path}.dead.${process.pid}.tmp`;
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  const taken = await readFile(aside, 'utf8').catch(() => text);
  if (taken !== text) await link(aside, path).catch(() => {}); // somebody's new one: back with it
  await rm(aside, { force: true });
}

function holderOf(text: string): Holder | null {
  try {
    const { pid, host, began = null } = JSON.parse(text) as Partial<Holder>;
    return Number.isSafeInteger(pid) && (pid as number) > 0 && typeof host === 'string'
      ? { pid: pid as number, host, began }
      : null;
  } catch {
    return null; // cut off by a crash of the system
  }
}

function isAlive({ pid, host, began }: Holder): boolean {
  if (host !== hostname()) return true; // nobody here can tell
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const now = beganAt(pid);
  return now === null || began === null ? pid !== process.pid : now === began;
}

/** The boot and the moment in it at which a process began (Linux); null where the system does not say. */
function beganAt(pid: number): string | null {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field is a name in brackets that may hold anything; the 22nd is the moment.
    return `${boot} ${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]}`;
  } catch {
    return null;
  }
}
