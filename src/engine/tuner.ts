import type { Context } from '../core/context.ts';
import type { Device } from '../gpu/device.ts';
import { DeviceLostError } from '../gpu/errors.ts';
import { type ChoiceTable, inMs } from '../tuning/choices.ts';
import { dryRun } from './dryRun.ts';
import { agree, play, resultsOf, type Trial, trialOf } from './trial.ts';

export interface TuneOptions {
  /** Seconds that measuring may take; what was not reached stays as it was. Default 30. */
  budget?: number;
  /** By how much of the time an option must be faster than the one in use to take its place. Default 0.05. */
  margin?: number;
  /**
   * What tells milliseconds. Default: `performance.now`. On a machine busy with other work, the processor time of this
   * process says more about a software adapter: `() => process.cpuUsage().user / 1000`.
   */
  clock?: () => number;
  /** Called with each question as it is answered: measuring may trial minutes. */
  onMeasured?: (measured: Measured) => void;
}

/** A question that was measured. */
export interface Measured {
  /** `'product tile [1024, 1024, 1024]'` */
  readonly question: string;
  /** What is taken from now on. */
  readonly option: string;
  /** What was taken before. */
  readonly instead: string;
  /** Milliseconds of the whole function with each option: its fastest run; null where the option failed. */
  readonly ms: Readonly<Record<string, number | null>>;
}

export interface TuneReport {
  /** What was measured in this call, a question each. */
  readonly measured: readonly Measured[];
  /** Whether every question was measured, now or earlier. */
  readonly finished: boolean;
  /** How long the call took. */
  readonly seconds: number;
  /** Where the choices are cached; null where they are not. */
  readonly place: string | null;
}

/** A question that was asked, with the options that it has here. */
export interface Asked {
  readonly among: readonly string[];
  /** What is taken. */
  readonly option: string;
}

const ROUNDS = 5; // of runs that trial turns: the fastest of each tells
const WINS = 4; // rounds that the faster one must have won: a burst of other work does not hit it alone
const LEAST_MS = 5; // a sample is as many runs as last this long
const HOPELESS = 1.5; // times slower: not worth more rounds
// Two right results may differ by twice what one is allowed, relative to the largest entry.
const TOLERANCE = { highest: 2e-5, high: 2e-5, medium: 2e-2 };

async function time(device: Device, trial: Trial, runs: number, clock: () => number): Promise<number> {
  await device.sync('tune');
  const start = clock();
  play(device, trial, runs);
  await device.sync('tune');
  return (clock() - start) / runs;
}

interface Race {
  /** The fastest run of each, in milliseconds. */
  readonly best: readonly [number, number];
  /** Rounds in which the second was faster. */
  readonly wins: number;
}

/** Several runs of each, taking turns, so that a machine that gets busy slows down both. */
async function race(device: Device, a: Trial, b: Trial, clock: () => number): Promise<Race> {
  const best: [number, number] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  let runs = 1;
  let wins = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const times = [await time(device, a, runs, clock), await time(device, b, runs, clock)];
    times.forEach((of, i) => {
      best[i] = Math.min(best[i], of);
    });
    if (times[1] < times[0]) wins++;
    if (best[1] > HOPELESS * best[0]) break;
    runs = Math.max(1, Math.min(100, Math.ceil(LEAST_MS / Math.max(Math.min(...best), 1e-3))));
  }
  return { best, wins };
}

/**
 * Measures, for each function, one option after the other of every question that its ops ask, and takes what is faster.
 * @param fresh measures what is cached again, too
 */
