// What npm would publish: what is in it, and what a bundler makes of it.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lintTarball, pack, type Tarball } from '../../tools/tarball.ts';

const root = join(import.meta.dirname, '../..');
const text = (file: string): string => readFileSync(join(root, file), 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'gramian-publish-'));
let tarball: Tarball;
let packed: readonly string[] = [];

beforeAll(() => {
  tarball = pack(folder);
  packed = tarball.paths;
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

describe('the package', () => {
  test('holds what it is made of, with all licences, and nothing else', () => {
    const needed = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'LICENSE', 'package.json', 'dist/cli.js'];
    const licences = ['dist/THIRD-PARTY-LICENSES.txt', 'data/letters/LICENCES.md'];
    for (const file of [...needed, ...licences]) expect(packed).toContain(file);
    const { files } = JSON.parse(text('package.json')) as { files: string[] };
    const allowed = [...needed, ...files.map((file) => `${file}/`), ...files];
    expect(packed.filter((file) => !allowed.some((one) => file === one || file.startsWith(one)))).toEqual([]);
    expect(packed.filter((file) => /(^|\/)(node_modules|\.[^/]+)(\/|$)|\.(map|tgz|log)$/.test(file))).toEqual([]);
  });

  test('publint and attw find nothing in any of its sub-paths', async () => {
    const { found, subpaths } = await lintTarball(tarball.file);
    expect(found).toEqual([]);
    const { exports } = JSON.parse(text('package.json')) as { exports: object };
    expect(subpaths).toEqual(Object.keys(exports));
  }, 240_000); // fetches both the first time

  test('every chunk that a module imports is in it', () => {
    const modules = packed.filter((file) => /^dist\/.*(?<!page|browser)\.js$/.test(file) && file !== 'dist/cli.js');
    for (const file of modules)
      for (const [, path] of text(file).matchAll(/^(?:import|\}|export).*? ?"(\.[^"]+)";$/gm))
        expect(packed, file).toContain(posix.join(posix.dirname(file), path));
  });

  test('links of its pages lead to files in it', () => {
    const gone = packed
      .filter((file) => file.endsWith('.md'))
      .flatMap((page) => [...text(page).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path]) => [page, path]))
      .filter(([page, path]) => {
        const to = posix.join(posix.dirname(page), path).replace(/\/$/, '');
        return !packed.some((file) => file === to || file.startsWith(`${to}/`));
      });
    expect(gone).toEqual([]);
  });
});

describe('in a bundle', () => {
  /** Bytes, gzipped, of what esbuild makes of these imports, as it does for a user: without a setting, and without a warning. */
  async function bundled(names: string): Promise<number> {
    const { outputFiles, warnings } = await build({
      stdin: { contents: `export { ${names} } from 'gramian';`, resolveDir: root },
      bundle: true,
      format: 'esm',
      minify: true,
      write: false,
      logLevel: 'silent',
    });
    expect(warnings).toEqual([]);
    return gzipSync(outputFiles[0].contents, { level: 9 }).length;
  }

  test.each([
    ['createEngine', 32_000],
    ['createEngine, ntXent', 54_500],
    ['createEngine, barlowTwins', 45_600],
  ])('%s: at most %i bytes, so with its own kernels only', async (names, most) => {
    const bytes = await bundled(names);
    console.log(`${names}: ${(bytes / 1000).toFixed(1)} kB gzipped`);
    expect(bytes).toBeLessThan(most);
  });
});
