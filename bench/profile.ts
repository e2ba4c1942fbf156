// Which kernels a function launches, and how long each takes.
import type { Engine } from '../src/engine/engine.ts';
import { type Explained, explained } from '../src/engine/explain.ts';
import { resetTrial, type Trial, trialOf } from '../src/engine/trial.ts';
import { type DeviceWatch, isCoarse, millisecondsOf } from './observe.ts';
import { digits } from './results.ts';
import { summarise } from './statistics.ts';

export interface LaunchTime extends Explained {
  /** Of all buffers that it is bound to, each once. */
  readonly bytes: number;
  /** May find nothing to do: its work is then more than it does. */
  readonly conditional: boolean;
  /** Milliseconds. */
  readonly median: number;
  readonly min: number;
}

/** All launches of one kernel. */
export interface KernelTime {
  readonly kernel: string;
  readonly launches: number;
  /** Milliseconds of all of them: the sum of their medians, and of their minima. */
  readonly median: number;
  readonly min: number;
  /** Of the medians of all kernels. */
  readonly share: number;
  readonly gbps: number;
  /** Of the multiply-adds (or their like) that launches state, two each; 0 where they may find nothing to do. */
  readonly gflops: number;
  readonly ops: readonly string[];
}

export interface Profile {
  readonly name: string;
  /** How a launch was timed: by the adapter's own clock, or by submitting it alone and waiting for it. */
  readonly clock: 'timestamps' | 'waits';
  readonly runs: number;
  /** The function as it is called, with everything between its launches: milliseconds. */
  readonly whole: { readonly median: number; readonly min: number };
  readonly kernels: readonly KernelTime[];
  readonly launches: readonly LaunchTime[];
}

/** What writes the caller's own memory writes a copy here, which says nothing of the op. */
const COPIED = 'tune';

/** Launches of a look at the clock, whose passes are numbered. */
const AT_ONCE = 512;

/**
 * Runs the function `runs` times as it is, and then as often launch by launch, each in a pass of its own, which is waited for: a
 * software adapter computes on the cores that would encode the next one meanwhile.
 */
export async function profileOf(
  engine: Engine,
  watch: Pick<DeviceWatch, 'passTimes'> | null,
  name: string,
  fn: () => unknown,
  runs: number,
): Promise<Profile> {
  const device = engine.lowLevel;
  const once = async (): Promise<number> => {
    const began = performance.now();
    engine.scope(() => void fn());
    await engine.sync();
    return performance.now() - began;
  };
  await once(); // compiles
  const whole: number[] = [];
  for (let run = 0; run < runs; run++) whole.push(await once());
  const trial = trialOf(engine, device, fn);
  try {
    const rounds: { stamped: number[] | null; waited: number[] }[] = [];
    for (let run = 0; run <= runs; run++) {
      await resetTrial(device, trial);
      rounds.push(await roundOf(engine, watch, trial));
    }
    rounds.shift(); // may have compiled: what was chosen to be measured is another kernel than what ran before
    const clock = rounds.every(({ stamped }) => stamped) ? 'timestamps' : 'waits';
    const launches = trial.launches.map(({ kernel, options }, i): LaunchTime => {
      const times = rounds.map(({ stamped, waited }) => (clock === 'timestamps' && stamped ? stamped : waited)[i]);
      const bytes = kernel.buffers.reduce((sum, buffer) => sum + options.buffers[buffer.name].bytes, 0);
      const { conditional = false } = options;
      return { ...explained(kernel, options), bytes, conditional, ...figuresOf(times) };
    });
    return { name, clock, runs, whole: figuresOf(whole), kernels: byKernel(launches), launches };
  } finally {
    trial.release();
  }
}

function figuresOf(times: readonly number[]): { median: number; min: number } {
  const { median, min } = summarise(times);
  return { median, min };
}

