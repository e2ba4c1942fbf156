import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Choices } from '../core/choices.ts';
import { createEngine, type Engine } from '../core/engine.ts';
import { holdOut, type ImageSplits } from '../data/dataset.ts';
import { openData } from '../data/open.ts';
import { GramianError } from '../gpu/errors.ts';
import { loadCheckpoint, saveCheckpoint } from './checkpoint.ts';
import { completeConfig, type PartialConfig, type RunConfig, readConfig } from './config.ts';
import type { Evaluation } from './evaluate.ts';
import { METHODS } from './methods.ts';
import { showProgress } from './progress.ts';
import type { FeatureScores, ReportData } from './report/data.ts';
import { projectEmbeddings } from './report/project.ts';
import { makeThumbnails } from './report/thumbnails.ts';
import { renderReport } from './report/write.ts';
import { classNames, percent, type Run, startRun } from './run.ts';
import { planRuns, trainSeveral } from './several.ts';

export type TrainOptions = Partial<RunConfig> & {
  config?: string;
  compare?: string[];
  study?: string;
  seeds?: number;
  hidden?: number;
  projection?: number;
  temperature?: number;
  option?: [name: string, value: unknown][];
  out?: string;
  resume?: string;
  size?: number;
  adapter?: string;
};

/** `gramian train`: prints what it does on stderr and its result on stdout. */
export async function train(given: TrainOptions): Promise<void> {
  const began = performance.now();
  const { out, resume, size, compare, study, seeds = 1, adapter = 'auto' } = given;
  if (resume && (compare || study || seeds > 1))
    throw new GramianError('train: --resume goes with one run; give --out alone to go on with several.');
  const saved = resume ? await loadCheckpoint(resume) : null;
  const asked = saved ? saved.progress.config : await askedFor(given);
  const engine = await openEngine('train', adapter, saved?.progress.choices);
  const opened = await openData(asked.data, { size });
  const small = /swiftshader/i.test(engine.info.description);
  const config = saved ? saved.progress.config : completeConfig(asked, small, opened.train);
  const splits = config.validation > 0 ? holdOut(opened.train, config.validation) : opened;
  if (small && !saved && given.epochs === undefined)
    say(
      'this adapter is slow: a smaller run (fewer images, a narrower encoder); --epochs, --width, --limit choose another',
    );
  describeData(splits, config);
  const task = { engine, splits, began };
  if (compare || study || seeds > 1) {
    const plan = planRuns(asked, { compare, study, seeds }, (one) => completeConfig(one, small, splits.train));
    await trainSeveral(task, plan, out);
  } else {
    const directory = out ?? join('runs', `${config.method}-${basename(config.data)}`);
    await trainOne(task, config, directory, saved);
  }
  engine.destroy();
}

/** The command line over the configuration file. */
async function askedFor({
  config,
  compare: _,
  study: __,
  seeds: ___,
  out: ____,
  resume: _____,
  size: ______,
  adapter: _______,
  hidden,
  projection,
  temperature,
  option = [],
  ...given
}: TrainOptions): Promise<PartialConfig> {
  const file = config ? await readConfig(config) : {};
  const known = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const own = Object.entries({ hidden, projection, temperature }).filter(([, value]) => value !== undefined);
  const options = { ...file.options, ...Object.fromEntries([...own, ...option]) };
  return { data: 'letters', ...file, ...known, ...(Object.keys(options).length > 0 ? { options } : {}) };
}

/** @param tune `'full'`, or the choices of a checkpoint; older ones have none */
export async function openEngine(
  command: string,
  adapter: string,
  tune: 'cached' | 'full' | Choices = 'cached',
): Promise<Engine> {
  if (adapter !== 'auto' && adapter !== 'hardware' && adapter !== 'software')
    throw new GramianError(`${command}: --adapter ${adapter}, expected auto, hardware or software.`);
  const engine = await createEngine({ adapter, tune });
  say(`adapter: ${engine.info.note}`);
  const choices = typeof tune === 'string' ? null : tune;
  if (choices && choices.adapter !== engine.choices().adapter)
    say(`the checkpoint was made on ${choices.adapter}: its numbers go on, but not to the same bits`);
  return engine;
}

export function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

function describeData(
  { train, test, notes = [] }: ImageSplits,
  { method, batch, accumulate, cached, validation }: RunConfig,
): void {
  say(
    `data: ${train.name}, ${train.count} training and ${test?.count ?? 0} ${validation > 0 ? 'validation' : 'test'} images of ` +
      `${train.channels} x ${train.height} x ${train.width}`,
  );
  for (const note of notes) say(note);
  if (accumulate === 1) return;
  const { accumulation } = METHODS[method];
  say(
    `gradients of ${accumulate} parts of ${batch / accumulate} images are added up: batch norm sees a part at a time, and ` +
      `${accumulation && !cached ? `the loss is another one, as ${accumulation}` : 'the loss stays the same'}`,
  );
}

