// What the tests of adapters share: a framework from test/needs, GPU buffers counted, a user's program checked for types.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { shareAdapter } from '../../bench/peers/environment.ts';
import { need } from '../../tools/needs.mjs';

type Folder = Parameters<typeof need>[0];
const root = join(import.meta.dirname, '..', '..');

/** The modules of a framework, or files of it (`./`), on this process's Dawn. Their types are not there where this is checked. */
// biome-ignore lint/suspicious/noExplicitAny: see above
export async function load(folder: Folder, ...names: readonly string[]): Promise<any[]> {
  const { resolve } = await need(folder);
  await shareAdapter();
  const loaded = [];
  const files = join(root, 'test', 'needs', folder, 'node_modules');
  for (const name of names)
    loaded.push(await import(pathToFileURL(name.startsWith('./') ? join(files, name) : resolve(name)).href));
  return loaded;
}

/** The program under a heading of docs/frameworks.md, and what it says that it prints. */
export function programOf(heading: string): { program: string; promised: string[] } {
  const page = readFileSync(join(root, 'docs', 'frameworks.md'), 'utf8');
  const [, program] = new RegExp(`^## ${heading}$[^]*?\\n\`\`\`ts\\n([^]*?)\`\`\``, 'm').exec(page) as RegExpExecArray;
  return { program, promised: [...program.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)].map(([, value]) => value) };
}

/** What it prints on these modules, and what it says that it prints. */
export async function runProgram(
  heading: string,
  modules: Readonly<Record<string, unknown>>,
): Promise<[string[], string[]]> {
  const { program, promised } = programOf(heading);
  const code = program
    .replace(/^import (?:\* as )?(.+) from ('[^']+');/gm, 'const $1 = load($2);')
    .replace(/^import ('[^']+');/gm, 'load($1);');
  const printed: string[] = [];
  const log = (...values: unknown[]): void => void printed.push(values.map(String).join(' '));
  const load = (name: string): unknown => {
    if (!modules[name]) throw new Error(`${heading}: the program imports ${name}, which the test does not have.`);
    return modules[name];
  };
  const AsyncFunction = (async () => {}).constructor as FunctionConstructor;
  await new AsyncFunction('console', 'load', code)({ log }, load);
  return [printed, promised];
}

/** Counts the buffers of all devices from now on: `live()` says how many were made and not destroyed. */
export function countBuffers(): { live(): number } {
  let count = 0;
  const gone = new WeakSet<GPUBuffer>();
  const { createBuffer } = GPUDevice.prototype;
  const { destroy } = GPUBuffer.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    count++;
    return createBuffer.call(this, descriptor);
  };
  GPUBuffer.prototype.destroy = function () {
    if (!gone.has(this)) count--;
    gone.add(this);
    return destroy.call(this);
  };
  return { live: () => count };
}

/** What TypeScript says of a user's module that imports the framework and this package. */
export async function typeErrors(folder: Folder, code: string): Promise<string> {
  await need(folder);
  if (!existsSync(join(root, 'dist/types/adapters/guest.d.ts')))
    spawnSync(process.execPath, ['--import', 'tsx', 'tools/build.ts'], { cwd: root, stdio: 'inherit' });
  const user = mkdtempSync(join(tmpdir(), 'gramian-user-'));
  try {
    mkdirSync(join(user, 'node_modules'));
    for (const name of ['@tensorflow', '@jax-js', 'typegpu', 'onnxruntime-web']) {
      const from = join(root, 'test', 'needs', folder, 'node_modules', name);
      if (existsSync(from)) symlinkSync(from, join(user, 'node_modules', name), 'junction');
    }
    symlinkSync(root, join(user, 'node_modules', 'gramian'), 'junction');
    writeFileSync(join(user, 'user.mts'), code);
    const flags = '--strict --noEmit --target es2022 --module nodenext --lib esnext,dom --types'.split(' ');
    const args = [join(root, 'node_modules/typescript/bin/tsc'), ...flags, '', '--skipLibCheck', 'user.mts'];
    return spawnSync(process.execPath, args, { cwd: user, encoding: 'utf8' }).stdout;
  } finally {
    rmSync(user, { recursive: true });
  }
}
