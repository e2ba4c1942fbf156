// npm run new:loss -- NAME: the files and rows of a loss, which is the mean squared distance of two views until you write
// yours: green as it is, so that what fails afterwards is what you changed. Prints what is left to do by hand.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Files by their path, as they are or as they become. */
export type Files = Record<string, string>;

/** What is wrong with a name, in a sentence; null: nothing. */
export function refusal(name: string, exists: (path: string) => boolean): string | null {
  if (!/^[a-z][A-Za-z0-9]*$/.test(name))
    return `new:loss: NAME is "${name}", expected a function's name such as ntXent.`;
  if (exists(`src/losses/${name}.ts`)) return `new:loss: src/losses/${name}.ts is there already, expected a new name.`;
  return null;
}

/** The first line that sorts behind the new one gets it before itself; `between` says which lines are asked. */
function inOrder(text: string, line: string, between: RegExp, keyOf: (line: string) => string): string {
  const lines = text.split('\n');
  const all = lines.flatMap((one, at) => (between.test(one) ? [at] : []));
  if (all.length === 0) throw new Error(`new:loss: no line like ${between}, expected its neighbours.`);
  const behind = all.find((at) => keyOf(lines[at]) > keyOf(line));
  lines.splice(behind ?? (all.at(-1) as number) + 1, 0, line);
  return lines.join('\n');
}

/** Puts `line` before the first line that is `anchor`. */
function before(text: string, anchor: string, line: string): string {
  if (!text.includes(`\n${anchor}`)) throw new Error(`new:loss: no line "${anchor}", expected the place of a row.`);
  return text.replace(`\n${anchor}`, `\n${line}\n${anchor}`);
}