/** What all runs of a command share. */
export interface Task {
  readonly engine: Engine;
  readonly splits: ImageSplits;
  /** performance.now() at the start. */
  readonly began: number;
}

type Saved = Awaited<ReturnType<typeof loadCheckpoint>> | null;

async function trainOne(task: Task, config: RunConfig, directory: string, saved: Saved): Promise<void> {
  const { splits, began } = task;
  const run = await finishedRun(task, config, directory, saved);
  if (!run) return;
  const result = await measured(task, run, config, directory);
  const { metrics, evaluation } = result;
  const { raw, untrained, loss, history } = run.progress();
  const report: ReportData = {
    title: `${METHODS[config.method].title} on ${splits.train.name}`,
    command: commandOf(config),
    adapter: metrics.adapter,
    startedAt: new Date(Date.now() - (performance.now() - began)).toISOString(),
    method: config.method,
    dataset: {
      name: splits.train.name,
      train: run.trainSet.count,
      test: splits.test?.count ?? 0,
      classes: classNames(splits).length,
    },
    parameters: { ...flat(config), ...scoresOf(evaluation) },
    loss,
    accuracy: {
      raw,
      untrained,
      trained: { knn: evaluation.knn, probe: evaluation.probe },
      history: [{ epoch: 0, knn: untrained.knn }, ...history, { epoch: config.epochs, knn: evaluation.knn }],
    },
    speed: {
      imagesPerSecond: metrics.imagesPerSecond,
      seconds: (performance.now() - began) / 1000,
      peakBytes: metrics.peakBytes,
    },
    warnings: [...metrics.warnings],
    embeddings: await picture(run, splits, config, { limit: 1000, thumbnails: true }),
  };
  const page = join(directory, 'report.html');
  await writeFile(page, renderReport(report, await pageScript()));
  say(
    `${metrics.imagesPerSecond.toFixed(0)} images/s, peak GPU memory ${(metrics.peakBytes / 1e6).toFixed(0)} MB; report: ${page}`,
  );
  process.stdout.write(`${sentenceOf(raw, untrained, evaluation)}\n`);
  run.dispose();
}

/** A run trained to its end; null where somebody stopped it, which saves it. */
export async function finishedRun(
  { engine, splits }: Task,
  config: RunConfig,
  directory: string,
  saved: Saved,
  raw?: FeatureScores,
): Promise<Run | null> {
  await mkdir(directory, { recursive: true });
  const run = startRun(engine, splits, config);
  if (saved) run.load(saved.tensors, saved.progress);
  else await run.measureStart(raw);
  const start = run.progress();
  const opening =
    `${config.method}, seed ${config.seed}: ${run.totalSteps} steps of ${config.batch}; k-NN before training: ` +
    `raw pixels ${percent(start.raw.knn)}, untrained encoder ${percent(start.untrained.knn)}`;
  engine.resetPeakMemory();
  const interrupted = await trainWithProgress(run, config, opening);
  const checkpoint = join(directory, 'checkpoint.safetensors');
  await saveCheckpoint(checkpoint, run.tensors(), run.progress());
  if (!interrupted) return run;
  say(`stopped at step ${run.progress().step}; saved ${checkpoint}. Go on with: gramian train --resume ${checkpoint}`);
  return null;
}

/** What metrics.json holds. */
export interface Metrics extends Evaluation {
  readonly raw: FeatureScores;
  readonly untrained: FeatureScores;
  readonly history: readonly { epoch: number; knn: number }[];
  readonly finalLoss: number | undefined;
  readonly losses: readonly number[];
  readonly imagesPerSecond: number;
  readonly seconds: number;
  readonly peakBytes: number;
  readonly adapter: string;
  readonly config: RunConfig;
}

/** Scores a finished run and writes its metrics.json. */
export async function measured(
  { engine }: Task,
  run: Run,
  config: RunConfig,
  directory: string,
): Promise<{ metrics: Metrics; evaluation: Evaluation }> {
  const { peakBytes } = engine.memory();
  const evaluation = await run.evaluate();
  const { raw, untrained, loss, seconds, history, warnings } = run.progress();
  const metrics: Metrics = {
    ...evaluation,
    raw,
    untrained,
    history,
    warnings: [...warnings, ...evaluation.warnings],
    finalLoss: loss.at(-1)?.loss,
    losses: loss.map((point) => point.loss),
    imagesPerSecond: (loss.length * config.batch) / seconds,
    seconds,
    peakBytes,
    adapter: engine.info.description,
    config,
  };
  for (const warning of evaluation.warnings) say(`warning: ${warning}`);
  await writeFile(join(directory, 'metrics.json'), `${JSON.stringify(metrics, null, 2)}\n`);
  return { metrics, evaluation };
}

