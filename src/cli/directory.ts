import { mkdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { GramianError } from '../gpu/errors.ts';
import { CHECKPOINT, exists, newestIn, PREVIOUS } from './checkpoint.ts';
import { quoted } from './command.ts';
import { reasonOf } from './files.ts';
import { lockDirectory } from './lock.ts';

/** What several runs under one budget leave beside their own directories. */
export const PLAN = 'plan.json';
export const RESULTS = 'results.json';
/** What a run leaves that somebody would miss. */
const RUN_FILES = [CHECKPOINT, PREVIOUS, 'metrics.json', 'report.html', 'picture.json', RESULTS, PLAN];

/** A directory that this process alone writes into. */
export interface RunDirectory {
  readonly path: string;
  /** Gives it back; one that nothing was written into goes away. */
  release(): void;
}

async function holdsRun(directory: string): Promise<boolean> {
  const found = await Promise.all(RUN_FILES.map((name) => exists(join(directory, name))));
  return found.includes(true);
}

/** Refuses a directory that was given by name and holds a run: nobody asked for its end. */
export async function refuseRun(directory: string): Promise<void> {
  if (!(await holdsRun(directory))) return;
  const checkpoint = await newestIn(directory);
  const resume = checkpoint ? `--resume ${quoted(checkpoint.path)} goes on with it, ` : '';
  throw new GramianError(
    `train: --out ${directory} holds a run, expected a directory without one; ${resume}--overwrite begins anew in its place.`,
  );
}

/** Refuses to go on beside a file that was put next to another run: its checkpoints, metrics and report would be overwritten. */
export async function refuseNeighbour(checkpoint: string): Promise<void> {
  const directory = dirname(checkpoint);
  if ([CHECKPOINT, PREVIOUS].includes(basename(checkpoint)) || !(await holdsRun(directory))) return;
  throw new GramianError(
    `train: --resume ${checkpoint} would overwrite the run in ${directory}, expected a place of its own; give another --out, ` +
      `or --out ${quoted(directory)} --overwrite to write over that run.`,
  );
}

/** Takes that directory, and makes it where it is missing. */
export async function takeDirectory(path: string): Promise<RunDirectory> {
  let made: string | undefined;
  try {
    made = await mkdir(path, { recursive: true });
  } catch (error) {
    throw cannotMake(path, error);
  }
  return locked(path, made !== undefined);
}

/** Makes and takes the first of `base`, `base-2`, `base-3` ... that is not there yet. */
export async function takeFreeDirectory(base: string): Promise<RunDirectory> {
  try {
    await mkdir(dirname(base), { recursive: true });
  } catch (error) {
    throw cannotMake(base, error);
  }
  for (let n = 1; ; n++) {
    const path = numbered(base, n);
    try {
      await mkdir(path); // of two processes, one makes it
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') continue;
      throw cannotMake(path, error);
    }
    return locked(path, true);
  }
}

const cannotMake = (path: string, error: unknown): GramianError =>
  new GramianError(
    `train: ${path} cannot be made (${reasonOf(error)}), expected a place for a directory; give another --out.`,
  );

/** `base`, `base-2`, `base-3` ... */
export function numbered(base: string, n: number): string {
  return n === 1 ? base : `${base}-${n}`;
}

/** Takes away what an earlier run left: the new one must not be mistaken for it. */
export async function clearRun(directory: string): Promise<void> {
  for (const name of RUN_FILES) await rm(join(directory, name), { force: true });
}

async function locked(path: string, made: boolean): Promise<RunDirectory> {
  return { path, release: await lockDirectory('train', path, made) };
}