/** Every file that a loss of this name touches, with what it then holds. */
export function scaffold(name: string, read: (path: string) => string): Files {
  const table = name.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase();
  const importOf = (line: string): string => /from '(.+)'/.exec(line)?.[1].toLowerCase() ?? '';
  const lossTable = 'test/losses/table.ts';
  const works = 'bench/works/index.ts';
  return {
    [`src/losses/${name}.ts`]: loss(name),
    [`test/reference/losses/${name}.ts`]: reference(name),
    [`test/losses/${name}.ts`]: row(name, table),
    [`bench/works/${name}.ts`]: work(name, table),
    [`docs/losses/${name}.md`]: page(name),
    'src/index.ts': inOrder(
      read('src/index.ts'),
      `export { ${name} } from './losses/${name}.ts';`,
      /from '\.\/losses\/\w+\.ts';$/,
      importOf,
    ),
    'src/losses/index.ts': inOrder(
      inOrder(read('src/losses/index.ts'), `import { ${name} } from './${name}.ts';`, /^import /, importOf),
      `  ${name},`,
      /^ {2}\w+,$/,
      (line) => line.trim().toLowerCase(),
    ),
    [lossTable]: before(
      inOrder(read(lossTable), `import { ${table} } from './${name}.ts';`, /^import .*'\.\//, importOf),
      '];',
      `  ...${table},`,
    ),
    [works]: inOrder(
      read(works).replace('  ...CONTRASTIVE,\n', `  ...CONTRASTIVE,\n  ...${table},\n`),
      `import { ${table} } from './${name}.ts';`,
      /^import .*from/,
      importOf,
    ),
    'bench/ours.ts': before(
      read('bench/ours.ts'),
      '  barlowTwins: ',
      `  ${name}: ({ z0, z1 }) => gramian.${name}(z0, z1),`,
    ).replace('\n\n  barlowTwins: ', '\n  barlowTwins: '),
    'test/badValues/root.ts': inOrder(
      read('test/badValues/root.ts'),
      `  ${name}: takes({ z0: z, z1: other }),`,
      /^ {2}(?:alignment|dcl|ntXent|byol|sigLip|simSiam): takes\(/,
      (line) => line.trim().toLowerCase(),
    ),
    'README.md': before(
      read('README.md'),
      '| `barlowTwins(',
      `| \`${name}(z0, z1)\` | [${name}](docs/losses/${name}.md): one line; which arguments get gradients |`,
    ),
  };
}

const loss = (name: string): string => `import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { mul, sub } from '../ops/arithmetic.ts';
import { normalize } from '../ops/normalize.ts';
import { withMatrices } from '../ops/reshape.ts';
import { mean, sum } from '../ops/sum.ts';

/**
 * NAME OF THE LOSS (Authors year, arXiv 0000.00000).
 *
 * L = 1/N sum_i |u_i - v_i|^2 over unit rows u of z0 and v of z1.
 * @param z0 [N, D] or [..., D] raw embeddings of the first view (normalised inside)
 * @param z1 [N, D] or [..., D] raw embeddings of the second view
 * @returns one number; gradients flow to both
 */
export function ${name}(z0: Tensor, z1: Tensor): Tensor {
  const op = '${name}';
  const context = check.contextOf(op, { z0, z1 });
  check.rows(op, 'z0', z0);
  check.sameShape(op, 'z0', z0, 'z1', z1);
  const core = (a: Tensor, b: Tensor): Tensor => {
    const apart = sub(normalize(a), normalize(b));
    return mean(sum(mul(apart, apart), 1));
  };
  return context.scope(() => withMatrices([z0, z1], core));
}
`;

const reference = (name: string): string => `import { dot, type Matrix, matrix, normalize, row } from '../matrix.ts';
import type { LossResult } from './result.ts';

/** mean_i |u_i - v_i|^2 */
export function ${name}(z0: Matrix, z1: Matrix): LossResult {
  const [a, b] = [normalize(z0), normalize(z1)];
  const [du, dv] = [matrix(z0.rows, z0.columns), matrix(z1.rows, z1.columns)];
  let value = 0;
  for (let i = 0; i < z0.rows; i++) {
    const apart = row(a.u, i).map((u, k) => u - row(b.u, i)[k]);
    value += dot(apart, apart) / z0.rows;
    apart.forEach((t, k) => {
      row(du, i)[k] = (2 / z0.rows) * t;
      row(dv, i)[k] = (-2 / z0.rows) * t;
    });
  }
  return { value, gradients: [a.back(du), b.back(dv)] };
}
`;

const row = (name: string, table: string): string => `import { ${name} } from '../../src/index.ts';
import * as reference from '../reference/losses/${name}.ts';
import { type LossRow, views } from './row.ts';

// What else a row can say (golden values of the authors' code, a live temperature, stopped sides) is in row.ts.
export const ${table}: readonly LossRow[] = [
  {
    name: '${name}',
    inputs: views(2),
    run: ([z0, z1]) => ${name}(z0, z1),
    reference: ([z0, z1]) => reference.${name}(z0, z1),
    temperatures: [1],
    invariances: ['permutation', 'row scale', 'rotation', 'swapped views', 'radial gradient'],
    allEqual: () => 0,
  },
];
`;

const work = (
  name: string,
  table: string,
): string => `import * as reference from '../../test/reference/losses/${name}.ts';
import { lossOutputs, grid, pairs } from './contrastive.ts';
import { type Case, exact } from './work.ts';

export const ${table}: readonly Case[] = [
  {
    name: '${name}',
    axes: ['n', 'd'],
    sizes: grid([4096], 256),
    quick: { n: 512, d: 128 },
    flops: ({ n, d }) => 20 * n * d,
    bytes: ({ n, d }) => 4 * 4 * n * d,
    schedule: 'reads both inputs and writes the gradients once',
    make: (size) => {
      const inputs = pairs(size, 'z0', 'z1');
      const live = ['z0', 'z1'];
      const [z0, z1] = [exact(inputs.z0), exact(inputs.z1)];
      return { inputs, differentiated: live, reference: () => lossOutputs(reference.${name}(z0, z1), live) };
    },
  },
];
`;

const page = (name: string): string => `# ${name}

NAME OF THE LOSS (Authors year, [arXiv 0000.00000](https://arxiv.org/abs/0000.00000)): what it is for, in one sentence.

    L = 1/N sum_i |u_i - v_i|^2        u, v: rows of z0 and z1, of length 1

\`\`\`ts
${name}(z0, z1): Tensor   // one number
\`\`\`

| Argument | What it is | Gradient |
| --- | --- | --- |
| \`z0\` | [N, D] or [..., D] raw embeddings of the first view; rows are normalised inside (eps 1e-12) | yes |
| \`z1\` | [N, D] or [..., D] raw embeddings of the second view | yes |

\`\`\`js
import { createEngine, ${name} } from 'gramian';

const engine = await createEngine();
const z0 = engine.tensor([[1, 0], [0, 2]], undefined, { requiresGrad: true });
const z1 = engine.tensor([[0, 3], [0, 1]], undefined, { requiresGrad: true });
const loss = ${name}(z0, z1);
loss.backward();
console.log((await loss.item()).toFixed(4)); // 1.0000
console.log(z0.grad.shape); // [ 2, 2 ]
engine.destroy();
\`\`\`

## Beside the official code

What the authors' code does differently.
`;

const BY_HAND = (name: string): string => `
Written. By hand now, with \`npx vitest run test/losses -t "^${name}"\` between steps:
  test/reference/losses/${name}.ts  the paper's formula in f64, with its gradient
  src/losses/${name}.ts             the loss, composed from ops and sweeps; its comment
  test/losses/${name}.ts            golden values, temperatures, invariances
  docs/losses/${name}.md, README.md  formula, arguments, gradients, what the official code does differently
Arguments of your own also go into test/badValues/root.ts, operations and bytes into bench/works/${name}.ts.
Then \`npm run test:quick\`, and \`npm test\`.`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const name = process.argv[2] ?? '';
  const wrong = refusal(name, (path) => existsSync(join(root, path)));
  if (wrong) {
    console.error(wrong);
    process.exit(1);
  }
  const files = scaffold(name, (path) => readFileSync(join(root, path), 'utf8'));
  for (const [path, text] of Object.entries(files)) {
    writeFileSync(join(root, path), text);
    console.log(path);
  }
  console.log(BY_HAND(name));
}
