import { readFile } from 'node:fs/promises';
import type { augmentations } from '../data/augmentations.ts';
import { GramianError } from '../gpu/errors.ts';
import { METHODS, type MethodOptions } from './methods.ts';
import type { OptimizerName } from './optimizers.ts';

/** Everything that decides a run's numbers; a checkpoint carries it, so that a resumed run is the same run. */
export interface RunConfig {
  /** A key of `METHODS`. */
  readonly method: string;
  /** `letters`, or a directory. */
  readonly data: string;
  readonly epochs: number;
  readonly batch: number;
  /** Parts that a batch's gradients are accumulated over. */
  readonly accumulate: number;
  /** Cached gradients: the loss sees all parts at once, for one forward more. */
  readonly cached: boolean;
  readonly seed: number;
  readonly optimizer: OptimizerName;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly width: number;
  readonly features: number;
  readonly augmentation: keyof typeof augmentations;
  /** Use at most this many training images; 0 means all. */
  readonly limit: number;
  /** Share of the training images that is held out and scored on in place of the test images; 0: none is. */
  readonly validation: number;
  /** Edge of multi-crop's small views; 0: that of the images. */
  readonly cropSize: number;
  /** Score corrupted test images, too. */
  readonly corrupted: boolean;
  /** The method's own, by name. */
  readonly options: MethodOptions;
}

/** What somebody asks for: the rest is filled in. */
export type PartialConfig = Partial<RunConfig> & { readonly data: string };

/** Defaults for a GPU or a fast software adapter: SimCLR on the letters takes about 3 minutes on 2 cores with lavapipe. */
const DEFAULTS = {
  method: 'simclr',
  batch: 256,
  accumulate: 1,
  cached: false,
  seed: 0,
  width: 16,
  features: 256,
  limit: 0,
  validation: 0,
  cropSize: 0,
  corrupted: false,
} as const;

// Epochs by default: of the letters, what fits three minutes; of other data, as many as show the network this many images.
const LETTERS_EPOCHS = 14;
const IMAGES_SHOWN = 200_000;
const FEWEST_EPOCHS = 5;

/** A smaller run for the embedded SwiftShader, which is several times slower. */
const SMALL: Partial<RunConfig> = { epochs: 5, batch: 64, width: 8, features: 128, limit: 5200 };

/** What was asked for over the defaults; the small ones where the adapter is the slow embedded one. */
export function completeConfig(
  given: PartialConfig,
  small: boolean,
  { count, channels }: { count: number; channels: number },
): RunConfig {
  const shown = Math.max(FEWEST_EPOCHS, Math.round(IMAGES_SHOWN / count));
  const epochs = given.data === 'letters' ? LETTERS_EPOCHS : shown;
  const colour = METHODS[given.method ?? DEFAULTS.method].asymmetric ? 'asymmetric' : 'photos';
  const augmentation = given.data === 'letters' ? 'letters' : channels === 1 ? 'digits' : colour;
  const asked = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const { optimizer, learningRate, weightDecay } = METHODS[given.method ?? DEFAULTS.method];
  const own = { optimizer, learningRate, weightDecay, options: {} };
  return { ...DEFAULTS, ...own, epochs, augmentation, ...(small ? SMALL : {}), ...asked } as RunConfig;
}

const KEYS: readonly string[] = [
  ...['method', 'data', 'epochs', 'batch', 'accumulate', 'cached', 'seed', 'optimizer', 'learningRate', 'weightDecay'],
  ...['width', 'features', 'augmentation', 'limit', 'validation', 'cropSize', 'corrupted', 'options'],
];

/** A configuration file: JSON with any of RunConfig's fields. */
export async function readConfig(path: string): Promise<Partial<RunConfig>> {
  let value: unknown;
  try {
    value = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw new GramianError(
      `train: --config ${path} cannot be read, expected a JSON file; ${(error as Error).message}.`,
    );
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new GramianError(`train: --config ${path} holds no object, expected one with fields like "method".`);
  for (const key of Object.keys(value))
    if (!KEYS.includes(key))
      throw new GramianError(`train: --config ${path} has "${key}", expected ${KEYS.join(', ')}.`);
  const { method } = value as Partial<RunConfig>;
  if (method !== undefined) methodName(method);
  return value as Partial<RunConfig>;
}

/** A name that METHODS has. */
export function methodName(name: string, option = 'method'): string {
  if (!Object.hasOwn(METHODS, name))
    throw new GramianError(`train: --${option} ${name}, expected ${Object.keys(METHODS).join(', ')}.`);
  return name;
}

/** `queue=1024`: numbers, booleans and lists as JSON has them, anything else a string. */
export function methodOption(text: string): [name: string, value: unknown] {
  const at = text.indexOf('=');
  if (at < 1) throw new GramianError(`train: --option ${text}, expected NAME=VALUE.`);
  const value = text.slice(at + 1);
  try {
    return [text.slice(0, at), JSON.parse(value)];
  } catch {
    return [text.slice(0, at), value];
  }
}

/** A number from the command line; the message names the option. */
export function numberOption(
  command: string,
  name: string,
  low: number,
  high: number,
  whole: boolean,
): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (
      text.trim() === '' ||
      !Number.isFinite(value) ||
      value < low ||
      value > high ||
      (whole && !Number.isInteger(value))
    )
      throw new GramianError(
        `${command}: --${name} ${text}, expected ${whole ? 'an integer' : 'a number'} in [${low}, ${high}].`,
      );
    return value;
  };
}
