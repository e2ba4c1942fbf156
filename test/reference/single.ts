// The losses' references once more, in f32: the naive version that no kernel may be twice as wrong as.
// Made from the f64 ones by their text, so that the two cannot drift apart: what +, -, *, / and Math's functions give is
// rounded to f32, wherever it stands. Integers below 2^24 pass unchanged, so indices do.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parse } from 'acorn';
import { simple } from 'acorn-walk';
import { build, transform } from 'esbuild';
import MagicString from 'magic-string';
import type { LossRow } from '../losses/row.ts';

const tests = join(import.meta.dirname, '..');
const ROUNDING = new Set(['+', '-', '*', '/', '**']);
const EXACT = new Set(['abs', 'ceil', 'floor', 'fround', 'max', 'min', 'round', 'sign', 'trunc']);

/** A script in which every number is computed in f32. */
function inSingle(script: string): string {
  const text = new MagicString(script);
  const round = ({ start, end }: { start: number; end: number }): void => {
    text.prependRight(start, '__single(').appendLeft(end, ')');
  };
  simple(parse(script, { ecmaVersion: 'latest', sourceType: 'module' }), {
    BinaryExpression(node) {
      if (ROUNDING.has(node.operator)) round(node);
    },
    AssignmentExpression({ left, right, operator }) {
      const plain = operator.slice(0, -1);
      if (!ROUNDING.has(plain)) return;
      text.update(left.end, right.start, ` = __single(${script.slice(left.start, left.end)} ${plain} (`);
      text.appendLeft(right.end, '))');
    },
    CallExpression(node) {
      const { callee } = node;
      if (callee.type !== 'MemberExpression' || callee.property.type !== 'Identifier') return;
      if (callee.object.type !== 'Identifier' || callee.object.name !== 'Math') return;
      if (!EXACT.has(callee.property.name)) round(node);
    },
  });
  return `const __single = (x) => (typeof x === 'number' ? Math.fround(x) : x);\n${text}`;
}

/** The rows of losses/table.ts with references in f32. They share no code with the others: `run` wants its own engine. */
export function lossesInSingle(): Promise<readonly LossRow[]> {
  made ??= make();
  return made;
}

let made: Promise<readonly LossRow[]> | undefined;

async function make(): Promise<readonly LossRow[]> {
  const { outputFiles } = await build({
    entryPoints: [join(tests, 'losses', 'table.ts')],
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    conditions: ['source'],
    write: false,
    plugins: [
      {
        name: 'single',
        setup({ onLoad }) {
          onLoad({ filter: /\.ts$/ }, async ({ path }) => {
            if (!path.startsWith(join(tests, 'reference') + sep)) return null; // what hashes labels wants its integers
            const { code } = await transform(await readFile(path, 'utf8'), { loader: 'ts' });
            return { contents: inSingle(code), loader: 'js' };
          });
        },
      },
    ],
  });
  const folder = await mkdtemp(join(tmpdir(), 'gramian-single-'));
  try {
    const script = join(folder, 'losses.mjs');
    await writeFile(script, outputFiles[0].contents);
    const { LOSSES } = (await import(pathToFileURL(script).href)) as { LOSSES: readonly LossRow[] };
    return LOSSES;
  } finally {
    await rm(folder, { recursive: true });
  }
}
