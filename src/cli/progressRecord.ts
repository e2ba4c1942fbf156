import { GramianError } from '../gpu/errors.ts';
import { isChoices } from '../tuning/choices.ts';
import type { Progress, TrainedOn } from './checkpoint.ts';
import { checkedConfig, isRecord } from './config.ts';
import type { FeatureScores, LossPoint } from './report/data.ts';

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
