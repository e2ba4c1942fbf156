import { accessSync, closeSync, constants, openSync, rmSync, type Stats, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { GramianError } from '../gpu/errors.ts';

/** Refuses a place where a file cannot be written, before the work whose results it is to hold. */
export function checkFile(command: string, option: string, path: string): void {
  const fail = failOf(command, option, path);
  const found = look(path, fail);
  if (found?.isDirectory()) return fail('is a directory, expected a file');
  const folder = dirname(resolve(path));
  const parent = look(folder, fail);
  if (!parent) return fail(`lies in ${folder}, which is not there, expected a file in a directory that is`);
  if (!parent.isDirectory()) return fail(`lies in ${folder}, which is no directory, expected a file in one`);
  if (!(found ? mayWrite(path) : canMake(path))) fail('cannot be written, expected a file that can');
}

/** Refuses a directory that cannot be made or written into, likewise; it makes none. Without an option, nobody named it. */
export function checkDirectory(command: string, option: string | null, path: string): void {
  const fail = failOf(command, option, path);
  const whole = resolve(path);
  for (let at = whole; ; at = dirname(at)) {
    const found = look(at, fail);
    if (!found && at !== dirname(at)) continue;
    const what = at === whole ? 'is' : `cannot be made, as ${at} is`;
    if (!found?.isDirectory()) return fail(`${what} no directory, expected one`);
    if (!mayWrite(at)) fail(`cannot be made or written, as ${at} may not be written, expected a directory that may`);
    return;
  }
}

type Fail = (sentence: string) => never;

const failOf =
  (command: string, option: string | null, path: string): Fail =>
  (sentence) => {
    throw new GramianError(
      option === null
        ? `${command}: ${path} ${sentence}; give another place by --out.`
        : `${command}: --${option} ${path} ${sentence}.`,
    );
  };

/** What is there; null where nothing is. A part of the path that is a file is found further up. */
function look(path: string, fail: Fail): Stats | null {
  try {
    return statSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    return fail(`cannot be looked at (${code}), expected a place that may be written`);
  }
}

/** By trying: permissions do not tell of a disk that can only be read. */
function canMake(path: string): boolean {
  try {
    closeSync(openSync(path, 'wx'));
    rmSync(path);
    return true;
  } catch {
    return false;
  }
}

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
