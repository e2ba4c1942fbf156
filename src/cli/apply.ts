import { dirname } from 'node:path';
import { uploadImages } from '../data/augment.ts';
import { holdOut, type ImageSet, type ImageSplits } from '../data/dataset.ts';
import { openData, openJoined } from '../data/open.ts';
import { statistics } from '../data/statistics.ts';
import type { Engine } from '../engine/engine.ts';
import { GramianError } from '../gpu/errors.ts';
import type { Method } from '../methods/method.ts';
import { type Checkpoint, loadCheckpoint, restore } from './checkpoint.ts';
import { during, PATIENCE } from './during.ts';
import { freeFiles, givenFiles, writeEmbeddings } from './embeddings.ts';
import { checkAdapter, openEngine } from './engine.ts';
import { evaluate, featureScores, overAll, pixels, type Split } from './evaluate.ts';
import { logLine } from './logLine.ts';
import { methodOf } from './makeMethod.ts';
import { METHODS } from './methods.ts';
import type { TrainedOn } from './progressRecord.ts';
import type { FeatureScores } from './report/data.ts';
import { scoresOf, sentenceOf } from './results.ts';
import { placeOf } from './resume.ts';
import { classNames, drawnOf } from './run.ts';
import { originOf, trainedOn } from './trainedOn.ts';
import { checkDirectory, checkFile } from './writable.ts';

interface ApplyOptions {
  data?: string;
  size?: number;
  adapter?: string;
}

/** A checkpoint's method as it was before its first step, with what it takes to use it on images. */
interface Trained {
  readonly engine: Engine;
  readonly saved: Checkpoint;
  readonly facts: TrainedOn;
  readonly method: Method;
  /** What `--data` says, or what it was trained on. */
  readonly data: string;
  /** All images there, in the order of their files. */
  readonly splits: ImageSplits;
}

/**
 * @param whole nothing is scored: a folder that was asked for by name and makes no split of its own stays in one piece, and a
 * class may be in one part alone
 * @param found called with the checkpoint, before images and adapter are looked at
 */
async function openTrained(
  command: string,
  checkpoint: string,
  { data: asked, size, adapter = 'auto' }: ApplyOptions,
  { whole, found = () => {} }: { whole: boolean; found?: (saved: Checkpoint) => void },
): Promise<Trained> {
  checkAdapter(command, adapter);
  const saved = await loadCheckpoint(`${command}:`, checkpoint);
  found(saved);
  const { config, trainedOn: known } = saved.progress;
  const facts = known ?? (await factsOfOld(saved, size));
  const { images, classes, channels } = facts;
  if (channels !== 1 && channels !== 3)
    throw new GramianError(`${command}: ${saved.path} takes images of ${channels} channels, expected 1 or 3.`);
  const data = asked ?? config.data;
  const place = await placeOf(saved, asked);
  const given = {
    size: size ?? facts.height,
    channels,
    ...(whole && asked !== undefined ? { testFraction: 0 } : {}),
  } as const;
  const splits = await during(`reading ${data}`, () => openJoined(place, given, whole), PATIENCE);
  for (const note of splits.notes ?? []) logLine(note);
  for (const set of [splits.train, splits.test]) if (set) refuseOtherShape(command, data, set, saved, facts);
  const engine = await openEngine(command, adapter);
  try {
    const method = methodOf(engine, config, facts, { images, classes: classes.length });
    return { engine, saved, facts, method, data, splits };
  } catch (error) {
    engine.destroy();
    throw error;
  }
}

/** What a checkpoint of version 0.1.0 does not say is read off the images that it was trained on. */
async function factsOfOld({ path, progress }: Checkpoint, size: number | undefined): Promise<TrainedOn> {
  const { config } = progress;
  const splits = await openData(config.data, { size }).catch((error: Error) => {
    throw new GramianError(
      `${path} is of an older version and does not hold the statistics of its images, expected these in ${config.data} still (${error.message.replace(/\.$/, '')}).`,
    );
  });
  const set = trainSetOf(splits, config);
  return trainedOn(set, statistics(set), classNames(splits), originOf(config.data, splits));
}

/** The images that a run learns from. */
function trainSetOf({ train }: ImageSplits, config: Checkpoint['progress']['config']): ImageSet {
  return drawnOf(config.validation > 0 ? holdOut(train, config.validation).train : train, config);
}

function refuseOtherShape(
  command: string,
  data: string,
  set: ImageSet,
  { path, progress }: Checkpoint,
  facts: TrainedOn,
): void {
  const anySize = progress.config.options.pool === 'mean';
  if (set.channels === facts.channels && (anySize || (set.height === facts.height && set.width === facts.width)))
    return;
  throw new GramianError(
    `${command}: the images of ${data} are ${set.channels} x ${set.height} x ${set.width}, expected ${facts.channels} x ` +
      `${facts.height} x ${facts.width} as the encoder of ${path} takes; a folder of PNG or JPEG files is fitted to that by itself.`,
  );
}

/** On the GPU, standardised as the training images were. */
function upload({ engine, facts }: Trained, set: ImageSet): Split {
  const { mean, deviation } = facts;
  return { set, images: uploadImages(engine, set, { mean, deviation }) };
}

