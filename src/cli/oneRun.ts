import { dirname, join, resolve } from 'node:path';
import type { ImageSplits } from '../data/dataset.ts';
import type { Engine } from '../engine/engine.ts';
import { CHECKPOINT, type Checkpoint, Diverged, PREVIOUS, saveCheckpoint } from './checkpoint.ts';
import { commandOf } from './command.ts';
import type { RunConfig } from './config.ts';
import { clearRun, type RunDirectory } from './directory.ts';
import type { Evaluation } from './evaluate.ts';
import { writeWhole } from './files.ts';
import { logLine } from './logLine.ts';
import { METHODS } from './methods.ts';
import { showProgress } from './progress.ts';
import type { FeatureScores, ReportData } from './report/data.ts';
import { renderReport } from './report/write.ts';
import { flat, pageScript, picture, scoresOf, sentenceOf } from './results.ts';
import { explainGrowth } from './resume.ts';
import { classNames, percent, type Run, startRun } from './run.ts';
import { isTime, type Pace } from './schedule.ts';
import type { Signals } from './signals.ts';
import type { Origin } from './trainedOn.ts';

/** What all runs of a command share. */
export interface Task {
  readonly engine: Engine;
  readonly splits: ImageSplits;
  readonly origin: Origin;
  readonly pace: Pace;
  readonly signals: Signals;
  /** The command that goes on from a checkpoint of this one, as it is typed. */
  readonly wayOn: (checkpoint: string) => string;
  /** performance.now() at the start. */
  readonly began: number;
}

/** Trains, measures and reports; nothing more than the training where somebody stopped it. */
export async function trainOne(
  task: Task,
  config: RunConfig,
  directory: RunDirectory,
  saved: Checkpoint | null,
): Promise<void> {
  const run = await finishedRun(task, config, directory.path, { saved });
  if (run) await reporting(task, run, directory.path, () => reportOn(task, run, config, directory.path));
}

async function reportOn(task: Task, run: Run, config: RunConfig, directory: string): Promise<void> {
  const { splits, began } = task;
  const { metrics, evaluation } = await measured(task, run, config, directory);
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
  await writeWhole('train', page, renderReport(report, await pageScript()));
  logLine(
    `${metrics.imagesPerSecond.toFixed(0)} images/s, peak GPU memory ${(metrics.peakBytes / 1e6).toFixed(0)} MB; report: ${page}`,
  );
  process.stdout.write(`${sentenceOf(raw, untrained, evaluation)}\n`);
}

/** What follows a run that is trained and saved; its memory is given back after it. */
export async function reporting<T>(task: Task, run: Run, directory: string, work: () => Promise<T>): Promise<T> {
  const result = await work().catch((error: unknown) => {
    throw withWayOn(task, error, { path: join(directory, CHECKPOINT), step: run.progress().step });
  });
  run.dispose();
  return result;
}

/**
 * A run trained to its end and saved; null where somebody stopped it.
 * @param saved what it goes on from
 * @param raw scores of the pixels, where they are known
 */
export async function finishedRun(
  task: Task,
  config: RunConfig,
  directory: string,
  { saved, raw }: { saved: Checkpoint | null; raw?: FeatureScores },
): Promise<Run | null> {
  const { engine, splits, origin } = task;
  const run = startRun(engine, splits, config, origin);
  if (saved) run.load(saved);
  else await run.measureStart(raw);
  const start = run.progress();
  logLine(
    `${config.method}, seed ${config.seed}: ${run.totalSteps} steps of ${config.batch}; k-NN before training: ` +
      `raw pixels ${percent(start.raw.knn)}, untrained encoder ${percent(start.untrained.knn)}`,
  );
  if (saved) {
    logLine(`going on at step ${start.step} of ${saved.path}`);
    explainGrowth(saved.progress.config, run, config);
  }
  // Only now that the new run is sure to begin, and never what it goes on from.
  if (!saved || resolve(dirname(saved.path)) !== resolve(directory)) await clearRun(directory);
  engine.resetPeakMemory();
  return (await task.signals.finishing(() => trainAndSave(task, run, config, directory, saved))) ? run : null;
}

/** Trains and saves at its pace, at the end, and when somebody wants it to stop; whether it came to its end. */
async function trainAndSave(
  task: Task,
  run: Run,
  config: RunConfig,
  directory: string,
  saved: Checkpoint | null,
): Promise<boolean> {
  const { pace, signals, wayOn } = task;
  const target = join(directory, CHECKPOINT);
  // A newest one that was passed over for the one before it must not become the one before.
  let keepNewest = !saved || resolve(saved.path) !== resolve(directory, PREVIOUS);
  let kept: KeptState | null = saved && { path: saved.path, step: saved.progress.step };
  let keptAt = performance.now();
  const save = async (): Promise<void> => {
    await saveCheckpoint(directory, run.tensors(), run.progress(), { keepNewest });
    keepNewest = true;
    kept = { path: target, step: run.progress().step };
    keptAt = performance.now();
  };
  const view = showProgress(run.totalSteps, run.progress().step, config.batch, run.epochSteps);
  try {
    await run.train({
      step: (done, _total, loss) => view.step(done, loss),
      say: (text) => view.line(text),
      stop: () => signals.asked,
      settled: async (endsEpoch) => {
        const { step } = run.progress();
        const last = step === run.totalSteps || signals.asked; // saved below
        if (!last && isTime(pace, step, (performance.now() - keptAt) / 1000, endsEpoch)) await save();
      },
    });
    if (kept?.step !== run.progress().step || resolve(kept.path) !== resolve(target) || saved) await save();
  } catch (error) {
    throw withWayOn(task, error, kept);
  } finally {
    view.end();
  }
  if (!signals.asked) return true;
  logLine(`stopped at step ${run.progress().step}; saved ${target}. Go on with: ${wayOn(target)}`);
  process.exitCode = signals.exitCode;
  return false;
}

/** The newest state of a run that is safe. */
interface KeptState {
  readonly path: string;
  readonly step: number;
}

/** The same error, with what is left of the run and how it can go on. */
function withWayOn({ wayOn }: Task, error: unknown, kept: KeptState | null): unknown {
  if (!(error instanceof Error)) return error;
  const said = error.message.replace(/\.$/, '');
  const anew = error instanceof Diverged ? '; lower --learning-rate and begin anew' : '';
  if (!kept) error.message = `${said}${anew}; nothing was saved before.`;
  else if (anew) error.message = `${said}${anew}; the last good state, of step ${kept.step}, stays in ${kept.path}.`;
  else error.message = `${said}; ${wayOn(kept.path)} goes on from step ${kept.step}, which is saved.`;
  return error;
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
  for (const warning of evaluation.warnings) logLine(`warning: ${warning}`);
  await writeWhole('train', join(directory, 'metrics.json'), `${JSON.stringify(metrics, null, 2)}\n`);
  return { metrics, evaluation };
}
