// `gramian init`: what it writes runs by the command that it prints. Pages: test/browser/package.test.ts.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { commandFolder, installInto, type Start, shell } from './command.ts';

const root = join(import.meta.dirname, '..', '..');
const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A user's folder; with this package installed, or without. */
function project(installed: boolean): { folder: string; start: Start } {
  const { folder, start } = commandFolder('init');
  folders.push(folder);
  if (installed) installInto(folder);
  return { folder, start };
}

/** The lines that stand under `next:`. */
const commandsOf = (out: string): string[] => (out.split('next:\n')[1] ?? '').trim().split(/\n\s*/);

test('node is what it writes unless told otherwise, and its loss falls', async () => {
  const { folder, start } = project(true);
  const { out, code } = await start(['init']);
  expect([out.split(';')[0], code]).toEqual(['wrote first.mjs', 0]);
  expect(readFileSync(join(folder, 'first.mjs'), 'utf8').split('\n').length).toBeLessThan(42);
  expect(commandsOf(out)).toEqual(['node first.mjs']);
  const { stdout, stderr, status } = shell(folder, 'node first.mjs 8');
  const losses = [...stdout.matchAll(/step \d+: loss ([\d.]+)/g)].map(([, loss]) => Number(loss));
  expect([losses.length, status], stderr).toEqual([2, 0]);
  expect(losses[1]).toBeLessThan(0.95 * losses[0]);
});

test.each([
  ['browser', ['npx --yes esbuild@0.28 main.js --bundle --format=esm --outfile=main.bundle.js --servedir=.']],
  ['vite', ['npx --yes vite@8 --open']],
])('%s is a page and its script', async (where, commands) => {
  const { folder, start } = project(true);
  const { out } = await start(['init', where]);
  expect([out.split(';')[0], commandsOf(out)]).toEqual(['wrote index.html, main.js', commands]);
  const script = where === 'vite' ? '/main.js' : 'main.bundle.js';
  expect(readFileSync(join(folder, 'index.html'), 'utf8')).toContain(`src="${script}"`);
});

// That they run is tested where the frameworks are: test/adapters.
test.each([
  ['tfjs', '@tensorflow/tfjs@4.22 @tensorflow/tfjs-backend-webgpu@4.22', []],
  ['jax', '@jax-js/jax@0.1', []],
  ['typegpu', 'typegpu@0.12', []],
  ['ort', 'onnxruntime-web@1.30', ['inNode.mjs']],
])('%s is a program for Node, with what gives the framework a WebGPU', async (where, needs, besides) => {
  const { folder, start } = project(true);
  const { out } = await start(['init', where]);
  const files = ['first.mjs', 'webgpu.mjs', ...besides];
  expect(out.split(';')[0]).toBe(`wrote ${files.join(', ')}`);
  expect(commandsOf(out)).toEqual([`npm install ${needs}`, 'node first.mjs']);
  for (const file of files) expect(readFileSync(join(folder, file), 'utf8').split('\n').length).toBeLessThan(60);
});

test('where nothing is installed, the first command is the installation of this very package', async () => {
  const { folder, start } = project(false);
  const [install, run] = commandsOf((await start(['init', 'node'])).out);
  const [, path] = /^npm install (\S+) webgpu@0\.6$/.exec(install) as RegExpExecArray;
  expect(JSON.parse(readFileSync(join(folder, path, 'package.json'), 'utf8')).name).toBe('gramian');
  expect(run).toBe('node first.mjs');
});

test.each([
  ['a tarball', 'file:../gramian-9.tgz', /\/gramian-9\.tgz$/],
  ['a folder of an odd name', "file:../a $b's/gramian-9.tgz", /^'.*\/a \$b'\\''s\/gramian-9\.tgz'$/],
  ['the registry', 'https://registry.npmjs.org/gramian/-/gramian-9.tgz', /^gramian@\d+\.\d+\.\d+$/],
  ['a package manager that keeps no record', undefined, /^gramian@\d+\.\d+\.\d+$/],
])('from %s it is installed from there', (_, resolved, spec) => {
  const { folder } = project(false);
  const modules = join(folder, 'cache', 'node_modules');
  mkdirSync(join(modules, 'gramian', 'dist'), { recursive: true });
  symlinkSync(join(root, 'examples'), join(modules, 'gramian', 'examples'), 'junction');
  const command = readdirSync(join(root, 'dist')).filter((file) => /^cli.*\.js$/.test(file));
  for (const file of ['package.json', ...command.map((name) => `dist/${name}`)])
    cpSync(join(root, file), join(modules, 'gramian', file));
  const record = { packages: { 'node_modules/gramian': { resolved } } };
  if (resolved) writeFileSync(join(modules, '.package-lock.json'), JSON.stringify(record));
  const { stdout } = shell(folder, `node ${join('cache', 'node_modules', 'gramian', 'dist', 'cli.js')} init vite`);
  expect(/npm install (.+)/.exec(stdout)?.[1]).toMatch(spec);
});

test('it overwrites nothing', async () => {
  const { folder, start } = project(true);
  writeFileSync(join(folder, 'main.js'), 'mine');
  const { err, code } = await start(['init', 'browser']);
  expect([err.trim(), code]).toEqual([
    'init: main.js is there already, expected a folder without; nothing was written.',
    1,
  ]);
  expect(readdirSync(folder).filter((name) => name !== 'cache' && name !== 'node_modules')).toEqual(['main.js']);
  expect(readFileSync(join(folder, 'main.js'), 'utf8')).toBe('mine');
});

test('what it does not know is a sentence', async () => {
  const { err, code } = await project(true).start(['init', 'deno']);
  expect(err).toContain(
    "'deno' is invalid for argument 'where'. Allowed choices are node, browser, vite, tfjs, jax, typegpu, ort.",
  );
  expect(code).toBe(1);
});
