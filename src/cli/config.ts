import { GramianError } from '../gpu/errors.ts';

/** Everything that decides a run's numbers; a checkpoint carries it, so that a resumed run is the same run. */
export interface RunConfig {
  readonly method: 'simclr';
  /** `letters`, or a directory. */
  readonly data: string;
  readonly epochs: number;
  readonly batch: number;
  readonly seed: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly temperature: number;
  readonly width: number;
  readonly features: number;
  readonly hidden: number;
  readonly projection: number;
  readonly augmentation: 'letters' | 'digits' | 'photos';
  /** Use at most this many training images; 0 means all. */
  readonly limit: number;
}

export const METHODS = ['simclr'] as const;

/** Defaults for a GPU or a fast software adapter: the letters take about 3 minutes on 2 cores with lavapipe. */
const DEFAULTS: Omit<RunConfig, 'data' | 'epochs'> = {
  method: 'simclr',
  batch: 256,
  seed: 0,
  learningRate: 3e-3,
  weightDecay: 1e-4,
  temperature: 0.15,
  width: 16,
  features: 256,
  hidden: 256,
  projection: 64,
  augmentation: 'letters',
  limit: 0,
};

// Epochs by default: of the letters, what fits three minutes; of other data, as many as show the network this many images.
const LETTERS_EPOCHS = 14;
const IMAGES_SHOWN = 200_000;
const FEWEST_EPOCHS = 5;

/** A smaller run for the embedded SwiftShader, which is several times slower. */
const SMALL: Partial<RunConfig> = { epochs: 5, batch: 64, width: 8, features: 128, limit: 5200 };

/** What was asked for over the defaults; the small ones where the adapter is the slow embedded one. */
export function completeConfig(
  given: Partial<RunConfig> & { data: string },
  small: boolean,
  { count, channels }: { count: number; channels: number },
): RunConfig {
  const shown = Math.max(FEWEST_EPOCHS, Math.round(IMAGES_SHOWN / count));
  const epochs = given.data === 'letters' ? LETTERS_EPOCHS : shown;
  const augmentation = given.data === 'letters' ? 'letters' : channels === 1 ? 'digits' : 'photos';
  const asked = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return { ...DEFAULTS, epochs, augmentation, ...(small ? SMALL : {}), ...asked } as RunConfig;
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
