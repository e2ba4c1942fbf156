import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, expect, test } from 'vitest';
import { inlinedPackages, licenceTexts } from '../../tools/licences.ts';

const root = join(import.meta.dirname, '..', '..');
const MAX_BUNDLE = 150_000; // all kernels of all families; a bundler takes those of the losses that are imported
const text = (file: string): string => readFileSync(join(root, file), 'utf8');
const manifest = () => JSON.parse(text('package.json'));

beforeAll(() => {
  if (existsSync(join(root, 'dist/types/index.d.ts'))) return; // npm test has just built it
  const { status } = spawnSync(process.execPath, ['--import', 'tsx', 'tools/build.ts'], {
    cwd: root,
    stdio: 'inherit',
  });
  expect(status).toBe(0);
}, 120_000);

/** Every string in a value, however deep. */
function strings(value: unknown): string[] {
  return typeof value === 'string' ? [value] : Object.values(value as object).flatMap(strings);
}

test('the package needs nothing at run time, and its peers are optional', () => {
  const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = manifest();
  expect({ ...dependencies, ...optionalDependencies }).toEqual({});
  for (const peer of Object.keys(peerDependencies)) expect(peerDependenciesMeta[peer]).toEqual({ optional: true });
});

test('every file that package.json names is there', () => {
  const { exports, imports, bin, files } = manifest();
  const { source: _, ...published } = imports['#platform'];
  const named = [...strings(exports), ...strings(published), ...strings(bin), ...files, 'README.md', 'LICENSE'];
  expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([]);
});

test('every sub-path of the package can be imported', async () => {
  for (const path of Object.values<string | { default: string }>(manifest().exports)) {
    if (typeof path === 'string') continue;
    expect(Object.keys(await import(join(root, path.default))).length).toBeGreaterThan(0);
  }
});

test('its types stand by themselves, with nothing but lib dom', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gramian-types-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules', 'gramian'), 'junction');
  const names = Object.keys(manifest().exports).filter((path) => path !== './package.json');
  const lines = names.map((path, i) => `import * as part${i} from 'gramian${path.slice(1)}';\nexport { part${i} };`);
  writeFileSync(
    join(folder, 'app.mts'),
    `${lines.join('\n')}\nexport type Device = part0.Engine['device']['queue'];\n`,
  );
  const settings = '--strict --noEmit --target es2022 --module nodenext --lib es2022,dom --types'.split(' ');
  const args = [join(root, 'node_modules/typescript/bin/tsc'), ...settings, '', '--skipLibCheck', 'false', 'app.mts'];
  const { stdout, status } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  expect(stdout).toBe('');
  expect(status).toBe(0);
}, 60_000);

test('the browser bundle is alone and small', () => {
  const code = text('dist/gramian.browser.js');
  // A kernel may have a buffer by that name.
  expect(code.match(/(?<!["'`])\b(?:from|import|require)\s*\(?\s*["'`][^"'`]*["'`]/g)).toBeNull();
  expect(code).not.toMatch(/["'`](?:webgpu|node:[a-z/_]+)["'`]/);
  const bytes = gzipSync(code, { level: 9 }).length;
  console.log(`dist/gramian.browser.js: ${(bytes / 1000).toFixed(1)} kB gzipped`);
  expect(bytes).toBeLessThan(MAX_BUNDLE);
});

test('what is inlined comes with its licence, in reports too', () => {
  const licences = text('dist/THIRD-PARTY-LICENSES.txt');
  const sources = ['dist', 'dist/chunks'].flatMap((folder) =>
    readdirSync(join(root, folder)).map((file) => join(folder, file)),
  );
  const named = sources.flatMap((file) =>
    file.endsWith('.js') ? [...text(file).matchAll(/^\s*\/\/ node_modules\/((?:@[^/\n]+\/)?[^/\n]+)\//gm)] : [],
  );
  expect(named.length).toBeGreaterThan(5);
  for (const [, name] of named) {
    const { version, license } = JSON.parse(text(`node_modules/${name}/package.json`));
    expect(licences).toContain(`${name} ${version} (${license})`);
  }
  for (const file of ['dist/report-page.js', 'dist/bench-report-page.js', 'dist/bench.html'])
    expect(text(file)).toMatch(/@observablehq\/plot [\d.]+ \(ISC\)[\s\S]*Permission to use, copy, modify/);
});

test('an inlined package without a licence text ends the build', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gramian-licences-'));
  const at = join(folder, 'node_modules/bare');
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, 'package.json'), '{ "name": "bare", "version": "1.2.3", "license": "MIT" }');
  const inputs = { 'node_modules/bare/x.js': { bytesInOutput: 1 }, 'node_modules/gone/x.js': { bytesInOutput: 0 } };
  const packages = inlinedPackages([{ inputs: {}, outputs: { out: { inputs, bytes: 1, imports: [], exports: [] } } }]);
  expect(packages).toEqual(['node_modules/bare']);
  expect(() => licenceTexts(folder, packages)).toThrow('build: bare 1.2.3 has no licence text, expected one in');
  writeFileSync(join(at, 'LICENCE.md'), 'Do what you like.');
  expect(licenceTexts(folder, packages)).toBe('bare 1.2.3 (MIT)\n\nDo what you like.\n');
  rmSync(folder, { recursive: true });
});

test('only the Node platform and the loaders touch Node', () => {
  const library = readdirSync(join(root, 'dist')).filter((file) =>
    /^(index|nn|optim|methods|eval|kernels|testing|(data|platform)\.browser)\.js$/.test(file),
  );
  for (const file of library)
    expect(reachable(`dist/${file}`).filter((code) => /\bfrom ["']node:/.test(code))).toEqual([]);
});

/** The text of a built file and of the chunks that it loads. */
function reachable(file: string, seen = new Set<string>()): string[] {
  if (seen.has(file)) return [];
  seen.add(file);
  const code = text(file);
  const next = [...code.matchAll(/\b(?:from|import) ["'](\.[^"']+)["']/g)].map(([, path]) => join(file, '..', path));
  return [code, ...next.flatMap((chunk) => reachable(chunk, seen))];
}
