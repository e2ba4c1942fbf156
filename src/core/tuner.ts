import { type Storage, USAGE } from '../gpu/buffers.ts';
import type { Device, LaunchOptions } from '../gpu/device.ts';
import { DeviceLostError } from '../gpu/errors.ts';
import type { KernelSource } from '../gpu/kernel.ts';
import { type Asked, type ChoiceTable, inMs } from './choices.ts';
import type { Engine } from './engine.ts';
import type { Result } from './rehearsal.ts';

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
  readonly measured: readonly Measured[];
  /** Whether every question was measured, now or earlier. */
  readonly finished: boolean;
  readonly seconds: number;
  /** Where the choices are remembered; null where they are not. */
  readonly place: string | null;
}

const ROUNDS = 5; // of runs that take turns: the fastest of each tells
const WINS = 4; // rounds that the faster one must have won: a burst of other work does not hit it alone
const LEAST_MS = 5; // a sample is as many runs as last this long
const HOPELESS = 1.5; // times slower: not worth more rounds
// Two right results may differ by twice what one is allowed, relative to the largest entry.
const TOLERANCE = { highest: 2e-5, high: 2e-5, medium: 2e-2 };

interface Launch {
  readonly kernel: KernelSource;
  readonly options: LaunchOptions;
}

/**
 * What a function launches, recorded to be run again and again without its JavaScript. It reads the caller's tensors, and
 * writes into memory of its own: whatever the launches write that was there before is a copy.
 */
interface Take {
  readonly launches: readonly Launch[];
  readonly copies: readonly { from: Storage; to: Storage }[];
  readonly outputs: readonly Result[];
  release(): void;
}

function record(engine: Engine, device: Device, fn: () => unknown): Take {
  const before = device.pool.held();
  const kept = new Set<Storage>();
  const launches: Launch[] = [];
  const written = new Set<Storage>();
  const copies = new Map<Storage, Storage>();
  const release = (): void => {
    for (const storage of [...kept, ...copies.values()]) storage.release();
  };
  let results: readonly Result[];
  try {
    results = engine.rehearse((kernel, options) => {
      launches.push({ kernel, options });
      for (const { name, access } of kernel.buffers) {
        const whole = options.buffers[name].whole ?? options.buffers[name];
        if (!kept.has(whole)) kept.add(whole.retain());
        if (access === 'read_write') written.add(whole);
      }
    }, fn);
    for (const whole of written)
      if (before.has(whole) || !whole.slot) copies.set(whole, device.pool.acquire(whole.bytes, 'tune'));
  } catch (error) {
    release();
    throw error;
  }
  const own = (storage: Storage): Storage => {
    const whole = storage.whole ?? storage;
    return copies.get(whole)?.range(storage.offset - whole.offset, storage.bytes) ?? storage;
  };
  const outputs = new Map<Storage, Result>();
  for (const result of results)
    if (written.has(result.storage) && !copies.has(result.storage)) outputs.set(result.storage, result);
  for (const to of copies.values()) outputs.set(to, { storage: to, bytes: to.bytes, dtype: 'f32' });
  return {
    launches: launches.map(({ kernel, options }) => {
      const buffers = Object.fromEntries(Object.entries(options.buffers).map(([name, of]) => [name, own(of)]));
      return { kernel, options: { ...options, buffers } };
    }),
    copies: [...copies].map(([from, to]) => ({ from, to })),
    outputs: [...outputs.values()],
    release,
  };
}

function play(device: Device, take: Take, times: number): void {
  for (let i = 0; i < times; i++) for (const { kernel, options } of take.launches) device.run(kernel, options);
}

/** One run from the caller's own state, and all that it gives. Also compiles what was never compiled. */
async function results(device: Device, take: Take): Promise<{ bits: Uint32Array; numbers: boolean }[]> {
  device.queue.flush();
  const encoder = device.gpu.createCommandEncoder();
  for (const { from, to } of take.copies)
    if (from.buffer.usage & USAGE.COPY_SRC)
      encoder.copyBufferToBuffer(from.buffer, from.offset, to.buffer, 0, from.bytes);
  device.gpu.queue.submit([encoder.finish()]);
  play(device, take, 1);
  const found: { bits: Uint32Array; numbers: boolean }[] = [];
  for (const { storage, bytes, dtype } of take.outputs)
    found.push({ bits: new Uint32Array(await device.read('tune', storage, bytes)), numbers: dtype === 'f32' });
  return found;
}

