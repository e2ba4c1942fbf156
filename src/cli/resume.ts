import { GramianError } from '../gpu/errors.ts';
import { type Checkpoint, exists } from './checkpoint.ts';
import { defined, flagOf, type RunConfig } from './config.ts';
import { logLine } from './logLine.ts';
import { type Run, rateOf } from './run.ts';
import type { Origin } from './trainedOn.ts';

const MAY_DIFFER = '--epochs (more), --checkpoint-every, --adapter, --out, and --data with the same images';

/**
 * The settings of a run that goes on: those of its checkpoint. What is asked for beside them must say the same, but for more
 * epochs and another place of the same images.
 * @param asked as far as the command line or a configuration file says
 */
export function continuedConfig({ path, progress }: Checkpoint, asked: Partial<RunConfig>): RunConfig {
  const { config, trainedOn } = progress;
  const { epochs = config.epochs, data = config.data, options = {}, size, ...rest } = asked;
  const pairs: [flag: string, asked: unknown, saved: unknown][] = Object.entries(defined(rest)).map(([name, value]) => [
    `--${flagOf(name)}`,
    value,
    config[name as keyof RunConfig],
  ]);
  for (const [name, value] of Object.entries(options)) pairs.push([`--option ${name}`, value, config.options[name]]);
  if (size !== undefined && size !== config.size && size !== trainedOn?.height)
    pairs.push(['--size', size, trainedOn?.height]);
  const other = pairs.filter(([, wanted, saved]) => JSON.stringify(wanted) !== JSON.stringify(saved));
  if (other.length > 0) {
    const named = other.map(
      ([flag, wanted, saved]) =>
        `${flag} ${JSON.stringify(wanted)} (there ${saved === undefined ? 'its default' : JSON.stringify(saved)})`,
    );
    throw new GramianError(
      `train: --resume ${path} was made with other settings than ${named.join(', ')}, expected the same; only ${MAY_DIFFER} may differ.`,
    );
  }
  if (epochs < config.epochs)
    throw new GramianError(
      `train: --resume ${path} with --epochs ${epochs}, expected ${config.epochs} as it was begun with, or more.`,
    );
  return { ...config, epochs, data };
}

/** Where the images of a run that goes on are: where somebody says, or else where they were, whatever the present directory. */
export async function placeOf({ progress }: Checkpoint, asked: string | undefined): Promise<string> {
  const { config, trainedOn } = progress;
  if (asked !== undefined) return asked;
  return trainedOn && (await exists(trainedOn.source)) ? trainedOn.source : config.data;
}

/** Refuses to go on with other images; checkpoints that do not say what they saw must stay with what they name. */
export function refuseOtherImages({ path, progress }: Checkpoint, data: string, { hash }: Origin): void {
  const { config, trainedOn } = progress;
  if (!trainedOn && data !== config.data)
    throw new GramianError(
      `train: --data ${data}, expected ${config.data}; ${path} is of an older version and does not say which images it saw.`,
    );
  if (trainedOn && trainedOn.hash !== hash)
    throw new GramianError(
      `train: the images or labels of ${data} are not those that ${path} was trained on, expected the same; begin anew without --resume for others.`,
    );
}

/** What more epochs change at the step where the run goes on: the cosine of the new length is taken there. */
export function explainGrowth(before: RunConfig, run: Run, now: RunConfig): void {
  if (now.epochs === before.epochs) return;
  const { step } = run.progress();
  const old = rateOf(before, run.epochSteps)(step);
  logLine(
    `--epochs ${before.epochs} -> ${now.epochs}: the schedules of ${now.epochs} epochs are taken at step ${step}, where the learning rate ` +
      `jumps from ${shortly(old)} to ${shortly(run.learningRate())}`,
  );
}

const shortly = (rate: number): string => String(Number(rate.toPrecision(3)));
