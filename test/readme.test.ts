import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const readme = readFileSync(join(root, 'README.md'), 'utf8');

test("README's first program prints what README says", () => {
  const code = /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
  const promised = [...code.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)].map(([, value]) => value);
  expect(promised.length).toBeGreaterThan(0);
  // From the root, `gramian` is this package by its own exports: what a user would import.
  const args = ['--input-type=module', '--eval', code];
  const printed = execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8', timeout: 60_000 });
  expect(printed.trim().split('\n')).toEqual(promised);
}, 70_000);

test('README names files that are there', () => {
  const links = [...readme.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, path]) => path);
  for (const path of links) expect(() => readFileSync(join(root, path)), path).not.toThrow();
});