export async function tune(
  context: Context,
  table: ChoiceTable,
  list: readonly (() => unknown)[],
  { budget, margin, fresh, clock, onMeasured }: Required<TuneOptions> & { fresh: boolean },
): Promise<{ measured: Measured[]; finished: boolean; seconds: number }> {
  const device = context.lowLevel;
  const start = performance.now();
  const seconds = (): number => (performance.now() - start) / 1000;
  const measured: Measured[] = [];
  const done = new Set<string>();
  for (const fn of list) {
    // An option that is taken may ask questions of its own: look again after each.
    for (;;) {
      const open = [...questionsOf(context, fn)].find(
        ([question]) => !done.has(question) && (fresh || !table.isMeasured(question)),
      );
      if (!open) break;
      if (seconds() > budget) return { measured, finished: false, seconds: seconds() };
      done.add(open[0]);
      const outcome = await decide(context, device, table, fn, open, { margin, clock, late: () => seconds() > budget });
      if (!outcome) return { measured, finished: false, seconds: seconds() };
      measured.push(outcome);
      const { question, option, instead, ms } = outcome;
      const others = Object.entries(ms).filter(([name]) => name !== option);
      const say = (of: number | null): string => (of === null ? 'failed' : inMs(of / 1000));
      const reason = `measured ${say(ms[option])}; ${others.map(([name, of]) => `${name} ${say(of)}`).join(', ')}`;
      table.cache(
        { [question]: option },
        'tuned',
        option === instead ? `${reason}; nothing was clearly faster` : reason,
      );
      onMeasured(outcome);
    }
  }
  return { measured, finished: true, seconds: seconds() };
}

/** What the function's ops would ask, where there is more than one answer. */
function questionsOf(context: Context, fn: () => unknown): Map<string, Asked> {
  const asked = new Map<string, Asked>();
  dryRun(context, fn, { choice: ({ question, option }, among) => void asked.set(question, { among, option }) });
  return new Map([...asked].filter(([, { among }]) => among.length > 1));
}

/** Drops what went wrong while an option was tried; a lost device is no fault of the option. */
function forget(device: Device): void {
  for (;;)
    try {
      return device.assertAlive('tune');
    } catch (error) {
      if (error instanceof DeviceLostError) throw error;
    }
}

/** The fastest option; null if the time ran out before all were tried. */
async function decide(
  context: Context,
  device: Device,
  table: ChoiceTable,
  fn: () => unknown,
  [question, { among, option: instead }]: [string, Asked],
  { margin, clock, late }: { margin: number; clock: () => number; late: () => boolean },
): Promise<Measured | null> {
  const trialWith = (option: string): Trial => {
    table.trial = new Map([[question, option]]);
    try {
      return trialOf(context, device, fn);
    } finally {
      table.trial = null;
    }
  };
  const ms: Record<string, number | null> = {};
  let best = { option: instead, trial: trialWith(instead) };
  try {
    const wanted = await resultsOf(device, best.trial);
    await time(device, best.trial, 1, clock);
    for (const option of among) {
      if (option === instead) continue;
      if (late()) return null;
      let trial: Trial | null = null;
      try {
        trial = trialWith(option);
        if (!agree(wanted, await resultsOf(device, trial), TOLERANCE[context.choice.precision])) {
          ms[option] = null;
          continue;
        }
        // Twice, since the fastest of many noisy candidates is often the luckiest; and against the best time ever seen.
        let won = true;
        for (let again = 0; again < 2 && won; again++) {
          const { best: times, wins } = await race(device, best.trial, trial, clock);
          ms[best.option] = Math.min(times[0], ms[best.option] ?? times[0]);
          ms[option] = again === 0 ? times[1] : Math.max(times[1], ms[option] as number);
          won = wins >= WINS && (ms[option] as number) < (1 - margin) * (ms[best.option] as number);
        }
        if (won) [best, trial] = [{ option, trial }, best.trial];
      } catch (error) {
        if (error instanceof DeviceLostError) throw error;
        forget(device);
        ms[option] = null;
      } finally {
        trial?.release();
      }
    }
  } finally {
    best.trial.release();
  }
  return { question, option: best.option, instead, ms: { [best.option]: null, ...ms } };
}
