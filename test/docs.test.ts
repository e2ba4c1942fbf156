import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

const pages = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name.replaceAll('\\', '/')}`);

test.each(['README.md', ...pages])(
  'the first program of %s prints what the page says',
  (page) => {
    const code = /```js\n([\s\S]*?)```/.exec(readFileSync(join(root, page), 'utf8'))?.[1] ?? '';
    const promised = [...code.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)].map(([, value]) => value);
    expect(promised.length).toBeGreaterThan(0);
    // From the root, `gramian` is this package by its own exports: what a user would import.
    const args = ['--input-type=module', '--eval', code];
    const printed = execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', timeout: 60_000 });
    expect(printed.trim().split('\n')).toEqual(promised);
  },
  70_000,
);

test.each(['README.md', 'CONTRIBUTING.md', ...pages])('%s names files that are there', (page) => {
  const links = [...readFileSync(join(root, page), 'utf8').matchAll(/\]\((?!https?:|#)([^)#]+)/g)];
  for (const [, path] of links) expect(existsSync(join(root, dirname(page), path)), path).toBe(true);
});

test("README's tables name what the package has", async () => {
  const library = (await import(join(root, 'dist/index.js'))) as Record<string, unknown>;
  const engine = await (
    library.createEngine as () => Promise<object & { tensor(data: number[]): object; destroy(): void }>
  )();
  const owners: Record<string, object> = { engine, tensor: engine.tensor([1]), package: library };
  const rows = [...readme.matchAll(/^\| (`.*`) \| .* \|$/gm)].flatMap(([, calls]) => [
    ...calls.matchAll(/`([\w.]+)[(`]/g),
  ]);
  expect(rows.length).toBeGreaterThan(10);
  for (const [, name] of rows) {
    const [owner, member] = name.includes('.') ? name.split('.') : ['package', name];
    expect(member in owners[owner], name).toBe(true);
  }
  engine.destroy();
});

test('README names every sub-path of the package', () => {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const paths = Object.keys(exports).filter((path) => path !== '.' && path !== './package.json');
  for (const path of paths) expect(readme).toContain(`\`gramian${path.slice(1)}\``);
});