/** Milliseconds of every launch, by the adapter's clock (null where it has none, or a coarse one) and by ours. */
async function roundOf(
  { lowLevel: device }: Engine,
  watch: Pick<DeviceWatch, 'passTimes'> | null,
  { launches }: Trial,
): Promise<{ stamped: number[] | null; waited: number[] }> {
  const stamped: number[] = [];
  const waited: number[] = [];
  let clocked = watch !== null;
  for (let first = 0; first < launches.length; first += AT_ONCE) {
    const passes: number[] = []; // of each launch: a long one is cut
    const play = async (): Promise<void> => {
      for (const { kernel, options } of launches.slice(first, first + AT_ONCE)) {
        const before = device.queue.submits;
        const began = performance.now();
        device.run(kernel, options);
        device.queue.flush();
        await device.queue.idle();
        waited.push(performance.now() - began);
        passes.push(device.queue.submits - before);
      }
    };
    if (!clocked || !watch) {
      await play();
      continue;
    }
    const times = await watch.passTimes(play);
    const count = passes.reduce((sum, each) => sum + each, 0);
    clocked = times.length === count && millisecondsOf(times) !== null && !isCoarse(times);
    let at = 0;
    for (const each of passes) {
      stamped.push(times.slice(at, at + each).reduce((sum, time) => sum + time / 1e6, 0));
      at += each;
    }
  }
  return { stamped: clocked ? stamped : null, waited };
}

function byKernel(launches: readonly LaunchTime[]): KernelTime[] {
  const groups = new Map<string, LaunchTime[]>();
  for (const launch of launches) groups.set(launch.kernel, [...(groups.get(launch.kernel) ?? []), launch]);
  const sum = (list: readonly LaunchTime[], of: (launch: LaunchTime) => number): number =>
    list.reduce((total, launch) => total + of(launch), 0);
  const all = sum(launches, ({ median }) => median);
  return [...groups]
    .map(([kernel, list]): KernelTime => {
      const median = sum(list, (launch) => launch.median);
      return {
        kernel,
        launches: list.length,
        median,
        min: sum(list, ({ min }) => min),
        share: median / all,
        gbps: sum(list, ({ bytes }) => bytes) / median / 1e6,
        gflops: (2 * sum(list, ({ work, conditional }) => (conditional ? 0 : work))) / median / 1e6,
        ops: [...new Set(list.map(({ op }) => op).filter((op) => op !== COPIED))],
      };
    })
    .sort((a, b) => b.median - a.median);
}

const CLOCKS = {
  timestamps: "by the adapter's timestamps, each launch in a pass of its own",
  waits:
    'by submitting each launch alone and waiting for it, as the adapter has no timestamps that are fine enough: of every launch some 0.1 ms are the way there and back',
} as const;

/** A table for a terminal, the kernels that take longest first. */
export function profileText({ name, clock, runs, whole, kernels, launches }: Profile): string {
  const [median, min] = (['median', 'min'] as const).map((of) =>
    kernels.reduce((total, kernel) => total + kernel[of], 0),
  );
  const long = Math.max(...kernels.map(({ kernel }) => kernel.length));
  const line = (cells: readonly string[]): string =>
    `  ${cells[0].padEnd(long)}${cells
      .slice(1, 7)
      .map((cell) => cell.padStart(11))
      .join('')}  ${cells[7]}\n`;
  const rows = kernels.map((each) => [
    each.kernel,
    String(each.launches),
    digits(each.median),
    `${(100 * each.share).toFixed(1)} %`,
    digits(each.min),
    digits(each.gbps),
    each.gflops > 0 ? digits(each.gflops) : '',
    each.ops.slice(0, 4).join(', ') + (each.ops.length > 4 ? ', ...' : ''),
  ]);
  return (
    `${name}: ${digits(whole.median, 4)} ms (min ${digits(whole.min, 4)}); ${launches.length} launches, ` +
    `${digits(median, 4)} ms in kernels (min ${digits(min, 4)}), medians of ${runs} runs\n` +
    `timed ${CLOCKS[clock]}\n` +
    [['kernel', 'launches', 'ms', 'share', 'min', 'GB/s', 'GFLOP/s', 'op'], ...rows].map(line).join('')
  );
}
