import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { GramianError } from '../gpu/errors.ts';
import { loadCheckpoint } from './checkpoint.ts';
import { methodName, type PartialConfig, type RunConfig } from './config.ts';
import { METHODS } from './methods.ts';
import type { ComparedRun, ComparisonData, Interval } from './report/comparison.ts';
import type { EmbeddingPicture, FeatureScores } from './report/data.ts';
import { renderComparison } from './report/write.ts';
import { classNames, percent } from './run.ts';
import { STUDIES } from './studies.ts';
import { finishedRun, type Metrics, measured, pageScript, picture, say, type Task } from './train.ts';

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

/** The variants that `--compare`, `--study` and `--seeds` ask for, all with one budget. */
export function planRuns(
  asked: PartialConfig,
  { compare, study, seeds }: { compare?: string[]; study?: string; seeds: number },
  complete: (config: PartialConfig) => RunConfig,
): RunPlan {
  if (compare && study) throw new GramianError('train: --compare and --study exclude each other.');
  const budget = `${flagsOf(asked)} --seeds ${seeds}`;
  if (study) {
    if (!Object.hasOwn(STUDIES, study))
      throw new GramianError(`train: --study ${study}, expected ${Object.keys(STUDIES).join(', ')}.`);
    const { title, variants } = STUDIES[study];
    return {
      title,
      command: `gramian train --study ${study}${budget}`,
      variants: variants.map(({ label, config }) => ({
        label,
        config: complete({ ...asked, ...config, options: { ...config.options, ...asked.options } }),
      })),
      seeds,
    };
  }
  const names = compare ?? [asked.method ?? 'simclr'];
  if (new Set(names).size < names.length) throw new GramianError(`train: --compare ${names} names a method twice.`);
  return {
    title: names.length > 1 ? `${names.length} methods` : METHODS[names[0]].title,
    command: `gramian train ${compare ? `--compare ${names.join(',')}` : `--method ${names[0]}`}${budget}`,
    variants: names.map((method) => ({
      label: METHODS[methodName(method, 'compare')].title,
      config: complete({ ...asked, method }),
    })),
    seeds,
  };
}

/** The command line that asks for it. */
function flagsOf({ method: _, options = {}, ...settings }: PartialConfig): string {
  const given = Object.entries(settings).filter(([, value]) => value !== undefined && value !== false);
  return [
    ...given.map(([key, value]) => {
      const flag = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
      return value === true ? ` ${flag}` : ` ${flag} ${value}`;
    }),
    ...Object.entries(options).map(([name, value]) => ` --option ${name}=${JSON.stringify(value)}`),
  ].join('');
}

interface Done {
  readonly metrics: Metrics;
  readonly picture: EmbeddingPicture;
}

/**
 * Trains every variant with every seed, and writes one report. Each run has a directory of its own: what is finished there is
 * taken as it is, and what was stopped goes on, so that the same command continues a long comparison.
 */
export async function trainSeveral(task: Task, plan: RunPlan, out: string | undefined): Promise<void> {
  const { splits, began, engine } = task;
  const { variants, seeds } = plan;
  const directory = out ?? join('runs', `${slug(plan.title)}-${basename(variants[0].config.data)}`);
  const compared: ComparedRun[] = [];
  let raw: FeatureScores | undefined;
  for (const { label, config } of variants) {
    const done: Done[] = [];
    for (let s = 0; s < seeds; s++) {
      const own = { ...config, seed: config.seed + s };
      const result = await oneOf(task, own, join(directory, `${slug(label)}-${own.seed}`), raw);
      if (!result) return;
      raw = result.metrics.raw;
      done.push(result);
    }
    const line = summary(label, config, done);
    compared.push(line);
    process.stdout.write(`${label}: ${lineOf(line)}\n`);
  }
  const { train, test } = splits;
  const data: ComparisonData = {
    title: `${plan.title} on ${train.name}`,
    command: plan.command,
    adapter: engine.info.description,
    startedAt: new Date(Date.now() - (performance.now() - began)).toISOString(),
    dataset: {
      name: train.name,
      train: Math.min(train.count, variants[0].config.limit || train.count),
      test: test?.count ?? 0,
      classes: classNames(splits).length,
    },
    seeds,
    raw: raw as FeatureScores, // of the first run: there is one at least
    runs: compared,
  };
  const page = join(directory, 'report.html');
  await writeFile(page, renderComparison(data, await pageScript()));
  await writeFile(
    join(directory, 'results.json'),
    `${JSON.stringify({ ...data, runs: compared.map(({ embeddings: _, loss: __, ...rest }) => rest) }, null, 2)}\n`,
  );
  say(`report: ${page}`);
}