/** Whether both are the same but for rounding. What is no float has to be the same. */
function agree(
  a: Awaited<ReturnType<typeof results>>,
  b: Awaited<ReturnType<typeof results>>,
  tolerance: number,
): boolean {
  return (
    a.length === b.length &&
    a.every(({ bits, numbers }, i) => {
      const other = b[i].bits;
      if (bits.length !== other.length) return false;
      const [x, y] = [bits, other].map((of) => new Float32Array(of.buffer));
      let top = 0;
      for (const value of x) if (Number.isFinite(value)) top = Math.max(top, Math.abs(value));
      for (let k = 0; k < bits.length; k++) {
        if (bits[k] === other[k]) continue;
        if (!numbers || !(Math.abs(x[k] - y[k]) <= tolerance * top)) return false;
      }
      return true;
    })
  );
}

async function time(device: Device, take: Take, runs: number, clock: () => number): Promise<number> {
  await device.sync('tune');
  const start = clock();
  play(device, take, runs);
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
async function race(device: Device, a: Take, b: Take, clock: () => number): Promise<Race> {
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
 * @param fresh measures what is remembered again, too
 */
export async function tune(
  engine: Engine,
  device: Device,
  table: ChoiceTable,
  list: readonly (() => unknown)[],
  { budget, margin, fresh, clock }: Required<TuneOptions> & { fresh: boolean },
): Promise<{ measured: Measured[]; finished: boolean; seconds: number }> {
  const start = performance.now();
  const seconds = (): number => (performance.now() - start) / 1000;
  const measured: Measured[] = [];
  const done = new Set<string>();
  for (const fn of list) {
    // An option that is taken may ask questions of its own: look again after each.
    for (;;) {
      const open = [...questionsOf(engine, table, fn)].find(
        ([question]) => !done.has(question) && (fresh || !table.isMeasured(question)),
      );
      if (!open) break;
      if (seconds() > budget) return { measured, finished: false, seconds: seconds() };
      done.add(open[0]);
      const outcome = await decide(engine, device, table, fn, open, { margin, clock, late: () => seconds() > budget });
      if (!outcome) return { measured, finished: false, seconds: seconds() };
      measured.push(outcome);
      const { question, option, instead, ms } = outcome;
      const others = Object.entries(ms).filter(([name]) => name !== option);
      const say = (of: number | null): string => (of === null ? 'failed' : inMs(of / 1000));
      const reason = `measured ${say(ms[option])}; ${others.map(([name, of]) => `${name} ${say(of)}`).join(', ')}`;
      table.remember(
        { [question]: option },
        'tuned',
        option === instead ? `${reason}; nothing was clearly faster` : reason,
      );
    }
  }
  return { measured, finished: true, seconds: seconds() };
}

/** What the function's ops would ask, where there is more than one answer. */
function questionsOf(engine: Engine, table: ChoiceTable, fn: () => unknown): Map<string, Asked> {
  const asked = new Map<string, Asked>();
  table.listener = asked;
  try {
    engine.rehearse(() => {}, fn);
  } finally {
    table.listener = null;
  }
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
  engine: Engine,
  device: Device,
  table: ChoiceTable,
  fn: () => unknown,
  [question, { among, option: instead }]: [string, Asked],
  { margin, clock, late }: { margin: number; clock: () => number; late: () => boolean },
): Promise<Measured | null> {
  const takeWith = (option: string): Take => {
    table.trial = new Map([[question, option]]);
    try {
      return record(engine, device, fn);
    } finally {
      table.trial = null;
    }
  };
  const ms: Record<string, number | null> = {};
  let best = { option: instead, take: takeWith(instead) };
  try {
    const wanted = await results(device, best.take);
    await time(device, best.take, 1, clock);
    for (const option of among) {
      if (option === instead) continue;
      if (late()) return null;
      let take: Take | null = null;
      try {
        take = takeWith(option);
        if (!agree(wanted, await results(device, take), TOLERANCE[engine.choice.precision])) {
          ms[option] = null;
          continue;
        }
        // Twice, since the fastest of many noisy candidates is often the luckiest; and against the best time ever seen.
        let won = true;
        for (let again = 0; again < 2 && won; again++) {
          const { best: times, wins } = await race(device, best.take, take, clock);
          ms[best.option] = Math.min(times[0], ms[best.option] ?? times[0]);
          ms[option] = again === 0 ? times[1] : Math.max(times[1], ms[option] as number);
          won = wins >= WINS && (ms[option] as number) < (1 - margin) * (ms[best.option] as number);
        }
        if (won) [best, take] = [{ option, take }, best.take];
      } catch (error) {
        if (error instanceof DeviceLostError) throw error;
        forget(device);
        ms[option] = null;
      } finally {
        take?.release();
      }
    }
  } finally {
    best.take.release();
  }
  return { question, option: best.option, instead, ms: { [best.option]: null, ...ms } };
}
