// npm run soak -- [--steps 100000] [--modes eager,recorded,plan,never-dispose] [--seed 1]: trains for very many steps on
// shapes that change, and looks whether anything grows. Each mode has a process of its own. Exit code 1 where one does.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { sizes } from './heap.ts';
import { CYCLE, type Held, MODES, type Mode, type Seen } from './soakRun.ts';
import { child, childResult, rise, table, whole } from './table.ts';

const MOST_RISE = 0.01; // over the last 80 % of the steps
const JUDGED_FROM = 20_000; // steps: before, V8 is still compiling, and what rises is its code
const BOUND = 1.5; // what may be held at most in the second half, of what was held at most in the first
// V8 lets go of code that was not run lately, and compiles it again: steps of a tenth of a megabyte, which are not the heap's.
const NODE = ['--expose-gc', '--no-flush-bytecode'];

const { values: given } = parseArgs({
  options: {
    steps: { type: 'string', default: '100000' },
    modes: { type: 'string', default: MODES.join(',') },
    seed: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});
const steps = whole('steps', given.steps, 1);
const seed = whole('seed', given.seed);
const modes = given.modes.split(',') as Mode[];
const unknown = modes.find((mode) => !MODES.includes(mode));
if (unknown !== undefined) {
  console.error(`--modes ${unknown}: expected some of ${MODES.join(', ')}.`);
  process.exit(2);
}

const percent = (share: number): string => `${share < 0 ? '' : '+'}${(100 * share).toFixed(2)} %`;
const range = (of: (held: Held) => number, { first, last }: Seen): string =>
  of(first) === of(last) ? String(of(last)) : `${of(first)} to ${of(last)}`;

/** What a mode did that it must not. */
function complaints(mode: Mode, seen: Seen, data: number, collected: number): string[] {
  const found: string[] = [];
  if (seen.losses.length === 0 || !seen.losses.every(Number.isFinite)) found.push('a loss is no number');
  const [before, after] = seen.most;
  for (const key of ['buffers', 'bytes', 'deviceBuffers', 'deviceBytes'] as const)
    if (after[key] > BOUND * before[key])
      found.push(`${key}: ${after[key]} at most in the second half, ${before[key]} in the first`);
  if (mode === 'never-dispose') return found;
  if (seen.unlike > 0)
    found.push(
      `${seen.unlike} of ${seen.cycles} cycles end unlike the first: ${JSON.stringify(seen.first)}, ${seen.example}`,
    );
  if (done < JUDGED_FROM) return found;
  if (data >= MOST_RISE) found.push(`what the heap holds, V8's code aside, rises by ${percent(data)}`);
  if (collected >= MOST_RISE)
    found.push(`the line of resident memory after collections rises by ${percent(collected)}`);
  return found;
}

const folder = mkdtempSync(join(tmpdir(), 'gramian-soak-'));
const rows: unknown[][] = [];
const failures: string[] = [];
let adapter = '';
let done = 0;
for (const mode of modes) {
  let seen: Seen;
  try {
    const args = ['--mode', mode, String(steps), String(seed), folder];
    seen = childResult<Seen>(await child('soakRun.ts', args, { node: NODE }));
  } catch (error) {
    failures.push(`${mode}: ${(error as Error).message}`);
    rows.push([mode, ...new Array(13).fill('')]);
    continue;
  }
  if (given.json) console.log(JSON.stringify({ mode, ...seen }));
  adapter = seen.adapter;
  done = (seen.cycles + 2) * CYCLE;
  const late = seen.samples.filter(({ step }) => step > seen.from);
  const last = seen.samples[seen.samples.length - 1];
  const riseOf = (of: 'heap' | 'collected' | 'resident') => rise(late.map((sample) => [sample.step, sample[of]]));
  const rises = { heap: riseOf('heap'), collected: riseOf('collected'), resident: riseOf('resident') };
  /** The last value, and how a line through the late ones rises. */
  const line = (of: keyof typeof rises, digits: number): string => {
    const { share, error } = rises[of];
    return `${last[of].toFixed(digits)} (${percent(share)}, +-${(100 * error).toFixed(2)})`;
  };
  const [before, after] = seen.snapshots.map(sizes);
  for (const snapshot of seen.snapshots) rmSync(snapshot);
  const data = before ? after.data / before.data - 1 : 0;
  const split = (of: 'data' | 'code'): string =>
    before ? `${before[of]} to ${after[of]} (${percent(after[of] / before[of] - 1)})` : '';
  for (const complaint of complaints(mode, seen, data, rises.collected.share)) failures.push(`${mode}: ${complaint}`);
  const dropped = mode === 'never-dispose';
  const most = { first: seen.most[0], last: seen.most[1] } as Seen;
  const shown = dropped ? most : seen;
  const bound = dropped ? 'at most ' : '';
  rows.push([
    mode,
    bound + range(({ buffers }) => buffers, shown),
    bound + range(({ bytes }) => bytes, shown),
    range(({ pooledBytes }) => pooledBytes, shown),
    mode === 'plan'
      ? `at most ${range(({ deviceBuffers }) => deviceBuffers, most)}`
      : range(({ deviceBuffers }) => deviceBuffers, shown),
    range(({ pipelines }) => pipelines, shown),
    dropped ? '' : `${seen.cycles - seen.unlike} of ${seen.cycles}`,
    line('heap', 1),
    split('data'),
    split('code'),
    line('collected', 0),
    line('resident', 0),
    seen.submits,
    seen.seconds.toFixed(0),
  ]);
}

rmSync(folder, { recursive: true });
console.log(`${adapter}; ${done} steps a mode in cycles of ${CYCLE} (8 shapes), seed ${seed}\n`);
const heads = ['mode', 'buffers', 'bytes', 'pooled bytes', "device's buffers", 'pipelines', 'cycles that end alike'];
const memory = ['heap, MB (rise)', "program's bytes", "V8's code", 'RSS after collections, MB', 'RSS at any time, MB'];
console.log(table([...heads, ...memory, 'submits', 'seconds'], rows));
console.log(`
Rises are those from 20 % of the steps to the last: of a least-squares line and its standard error (heap, RSS), or between two
snapshots of the heap, which tell what the program holds from the code that V8 keeps for it. Judged, from 20,000 steps on: program's
bytes, and RSS after collections: at any time it is up and down by what V8 has not collected yet, more than 1 % on a busy machine.
never-dispose shows the most that was held at the end of any cycle, in the first half and in the second.`);
for (const failure of failures) console.log(`FAILED ${failure}`);
process.exitCode = failures.length > 0 ? 1 : 0;
