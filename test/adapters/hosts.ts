// What the tests of adapters share: a framework from test/needs, GPU buffers counted, a user's program checked for types.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { queryObjects } from 'node:v8';
import { expect } from 'vitest';
import { shareAdapter } from '../../bench/peers/environment.ts';
import { collectGarbage } from '../../src/gpu/collect.node.ts';
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

/** Counts what all devices make from now on: buffers until they are destroyed, bind groups until they are collected. */
export function countHeld(): { buffers(): number; bindGroups(): number } {
  let [buffers, bindGroups] = [0, 0];
  const gone = new WeakSet<GPUBuffer>();
  const collected = new FinalizationRegistry<null>(() => void bindGroups--);
  const { createBuffer, createBindGroup } = GPUDevice.prototype;
  const { destroy } = GPUBuffer.prototype;
  GPUDevice.prototype.createBuffer = function (descriptor) {
    buffers++;
    return createBuffer.call(this, descriptor);
  };
  GPUDevice.prototype.createBindGroup = function (descriptor) {
    const group = createBindGroup.call(this, descriptor);
    bindGroups++;
    collected.register(group, null);
    return group;
  };
  GPUBuffer.prototype.destroy = function () {
    if (!gone.has(this)) buffers--;
    gone.add(this);
    return destroy.call(this);
  };
  return { buffers: () => buffers, bindGroups: () => bindGroups };
}

// A plan keeps at most 16 bind groups a step.
const [STEPS, WARM] = [500, 20];

/**
 * Takes 500 steps, after the first of which nothing that is held may grow: these counts, JavaScript's objects, its heap.
 * @param own a step of the framework by itself, where it keeps objects of each: ours may keep as many
 */
export async function expectFlat(
  step: (index: number) => Promise<void>,
  counts: ReturnType<typeof countHeld> & Readonly<Record<string, () => number>>,
  own?: typeof step,
): Promise<void> {
  const measure = async () => {
    for (let round = 0; round < 6; round++) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve)); // finalizers run in a turn of their own
    }
    const counted = Object.entries(counts).map(([name, count]) => [name, count()] as const);
    const objects = queryObjects(Object, { format: 'count' });
    return { counted, bindGroups: counts.bindGroups(), objects, heap: process.memoryUsage().heapUsed };
  };
  const take = async (steps: number, of: typeof step) => {
    const before = await measure();
    for (let i = 0; i < steps; i++) await of(i);
    return [before, await measure()] as const;
  };
  let allowed = 0;
  if (own) {
    await take(9, own);
    const [before, after] = await take(60, own);
    allowed = (after.objects - before.objects) / 60;
  }
  await take(WARM, step);
  const [before, after] = await take(STEPS - WARM, step);
  console.log(`after ${WARM} steps ${JSON.stringify(before)}, after ${STEPS} ${JSON.stringify(after)}; own ${allowed}`);
  // A pool of the framework's may come to another order late.
  for (const [i, [name, count]] of after.counted.entries())
    expect(count, name).toBeLessThanOrEqual(before.counted[i][1] * (name === 'bindGroups' ? 1.3 : 1));
  // A bind group that is kept has an array and a key.
  const kept = after.objects - before.objects - 2 * (after.bindGroups - before.bindGroups);
  expect(kept / (STEPS - WARM)).toBeLessThan(allowed + 0.2);
  if (!own) expect(after.heap - before.heap).toBeLessThan(2 ** 19); // V8 goes on compiling
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
