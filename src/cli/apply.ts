import { writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Engine } from '../core/engine.ts';
import { holdOut } from '../data/dataset.ts';
import { openData } from '../data/open.ts';
import { GramianError } from '../gpu/errors.ts';
import { loadCheckpoint } from './checkpoint.ts';
import type { RunConfig } from './config.ts';
import { METHODS } from './methods.ts';
import { writeNpy } from './npy.ts';
import { type Run, startRun } from './run.ts';
import { openEngine, say, scoresOf, sentenceOf } from './train.ts';

interface ApplyOptions {
  corrupted?: boolean;
  data?: string;
  size?: number;
  adapter?: string;
}

/** The method of a checkpoint on the data that it was trained on, or on other images of the same shape. */
async function openRun(
  command: string,
  checkpoint: string,
  { data, size, corrupted = false, adapter = 'auto' }: ApplyOptions,
): Promise<{ engine: Engine; run: Run; config: RunConfig }> {
  const { tensors, progress } = await loadCheckpoint(checkpoint);
  const { config } = progress;
  const engine = await openEngine(command, adapter);
  const { train, test } = await openData(data ?? config.data, { size });
  // What was held out to choose by is not trained on here, either; the scores are those of the test images.
  const splits = { train: config.validation > 0 && !data ? holdOut(train, config.validation).train : train, test };
  const run = startRun(engine, splits, { ...config, corrupted, data: data ?? config.data });
  run.load(tensors, progress);
  return { engine, run, config };
}

/** `gramian embed`: [images, features] as a NumPy file. */
export async function embed(
  checkpoint: string,
  { out, part = 'test', ...rest }: ApplyOptions & { out?: string; part?: string },
): Promise<void> {
  if (part !== 'train' && part !== 'test') throw new GramianError(`embed: --part ${part}, expected train or test.`);
  const { engine, run } = await openRun('embed', checkpoint, rest);
  const rows = run.embed(part);
  const file = out ?? `${basename(checkpoint).replace(/\.safetensors$/, '')}-${part}.npy`;
  await writeFile(file, writeNpy(await rows.data(), rows.shape));
  say(`${file}: [${rows.shape.join(', ')}]`);
  engine.destroy();
}

/** `gramian eval`: the scores of a checkpoint, on stdout; `json` for programs. */
export async function evaluateCheckpoint(
  checkpoint: string,
  { json = false, ...rest }: ApplyOptions & { json?: boolean },
): Promise<void> {
  const { engine, run, config } = await openRun('eval', checkpoint, rest);
  const evaluation = await run.evaluate();
  const { raw, untrained, step } = run.progress();
  for (const warning of evaluation.warnings) say(`warning: ${warning}`);
  if (json) process.stdout.write(`${JSON.stringify({ ...evaluation, raw, untrained, step, config }, null, 2)}\n`);
  else {
    say(`${METHODS[config.method].title} after ${step} steps`);
    process.stdout.write(`${sentenceOf(raw, untrained, evaluation)}\n`);
    for (const [name, value] of Object.entries(scoresOf(evaluation))) process.stdout.write(`${name}: ${value}\n`);
  }
  engine.destroy();
}
