import { readFile } from 'node:fs/promises';
import { augmentations } from '../data/augmentations.ts';
import { GramianError } from '../gpu/errors.ts';
import { METHODS, type MethodOptions } from './methods.ts';
import { OPTIMIZER_NAMES, type OptimizerName } from './optimizerNames.ts';

/** Everything that decides a run's numbers; a checkpoint carries it, so that a resumed run is the same run. */
export interface RunConfig {
  /** A key of `METHODS`. */
  readonly method: string;
  /** `letters`, or a directory. */
  readonly data: string;
  /** Edge of the images read from a folder of PNG and JPEG; 0: 32. */
  readonly size: number;
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
  size: 0,
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

/** What was asked for over the defaults; on the slow embedded adapter (`small`) the smaller ones, of the shipped letters alone. */
export function completeConfig(
  given: PartialConfig,
  small: boolean,
  { count, channels }: { count: number; channels: number },
): RunConfig {
  const shown = Math.max(FEWEST_EPOCHS, Math.round(IMAGES_SHOWN / count));
  const epochs = given.data === 'letters' ? LETTERS_EPOCHS : shown;
  const colour = METHODS[given.method ?? DEFAULTS.method].asymmetric ? 'asymmetric' : 'photos';
  const augmentation = given.data === 'letters' ? 'letters' : channels === 1 ? 'digits' : colour;
  const { optimizer, learningRate, weightDecay } = METHODS[given.method ?? DEFAULTS.method];
  const own = { optimizer, learningRate, weightDecay, options: {} };
  const reduced = small && given.data === 'letters' ? SMALL : {};
  return { ...DEFAULTS, ...own, epochs, augmentation, ...reduced, ...defined(given) } as RunConfig;
}

/** The smaller defaults that a run on a slow adapter takes, in words; null where it takes none. */
export function reducedBy(given: PartialConfig, small: boolean): string | null {
  if (!small || given.data !== 'letters') return null;
  const taken = Object.entries(SMALL).filter(([name]) => given[name as keyof RunConfig] === undefined);
  return taken.length > 0 ? taken.map(([name, value]) => `--${flagOf(name)} ${value}`).join(' ') : null;
}

/** Without what was left open. */
export function defined<T extends object>(given: T): Partial<T> {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Partial<T>;
}

/** `learningRate` as the command line has it: `learning-rate`. */
export function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The settings as a checkpoint or metrics.json holds them; what an older version did not have yet is at its default. */
export function withDefaults(config: Partial<RunConfig>): RunConfig {
  return { ...DEFAULTS, options: {}, ...config } as RunConfig;
}

interface Bounds {
  readonly low: number;
  readonly high: number;
  readonly whole: boolean;
  /** 0 is allowed, too, where the range begins above it: it stands for the default. */
  readonly zero?: boolean;
}

/** What the numbers among the settings may be. */
const RANGES = {
  epochs: { low: 1, high: 100_000, whole: true },
  batch: { low: 2, high: 65_536, whole: true },
  accumulate: { low: 1, high: 4096, whole: true },
  seed: { low: 0, high: Number.MAX_SAFE_INTEGER, whole: true },
  learningRate: { low: 1e-9, high: 100, whole: false },
  weightDecay: { low: 0, high: 10, whole: false },
  width: { low: 1, high: 1024, whole: true },
  features: { low: 1, high: 16_384, whole: true },
  limit: { low: 0, high: 1e9, whole: true },
  validation: { low: 0, high: 0.9, whole: false },
  size: { low: 8, high: 1024, whole: true, zero: true },
  cropSize: { low: 4, high: 1024, whole: true, zero: true },
} satisfies Partial<Record<keyof RunConfig, Bounds>>;

const WORDS: Readonly<Record<string, readonly string[]>> = {
  method: Object.keys(METHODS),
  optimizer: OPTIMIZER_NAMES,
  augmentation: Object.keys(augmentations),
};

const KEYS: readonly (keyof RunConfig)[] = [
  ...(['method', 'data', 'epochs', 'batch', 'accumulate', 'cached', 'seed', 'optimizer'] as const),
  ...(['learningRate', 'weightDecay', 'width', 'features', 'augmentation', 'limit', 'validation'] as const),
  ...(['size', 'cropSize', 'corrupted', 'options'] as const),
];

/** What is expected of a setting; null where the value is fine. */
function expectedOf(name: keyof RunConfig, value: unknown): string | null {
  const range: Bounds | undefined = Object.hasOwn(RANGES, name) ? RANGES[name as keyof typeof RANGES] : undefined;
  if (range) return (range.zero && value === 0) || isWithin(value, range) ? null : wordsOf(range);
  if (WORDS[name]) return WORDS[name].includes(value as string) ? null : WORDS[name].join(', ');
  if (name === 'cached' || name === 'corrupted') return typeof value === 'boolean' ? null : 'true or false';
  if (name === 'data') return typeof value === 'string' && value !== '' ? null : 'letters, or a directory';
  return isRecord(value) ? null : 'an object with the options of the method';
}

const isWithin = (value: unknown, { low, high, whole }: Bounds): boolean =>
  typeof value === 'number' && value >= low && value <= high && (!whole || Number.isInteger(value));

const wordsOf = ({ low, high, whole }: Bounds): string => `${whole ? 'an integer' : 'a number'} in [${low}, ${high}]`;

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Settings out of a file, each of its type and in its range.
 * @param where what the sentence begins with
 */
export function checkedSettings(where: string, value: unknown): Partial<RunConfig> {
  if (!isRecord(value))
    throw new GramianError(`${where} holds no object of settings, expected one with fields like "method".`);
  for (const [key, setting] of Object.entries(value)) {
    if (!(KEYS as readonly string[]).includes(key))
      throw new GramianError(`${where} has ${shown(key)}, expected ${KEYS.join(', ')}.`);
    const expected = expectedOf(key as keyof RunConfig, setting);
    if (expected) throw new GramianError(`${where} has ${key} = ${shown(setting)}, expected ${expected}.`);
  }
  const { options = {} } = value as Partial<RunConfig>;
  for (const name of Object.keys(options)) checkOptionName(name, where);
  return value as Partial<RunConfig>;
}

/** All settings of a run, as a checkpoint holds them. */
export function checkedConfig(where: string, value: unknown): RunConfig {
  const config = withDefaults(checkedSettings(where, value));
  for (const key of KEYS)
    if (config[key] === undefined) throw new GramianError(`${where} lacks ${key}, expected all settings of a run.`);
  return config;
}

/** A value out of a file, as JSON and short. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}

/** A configuration file: JSON with any of RunConfig's fields. */
export async function readConfig(path: string): Promise<Partial<RunConfig>> {
  let value: unknown;
  try {
    value = JSON.parse((await readFile(path, 'utf8')).replace(/^\uFEFF/, '')); // a byte order mark, as Windows writes it
  } catch (error) {
    throw new GramianError(
      `train: --config ${path} cannot be read, expected a JSON file; ${(error as Error).message}.`,
    );
  }
  return checkedSettings(`train: --config ${path}`, value);
}

// What the encoder is built with has names of its own: two ways to say one thing could disagree.
const NOT_OPTIONS = ['channels', 'size', 'seed', 'width', 'features'];

function checkOptionName(name: string, where: string): void {
  if (NOT_OPTIONS.includes(name))
    throw new GramianError(
      `${where} has the option ${name}, expected an option of the method itself${name === 'channels' ? '' : `; the setting ${name} has the same meaning`}.`,
    );
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
  checkOptionName(text.slice(0, at), 'train: --option');
  try {
    return [text.slice(0, at), JSON.parse(value)];
  } catch {
    return [text.slice(0, at), value];
  }
}

/** A setting of a run from the command line. */
export function settingOption(name: keyof typeof RANGES, command = 'train'): (text: string) => number {
  return numberOption(command, flagOf(name), RANGES[name]);
}

/** A number from the command line; the message names the option. */
export function numberOption(command: string, name: string, range: Bounds): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !isWithin(value, range))
      throw new GramianError(`${command}: --${name} ${text}, expected ${wordsOf(range)}.`);
    return value;
  };
}
