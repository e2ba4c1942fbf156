import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Files by the names that they declare and export. What is exported again, or declared twice in one file, is one thing. */
function exportsOf(files: Readonly<Record<string, string>>): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const declared =
    /^export (?:declare )?(?:async )?(?:abstract )?(?:const|let|function\*?|class|interface|type|enum) (\w+)/gm;
  for (const [file, text] of Object.entries(files))
    for (const name of new Set([...text.matchAll(declared)].map(([, name]) => name)))
      found.set(name, [...(found.get(name) ?? []), file]);
  return found;
}

/** A file that is made from another's text. */
const WRITERS = ['tools/tune-defaults.ts'];

/** Names that one meaning has in several files. */
function isOneMeaning(name: string, files: readonly string[]): boolean {
  // What a system offers, of which the build takes the browser's file or Node's.
  if (files.every((file) => /\.(node|browser)\.ts$/.test(file))) return true;
  // What each framework's adapter is opened by.
  if (name === 'attach') return files.every((file) => file.startsWith('src/adapters/'));
  // A loss, the system of that name around it, and its value in f64.
  return files.every((file) =>
    [`src/losses/${name}.ts`, `src/methods/${name}.ts`, 'bench/works/exact.ts'].includes(file),
  );
}

const ambiguous = (files: Readonly<Record<string, string>>): string[] =>
  [...exportsOf(files)]
    .filter(([name, declaring]) => declaring.length > 1 && !isOneMeaning(name, declaring))
    .map(([name, declaring]) => `${name}: ${declaring.join(', ')}`);

test('finds a name that two files export, and lets a loss and its method share one', () => {
  expect(
    ambiguous({
      'src/engine/plan.ts': 'export class Plan {}\n',
      'src/launch/transport.ts': 'export interface Plan {\n  export: 1;\n}\n',
      'src/index.ts': "export { Plan } from './engine/plan.ts';\n",
      'src/losses/swav.ts': 'export function swav(a: Tensor): Tensor;\nexport function swav(a: unknown) {}\n',
      'src/methods/swav.ts': 'export function swav() {}\n',
      'src/gpu/pace.node.ts': 'export async function pace() {}\n',
      'src/gpu/pace.browser.ts': 'export const pace = null;\n',
      'src/nn/layer.ts': 'interface Plan {}\nexport const swavLayer = 1;\n',
    }),
  ).toEqual(['Plan: src/engine/plan.ts, src/launch/transport.ts']);
});

test('an exported name means one thing', () => {
  const files: Record<string, string> = {};
  for (const folder of ['src', 'bench', 'tools'])
    for (const file of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      const path = `${folder}/${file.replaceAll('\\', '/')}`;
      if (!path.endsWith('.ts') || /\.d\.ts$|\.generated\.|node_modules|^bench\/peers\//.test(path)) continue;
      if (!WRITERS.includes(path)) files[path] = readFileSync(join(root, path), 'utf8');
    }
  expect(Object.keys(files).length).toBeGreaterThan(200);
  expect(ambiguous(files)).toEqual([]);
});
