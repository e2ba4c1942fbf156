import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { COLD_HEADER, type ColdAnswer, type ColdRow, coldCsv, coldRow, coldText } from '../../bench/cold.ts';
import { commandFolder } from '../cli/command.ts';
import { environment } from './samples.ts';

const what = { case: 'clip', size: 'n=8 d=4', library: 'gramian', form: 'fused', cache: 'empty' } as const;
const answer = (ms: number, opened: number): ColdAnswer => ({
  environment,
  version: '1',
  status: 'ok',
  ms,
  opened,
  error: ms / 1e9,
  detail: '',
});
const lost: ColdAnswer = {
  ...answer(0, 0),
  status: 'failed',
  ms: null,
  opened: null,
  error: null,
  detail: 'no, "not"',
};

test('the processes of a contender are one row: medians and minima, or why there is none', () => {
  const row = coldRow(what, [answer(900, 90), answer(500, 70), answer(700, 60)]);
  expect(row).toMatchObject({ ...what, status: 'ok', runs: 3, min: 500, median: 700, opened: 70, error: 9e-7 });
  const other = { ...what, library: 'other', form: 'autodiff' };
  const failed = coldRow({ ...other, form: 'hand-derived' }, [answer(900, 90), lost]);
  expect(failed).toMatchObject({ status: 'failed', runs: 0, min: null, median: null, detail: 'no, "not"' });
  const rows = [row, coldRow(other, [answer(1400, 10)]), failed, { ...row, cache: 'filled', median: 50 } as ColdRow];
  const text = coldText(rows);
  expect(text).toMatch(/^clip n=8 d=4\n {2}gramian +cache empty +700\.0 ms \(min 500\.0, opened after 70\.0\)\n/);
  expect(text).toMatch(/other, autodiff +cache empty +1400 ms .* 2\.00 x\n/);
  expect(text).toMatch(/other, hand-derived +cache empty +failed: no, "not"\n/);
  expect(text).toMatch(/gramian +cache filled +50\.00 ms/);
  const [line] = coldCsv([failed]).split('\n');
  expect(line.split(',')).toHaveLength(COLD_HEADER.split(',').length + 2); // commas within quotes
  expect(line).toContain(',hand-derived,empty,failed,0,,,,,"no, ""not"""');
});

describe('gramian bench --cold', () => {
  const { folder, start } = commandFolder('cold');
  const other = mkdtempSync(join(tmpdir(), 'gramian-cold-test-'));
  afterAll(() => {
    for (const each of [folder, other]) rmSync(each, { recursive: true, force: true });
  });

  test.each<[string[], string]>([
    [['--report', 'cold.html'], 'bench: --cold is given with --report, expected one of them.'],
    [['--profile', 'native'], 'bench: --cold is given with --profile native, expected one of them.'],
    [['--csv', join(other, 'rows.csv')], 'has other columns than --cold, expected a file of its own.'],
  ])('%j is refused in one sentence', async (args, sentence) => {
    writeFileSync(join(other, 'rows.csv'), 'date,commit\n');
    const { code, err } = await start(['bench', '--cold', ...args]);
    expect(err).toContain(sentence);
    expect(err).not.toContain('    at ');
    expect(code).toBe(1);
  });

  test('a process computes the first loss and gradient, with an empty cache and a filled one', async () => {
    const small = ['--cases', 'alignment', '--sizes', 'n=16', 'd=8', '--repeats', '1', '--csv', 'cold.csv', '--json'];
    const { code, out } = await start(['bench', '--cold', ...small]);
    expect(code).toBe(0);
    const { cold } = JSON.parse(out) as { cold: ColdRow[] };
    const caches = /swiftshader/i.test(cold[0].driver) ? ['empty'] : ['empty', 'filled'];
    expect(cold.map(({ cache }) => cache)).toEqual(caches);
    for (const row of cold) {
      expect(row).toMatchObject({ case: 'alignment', size: 'n=16 d=8', library: 'gramian', status: 'ok', runs: 1 });
      expect(row.opened).toBeGreaterThan(0);
      expect(row.median).toBeGreaterThan(row.opened ?? 0);
      expect(row.error).toBeLessThan(1e-4);
    }
    const file = readFileSync(join(folder, 'cold.csv'), 'utf8');
    expect(file).toBe(COLD_HEADER + coldCsv(cold));
  });
});
