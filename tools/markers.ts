import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Puts text between a document's markers `<!-- name:start -->` and `<!-- name:end -->`, in place of what is there.
 * @param file relative to the repository's root
 */
export function fillMarkers(file: string, name: string, text: string): void {
  const path = join(import.meta.dirname, '..', file);
  const [start, end] = [`<!-- ${name}:start -->`, `<!-- ${name}:end -->`];
  const [before, rest = ''] = readFileSync(path, 'utf8').split(start);
  const [, after] = rest.split(end);
  if (after === undefined) throw new Error(`${file} has no ${start} followed by ${end}.`);
  writeFileSync(path, `${before}${start}\n${text}\n${end}${after}`);
}