function restoreMethod({ method, saved }: Trained): void {
  restore(saved.path, { ...method.parameters, ...method.buffers }, saved.tensors);
}

/** `gramian embed`: [images, features] as a NumPy file, every image in the order of the files, and a table beside it that names them. */
export async function embed(
  checkpoint: string,
  { out, part: asked, ...rest }: ApplyOptions & { out?: string; part?: string },
): Promise<void> {
  if (asked !== undefined && asked !== 'train' && asked !== 'test')
    throw new GramianError(`embed: --part ${asked}, expected train or test.`);
  if (out !== undefined) checkFile('embed', 'out', out);
  const given = out === undefined ? null : await givenFiles(out);
  if (given) checkFile('embed', 'out', given.names);
  const trained = await openTrained('embed', checkpoint, rest, {
    whole: true,
    found: ({ path }) => given ?? checkDirectory('embed', null, dirname(path)),
  });
  const { engine, saved, data, splits, method } = trained;
  try {
    const part = asked ?? (splits.test ? 'test' : 'train');
    const set = splits[part];
    if (!set) throw new GramianError(`embed: --part test, expected train; ${data} has no test images of its own.`);
    const files = given ?? (await freeFiles(saved.path, data, part));
    restoreMethod(trained);
    const { images } = upload(trained, set);
    using rows = overAll(engine, images, (batch) => method.embed(batch));
    await writeEmbeddings(files, await rows.data(), rows.shape, set);
    logLine(
      `${files.table}: [${rows.shape.join(', ')}], the ${part} images of ${data}; their names and labels: ${files.names}`,
    );
  } finally {
    engine.destroy();
  }
}

/** `gramian eval`: the scores of a checkpoint, on stdout; `json` for programs. */
export async function evaluateCheckpoint(
  checkpoint: string,
  { json = false, corrupted = false, ...rest }: ApplyOptions & { json?: boolean; corrupted?: boolean },
): Promise<void> {
  const trained = await openTrained('eval', checkpoint, rest, { whole: false });
  const { engine, saved, facts, method, data } = trained;
  try {
    const { config, step } = saved.progress;
    const own = rest.data === undefined;
    const numbered = withClassesOf(facts, trained.splits);
    const splits = numbered ?? trained.splits;
    const names = numbered ? [...facts.classes] : classNames(splits);
    if (!numbered && method.scoresOf === 'classes')
      logLine(`the classes of ${data} are not those that the classifier knows: its own scores are left out`);
    const given = { classes: names.length, seed: config.seed };
    // Of its own data the images that it learnt from, so that the scores are those of the run; of other data all.
    const train = upload(trained, own ? trainSetOf(splits, config) : splits.train);
    const test = splits.test && upload(trained, splits.test);
    const { raw, untrained } = await baselines(trained, train, test, given);
    restoreMethod(trained);
    const evaluation = await during('measuring the trained encoder', () =>
      evaluate(engine, method, train, test, { ...given, corrupted, classifies: numbered !== null }),
    );
    for (const warning of evaluation.warnings) logLine(`warning: ${warning}`);
    if (json) {
      const scores = { ...evaluation, raw, untrained, step, config, data };
      process.stdout.write(`${JSON.stringify(scores, null, 2)}\n`);
      return;
    }
    logLine(`${METHODS[config.method].title} after ${step} steps, on ${data}`);
    process.stdout.write(`${sentenceOf(raw, untrained, evaluation)}\n`);
    for (const [name, value] of Object.entries(scoresOf(evaluation))) process.stdout.write(`${name}: ${value}\n`);
  } finally {
    engine.destroy();
  }
}

/** Scores of the pixels and of the encoder before its first step, on the images that are scored now. */
async function baselines(
  { engine, method }: Trained,
  train: Split,
  test: Split | null,
  given: { classes: number; seed: number },
): Promise<{ raw: FeatureScores; untrained: FeatureScores }> {
  const embed = ({ images }: Split) => overAll(engine, images, (batch) => method.embed(batch));
  const raw = await during('measuring raw pixels by k-NN and a linear probe', () =>
    featureScores(train, test, ({ images }) => pixels(engine, images), given),
  );
  const untrained = await during('measuring the untrained encoder by k-NN and a linear probe', () =>
    featureScores(train, test, embed, given),
  );
  return { raw, untrained };
}

/** The images with the class numbers that the encoder was trained with; null where some class is none of those. */
function withClassesOf({ classes }: TrainedOn, { train, test }: ImageSplits): ImageSplits | null {
  const numbered = (set: ImageSet): ImageSet | null => {
    const { labels, classes: names } = set;
    if (!labels) return set;
    const numbers = names ? names.map((name) => classes.indexOf(name)) : [...classes.keys()];
    const own = labels.map((label) => numbers[label] ?? -1);
    return own.includes(-1) ? null : { ...set, labels: own, classes: [...classes] };
  };
  const [known, asked] = [numbered(train), test && numbered(test)];
  return known && (asked || !test) ? { train: known, test: asked } : null;
}
