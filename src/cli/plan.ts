import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GramianError } from '../gpu/errors.ts';
import { CHECKPOINT, exists, newestIn, PREVIOUS } from './checkpoint.ts';
import { isRecord, type RunConfig, withDefaults } from './config.ts';
import { clearRun, numbered, PLAN, RESULTS, type RunDirectory, takeDirectory } from './directory.ts';
import { writeWhole } from './files.ts';
import { Locked } from './lock.ts';
import type { Metrics } from './oneRun.ts';
import type { EmbeddingPicture } from './report/data.ts';

/** One line of a comparison: a configuration, to be run with several seeds. */
export interface Variant {
  /** What tells it from the others. */
  readonly label: string;
  readonly config: RunConfig;
}

export interface RunPlan {
  readonly title: string;
  readonly command: string;
  readonly variants: readonly Variant[];
  readonly seeds: number;
}

/** What a finished run of several is worth. */
export interface Done {
  readonly metrics: Metrics;
  readonly picture: EmbeddingPicture;
}

export function slug(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}

/** Of one run among several. */
export function directoryName(label: string, seed: number): string {
  return `${slug(label)}-${seed}`;
}

/**
 * The directory of several runs: one that holds some of them goes on, one that holds others is refused, or passed over where
 * nobody named it. What is planned is written down first, so that a comparison is known before its first run has ended.
 */
export async function planDirectory(
  plan: RunPlan,
  { out, usual, overwrite }: { out?: string; usual: string; overwrite: boolean },
): Promise<RunDirectory> {
  for (let n = 1; ; n++) {
    const path = out ?? (overwrite ? usual : numbered(usual, n));
    // Before it is looked at, so that nothing changes there from now on.
    const directory = await takeDirectory(path).catch((error: unknown) => {
      if (error instanceof Locked && !out && !overwrite) return null;
      throw error;
    });
    if (!directory) continue;
    try {
      if (overwrite) for (const name of ['', ...runsOf(plan).map((run) => run.name)]) await clearRun(join(path, name));
      const conflict = await conflictOf(plan, path);
      if (!conflict) return await noted(plan, directory);
      if (out)
        throw new GramianError(
          `train: --out ${out} holds ${conflict}, expected a directory without runs or with some of the same settings; --overwrite begins anew in its place.`,
        );
    } catch (error) {
      directory.release();
      throw error;
    }
    directory.release();
  }
}

async function noted(plan: RunPlan, directory: RunDirectory): Promise<RunDirectory> {
  const { title, command, variants, seeds } = plan;
  await writeWhole(
    'train',
    join(directory.path, PLAN),
    `${JSON.stringify({ title, command, labels: variants.map(({ label }) => label), seeds }, null, 2)}\n`,
  );
  return directory;
}

/** Every run of a plan: its directory's name and its settings. */
function runsOf({ variants, seeds }: RunPlan): { name: string; config: RunConfig }[] {
  return variants.flatMap(({ label, config }) =>
    Array.from({ length: seeds }, (_, s) => {
      const seed = config.seed + s;
      return { name: directoryName(label, seed), config: { ...config, seed } };
    }),
  );
}

/** What in a directory a plan would do away with, in words; null where it holds nothing else. */
async function conflictOf(plan: RunPlan, directory: string): Promise<string | null> {
  for (const name of [CHECKPOINT, PREVIOUS, 'metrics.json']) if (await exists(join(directory, name))) return 'a run';
  // Its report would be lost where it tells of others than these.
  const labels = plan.variants.map(({ label }) => label);
  const noted = (await json(join(directory, PLAN))) ?? (await json(join(directory, RESULTS)));
  const before = labelsOf(noted);
  if (before.some((label) => !labels.includes(label))) return `the comparison of ${before.join(', ')}`;
  if (isRecord(noted) && Number(noted.seeds) > plan.seeds) return `runs with ${noted.seeds} seeds`;
  for (const { name, config } of runsOf(plan)) {
    const path = join(directory, name);
    const found = (await settingsOf(path)) ?? config;
    if (!sameConfig(found, config)) return `${name} with other settings`;
  }
  return null;
}

function labelsOf(noted: unknown): string[] {
  if (!isRecord(noted)) return [];
  const { labels, runs } = noted;
  if (Array.isArray(labels)) return labels.map(String);
  return Array.isArray(runs) ? runs.map((run) => String((run as { label?: unknown }).label)) : [];
}

/** What a run in this directory was begun with; null where there is none that can be read. */
async function settingsOf(directory: string): Promise<RunConfig | null> {
  const metrics = await json(join(directory, 'metrics.json'));
  if (isRecord(metrics) && isRecord(metrics.config)) return metrics.config as unknown as RunConfig;
  return (await newestIn(directory))?.progress.config ?? null;
}

/** The scores of a run that was finished with these settings; null where it has to be trained. */
export async function finishedEarlier(directory: string, config: RunConfig): Promise<Done | null> {
  const metrics = (await json(join(directory, 'metrics.json'))) as Done['metrics'] | null;
  const picture = (await json(join(directory, 'picture.json'))) as Done['picture'] | null;
  return metrics && picture && isRecord(metrics.config) && sameConfig(metrics.config, config)
    ? { metrics, picture }
    : null;
}

/** Null where there is no such file, or where it was cut off while it was written. */
async function json(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch {
    return null;
  }
}

/** Whether two runs are the same: settings that an older version did not have are at their defaults. */
function sameConfig(a: RunConfig, b: RunConfig): boolean {
  return JSON.stringify(sortedKeys(withDefaults(a))) === JSON.stringify(sortedKeys(withDefaults(b)));
}

function sortedKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sortedKeys(item)]),
  );
}
