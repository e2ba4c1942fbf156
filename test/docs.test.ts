import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { METHODS } from '../src/cli/methods.ts';

const root = join(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

const pages = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name.replaceAll('\\', '/')}`);

const programOf = (page: string): string | undefined =>
  /```js\n([\s\S]*?)```/.exec(readFileSync(join(root, page), 'utf8'))?.[1];

test('every loss has a page with a program', () => {
  const losses = readdirSync(join(root, 'docs/losses')).map((name) => `docs/losses/${name}`);
  expect(losses.length).toBeGreaterThan(15);
  expect(losses.filter((page) => programOf(page) === undefined)).toEqual([]);
});

test.each(['README.md', ...pages].filter((page) => programOf(page) !== undefined))(
  'the first program of %s prints what the page says',
  (page) => {
    const code = programOf(page) ?? '';
    const promised = [...code.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)].map(([, value]) => value);
    expect(promised.length).toBeGreaterThan(0);
    // From the root, `gramian` is this package by its own exports: what a user would import.
    const args = ['--input-type=module', '--eval', code];
    const printed = execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', timeout: 60_000 });
    expect(printed.trim().split('\n')).toEqual(promised);
  },
  70_000,
);

const systems = readdirSync(join(root, 'docs/methods')).map((name) => `docs/methods/${name}`);

test.each(['README.md', 'CONTRIBUTING.md', ...pages, ...systems])('%s names files that are there', (page) => {
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

test('every system of the command has its page, and every option there is one of the method', () => {
  const index = readFileSync(join(root, 'docs/methods/README.md'), 'utf8');
  for (const name of Object.keys(METHODS)) expect(index).toContain(`\`${name}\``);
  const sources: Record<string, string> = {
    barlow: 'barlowTwins',
    vicreg: 'vicReg',
    simsiam: 'simSiam',
    supcon: 'supCon',
  };
  for (const page of systems) {
    const name = /methods\/(\w+)\.md/.exec(page)?.[1] as string;
    if (name === 'README') continue;
    const file = join(root, 'src/methods', `${name === 'cc' ? 'contrastiveClustering' : (sources[name] ?? name)}.ts`);
    const source = `${readFileSync(file, 'utf8')}${readFileSync(join(root, 'src/methods/method.ts'), 'utf8')}${readFileSync(join(root, 'src/nn/networks.ts'), 'utf8')}`;
    const rows = [...readFileSync(join(root, page), 'utf8').matchAll(/^\| (`[\w`, ]+`) \|/gm)];
    expect(rows.length, page).toBeGreaterThan(0);
    for (const [, cell] of rows)
      for (const [, option] of cell.matchAll(/`(\w+)`/g))
        expect(source, page).toMatch(new RegExp(`readonly ${option}\\?:`));
  }
});
