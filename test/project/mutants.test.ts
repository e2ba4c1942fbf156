// tools/mutants/equivalent.json excuses mutants by their file and text: an entry whose kernel was renamed or rewritten would
// excuse nothing, and nobody would be told.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { readTexts } from '../../tools/kernelFiles.ts';
import { mutantsOf } from '../../tools/mutants/mutate.ts';

const root = new URL('../../', import.meta.url);

test('every mutant that is known to be equivalent is one that a kernel still has', () => {
  const texts = readTexts(root);
  const listed = JSON.parse(readFileSync(new URL('tools/mutants/equivalent.json', root), 'utf8')) as Record<
    string,
    { file: string; before: string; after: string }[]
  >;
  const gone = Object.values(listed)
    .flat()
    .filter(({ file, before, after }) => {
      const text = texts.get(file);
      return !text || !mutantsOf(file, text).some((mutant) => mutant.before === before && mutant.after === after);
    });
  expect(gone).toEqual([]);
});
