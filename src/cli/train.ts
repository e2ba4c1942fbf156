import { basename, dirname, join, resolve } from 'node:path';
import { holdOut, type ImageSplits } from '../data/dataset.ts';
import { openData } from '../data/open.ts';
import { GramianError } from '../gpu/errors.ts';
import { checkBeforehand } from './beforehand.ts';
import { type Checkpoint, loadCheckpoint } from './checkpoint.ts';
import { quoted } from './command.ts';
import { completeConfig, defined, type PartialConfig, type RunConfig, readConfig, reducedBy } from './config.ts';
import { type RunDirectory, refuseNeighbour, refuseRun, takeDirectory, takeFreeDirectory } from './directory.ts';
import { during, PATIENCE } from './during.ts';
import { checkAdapter, openEngine } from './engine.ts';
import { asTyped } from './invoked.ts';
import { refuseSeveralProcesses } from './launcher.ts';
import { logLine } from './logLine.ts';
import { METHODS } from './methods.ts';
import { type Task, trainOne } from './oneRun.ts';
import { continuedConfig, placeOf, refuseOtherImages } from './resume.ts';
import { type Pace, paceText } from './schedule.ts';
import { planRuns, trainSeveral } from './several.ts';
import { watchSignals } from './signals.ts';
import { originOf } from './trainedOn.ts';
import { checkDirectory } from './writable.ts';

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
  overwrite?: boolean;
  resume?: string;
  checkpointEvery?: Pace;
  adapter?: string;
};

/** `gramian train`: prints what it does on stderr and its result on stdout. */
export async function train(given: TrainOptions): Promise<void> {
  refuseSeveralProcesses(process.env);
  const signals = watchSignals();
  const began = performance.now();
  const { out, overwrite = false, resume, compare, study, seeds = 1, adapter = 'auto', checkpointEvery = null } = given;
  const several = compare !== undefined || study !== undefined || seeds > 1;
  if (resume && several)
    throw new GramianError('train: --resume goes with one run; give --out alone to go on with several.');
  if (resume && overwrite && !out)
    throw new GramianError(
      'train: --overwrite is given with --resume and without --out, expected the directory to begin anew in; add --out, or leave --overwrite away.',
    );
  checkAdapter('train', adapter);
  if (out) checkDirectory('train', 'out', out);
  const asked = await askedFor(given);
  if (several) {
    const unfinished = (config: PartialConfig) => config as RunConfig; // defaults depend on the data and the adapter
    const plan = planRuns({ data: 'letters', ...asked }, { compare, study, seeds }, unfinished);
    for (const { config } of plan.variants) checkBeforehand(config);
  } else if (!resume) checkBeforehand(asked);
  const saved = resume ? await loadCheckpoint('train: --resume', resume) : null;
  const continued = saved && continuedConfig(saved, asked);
  const beside = saved && (!out || sameDirectory(out, saved));
  if (beside && !overwrite) await refuseNeighbour(saved.path);
  if (out && !overwrite && !several && !beside) await refuseRun(out);
  if (!out) checkDirectory('train', null, saved ? dirname(saved.path) : 'runs');
  const data = saved ? await placeOf(saved, asked.data) : (asked.data ?? 'letters');
  const opened = await during(`reading ${data}`, () => openData(data, { size: sizeOf(asked, saved) }), PATIENCE);
  const origin = originOf(data, opened);
  if (saved) refuseOtherImages(saved, data, origin);
  const engine = await openEngine('train', adapter, saved?.progress.choices ?? undefined);
  try {
    const wanted: PartialConfig = { ...asked, data };
    const small = /swiftshader/i.test(engine.info.description);
    const reduced = saved ? null : reducedBy(wanted, small);
    if (reduced)
      logLine(`this adapter is slow: taking the smaller defaults ${reduced}; any of these options chooses another`);
    const complete = (one: PartialConfig) => completeConfig(one, small, opened.train);
    const config = continued ?? complete(wanted);
    const splits = config.validation > 0 ? holdOut(opened.train, config.validation) : opened;
    describeData(splits, config);
    const aside = asideOf(checkpointEvery, adapter);
    const wayOn = (checkpoint: string) => asTyped(`train --resume ${quoted(checkpoint)}${aside}`);
    const task: Task = { engine, splits, origin, pace: checkpointEvery, signals, wayOn, began };
    if (several) {
      const plan = planRuns(wanted, { compare, study, seeds }, complete);
      await trainSeveral(task, { ...plan, aside }, { out, overwrite });
      return;
    }
    const directory = await directoryOf(config, { out, overwrite, saved });
    await trainOne(task, config, directory, saved).finally(directory.release);
  } finally {
    engine.destroy();
  }
}

/** Where a run writes: where it is told, beside the checkpoint that it goes on from, or under a name of its own. */
async function directoryOf(
  config: RunConfig,
  { out, overwrite, saved }: { out?: string; overwrite: boolean; saved: Checkpoint | null },
): Promise<RunDirectory> {
  const usual = join('runs', `${config.method}-${basename(config.data)}`);
  if (saved && (!out || sameDirectory(out, saved))) return takeDirectory(dirname(saved.path));
  if (!out && !overwrite) return takeFreeDirectory(usual);
  const directory = await takeDirectory(out ?? usual);
  try {
    if (!overwrite) await refuseRun(directory.path); // again: a run may have ended there meanwhile
    return directory;
  } catch (error) {
    directory.release();
    throw error;
  }
}

const sameDirectory = (out: string, { path }: Checkpoint): boolean => resolve(out) === resolve(dirname(path));

/** What was given that decides no numbers, and so is in no checkpoint. */
function asideOf(pace: Pace, adapter: string): string {
  return `${pace ? ` --checkpoint-every ${paceText(pace)}` : ''}${adapter === 'auto' ? '' : ` --adapter ${adapter}`}`;
}

/** Edge of the images of a folder: as asked for, or as the checkpoint saw them. */
function sizeOf({ size }: Partial<RunConfig>, saved: Checkpoint | null): number | undefined {
  return size || saved?.progress.config.size || saved?.progress.trainedOn?.height || undefined;
}

/** The command line over the configuration file. */
async function askedFor({
  config,
  compare: _,
  study: __,
  seeds: ___,
  out: ____,
  overwrite: _____,
  resume: ______,
  checkpointEvery: _______,
  adapter: ________,
  hidden,
  projection,
  temperature,
  option = [],
  ...given
}: TrainOptions): Promise<Partial<RunConfig>> {
  const file = config ? await readConfig(config) : {};
  const own = defined({ hidden, projection, temperature });
  const options = { ...file.options, ...own, ...Object.fromEntries(option) };
  return { ...file, ...defined(given), ...(Object.keys(options).length > 0 ? { options } : {}) };
}

function describeData(
  { train, test, notes = [] }: ImageSplits,
  { method, batch, accumulate, cached, validation }: RunConfig,
): void {
  logLine(
    `data: ${train.name}, ${train.count} training and ${test?.count ?? 0} ${validation > 0 ? 'validation' : 'test'} images of ` +
      `${train.channels} x ${train.height} x ${train.width}`,
  );
  for (const note of notes) logLine(note);
  if (accumulate === 1) return;
  const { accumulation } = METHODS[method];
  logLine(
    `gradients of ${accumulate} parts of ${batch / accumulate} images are added up: batch norm sees a part at a time, and ` +
      `${accumulation && !cached ? `the loss is another one, as ${accumulation}` : 'the loss stays the same'}`,
  );
}
