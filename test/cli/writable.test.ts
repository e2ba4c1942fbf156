import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { checkDirectory, checkFile } from '../../src/cli/writable.ts';

const root = mkdtempSync(join(tmpdir(), 'gramian-writable-'));
mkdirSync(join(root, 'folder'));
writeFileSync(join(root, 'file'), '');
mkdirSync(join(root, 'locked'));
chmodSync(join(root, 'locked'), 0o500);
symlinkSync(join(root, 'loop'), join(root, 'loop'));
afterAll(() => rmSync(root, { recursive: true }));

test('what nobody named is told to be named', () => {
  expect(() => checkDirectory('train', null, join(root, 'file', 'runs'))).toThrow(
    /^train: .*runs cannot be made, as .*file is no directory, expected one; give another place by --out\.$/,
  );
});

type Check = (command: string, option: string, path: string) => void;

test.each<[Check, string, string | null]>([
  [checkFile, 'new', null],
  [checkFile, 'file', null],
  [checkFile, 'folder', 'is a directory, expected a file.'],
  [checkFile, 'gone/x', 'gone, which is not there, expected a file in a directory that is.'],
  [checkFile, 'file/x', 'file, which is no directory, expected a file in one.'],
  [checkFile, 'loop', 'cannot be looked at (ELOOP), expected a place that may be written.'],
  [checkDirectory, 'folder', null],
  [checkDirectory, 'folder/a/b', null],
  [checkDirectory, 'file', 'file is no directory, expected one.'],
  [checkDirectory, 'file/a/b', 'file is no directory, expected one.'],
  [checkDirectory, `${'x'.repeat(300)}/a`, '(ENAMETOOLONG), expected a place that may be written.'],
  // Root may write everywhere.
  ...(process.getuid?.() === 0
    ? []
    : ([
        [checkFile, 'locked/x', 'cannot be written, expected a file that can.'],
        [checkDirectory, 'locked/x', 'locked may not be written, expected a directory that may.'],
      ] as [Check, string, string][])),
])('%o of %s', (check, path, sentence) => {
  const call = () => check('bench', 'json', join(root, path));
  if (sentence === null) expect(call).not.toThrow();
  else expect(call).toThrow(sentence);
  if (sentence !== null) expect(call).toThrow(/^bench: --json \/[^\n]*\.$/);
});
