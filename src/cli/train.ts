import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { createEngine, type Engine } from '../core/engine.ts';
import type { ImageSplits } from '../data/dataset.ts';
import { openData } from '../data/open.ts';
import { linearProbe } from '../eval/probe.ts';
import { GramianError } from '../gpu/errors.ts';
import { loadCheckpoint, saveCheckpoint } from './checkpoint.ts';
import { completeConfig, type RunConfig } from './config.ts';
import { showProgress } from './progress.ts';
import type { ReportData } from './report/data.ts';
import { projectEmbeddings } from './report/project.ts';
import { makeThumbnails } from './report/thumbnails.ts';
import { renderReport } from './report/write.ts';
import { percent, type Run, startRun } from './run.ts';

type Options = Partial<RunConfig> & {
  data: string;
  out?: string;
  resume?: string;
  size?: number;
  adapter?: string;
};

/** `gramian train`: prints what it does on stderr and its result on stdout. */
export async function train({ out, resume, size, adapter = 'auto', ...given }: Options): Promise<void> {
  const began = performance.now();
  if (adapter !== 'auto' && adapter !== 'hardware' && adapter !== 'software')
    throw new GramianError(`train: --adapter ${adapter}, expected auto, hardware or software.`);
  const saved = resume ? await loadCheckpoint(resume) : null;
  const choices = saved?.progress.choices; // older checkpoints have none
  const engine = await createEngine({ adapter, tune: choices ?? 'cached' });
  say(`adapter: ${engine.info.note}`);
  if (choices && choices.adapter !== engine.choices().adapter)
    say(`the checkpoint was made on ${choices.adapter}: its numbers go on, but not to the same bits`);
  const dataName = saved ? saved.progress.config.data : given.data;
  const splits = await openData(dataName, { size });
  const small = /swiftshader/i.test(engine.info.description);
  const config = saved ? saved.progress.config : completeConfig({ ...given, data: dataName }, small, splits.train);
  if (small && !saved && given.epochs === undefined)
    say(
      'this adapter is slow: a smaller run (fewer images, a narrower encoder); --epochs, --width, --limit choose another',
    );
  const directory = out ?? join('runs', `${config.method}-${basename(config.data)}`);
  await mkdir(directory, { recursive: true });

  const run = startRun(engine, splits, config);
  if (saved) run.load(saved.tensors, saved.progress);
  say(
    `data: ${splits.train.name}, ${splits.train.count} training and ${splits.test?.count ?? 0} test images of ` +
      `${splits.train.channels} x ${splits.train.height} x ${splits.train.width}; ${run.totalSteps} steps of ${config.batch}`,
  );
  if (!saved) await run.measureStart();
  const { raw, untrained } = run.progress();
  say(`k-NN before training: raw pixels ${percent(raw)}, untrained encoder ${percent(untrained)}`);
  engine.resetPeakMemory();
  const interrupted = await trainWithProgress(run, config);
  const { peakBytes } = engine.memory();

  const checkpoint = join(directory, 'checkpoint.safetensors');
  await saveCheckpoint(checkpoint, run.tensors(), run.progress());
  if (interrupted) {
    say(
      `stopped at step ${run.progress().step}; saved ${checkpoint}. Go on with: gramian train --resume ${checkpoint}`,
    );
  } else {
    await finish(engine, run, splits, config, directory, { began, peakBytes });
  }
  engine.destroy();
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Trains until done or until Ctrl-C, which lets the step end; a second Ctrl-C leaves at once. */
async function trainWithProgress(run: Run, config: RunConfig): Promise<boolean> {
  let stop = false;
  const onInterrupt = () => {
    if (stop) process.exit(130);
    stop = true;
  };
  process.on('SIGINT', onInterrupt);
  process.on('SIGTERM', onInterrupt);
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

async function finish(
  engine: Engine,
  run: Run,
  splits: ImageSplits,
  config: RunConfig,
  directory: string,
  { began, peakBytes }: { began: number; peakBytes: number },
): Promise<void> {
  const trained = await run.knn();
  const probe = await probeOf(run, splits, config);
  const { raw, untrained, loss, seconds, history } = run.progress();
  const imagesPerSecond = (loss.length * config.batch) / seconds;
  const accuracy = {
    raw,
    untrained,
    trained,
    ...(Number.isFinite(probe) ? { probe } : {}),
    history: [{ epoch: 0, knn: untrained }, ...history, { epoch: config.epochs, knn: trained }],
  };
  const metrics = {
    ...accuracy,
    finalLoss: loss.at(-1)?.loss,
    losses: loss.map((point) => point.loss),
    imagesPerSecond,
    seconds,
    peakBytes,
    adapter: engine.info.description,
    config,
  };
  await writeFile(join(directory, 'metrics.json'), `${JSON.stringify(metrics, null, 2)}\n`);
  const report: ReportData = {
    title: `SimCLR on ${splits.train.name}`,
    command: `gramian train --method ${config.method} --data ${config.data} --epochs ${config.epochs} --batch ${config.batch} --seed ${config.seed}`,
    adapter: engine.info.description,
    startedAt: new Date(Date.now() - (performance.now() - began)).toISOString(),
    method: config.method,
    dataset: {
      name: splits.train.name,
      train: run.trainSet.count,
      test: splits.test?.count ?? 0,
      classes: classNames(splits).length,
    },
    parameters: { ...config },
    loss,
    accuracy,
    speed: { imagesPerSecond, seconds: (performance.now() - began) / 1000, peakBytes },
    embeddings: await picture(run, splits, config),
  };
  const page = join(directory, 'report.html');
  await writeFile(page, renderReport(report, await readFile(new URL('./report-page.js', import.meta.url), 'utf8')));
  say(`${imagesPerSecond.toFixed(0)} images/s, peak GPU memory ${(peakBytes / 1e6).toFixed(0)} MB; report: ${page}`);
  process.stdout.write(
    `k-NN accuracy: raw pixels ${percent(raw)}, untrained encoder ${percent(untrained)}, trained encoder ${percent(trained)}` +
      `${Number.isFinite(probe) ? `; linear probe ${percent(probe)}` : ''}\n`,
  );
}

function classNames({ train, test }: ImageSplits): string[] {
  if (train.classes) return train.classes;
  const labels = [...(train.labels ?? []), ...(test?.labels ?? [])];
  return Array.from({ length: labels.reduce((top, label) => Math.max(top, label + 1), 0) }, (_, i) => String(i));
}

async function probeOf(run: Run, splits: ImageSplits, config: RunConfig): Promise<number> {
  const { trainSet } = run;
  const { test: testSet } = splits;
  if (!trainSet.labels || !testSet?.labels) return Number.NaN;
  const train = run.embed('train');
  const test = run.embed('test');
  try {
    const result = await linearProbe({
      train,
      trainLabels: trainSet.labels,
      test,
      testLabels: testSet.labels,
      classes: classNames(splits).length,
      seed: config.seed,
    });
    return result.accuracy;
  } finally {
    train.dispose();
    test.dispose();
  }
}

async function picture(run: Run, splits: ImageSplits, config: RunConfig): Promise<ReportData['embeddings']> {
  const set = splits.test ?? splits.train;
  const embeddings = run.embed(splits.test ? 'test' : 'train');
  const rows = await embeddings.data();
  const { indices, points } = projectEmbeddings(rows, embeddings.shape[0], embeddings.shape[1], {
    seed: config.seed,
    limit: 1000,
  });
  embeddings.dispose();
  const { labels } = set;
  return {
    points,
    labels: labels ? [...indices].map((index) => labels[index]) : [],
    classes: classNames(splits),
    thumbnails: makeThumbnails(set, indices),
  };
}
