import type { Contender, Entry, Expected, Work } from './contender.ts';
import type { DeviceWatch } from './observe.ts';
import { type Proof, prove } from './proof.ts';
import { boundOf, type Environment, type Row, type Status, sizeText } from './results.ts';
import type { Roofline } from './roofline.ts';
import { quantile, summarise } from './statistics.ts';

export interface MeasureOptions {
  /** Steady runs of each contender. */
  readonly repeats: number;
  /** Seconds of steady runs after which a contender gets no more than the fewest. */
  readonly seconds: number;
}

export interface Surroundings {
  readonly environment: Environment;
  readonly roofline: Roofline | null;
  readonly observer: DeviceWatch;
  say(text: string): void;
  /** Asked between runs; true ends the measurement with what there is. */
  stop(): boolean;
  /** Resolves when nothing of this process goes on beside the runs, as far as one can tell. */
  quiet?(stop: () => boolean): Promise<void>;
}

const FEWEST = 3;
const CLOCKED = 3; // runs with timestamps
const TURN = 4; // timed runs of a turn

/** A contender that is right, and what was seen of it so far. */
interface Ready {
  readonly entry: Entry;
  readonly contender: Contender;
  readonly proof: Proof;
  readonly first: number;
  readonly times: number[];
}

type Failure = Pick<Row, 'library' | 'version' | 'form' | 'status' | 'detail'> & Partial<Row>;

/**
 * Every contender on one piece of work: each proved right before it is timed, then all of them in turns, so that what the
 * machine does beside hits all alike.
 */
export async function measure(
  work: Work,
  entries: readonly Entry[],
  plan: MeasureOptions,
  around: Surroundings,
): Promise<Row[]> {
  const { observer, say, stop } = around;
  const rows = new Map<Entry, Row>();
  const ready: Ready[] = [];
  const what = `${work.name} ${sizeText(work.size)}`;
  say(`${what}: the answer in f64`);
  const expected = work.expected?.() ?? {};
  try {
    for (const entry of entries) {
      if (stop()) break;
      say(`${what}: ${entry.library} ${entry.form}, first run`);
      const made = await start(work, expected, entry, observer);
      if ('contender' in made) ready.push(made);
      else rows.set(entry, row(work, around, made));
    }
    say(`${what}: waiting for compilers`);
    await around.quiet?.(stop);
    await inTurns(ready, plan, (round, rounds) => say(`${what}: round ${round} of ${rounds}`), stop);
    for (const each of ready) {
      if (each.times.length === 0) continue;
      say(`${what}: counting ${each.entry.library} ${each.entry.form}`);
      rows.set(each.entry, row(work, around, await finish(each, observer)));
    }
  } finally {
    for (const { contender } of ready) contender.dispose();
  }
  return entries.flatMap((entry) => rows.get(entry) ?? []);
}

/** Sets a contender up, runs it once and compares its outputs with f64. */
async function start(
  work: Work,
  expected: Readonly<Record<string, Expected>>,
  entry: Entry,
  observer: DeviceWatch,
): Promise<Ready | Failure> {
  const { library, form } = entry;
  const fail = (status: Status, detail: string, more: Partial<Row> = {}): Failure => ({
    library,
    version: '',
    form,
    status,
    detail,
    ...more,
  });
  observer.takeErrors();
  let contender: Contender | null = null;
  try {
    contender = await entry.open(work);
    if (!contender) return fail('unsupported', '');
    const began = performance.now();
    await contender.run();
    const first = contender.took?.() ?? performance.now() - began;
    const outputs = await contender.read();
    const [trouble] = observer.takeErrors();
    if (trouble) throw new Error(trouble);
    const proof = prove(work, expected, outputs);
    const { version } = contender;
    if (proof.refusal !== null) {
      contender.dispose();
      return fail('wrong', proof.refusal, { version, first, error: proof.error });
    }
    await contender.rest?.();
    return { entry, contender, proof, first, times: [] };
  } catch (error) {
    const [trouble] = observer.takeErrors();
    const message = (error as Error)?.message || trouble || String(error);
    const { version = '' } = contender ?? {};
    try {
      contender?.dispose();
    } catch {
      // What could not be set up may not be there to be taken down.
    }
    return fail(isMemory(message, error) ? 'out of memory' : 'failed', message.split('\n')[0], { version });
  }
}

/** What does not fit the device at all, or not into one binding of it. */
export function isMemory(message: string, error?: unknown): boolean {
  const name = (error as Error | undefined)?.name ?? '';
  const text = `${name} ${message}`;
  if (/out.?of.?memory|allocation failed|cannot allocate|maxBufferSize|BindingSize/i.test(text)) return true;
  // Steps, ranks and dispatches exceed limits too: these are about memory only where sizes in memory are compared.
  return (
    /too large|larger than|exceeds?\b/i.test(text) &&
    /\b(?:(?:buffer|binding|allocation|tensor|array) size|bytes|memory)\b/i.test(text)
  );
}

/**
 * Rounds of turns, another contender first each time. A turn begins with a run that is not timed: it pays for what the one
 * before left behind, cold caches and memory still to be given back (a short run took half as long again by that).
 */
async function inTurns(
  ready: readonly Ready[],
  { repeats, seconds }: MeasureOptions,
  say: (round: number, rounds: number) => void,
  stop: () => boolean,
): Promise<void> {
  const rounds = Math.ceil(repeats / TURN);
  for (let round = 0; round < rounds && !stop(); round++) {
    say(round + 1, rounds);
    for (let i = 0; i < ready.length && !stop(); i++) {
      const { contender, times } = ready[(round + i) % ready.length];
      const enough = (): boolean => times.length >= FEWEST && times.reduce((sum, ms) => sum + ms, 0) > 1000 * seconds;
      if (enough()) continue;
      await contender.run();
      const end = Math.min(times.length + TURN, repeats);
      while (times.length < end && !enough() && !stop()) {
        const began = performance.now();
        await contender.run();
        times.push(contender.took?.() ?? performance.now() - began);
      }
      await contender.rest?.();
    }
  }
}

/** What is not timed: counts of one run, and the GPU's own clock. */
async function finish({ contender, proof, first, times }: Ready, observer: DeviceWatch): Promise<Failure> {
  const { elsewhere } = contender;
  const counts = elsewhere ? {} : await observer.count(() => contender.run());
  const clocked: number[] = [];
  for (let i = 0; i < CLOCKED && !elsewhere; i++) {
    const ms = await observer.gpuTime(() => contender.run());
    if (ms === null) break;
    clocked.push(ms);
  }
  const gpu =
    clocked.length === CLOCKED
      ? quantile(
          clocked.sort((a, b) => a - b),
          0.5,
        )
      : null;
  const { library, form, version } = contender;
  return {
    library,
    form,
    version,
    status: 'ok',
    detail: elsewhere ?? '',
    first,
    gpu,
    error: proof.error,
    ...summarise(times),
    ...counts,
  };
}

const NOTHING = {
  runs: 0,
  min: null,
  median: null,
  spread: null,
  first: null,
  gpu: null,
  gflops: null,
  gbps: null,
  share: null,
  dispatches: null,
  submits: null,
  peakBytes: null,
  error: null,
};

function row(work: Work, { environment, roofline }: Surroundings, seen: Failure): Row {
  const { median } = seen;
  const rates =
    median === undefined || median === null
      ? {}
      : {
          gflops: work.flops / median / 1e6,
          gbps: work.bytes / median / 1e6,
          share: roofline && boundOf(work, roofline) / median,
        };
  return { ...environment, case: work.name, size: sizeText(work.size), ...NOTHING, ...seen, ...rates };
}
