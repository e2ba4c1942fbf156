// The command as a user runs it: dist/cli.js in processes of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { Choices } from '../src/core/choices.ts';
import { choicesFile } from '../src/core/remembered.ts';
import { readSafetensors } from '../src/core/safetensors.ts';

const CLI = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'gramian-cli-'));
const TINY = [
  '--epochs',
  '2',
  '--limit',
  '256',
  '--batch',
  '32',
  '--width',
  '4',
  '--features',
  '24',
  '--hidden',
  '16',
  '--projection',
  '8',
];

/** Remembers other choices than the run was begun with: a resumed run must keep to its own. */
function pretendTuned(checkpoint: string): void {
  const { choices } = JSON.parse(readSafetensors(readFileSync(checkpoint)).metadata.gramian) as { choices: Choices };
  const options = Object.keys(choices.options).filter((question) => question.startsWith('pair sweep '));
  expect(options).toEqual(['pair sweep [64, 8]']);
  expect(choices.options[options[0]]).toBe('cached triangle');
  mkdirSync(join(folder, 'cache', 'gramian'), { recursive: true });
  const tuned = { ...choices, options: { [options[0]]: 'panels' } };
  writeFileSync(join(folder, 'cache', 'gramian', choicesFile(choices.adapter)), JSON.stringify(tuned));
}

afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Result {
  code: number | null;
  out: string;
  err: string;
}

function start(args: string[], onStderr?: (text: string, child: ChildProcess) => void): Promise<Result> {
  return new Promise((resolve) => {
    // A cache of its own: what was tuned on this machine must not decide what is tested.
    const env = { ...process.env, XDG_CACHE_HOME: join(folder, 'cache') };
    const child = spawn(process.execPath, [CLI, ...args], { cwd: folder, env });
    let out = '';
    let err = '';
    child.stdout.on('data', (text) => {
      out += text;
    });
    child.stderr.on('data', (text) => {
      err += text;
      onStderr?.(err, child);
    });
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

const BAD: [args: string[], sentence: string][] = [
  [['train', '--method', 'moko'], 'train: --method moko, expected simclr.'],
  [['train', '--epochs', '0'], 'train: --epochs 0, expected an integer in [1, 100000].'],
  [['train', '--epochs', '1.5'], 'train: --epochs 1.5, expected an integer in [1, 100000].'],
  [['train', '--temperature', 'warm'], 'train: --temperature warm, expected a number in [0.0001, 100].'],
  [['train', '--augmentation', 'sepia'], 'train: --augmentation sepia, expected letters, digits or photos.'],
  [['train', '--epoch', '3'], "error: unknown option '--epoch'"],
  [['train', '--data', '/no/such/folder'], '/no/such/folder'],
  [['train', '--resume', 'nothing.safetensors'], 'train: --resume nothing.safetensors cannot be read'],
  [['train', '--batch', '60000'], 'training images, expected at least 120000; give a smaller --batch.'],
  [['trian'], "unknown command 'trian'"],
];

describe('bad arguments are named', () => {
  it.each(BAD)('%j', async (args, sentence) => {
    const { code, err } = await start(args);
    expect(err).toContain(sentence);
    expect(err).not.toContain('    at '); // no stack
    expect(code).toBe(1);
  });
});

describe('train', () => {
  it('a run that was interrupted and resumed ends on the same bits as one that was not', async () => {
    const whole = await start(['train', ...TINY, '--out', 'whole']);
    expect(whole.err).toContain('adapter: ');
    expect(whole.code).toBe(0);
    expect(whole.out).toMatch(
      /^k-NN accuracy: raw pixels [\d.]+ %, untrained encoder [\d.]+ %, trained encoder [\d.]+ %/,
    );
    expect(readFileSync(join(folder, 'whole', 'report.html'), 'utf8')).toContain('SimCLR on');

    let asked = false;
    const broken = await start(['train', ...TINY, '--out', 'parts'], (err, child) => {
      if (asked || !/^step \d/m.test(err)) return;
      asked = true;
      child.kill('SIGINT');
    });
    expect(broken.code).toBe(0);
    expect(broken.err).toMatch(/stopped at step \d+; saved .*checkpoint\.safetensors/);
    pretendTuned(join(folder, 'parts', 'checkpoint.safetensors'));
    const resumed = await start(['train', '--resume', join('parts', 'checkpoint.safetensors'), '--out', 'parts']);
    expect(resumed.code).toBe(0);
    expect(resumed.out).toBe(whole.out);

    const read = (name: string) => readSafetensors(readFileSync(join(folder, name, 'checkpoint.safetensors')));
    const [first, second] = [read('whole'), read('parts')];
    expect([...second.tensors.keys()]).toEqual([...first.tensors.keys()]);
    for (const [name, { data }] of first.tensors)
      expect(Buffer.from(second.tensors.get(name)!.data.buffer).equals(Buffer.from(data.buffer)), name).toBe(true);
    const losses = (name: string) => JSON.parse(readFileSync(join(folder, name, 'metrics.json'), 'utf8')).losses;
    expect(losses('parts')).toEqual(losses('whole'));
  });
});
