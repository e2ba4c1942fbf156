// What `gramian init` writes for a framework, in a process of its own as its users start it.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemDrivers } from '../../src/gpu/vulkan.node.ts';
import { need } from '../../tools/needs.mjs';

const root = join(import.meta.dirname, '..', '..');

/** A folder with a framework from test/needs, this package, its driver and the program. */
async function project(name: Parameters<typeof need>[0]): Promise<string> {
  await need(name);
  const folder = mkdtempSync(join(tmpdir(), 'gramian-start-'));
  const link = (from: string, to: string) =>
    symlinkSync(join(root, from), join(folder, 'node_modules', to), 'junction');
  mkdirSync(join(folder, 'node_modules'));
  const modules = join('test', 'needs', name, 'node_modules');
  for (const each of readdirSync(join(root, modules)).filter((each) => !each.startsWith('.')))
    link(join(modules, each), each);
  link('', 'gramian');
  link(join('node_modules', 'webgpu'), 'webgpu');
  for (const from of ['examples', join('examples', name)])
    for (const file of readdirSync(join(root, from)).filter((file) => file.endsWith('.mjs')))
      copyFileSync(join(root, from, file), join(folder, file));
  return folder;
}

// It asks Node's WebGPU itself, which brings no driver of its own.
test.skipIf(systemDrivers().length === 0).each(['tfjs', 'jax', 'typegpu', 'ort'] as const)(
  'the first program with %s trains',
  async (name) => {
    const folder = await project(name);
    try {
      const { stdout, stderr } = spawnSync(process.execPath, ['first.mjs', '20'], { cwd: folder, encoding: 'utf8' });
      const losses = [...stdout.matchAll(/^step \d+: loss ([\d.]+)$/gm)].map(([, loss]) => Number(loss));
      expect(losses, stdout + stderr).toHaveLength(2);
      expect(losses[1]).toBeLessThan(0.95 * losses[0]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  300_000,
);
