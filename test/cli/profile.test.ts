import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Profile } from '../../bench/profile.ts';
import { commandFolder, drawIdx } from './command.ts';

const { folder, start } = commandFolder('profile');
drawIdx(join(folder, 'drawn'), 'train', { count: 40 });
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each<[string[], string]>([
  [['--cases', 'simclr'], 'bench: --cases simclr, expected all or some of '],
  [['--sizes', 'n=8'], 'profile: --sizes is given without --cases, expected both.'],
  [['--cases', 'clip', '--batch', '8'], 'profile: --cases is given with --batch, expected one of them.'],
  [['--method', 'moko'], 'train: --method moko, expected simclr, '],
  [['--batch', '1'], 'profile: --batch 1, expected an integer in [2, 65536].'],
  [['--data', 'drawn', '--batch', '64'], 'profile: drawn has 40 training images, expected 64 or more.'],
])('%j is refused in one sentence', async (args, sentence) => {
  const { code, err } = await start(['profile', ...args]);
  expect(err).toContain(sentence);
  expect(err).not.toContain('    at ');
  expect(code).toBe(1);
});

test('a training step is shown kernel by kernel, as a table and as JSON', async () => {
  const small = ['--data', 'drawn', '--batch', '8', '--width', '4', '--features', '24', '--option', 'hidden=16'];
  const { code, out, err } = await start(['profile', ...small, '--runs', '1', '--json']);
  expect(err).toContain('profile: simclr, batches of 8 images of 1 x 12 x 12');
  expect(code).toBe(0);
  const { adapter, profiles } = JSON.parse(out) as { adapter: object; profiles: Profile[] };
  expect(adapter).toHaveProperty('description');
  expect(profiles.map(({ name }) => name)).toEqual(['simclr on drawn, a step of 8']);
  const [{ whole, kernels, launches }] = profiles;
  expect(whole.median).toBeGreaterThan(0);
  const names = kernels.map(({ kernel }) => kernel);
  for (const part of ['augment_geometry', 'conv2d', 'adam_w', 'unit_rows']) expect(names).toContain(part);
  expect(launches.filter(({ kernel }) => kernel === 'adam_w')).toHaveLength(18);
});
