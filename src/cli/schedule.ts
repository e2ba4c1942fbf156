import { GramianError } from '../gpu/errors.ts';

/** How often a run is saved: after so many steps, or so many seconds; null: by the default rule. */
export type Pace = { readonly steps: number } | { readonly seconds: number } | null;

const DEFAULT_SECONDS = 120;
/** The end of an epoch is a good place, but not more often than this. */
const EPOCH_SECONDS = 10;
const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };

/** `200` (steps), `30s`, `5m` or `1h`. */
export function paceOption(text: string): Pace {
  const [, digits, unit] = /^(\d+(?:\.\d+)?)([smh])?$/.exec(text) ?? [];
  const count = Number(digits);
  if (digits === undefined || !(count > 0) || (!unit && !Number.isSafeInteger(count)))
    throw new GramianError(
      `train: --checkpoint-every ${text}, expected a number of steps such as 200, or a time such as 30s or 5m.`,
    );
  return unit ? { seconds: count * UNITS[unit] } : { steps: count };
}

/** As `paceOption` reads it. */
export function paceText(pace: NonNullable<Pace>): string {
  return 'steps' in pace ? String(pace.steps) : `${pace.seconds}s`;
}

/**
 * Whether it is time to save.
 * @param step steps done
 * @param seconds since the last time, or since the run began
 */
export function isTime(pace: Pace, step: number, seconds: number, endsEpoch: boolean): boolean {
  if (pace === null) return seconds >= (endsEpoch ? EPOCH_SECONDS : DEFAULT_SECONDS);
  return 'steps' in pace ? step % pace.steps === 0 : seconds >= pace.seconds;
}
