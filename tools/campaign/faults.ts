// npm run faults -- [--kills 200] [--mutations 5000] [--repeats 4] [--seed 1] [--only gpu|files|kills]: what happens around a call
// goes wrong, in every way that can be arranged, and what the library then says is judged. Exit code 1 where it was wrong.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import type { FaultRow } from './gpuFaults.ts';
import { child, childResult, table, whole } from './table.ts';
import { TrainFaults } from './trainFaults.ts';

const { values: given } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    mutations: { type: 'string', default: '5000' },
    repeats: { type: 'string', default: '4' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
  },
});
const kills = whole('kills', given.kills);
const mutations = whole('mutations', given.mutations);
const repeats = whole('repeats', given.repeats, 1);
const seed = whole('seed', given.seed);
if (given.only !== undefined && !['gpu', 'files', 'kills'].includes(given.only)) {
  console.error(`--only ${given.only}: expected gpu, files or kills.`);
  process.exit(2);
}

const rows: FaultRow[] = [];
const failed = (what: string, complaint: string): void =>
  void rows.push({ what, trials: 1, right: 0, wrong: [complaint] });

const parts = given.only ? [given.only] : ['gpu', 'files', 'kills'];
if (parts.includes('gpu')) {
  try {
    rows.push(...childResult<FaultRow[]>(await child('gpuFaults.ts', [String(repeats)])));
  } catch (error) {
    failed('faults of the GPU', (error as Error).message);
  }
}
if (parts.includes('files') || parts.includes('kills')) {
  // The runs are those of the command as it is built.
  const built = spawnSync(process.execPath, ['--import', 'tsx', 'tools/build.ts', '--quick'], { encoding: 'utf8' });
  if (built.status !== 0) failed('the build', built.stderr);
  else {
    const faults = new TrainFaults(seed);
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.once(signal, () => {
        faults.end();
        process.exit(130);
      });
    try {
      const trouble = await faults.whole();
      if (trouble) failed('a run that nothing disturbs', trouble);
      else {
        if (parts.includes('files')) {
          rows.push(...(await faults.corrupt(mutations)));
          rows.push(await faults.corruptResumed(Math.min(6, mutations)));
          rows.push(await faults.twoRuns(Math.min(6, repeats)));
          rows.push(await faults.fullDisk(2 * repeats));
        }
        if (parts.includes('kills') && kills > 0) rows.push(...(await faults.kills(kills)));
      }
    } finally {
      faults.end();
    }
  }
}

console.log(`\nfaults, seed ${seed}\n`);
console.log(
  table(
    ['fault', 'trials', 'right', 'wrong'],
    rows.map(({ what, trials, right }) => [what, trials, right, trials - right]),
  ),
);
for (const { what, wrong } of rows) for (const each of wrong) console.log(`FAILED ${what}: ${each}`);
process.exitCode = rows.some(({ wrong }) => wrong.length > 0) ? 1 : 0;
