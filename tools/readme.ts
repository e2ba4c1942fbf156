import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Puts text between README's markers `<!-- name:start -->` and `<!-- name:end -->`, in place of what is there. */
export function fillReadme(name: string, text: string): void {
  const path = join(import.meta.dirname, '../README.md');
  const [start, end] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`];
  const [before, rest = ''] = readFileSync(path, 'utf8').split(start);
  const [, after] = rest.split(end);
  if (after === undefined) throw new Error(`README.md has no ${start} followed by ${end}.`);
  writeFileSync(path, `${before}${start}\n${text}\n${end}${after}`);
}
