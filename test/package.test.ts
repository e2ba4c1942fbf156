import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const MAX_BUNDLE = 118_000; // all kernels of all families; a bundler takes those of the losses that are imported
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

test('the browser bundle is alone and small', () => {
  const code = text('dist/gramian.browser.js');
  expect(code.match(/\b(?:from|import|require)\s*\(?\s*["'`][^"'`]*["'`]/g)).toBeNull();
  expect(code).not.toMatch(/["'`](?:webgpu|node:[a-z/_]+)["'`]/);
  const bytes = gzipSync(code, { level: 9 }).length;
  console.log(`dist/gramian.browser.js: ${(bytes / 1000).toFixed(1)} kB gzipped`);
  expect(bytes).toBeLessThan(MAX_BUNDLE);
});

test('only the Node platform and the loaders touch Node', () => {
  const library = readdirSync(join(root, 'dist')).filter((file) =>
    /^(index|nn|optim|methods|eval|platform\.browser)\.js$/.test(file),
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
