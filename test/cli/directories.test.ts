// Where runs write: one at a time, under names that are free, and over nothing that somebody would miss. No GPU.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { CHECKPOINT } from '../../src/cli/checkpoint.ts';
import { completeConfig } from '../../src/cli/config.ts';
import { refuseNeighbour, refuseRun, takeFreeDirectory } from '../../src/cli/directory.ts';
import { freeFiles, givenFiles, writeEmbeddings } from '../../src/cli/embeddings.ts';
import { lockDirectory } from '../../src/cli/lock.ts';
import { planDirectory } from '../../src/cli/plan.ts';
import { planRuns } from '../../src/cli/several.ts';
import { sentence } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'gramian-directories-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const fresh = (name: string): string => {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  return path;
};

describe('one run in a directory', () => {
  const lockOf = (holder: object | string) => {
    const directory = fresh(`lock-${Math.random()}`);
    writeFileSync(join(directory, 'lock'), typeof holder === 'string' ? holder : JSON.stringify(holder));
    return directory;
  };
  const gone = { pid: 2 ** 22 - 7, host: hostname(), began: null }; // Linux has no larger numbers

  test.each<[who: string, holder: object | string]>([
    ['a dead process', gone],
    ['a process whose number another has by now', { ...gone, pid: process.pid, began: 'earlier' }],
    ['nobody: it was cut off', ''],
    ['nobody: it is not ours', '{"pid": "me"}'],
  ])('the lock of %s is taken over', async (_, holder) => {
    const directory = lockOf(holder);
    const unlock = await lockDirectory('train', directory, false);
    expect(JSON.parse(readFileSync(join(directory, 'lock'), 'utf8'))).toMatchObject({
      pid: process.pid,
      host: hostname(),
    });
    expect(await sentence(() => lockDirectory('train', directory, false))).toBe(
      `train: ${directory} is written into by process ${process.pid} on ${hostname()}, expected one run at a time; wait for it.`,
    );
    unlock();
    expect(readdirSync(directory)).toEqual([]);
  });

  test('that of another machine is not', async () => {
    const directory = lockOf({ pid: 1, host: 'elsewhere' });
    expect(await sentence(() => lockDirectory('train', directory, false))).toContain(
      `by process 1 on elsewhere, expected one run at a time; wait for it, or remove ${join(directory, 'lock')} if it has ended.`,
    );
  });

  test('free names follow each other; one that was not written into goes away', async () => {
    const base = join(folder, 'runs', 'simclr-letters');
    const [first, second] = [await takeFreeDirectory(base), await takeFreeDirectory(base)];
    expect([first.path, second.path]).toEqual([base, `${base}-2`]);
    writeFileSync(join(first.path, CHECKPOINT), '');
    for (const { release } of [first, second]) release();
    expect(readdirSync(join(folder, 'runs'))).toEqual(['simclr-letters']);
    expect(await sentence(() => refuseRun(first.path))).toBe(
      `train: --out ${base} holds a run, expected a directory without one; --overwrite begins anew in its place.`, // it is empty
    );
    expect(await sentence(() => refuseNeighbour(join(base, 'other.safetensors')))).toBe(
      `train: --resume ${join(base, 'other.safetensors')} would overwrite the run in ${base}, expected a place of its own; give another --out, or --out ${base} --overwrite to write over that run.`,
    );
    await refuseNeighbour(join(base, CHECKPOINT));
    await refuseNeighbour(join(folder, 'other.safetensors'));
    await refuseRun(folder);
    writeFileSync(join(folder, 'file'), '');
    expect(await sentence(() => takeFreeDirectory(join(folder, 'file', 'run')))).toContain(
      'cannot be made (EEXIST: a part of the path is a file)',
    );
  });
});

test('several runs go on where their settings are the same; others are refused, or passed over where nobody named them', async () => {
  const planOf = (compare: string[], asked: object = {}, seeds = 1) =>
    planRuns({ data: 'own', ...asked }, { compare, seeds }, (one) =>
      completeConfig(one, false, { count: 10, channels: 1 }),
    );
  const usual = join(fresh('several'), 'two');
  const take = async (plan: ReturnType<typeof planOf>, out?: string): Promise<string> => {
    const directory = await planDirectory(plan, { out, usual, overwrite: false });
    directory.release();
    return directory.path;
  };
  const both = planOf(['byol', 'moco']);
  expect(await take(both)).toBe(usual);
  const [{ config: byolConfig }] = both.variants;
  const { size: _, ...asOlderVersions } = byolConfig;
  writeFileSync(join(fresh('several/two/byol-0'), 'metrics.json'), JSON.stringify({ config: asOlderVersions }));
  for (const more of [both, planOf(['moco', 'byol'], {}, 3)]) expect(await take(more)).toBe(usual); // noted: three seeds
  const others: [plan: ReturnType<typeof planOf>, said: string][] = [
    [planOf(['byol', 'swav'], {}, 3), 'the comparison of MoCo v2, BYOL'],
    [both, 'runs with 3 seeds'],
    [planOf(['byol', 'moco'], { epochs: 3 }, 3), 'byol-0 with other settings'],
  ];
  for (const [plan, said] of others)
    expect(await sentence(() => take(plan, usual))).toContain(`--out ${usual} holds ${said}, expected a directory`);
  expect(await take(others[0][0])).toBe(`${usual}-2`);
});

test('embeddings: a table of files and labels; free names, and never over a file that is none', async () => {
  const directory = fresh('run');
  const set = {
    name: 'x',
    images: new Uint8Array(2),
    labels: Int32Array.of(1, 0),
    count: 2,
    channels: 1,
    height: 1,
    width: 1,
  };
  const checkpoint = join(directory, CHECKPOINT);
  for (const end of ['', '-2']) {
    const files = await freeFiles(checkpoint, '/some/pets/', 'test');
    expect(files).toEqual({
      table: join(directory, `run-pets-test${end}.npy`),
      names: join(directory, `run-pets-test${end}.csv`),
    });
    await writeEmbeddings(files, Float32Array.of(1, 2), [2, 1], {
      ...set,
      classes: ['a', 'b,"c"'],
      files: ['q/1.png', 'w,2.png'],
    });
    expect(readFileSync(files.names, 'utf8')).toBe('index,file,label\n0,q/1.png,"b,""c"""\n1,"w,2.png",a\n');
  }
  const own = await givenFiles(join(directory, 'run-pets-test.npy'));
  await writeEmbeddings(own, Float32Array.of(1, 2), [2, 1], { ...set, labels: null, classes: null });
  expect(readFileSync(own.names, 'utf8')).toBe('index,file,label\n0,,\n1,,\n');
  writeFileSync(join(directory, 'mine.npy'), 'text');
  expect(await sentence(() => givenFiles(join(directory, 'mine.npy')))).toContain(
    'is there already, expected a new name',
  );
  expect(await sentence(() => givenFiles('x.csv'))).toContain('x.csv, expected a name that ends in .npy; the table');
});
