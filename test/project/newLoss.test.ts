// What `npm run new:loss` writes. That it is green as it is takes minutes to see: here, that nothing of it names what is gone.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { refusal, scaffold } from '../../tools/new-loss.ts';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const files = scaffold('middleLoss', read);

test('every import of a new file is there, and has what is asked of it', () => {
  for (const [path, text] of Object.entries(files)) {
    if (existsSync(join(root, path)) || !path.endsWith('.ts')) continue;
    for (const [, names, from] of text.matchAll(/^import (?:type )?(.+) from '(\..+)';$/gm)) {
      const target = join(dirname(path), from);
      const there = files[target] ?? read(target);
      for (const name of names.replace(/^\* as \w+$|[{}]|\btype /g, '').split(','))
        expect(there, `${path}: ${name} of ${target}`).toMatch(new RegExp(`^export .*\\b${name.trim()}\\b`, 'm'));
    }
  }
});

test('rows are added to what is there, in order', () => {
  for (const [path, text] of Object.entries(files)) {
    if (!existsSync(join(root, path))) continue;
    const [was, is] = [read(path).split('\n'), text.split('\n')];
    expect(
      was.filter((line) => !is.includes(line) && !line.includes('...CONTRASTIVE')),
      path,
    ).toEqual([]);
    expect(
      is.some((line) => /middleLoss|MIDDLE_LOSS/.test(line)),
      path,
    ).toBe(true);
  }
  const exported = [...files['src/index.ts'].matchAll(/'\.\/losses\/(\w+)\.ts'/g)].map(([, name]) => name);
  expect(exported).toEqual([...exported].sort((a, b) => a.localeCompare(b, 'en'))); // as the linter sorts
});

test.each([
  ['', 'new:loss: NAME is "", expected a function\'s name such as ntXent.'],
  ['../x', 'new:loss: NAME is "../x", expected a function\'s name such as ntXent.'],
  ['ntXent', 'new:loss: src/losses/ntXent.ts is there already, expected a new name.'],
  ['middleLoss', null],
])('the name "%s"', (name, sentence) => {
  expect(refusal(name, (path) => existsSync(join(root, path)))).toBe(sentence);
});
