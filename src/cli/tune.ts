import { writeFile } from 'node:fs/promises';
import type { Engine } from '../engine/engine.ts';
import type { Measured, TuneReport } from '../engine/tuner.ts';
import { standardWork } from '../standardWork.ts';
import { openEngine } from './engine.ts';
import { checkFile } from './writable.ts';

export interface TuneCommand {
  rows?: number[];
  columns?: number[];
  budget: number;
  fresh?: boolean;
  json?: string;
  adapter: string;
}

/** `gramian tune`: measures how usual work is best done here, and remembers it for later processes. */
export async function tuneCommand({ rows, columns, budget, fresh = false, json, adapter }: TuneCommand): Promise<void> {
  if (json) checkFile('tune', 'json', json);
  const engine = await openEngine('tune', adapter, fresh ? 'full' : 'cached');
  const report = await measureStandardWork(engine, { rows, columns }, budget);
  const { measured, finished, seconds, place } = report;
  const taken = measured.filter(({ option, instead }) => option !== instead).length;
  print(
    `${measured.length} questions in ${seconds.toFixed(0)} s${finished ? '' : ', not all of them: --budget gives it longer'}; ` +
      `${taken} answered otherwise than before${place ? `; cached in ${place}` : ''}`,
  );
  if (json) await writeFile(json, `${JSON.stringify({ adapter: engine.info, ...report }, null, 2)}\n`);
  engine.destroy();
}

/** Tunes for the standard work, and prints each question as it is answered. */
export function measureStandardWork(
  engine: Engine,
  sizes: { rows?: readonly number[]; columns?: readonly number[] },
  budget: number,
  margin?: number,
): Promise<TuneReport> {
  return engine.tune(standardWork(engine, sizes), {
    budget,
    margin,
    onMeasured: (measured) => print(lineOf(measured)),
    // A software adapter computes in this process: its processor time is the same on a busy machine.
    ...(engine.info.software ? { clock: () => process.cpuUsage().user / 1000 } : {}),
  });
}

const print = (line: string): void => void process.stdout.write(`${line}\n`);

function lineOf({ question, option, instead, ms }: Measured): string {
  const times = Object.entries(ms).map(([name, of]) => `${name} ${of === null ? 'failed' : `${of.toFixed(2)} ms`}`);
  return `${option === instead ? ' ' : '*'} ${question}: ${option}   (${times.join(', ')})`;
}
