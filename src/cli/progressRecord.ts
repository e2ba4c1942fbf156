import { GramianError } from '../gpu/errors.ts';
import { type Choices, isChoices } from '../tuning/choices.ts';
import { checkedConfig, isRecord, type RunConfig } from './config.ts';
import type { FeatureScores, LossPoint } from './report/data.ts';

/** What an encoder has to be told of the images that it was trained on. */
export interface TrainedOn {
  /** Where they lay: `letters`, or an absolute path. */
  readonly source: string;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Of each channel, in [0, 1]: what images are standardised with. */
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
  /** How files became pixels: cut to the middle square and resized, or not at all. */
  readonly preprocessing: 'middle square' | 'none';
  /** How many were trained on. */
  readonly images: number;
  /** The name of each class. */
  readonly classes: readonly string[];
  /** SHA-256 of all pixels and labels. */
  readonly hash: string;
}

/** Where a run stands, besides its tensors. */
export interface Progress {
  readonly config: RunConfig;
  /** Null in checkpoints of versions that did not say. */
  readonly trainedOn: TrainedOn | null;
  /** Steps done. */
  readonly step: number;
  readonly loss: LossPoint[];
  /** Of the pixels themselves. */
  readonly raw: FeatureScores;
  /** Of the encoder before its first step. */
  readonly untrained: FeatureScores;
  readonly history: { epoch: number; knn: number }[];
  /** Signs of collapse on the way. */
  readonly warnings: string[];
  /** Seconds of training so far. */
  readonly seconds: number;
  /** How the kernels were chosen: a resumed run takes the same, for the same bits; null where nobody wrote it down. */
  readonly choices: Choices | null;
}

type Check<T> = (value: unknown) => T | undefined;

const number: Check<number> = (value) => (typeof value === 'number' ? value : undefined);
/** What was not measured is NaN, and JSON writes that as null. */
const score: Check<number> = (value) => (value === null ? Number.NaN : number(value));
const count: Check<number> = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : undefined;
const text: Check<string> = (value) => (typeof value === 'string' ? value : undefined);

const list =
  <T>(item: Check<T>): Check<T[]> =>
  (value) => {
    if (!Array.isArray(value)) return undefined;
    const items = value.map(item);
    return items.every((one) => one !== undefined) ? (items as T[]) : undefined;
  };

const fields =
  <T>(checks: { readonly [K in keyof T]: Check<T[K]> }): Check<T> =>
  (value) => {
    if (!isRecord(value)) return undefined;
    const entries = Object.entries(checks).map(([key, check]) => [key, (check as Check<unknown>)(value[key])] as const);
    return entries.every(([, one]) => one !== undefined) ? (Object.fromEntries(entries) as T) : undefined;
  };

const oneOf =
  <T extends string>(...words: T[]): Check<T> =>
  (value) =>
    words.includes(value as T) ? (value as T) : undefined;

const scores = fields<FeatureScores>({ knn: score, probe: score });
const points = list(fields<LossPoint>({ step: count, epoch: number, loss: score, learningRate: number }));
const trainedOn = fields<TrainedOn>({
  source: text,
  channels: count,
  height: count,
  width: count,
  mean: list(number),
  deviation: list(number),
  preprocessing: oneOf('middle square', 'none'),
  images: count,
  classes: list(text),
  hash: text,
});

/** The training state in a checkpoint's metadata, each field of its type; format 1 is that of version 0.1.0. */
export function readProgress(json: string): { format: number; progress: Progress } {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new GramianError('its training state is no JSON.');
  }
  if (!isRecord(value)) throw new GramianError('its training state is no object.');
  const state = value;
  const want = <T>(name: string, check: Check<T>): T => {
    const found = check(state[name]);
    if (found === undefined) throw new GramianError(`its training state has no proper ${name}.`);
    return found;
  };
  const format = state.format === undefined ? 1 : want('format', count);
  const progress: Progress = {
    config: checkedConfig('its training state', state.config),
    trainedOn: format < 2 ? null : want('trainedOn', trainedOn),
    step: want('step', count),
    loss: format < 2 ? want('loss', points) : [],
    raw: want('raw', scores),
    untrained: want('untrained', scores),
    history: want('history', list(fields({ epoch: number, knn: score }))),
    warnings: want('warnings', list(text)),
    seconds: want('seconds', number),
    choices: state.choices === undefined ? null : want('choices', (one) => (isChoices(one) ? one : undefined)),
  };
  return { format, progress };
}
