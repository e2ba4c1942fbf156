import { basename, join } from 'node:path';
import { GramianError } from '../gpu/errors.ts';
import { type Checkpoint, newestIn } from './checkpoint.ts';
import { flagsOf, quoted } from './command.ts';
import { methodName, type PartialConfig, type RunConfig } from './config.ts';
import { RESULTS, takeDirectory } from './directory.ts';
import { writeWhole } from './files.ts';
import { asTyped } from './invoked.ts';
import { logLine } from './logLine.ts';
import { METHODS } from './methods.ts';
import { finishedRun, type Metrics, measured, reporting, type Task } from './oneRun.ts';
import type { Done, RunPlan, Variant } from './plan.ts';
import { directoryName, finishedEarlier, planDirectory, slug } from './plan.ts';
import type { ComparedRun, ComparisonData, Interval } from './report/comparison.ts';
import type { FeatureScores } from './report/data.ts';
import { renderComparison } from './report/write.ts';
import { pageScript, picture } from './results.ts';
import { refuseOtherImages } from './resume.ts';
import { classNames, percent } from './run.ts';
import { STUDIES } from './studies.ts';

/** The variants that `--compare`, `--study` and `--seeds` ask for, all with one budget. */
export function planRuns(
  asked: PartialConfig,
  { compare, study, seeds }: { compare?: string[]; study?: string; seeds: number },
  complete: (config: PartialConfig) => RunConfig,
): RunPlan {
  if (compare && study) throw new GramianError('train: --compare and --study exclude each other.');
  const { method: _, ...settings } = asked;
  const budget = (variants: readonly Variant[]) => `${flagsOf({ ...settings, ...shared(variants) })} --seeds ${seeds}`;
  if (study) {
    if (!Object.hasOwn(STUDIES, study))
      throw new GramianError(`train: --study ${study}, expected ${Object.keys(STUDIES).join(', ')}.`);
    const { title, variants } = STUDIES[study];
    const own = variants.map(({ label, config }) => ({
      label,
      config: complete({ ...asked, ...config, options: { ...config.options, ...asked.options } }),
    }));
    return { title, command: `gramian train --study ${study}${budget(own)}`, variants: own, seeds };
  }
  const names = compare ?? [asked.method ?? 'simclr'];
  if (new Set(names).size < names.length) throw new GramianError(`train: --compare ${names} names a method twice.`);
  const variants = names.map((method) => ({
    label: METHODS[methodName(method, 'compare')].title,
    config: complete({ ...asked, method }),
  }));
  return {
    title: names.length > 1 ? `${names.length} methods` : METHODS[names[0]].title,
    command: `gramian train ${compare ? `--compare ${names.join(',')}` : `--method ${names[0]}`}${budget(variants)}`,
    variants,
    seeds,
  };
}

/** Of the settings whose defaults go by data and adapter, those that all variants have in common. */
function shared(variants: readonly Variant[]): Partial<RunConfig> {
  const names = ['epochs', 'batch', 'width', 'features', 'limit'] as const;
  const [{ config: first }] = variants;
  return Object.fromEntries(
    names
      .filter((name) => variants.every(({ config }) => config[name] === first[name]))
      .map((name) => [name, first[name]]),
  );
}

/**
 * Trains every variant with every seed, and writes one report. Each run has a directory of its own: what is finished there is
 * taken as it is, and what was stopped goes on, so that the same command continues a long comparison.
 */
export async function trainSeveral(
  task: Task,
  plan: RunPlan & { aside: string },
  { out, overwrite }: { out?: string; overwrite: boolean },
): Promise<void> {
  const usual = join('runs', `${slug(plan.title)}-${basename(plan.variants[0].config.data)}`);
  const directory = await planDirectory(plan, { out, usual, overwrite });
  try {
    // By the same command and never by one run's checkpoint: the others and the common report would be missing.
    const own = `${plan.command.replace(/^gramian /, '')} --out ${quoted(directory.path)}${plan.aside}`;
    await trainPlan({ ...task, wayOn: () => asTyped(own) }, plan, directory.path);
  } finally {
    directory.release();
  }
}

async function trainPlan(task: Task, plan: RunPlan, directory: string): Promise<void> {
  const { splits, began, engine } = task;
  const { variants, seeds } = plan;
  const compared: ComparedRun[] = [];
  let raw: FeatureScores | undefined;
  for (const variant of variants) {
    const { label, config } = variant;
    const done: Done[] = [];
    for (let s = 0; s < seeds; s++) {
      const own = { ...config, seed: config.seed + s };
      const result = await oneOf(task, own, join(directory, directoryName(label, own.seed)), raw);
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
  await writeWhole('train', page, renderComparison(data, await pageScript()));
  await writeWhole(
    'train',
    join(directory, RESULTS),
    `${JSON.stringify({ ...data, runs: compared.map(({ embeddings: _, loss: __, ...rest }) => rest) }, null, 2)}\n`,
  );
  logLine(`report: ${page}`);
}

/** A finished run: from its directory, or trained now; null where somebody stopped it. */
async function oneOf(task: Task, config: RunConfig, path: string, raw?: FeatureScores): Promise<Done | null> {
  const known = await finishedEarlier(path, config);
  if (known) {
    logLine(`${config.method}, seed ${config.seed}: taken from ${path}`);
    return known;
  }
  const directory = await takeDirectory(path);
  try {
    const saved = await begunEarlier(path, task);
    const run = await finishedRun(task, config, path, { saved, raw });
    if (!run) return null;
    return await reporting(task, run, path, async () => {
      const { metrics } = await measured(task, run, config, path);
      const drawn = await picture(run, task.splits, config, { limit: 600, thumbnails: false });
      await writeWhole('train', join(path, 'picture.json'), JSON.stringify(drawn));
      return { metrics, picture: drawn };
    });
  } finally {
    directory.release();
  }
}

/** What a run of the same settings left when it was stopped: a damaged newest state gives way to the one before. */
async function begunEarlier(directory: string, { origin }: Task): Promise<Checkpoint | null> {
  const saved = await newestIn(directory, ({ message }) => logLine(`${message.replace(/\.$/, '')}: passed over`));
  if (saved) refuseOtherImages(saved, saved.progress.config.data, origin);
  return saved;
}

function summary(label: string, config: RunConfig, done: readonly Done[]): ComparedRun {
  const of = (pick: (metrics: Metrics) => number | undefined | null): Interval | undefined => {
    const values = done.map(({ metrics }) => pick(metrics) ?? Number.NaN);
    return values.every(Number.isFinite) ? interval(values) : undefined;
  };
  const [{ metrics, picture: embeddings }] = done;
  const epochSteps = metrics.losses.length / config.epochs;
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
