import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { answerCold, type ColdTask, measureCold } from '../../bench/cold.node.ts';
import { COLD_HEADER, type ColdRow, coldCsv, coldText } from '../../bench/cold.ts';
import { loadPeer, type PinName } from '../../bench/host.node.ts';
import { contenders as ours, type Tune } from '../../bench/ours.ts';
import { askedSizes, checkAxes, chooseCases, parseSizes } from '../../bench/run.ts';
import { LOSS_CASES } from '../../bench/works/index.ts';
import { GramianError } from '../gpu/errors.ts';
import { logLine } from './logLine.ts';

const REPEATS = 3;

export interface ColdOptions {
  readonly cases?: readonly string[];
  readonly sizes?: readonly string[];
  readonly pins: readonly PinName[];
  readonly peers: readonly string[];
  readonly tune: Tune;
  readonly repeats?: number;
  readonly seconds: number;
  readonly json?: string | true;
  readonly csv?: string;
  readonly quick: boolean;
}

/** `gramian bench --cold`: every first loss and gradient in a process of its own; all losses at small sizes where none are named. */
export async function benchCold(options: ColdOptions): Promise<void> {
  const { cases, sizes = [], pins, peers, tune, quick, repeats = quick ? 1 : REPEATS, seconds, json, csv } = options;
  if (csv && existsSync(csv) && !readFileSync(csv, 'utf8').startsWith(COLD_HEADER))
    throw new GramianError(`bench: --csv ${csv} has other columns than --cold, expected a file of its own.`);
  const chosen = cases ? chooseCases(cases) : LOSS_CASES;
  const asked = parseSizes(sizes);
  checkAxes(chosen, asked);
  const plan = chosen.flatMap((of) => askedSizes(of, asked, true).map((size) => ({ of, size })));
  const tasks: Omit<ColdTask, 'work' | 'size'>[] = ours(tune).map(({ library, form }) => ({ library, form, tune }));
  for (const peer of peers) {
    // PyTorch's is the start of a Python, which is no part of anybody else's.
    const loaded = peer === 'torch' ? 'torch has no first call that could be compared' : await loadPeer(peer);
    if (typeof loaded === 'string') logLine(loaded);
    else for (const { library, form } of loaded) tasks.push({ peer, library, form, tune });
  }
  let stopped = false;
  const stop = (): void => {
    if (stopped) process.exit(130);
    stopped = true;
    logLine('stopping after this process; what is measured is kept');
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  const rows: ColdRow[] = [];
  for (const pin of pins)
    for (const { of, size } of plan) {
      if (stopped) break;
      const more = await measureCold(of, size, tasks, { pin, repeats, seconds, say: logLine, stop: () => stopped });
      rows.push(...more);
      if (json !== true) process.stdout.write(coldText(more));
    }
  const text = `${JSON.stringify({ cold: rows }, null, 2)}\n`;
  if (typeof json === 'string') writeFileSync(json, text);
  if (csv) appendFileSync(csv, (existsSync(csv) ? '' : COLD_HEADER) + coldCsv(rows));
  if (json === true) await new Promise<void>((resolve) => process.stdout.write(text, () => resolve()));
  if (rows.some(({ status, form }) => form === 'fused' && status !== 'ok')) process.exitCode = 1;
  process.exit();
}

/** One of these processes. */
export async function benchColdTask(text: string): Promise<void> {
  const task = JSON.parse(text) as ColdTask;
  const [of] = chooseCases([task.work]);
  const answer = await answerCold(task, of);
  await new Promise<void>((resolve) => process.stdout.write(`${JSON.stringify(answer)}\n`, () => resolve()));
  process.exit(); // libraries keep a process alive
}