/** A finished run: from its directory, or trained now; null where somebody stopped it. */
async function oneOf(task: Task, config: RunConfig, directory: string, raw?: FeatureScores): Promise<Done | null> {
  const known = await finishedEarlier(directory, config);
  if (known) {
    say(`${config.method}, seed ${config.seed}: taken from ${directory}`);
    return known;
  }
  const saved = await loadCheckpoint(join(directory, 'checkpoint.safetensors')).catch(() => null);
  const same = saved && sameConfig(saved.progress.config, config) ? saved : null;
  const run = await finishedRun(task, config, directory, same, raw);
  if (!run) return null;
  const { metrics } = await measured(task, run, config, directory);
  const drawn = await picture(run, task.splits, config, { limit: 600, thumbnails: false });
  await writeFile(join(directory, 'picture.json'), JSON.stringify(drawn));
  run.dispose();
  return { metrics, picture: drawn };
}

async function finishedEarlier(directory: string, config: RunConfig): Promise<Done | null> {
  try {
    const read = async (name: string) => JSON.parse(await readFile(join(directory, name), 'utf8'));
    const metrics: Metrics = await read('metrics.json');
    return sameConfig(metrics.config, config) ? { metrics, picture: await read('picture.json') } : null;
  } catch {
    return null; // not there, or cut off while it was written: it is trained again
  }
}

function sameConfig(a: RunConfig, b: RunConfig): boolean {
  return JSON.stringify(sortedKeys(a)) === JSON.stringify(sortedKeys(b));
}

function sortedKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sortedKeys(item)]),
  );
}

function summary(label: string, config: RunConfig, done: readonly Done[]): ComparedRun {
  const of = (pick: (metrics: Metrics) => number | undefined | null): Interval | undefined => {
    const values = done.map(({ metrics }) => pick(metrics) ?? Number.NaN);
    return values.every(Number.isFinite) ? interval(values) : undefined;
  };
  const [{ metrics, picture: embeddings }] = done;
  const { epochSteps } = { epochSteps: metrics.losses.length / config.epochs };
  return {
    label,
    method: config.method,
    knn: of((m) => m.knn),
    probe: of((m) => m.probe),
    untrained: { knn: of((m) => m.untrained.knn), probe: of((m) => m.untrained.probe) },
    classifier: of((m) => m.classifier),
    acc: of((m) => m.clusters?.accuracy),
    nmi: of((m) => m.clusters?.nmi),
    ari: of((m) => m.clusters?.ari),
    pixelAcc: of((m) => m.clusters?.pixels),
    corrupted: of((m) => m.corrupted?.probe),
    effectiveRank: of((m) => m.effectiveRank),
    imagesPerSecond: of((m) => m.imagesPerSecond),
    peakBytes: Math.max(...done.map((one) => one.metrics.peakBytes)),
    warnings: [...new Set(done.flatMap((one) => one.metrics.warnings))],
    loss: metrics.losses.map((loss, step) => ({ step, epoch: (step + 1) / epochSteps, loss })),
    embeddings,
  };
}

// Two-sided 95 % points of Student's t by degrees of freedom; beyond the table, the normal distribution's.
const STUDENT = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228];

/** Mean and 95 % confidence interval of the mean over seeds; without an interval where there is one seed. */
export function interval(values: readonly number[]): Interval {
  const n = values.length;
  const mean = values.reduce((a, b) => a + b, 0) / n;
  if (n < 2) return { mean, half: null, values: [...values] };
  const variance = values.reduce((total, value) => total + (value - mean) ** 2, 0) / (n - 1);
  return { mean, half: (STUDENT[n - 2] ?? 1.96) * Math.sqrt(variance / n), values: [...values] };
}

function lineOf({ knn, probe, classifier, acc, nmi, ari }: ComparedRun): string {
  const share = (name: string, value: Interval | undefined) =>
    value ? [`${name} ${percent(value.mean)}${value.half === null ? '' : ` ± ${(100 * value.half).toFixed(1)}`}`] : [];
  return [
    ...share('k-NN', knn),
    ...share('linear probe', probe),
    ...share('classifier', classifier),
    ...share('ACC', acc),
    ...(nmi && ari ? [`NMI ${nmi.mean.toFixed(3)}, ARI ${ari.mean.toFixed(3)}`] : []),
  ].join(', ');
}

function slug(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, '-');
}
