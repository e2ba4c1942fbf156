import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { METHODS } from '../../src/cli/methods.ts';

const root = join(import.meta.dirname, '..', '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

const pages = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md'))
  .map((name) => `docs/${name.replaceAll('\\', '/')}`);

const programOf = (page: string): string | undefined => {
  const text = readFileSync(join(root, page), 'utf8');
  return page.endsWith('.mjs') ? text : /```js\n([\s\S]*?)```/.exec(text)?.[1];
};

test('every loss has a page with a program', () => {
  const losses = readdirSync(join(root, 'docs/losses')).map((name) => `docs/losses/${name}`);
  expect(losses.length).toBeGreaterThan(15);
  expect(losses.filter((page) => programOf(page) === undefined)).toEqual([]);
});

const promisedBy = (code: string): string[] =>
  [...code.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)].map(([, value]) => value);

// From the root, `gramian` is this package by its own exports: what a user would import.
const evaluate = (code: string, input?: string): string =>
  execFileSync(process.execPath, ['--input-type=module', '--eval', code], {
    cwd: root,
    encoding: 'utf8',
    input,
    timeout: 480_000,
  });

test('the first program of README.md prints what the page says', () => {
  const code = programOf('README.md') ?? '';
  expect(promisedBy(code).length).toBeGreaterThan(0);
  expect(evaluate(code).trim().split('\n')).toEqual(promisedBy(code));
}, 60_000);

describe('the first program of a page, and an example', () => {
  // All in one process, which starts Dawn once: each an async function, with its imports as calls of `load`.
  const RUN_ALL = `
    import { format } from 'node:util';
    import { text } from 'node:stream/consumers';
    const AsyncFunction = (async () => {}).constructor;
    const printed = {};
    for (const [page, code] of JSON.parse(await text(process.stdin))) {
      const lines = (printed[page] = []);
      const log = (...args) => lines.push(format(...args));
      try {
        await new AsyncFunction('console', 'load', code)({ log }, (name) => import(name));
      } catch (error) {
        lines.push(String(error.stack));
      }
    }
    console.log(JSON.stringify(printed));`;
  const withPrograms = [...pages.filter((page) => programOf(page) !== undefined), 'examples/own-kernel/loss.mjs'];
  let printed: Record<string, string[]> = {};

  beforeAll(() => {
    const programs = withPrograms.map((page) => {
      const code = programOf(page) as string;
      return [page, code.replace(/^import (\{[^}]*\}) from ('[^']+');/gm, 'const $1 = await load($2);')];
    });
    printed = JSON.parse(evaluate(RUN_ALL, JSON.stringify(programs)));
  }, 490_000);

  test.each(withPrograms)('prints what %s says', (page) => {
    const promised = promisedBy(programOf(page) as string);
    expect(promised.length).toBeGreaterThan(0);
    expect(printed[page]).toEqual(promised);
  });
});

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