/** Trains until done or until Ctrl-C, which lets the step end; a second Ctrl-C leaves at once. */
async function trainWithProgress(run: Run, config: RunConfig, opening: string): Promise<boolean> {
  let stop = false;
  const onInterrupt = () => {
    if (stop) process.exit(130);
    stop = true;
  };
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
  say(opening); // only now: who reads it may press Ctrl-C at once
  const view = showProgress(run.totalSteps, run.progress().step, config.batch, run.epochSteps);
  try {
    await run.train({
      step: (done, _total, loss) => view.step(done, loss),
      say: (text) => view.line(text),
      stop: () => stop,
    });
  } finally {
    view.end();
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', onInterrupt);
  }
  return stop && run.progress().step < run.totalSteps;
}

export function pageScript(): Promise<string> {
  return readFile(new URL('./report-page.js', import.meta.url), 'utf8');
}

export function commandOf({ method, data, epochs, batch, seed }: RunConfig): string {
  return `gramian train --method ${method} --data ${data} --epochs ${epochs} --batch ${batch} --seed ${seed}`;
}

/** A configuration as a table shows it. */
export function flat({ options, cached, corrupted, ...config }: RunConfig): Record<string, string | number> {
  const own = Object.entries({ cached, corrupted, ...options }).map(([name, value]) => [name, String(value)]);
  return { ...config, ...Object.fromEntries(own) };
}

/** What a table says beside accuracies. */
export function scoresOf(evaluation: Evaluation): Record<string, string> {
  const { effectiveRank, deviation, classifier, clusters, corrupted, used, perplexity } = evaluation;
  return {
    'effective rank': effectiveRank.toFixed(1),
    deviation: deviation.toFixed(3),
    ...(classifier === undefined ? {} : { classifier: percent(classifier) }),
    ...(corrupted
      ? { 'corrupted, k-NN': percent(corrupted.knn), 'corrupted, linear probe': percent(corrupted.probe) }
      : {}),
    ...(used === undefined ? {} : { 'used clusters': `${used}, perplexity ${(perplexity ?? 0).toFixed(1)}` }),
    ...(clusters
      ? {
          'cluster ACC': percent(clusters.accuracy),
          NMI: clusters.nmi.toFixed(3),
          ARI: clusters.ari.toFixed(3),
          'k-means on pixels, ACC': percent(clusters.pixels),
        }
      : {}),
  };
}

export function sentenceOf(raw: FeatureScores, untrained: FeatureScores, evaluation: Evaluation): string {
  const { classifier, clusters } = evaluation;
  const by = (score: keyof FeatureScores) =>
    `raw pixels ${percent(raw[score])}, untrained encoder ${percent(untrained[score])}, trained encoder ${percent(evaluation[score])}`;
  return (
    `k-NN accuracy: ${by('knn')}` +
    `${Number.isFinite(evaluation.probe) ? `; linear probe: ${by('probe')}` : ''}` +
    `${classifier === undefined ? '' : `; classifier ${percent(classifier)}`}` +
    `${clusters ? `; clusters: ACC ${percent(clusters.accuracy)} (k-means on pixels ${percent(clusters.pixels)}), NMI ${clusters.nmi.toFixed(3)}, ARI ${clusters.ari.toFixed(3)}` : ''}`
  );
}

export async function picture(
  run: Pick<Run, 'embed'>,
  splits: ImageSplits,
  { seed }: RunConfig,
  { limit, thumbnails }: { limit: number; thumbnails: boolean },
): Promise<ReportData['embeddings']> {
  const set = splits.test ?? splits.train;
  const embeddings = run.embed(splits.test ? 'test' : 'train');
  const rows = await embeddings.data();
  const { indices, points } = projectEmbeddings(rows, embeddings.shape[0], embeddings.shape[1], { seed, limit });
  embeddings.dispose();
  const { labels } = set;
  return {
    points,
    labels: labels ? [...indices].map((index) => labels[index]) : [],
    classes: classNames(splits),
    ...(thumbnails ? { thumbnails: makeThumbnails(set, indices) } : {}),
  };
}
