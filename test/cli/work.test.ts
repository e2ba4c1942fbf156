// Work that is not lost: the command is killed, stopped, run twice, out of disk; and what its checkpoints can be used for.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readSafetensors } from '../../src/data/safetensors.ts';
import { commandFolder, drawIdx } from './command.ts';

const { folder, start } = commandFolder('work');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const inFolder = (...path: string[]): string => join(folder, ...path);
drawIdx(inFolder('own'), 'train', { count: 64 });
drawIdx(inFolder('own'), 't10k', { count: 24, seed: 2 });
// The same test images beside darker training images.
drawIdx(inFolder('dark'), 'train', { count: 64, dark: 8 });
drawIdx(inFolder('dark'), 't10k', { count: 24, seed: 2 });
drawIdx(inFolder('plain'), 'train', { count: 1, seed: 3, label: null });
drawIdx(inFolder('three'), 'train', { count: 20, seed: 4, label: (image) => image % 3 });
drawIdx(inFolder('three'), 't10k', { count: 10, seed: 5, label: (image) => image % 3 });

// PCL has all that a method can have: an average, a queue, clusters of an E-step. Epochs of 4 steps.
const METHOD = ['--method', 'pcl', '--option', 'queue=40', '--option', 'warmup=0.3', '--option', 'clusters=[4,6]'];
const SMALL = [
  '--data',
  'own',
  '--batch',
  '16',
  '--width',
  '4',
  '--features',
  '16',
  '--hidden',
  '16',
  '--projection',
  '8',
];
const TRAIN = ['train', ...METHOD, ...SMALL];

const tensorsOf = (...path: string[]) => readSafetensors(readFileSync(inFolder(...path))).tensors;
const stepOf = (...path: string[]): number =>
  JSON.parse(readSafetensors(readFileSync(inFolder(...path))).metadata.gramian).step;
const npy = (name: string): Float32Array => {
  const bytes = readFileSync(inFolder(name));
  return new Float32Array(
    bytes.buffer.slice(bytes.byteOffset + 10 + bytes.readUInt16LE(8), bytes.byteOffset + bytes.length),
  );
};

