// The command as a user runs it: dist/cli.js in processes of its own, in a folder that goes away; and images to train on.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { GramianError } from '../../src/gpu/errors.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CLI = join(ROOT, 'dist/cli.js');

export interface Result {
  code: number | null;
  signal: NodeJS.Signals | null;
  out: string;
  err: string;
}

export type Start = (args: string[], onStderr?: (text: string, child: ChildProcess) => void) => Promise<Result>;

/** A folder of its own, and the command in it. */
export function commandFolder(name: string): { folder: string; start: Start } {
  const folder = mkdtempSync(join(tmpdir(), `gramian-${name}-`));
  const start: Start = (args, onStderr) =>
    new Promise((resolve) => {
      // A cache of its own: what was tuned on this machine must not decide what is tested.
      // Mesa's compiled kernels lie in the user's as before: without them every run would compile for a minute.
      const users = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
      const env = { MESA_SHADER_CACHE_DIR: users, ...process.env, XDG_CACHE_HOME: join(folder, 'cache') };
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
      child.on('close', (code, signal) => resolve({ code, signal, out, err }));
    });
  return { folder, start };
}

/** Puts this package and its driver where a program in the folder finds them. */
export function installInto(folder: string): void {
  const modules = join(folder, 'node_modules');
  mkdirSync(modules);
  symlinkSync(ROOT, join(modules, 'gramian'), 'junction');
  symlinkSync(join(ROOT, 'node_modules', 'webgpu'), join(modules, 'webgpu'), 'junction');
}

/** What a program in a folder prints. */
export function shell(folder: string, command: string): { stdout: string; stderr: string; status: number | null } {
  return spawnSync(command, { cwd: folder, encoding: 'utf8', shell: true, timeout: 110_000 });
}

const big = (...numbers: number[]): Buffer => {
  const bytes = Buffer.alloc(4 * numbers.length);
  numbers.forEach((number, i) => void bytes.writeUInt32BE(number, 4 * i));
  return bytes;
};

export interface DrawnImages {
  count: number;
  seed?: number;
  size?: number;
  /** Of image i; null: none. */
  label?: ((image: number) => number) | null;
  /** How many times as dark. */
  dark?: number;
}

/** Writes images as IDX files: a bright half that goes by the class, and noise. */
export function drawIdx(directory: string, part: 'train' | 't10k', images: DrawnImages): void {
  const { count, seed = 1, size = 12, label = (image) => image % 4, dark = 1 } = images;
  const random = createRandom(seed);
  const pixels = Buffer.alloc(count * size * size);
  for (let at = 0; at < pixels.length; at++) {
    const image = Math.floor(at / size ** 2) % 4;
    pixels[at] = Math.floor((100 * random.uniform() + (at % size > size / 2 ? 40 * image : 0)) / dark);
  }
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `${part}-images-idx3-ubyte`), Buffer.concat([big(0x803, count, size, size), pixels]));
  if (label)
    writeFileSync(
      join(directory, `${part}-labels-idx1-ubyte`),
      Buffer.concat([big(0x801, count), Buffer.from(Array.from({ length: count }, (_, i) => label(i)))]),
    );
}

/** The sentence that something is refused with; `no error` where it is not. */
export async function sentence(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    expect(error).toBeInstanceOf(GramianError);
    const { message } = error as Error;
    expect(message).toMatch(/^[^\n]*\.$/);
    return message;
  }
  return 'no error';
}