describe('a run', () => {
  test('killed while it saves, it goes on to the same bits; without --out every run has a place of its own', async () => {
    const whole = await start([...TRAIN, '--epochs', '3']);
    expect(whole.code).toBe(0);
    expect(readdirSync(inFolder('runs'))).toEqual(['pcl-own']);

    let watch: NodeJS.Timeout | undefined;
    const part = inFolder('runs', 'pcl-own-2', 'checkpoint.safetensors.tmp');
    let seen = 0;
    let was = false;
    const killed = await start([...TRAIN, '--epochs', '3', '--checkpoint-every', '1'], (_, child) => {
      watch ??= setInterval(() => {
        const is = existsSync(part);
        if (is && !was) seen++;
        was = is;
        if (seen >= 3) child.kill('SIGKILL'); // in the middle of a save, the steps before are safe
      }, 1);
    });
    clearInterval(watch);
    expect(killed.signal).toBe('SIGKILL');
    expect(readdirSync(inFolder('runs', 'pcl-own-2'))).toEqual(
      expect.arrayContaining(['checkpoint.safetensors', 'lock']),
    );

    const resumed = await start(['train', '--resume', join('runs', 'pcl-own-2')]);
    expect(resumed.err).toMatch(/taken over from process \d+, which is dead/);
    expect(resumed.err).toMatch(/going on at step [2-9]\d* of/);
    expect(resumed.code).toBe(0);
    expect(resumed.out).toBe(whole.out);
    const [first, second] = ['pcl-own', 'pcl-own-2'].map((name) => tensorsOf('runs', name, 'checkpoint.safetensors'));
    expect([...second.keys()]).toEqual([...first.keys()]);
    for (const [name, { data }] of first) expect(second.get(name)?.data, name).toEqual(data);
    expect(readdirSync(inFolder('runs', 'pcl-own-2')).sort()).toEqual(
      ['checkpoint.previous.safetensors', 'checkpoint.safetensors', 'metrics.json', 'report.html'], // no lock, no .tmp
    );
    expect(stepOf('runs', 'pcl-own-2', 'checkpoint.previous.safetensors')).toBeLessThan(12);
  }, 300_000);

  test('one request to stop that comes twice saves; more epochs go on from there, into the same place', async () => {
    let asked = false;
    const stopped = await start(
      ['train', ...SMALL, '--epochs', '500', '--out', 'long', '--checkpoint-every', '5m'],
      (err, child) => {
        if (asked || !/^step \d+\/2000 /m.test(err)) return;
        asked = true;
        child.kill('SIGTERM');
        setTimeout(() => child.kill('SIGTERM'), 20);
      },
    );
    expect(stopped.code).toBe(143);
    expect(stopped.err).toMatch(
      /stopped at step \d+; saved long\/checkpoint\.safetensors\. Go on with: .*--resume long\/checkpoint\.safetensors --checkpoint-every 300s\n/,
    );
    expect(readdirSync(inFolder('long'))).toEqual(['checkpoint.safetensors']);
    const refused = await start(['train', ...SMALL, '--epochs', '1', '--out', 'long']);
    expect(refused.err).toContain('train: --out long holds a run, expected a directory without one; --resume long/');
    expect(refused.code).toBe(1);
    const anew = await start(['train', ...SMALL, '--epochs', '1', '--out', 'long', '--overwrite']);
    expect(anew.code).toBe(0);
    const longer = await start(['train', '--resume', 'long', '--epochs', '2', '--data', 'own']);
    expect(longer.err).toMatch(/--epochs 1 -> 2: .* at step 4, where the learning rate jumps from 0 to 0\.00\d+/);
    expect(longer.err).toMatch(/^step 8\/8 /m);
    expect(longer.code).toBe(0);
  }, 300_000);

  test('a full disk and numbers that run away end it, with the last good state kept', async () => {
    if (existsSync('/dev/full')) {
      mkdirSync(inFolder('full'));
      symlinkSync('/dev/full', inFolder('full', 'checkpoint.safetensors.tmp'));
      const full = await start(['train', ...SMALL, '--epochs', '1', '--checkpoint-every', '2', '--out', 'full']);
      expect(full.err).toMatch(
        /^train: full\/checkpoint\.safetensors cannot be written \(ENOSPC: the disk is full\), .*; nothing was saved before\.$/m,
      );
      expect(full.code).toBe(1);
    }
    const away = ['--learning-rate', '100', '--weight-decay', '10', '--epochs', '10', '--checkpoint-every', '1'];
    const diverged = await start(['train', ...SMALL, ...away, '--out', 'away']);
    expect(diverged.err).toMatch(
      /^train: .*, expected .*; lower --learning-rate and begin anew; the last good state, of step \d+, stays in away\/check/m,
    );
    expect(diverged.code).toBe(1);
    for (const [name, { data }] of tensorsOf('away', 'checkpoint.safetensors'))
      expect(Array.from(data).every(Number.isFinite), name).toBe(true);
  }, 300_000);
});

describe('a checkpoint on other images', () => {
  const checkpoint = join('runs', 'pcl-own');

  test('embeds any number of them, with labels or without, as it was trained to see', async () => {
    expect((await start(['embed', checkpoint])).code).toBe(0);
    expect((await start(['embed', checkpoint, '--data', 'dark', '--out', 'dark.npy'])).code).toBe(0);
    expect(npy('dark.npy')).toEqual(npy(join(checkpoint, 'pcl-own-own-test.npy')));
    const one = await start(['embed', checkpoint, '--data', 'plain']);
    expect(one.err).toContain('pcl-own-plain-train.npy: [1, 16]');
    expect(readFileSync(inFolder(checkpoint, 'pcl-own-plain-train.csv'), 'utf8')).toBe('index,file,label\n0,,\n');
    expect(statSync(inFolder(checkpoint, 'pcl-own-plain-train.npy')).size).toBe(128 + 4 * 16);
  }, 300_000);

  test('is scored on them, beside the pixels and the untrained encoder on the same', async () => {
    const three = await start(['eval', checkpoint, '--data', 'three', '--json']);
    expect(three.code).toBe(0);
    const own = await start(['eval', checkpoint, '--json']);
    const [other, kept] = [three, own].map(({ out }) => JSON.parse(out));
    const { knn, probe, raw, untrained } = JSON.parse(readFileSync(inFolder(checkpoint, 'metrics.json'), 'utf8'));
    expect({ knn: kept.knn, probe: kept.probe, raw: kept.raw, untrained: kept.untrained }).toEqual({
      knn,
      probe,
      raw,
      untrained,
    });
    for (const score of [other.knn, other.raw.knn, other.untrained.probe])
      expect(score * 10).toBeCloseTo(Math.round(score * 10), 9);
    expect(other.raw).not.toEqual(raw);
    const plain = await start(['eval', checkpoint, '--data', 'plain']);
    expect(plain.code).toBe(0);
    expect(plain.out).toContain(
      'k-NN accuracy: raw pixels none, untrained encoder none, trained encoder none\neffective rank: none',
    );
  }, 300_000);
});
