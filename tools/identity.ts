// Shows that a redesign changed nothing but names and places: hashes before it, compared with those after it.
//   npm run identity -- kernels|results --write FILE
//   npm run identity -- kernels|results --against FILE [--renamed OLD=NEW ...] [--renames LIST]
// kernels: the linked text of every kernel in every form that an op asks for, without comments. Of texts that differ it says
//   which are the same declarations in another order, which means nothing to WGSL, and which are the same but for names that
//   they declare themselves, one new name for each old one (a function's own names: within that function).
// results: the bits of value and gradients of every loss and op, over a few shapes, by every schedule that the tuner might take
//   (on its tile: others are other constants of the same kernels); --only NAME (again for more) takes those whose name has
//   NAME in it. Both sides on one adapter (GRAMIAN_ADAPTER).
// --renamed: a name of kernels, results or inside WGSL that was OLD when the file was written; --renames reads one a line.
// Names are put back in what is compared, so one OLD may have become several NEW.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { linkKernel } from '../src/gpu/link.ts';
import { createEngine, type Engine, mul, sum, type Tensor } from '../src/index.ts';
import { ODD, VALUES, values } from '../test/cases.ts';
import { choosing, otherWays } from '../test/choices.ts';
import { evaluate, tensorsOf } from '../test/losses/evaluate.ts';
import { LOSSES } from '../test/losses/table.ts';
import { OPS, type OpRow } from '../test/ops/table.ts';
import { familyVariants, variants } from './variants.ts';

/** What was found, by name: for a kernel the hash of its text, of its sorted declarations and of its text without names; for a result its bits'. */
interface Found {
  readonly of: string;
  readonly hashes: Record<string, readonly string[]>;
}

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    write: { type: 'string' },
    against: { type: 'string' },
    renamed: { type: 'string', multiple: true, default: [] },
    renames: { type: 'string' },
    only: { type: 'string', multiple: true },
  },
});

const hash = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

/** Text with every new name put back to what it was. */
function putBack(): (text: string) => string {
  const lines = given.renames ? readFileSync(given.renames, 'utf8').split('\n') : [];
  const pairs = [...given.renamed, ...lines].filter((line) => /\S/.test(line));
  const old = new Map<string, string>();
  for (const pair of pairs) {
    const match = /^\s*(\w+)=(\w+)\s*$/.exec(pair);
    if (!match) throw new Error(`identity: ${pair} is no rename, expected OLD=NEW.`);
    old.set(match[2], match[1]);
  }
  return (text) => text.replace(/\w+/g, (word) => old.get(word) ?? word);
}

// Kernels -------------------------------------------------------------------------------------------------------------

function linesOf(code: string): string[] {
  return code
    .split('\n')
    .map((line) => line.replace(/\/\/.*$/, '').trim())
    .filter((line) => line !== '');
}

/** What stands at the outermost level: up to a `;` or `}` outside of all brackets. */
function declarationsOf(lines: readonly string[]): string[] {
  const found: string[] = [];
  let open = '';
  let depth = 0;
  for (const line of lines) {
    open += `${line}\n`;
    for (const character of line) depth += '({['.includes(character) ? 1 : ')}]'.includes(character) ? -1 : 0;
    if (depth > 0 || !/[;}]$/.test(line)) continue;
    found.push(open);
    open = '';
  }
  return [...found, open].sort();
}

const DECLARED = /\b(?:fn|let|const|override|struct|alias|var(?:\s*<[^>]*>)?)\s+([A-Za-z_]\w*)/g;
const TYPED = /([A-Za-z_]\w*)\s*:/g; // parameters and members

/**
 * The text with a number in place of each name that it declares, by first appearance: two texts are alike in this form if
 * one is the other with each name replaced by another one. Names that it only uses (those of WGSL) stay.
 */
function withoutNames(lines: readonly string[]): string {
  const text = lines.join('\n');
  const members = new Set<string>();
  for (const [block] of text.matchAll(/\bstruct\s+\w+\s*\{[^}]*\}/g))
    for (const [, name] of block.matchAll(TYPED)) members.add(name);
  const declaredBy = (part: string): Set<string> =>
    new Set([DECLARED, TYPED].flatMap((pattern) => Array.from(part.matchAll(pattern), ([, name]) => name)));
  // Functions end at a `}` that no `{` in them is left open for; what is between them is global.
  const parts: { text: string; isFunction: boolean }[] = [];
  let at = 0;
  for (const match of text.matchAll(/\bfn\s+\w+/g)) {
    let end = text.indexOf('{', match.index);
    for (let depth = 0; end < text.length; end++) {
      depth += text[end] === '{' ? 1 : text[end] === '}' ? -1 : 0;
      if (depth === 0) break;
    }
    parts.push({ text: text.slice(at, match.index), isFunction: false });
    parts.push({ text: text.slice(match.index, end + 1), isFunction: true });
    at = end + 1;
  }
  parts.push({ text: text.slice(at), isFunction: false });
  const outside = parts.filter(({ isFunction }) => !isFunction).map((part) => part.text);
  const globals = declaredBy(outside.join('\n').replace(/\{[^}]*\}/g, ''));
  for (const [, name] of text.matchAll(/\bfn\s+(\w+)/g)) globals.add(name);
  const [globalNumbers, memberNumbers] = [new Map<string, number>(), new Map<string, number>()];
  const numberOf = (numbers: Map<string, number>, name: string): number => {
    if (!numbers.has(name)) numbers.set(name, numbers.size);
    return numbers.get(name) as number;
  };
  return parts
    .map(({ text: part, isFunction }) => {
      const locals = isFunction ? declaredBy(part.replace(/^fn\s+\w+/, '')) : new Set<string>();
      const localNumbers = new Map<string, number>();
      // Outside of functions only members stand in braces: `name: type`.
      const isMember = (index: number): boolean => part[index - 1] === '.' || (!isFunction && inBraces(part, index));
      return part.replace(/(?<![\w.])\d\w*|[A-Za-z_]\w*/g, (name, index: number) => {
        if (/^\d/.test(name)) return name;
        if (
          members.has(name) &&
          isMember(index) &&
          (part[index - 1] === '.' || /^\s*:/.test(part.slice(index + name.length)))
        )
          return `#m${numberOf(memberNumbers, name)}`;
        if (part[index - 1] === '.') return name;
        if (locals.has(name)) return `#l${numberOf(localNumbers, name)}`;
        return globals.has(name) ? `#g${numberOf(globalNumbers, name)}` : name;
      });
    })
    .join('');
}

const inBraces = (text: string, index: number): boolean =>
  text.lastIndexOf('{', index) > text.lastIndexOf('}', index - 1);

function kernels(back: (text: string) => string): Found {
  const hashes: Found['hashes'] = {};
  for (const { kernel, tuning, name } of [...variants(), ...familyVariants()]) {
    const lines = linesOf(back(linkKernel(kernel, tuning).code));
    hashes[back(name)] = [hash(lines.join('\n')), hash(declarationsOf(lines).join('\n')), hash(withoutNames(lines))];
  }
  return { of: 'kernels', hashes };
}

// Results -------------------------------------------------------------------------------------------------------------

// [N, D], on both sides of where schedules change.
const LOSS_SHAPES: readonly [number, number][] = [
  [6, 4],
  [33, 20],
  [70, 44],
  [200, 12],
]; // prettier-ignore

const bits = (...lists: readonly Float32Array[]): string =>
  hash(Buffer.concat(lists.map((list) => new Uint8Array(list.buffer, list.byteOffset, list.byteLength))));

const wanted = (name: string): boolean => given.only?.some((part) => name.includes(part)) ?? true;

async function outcomeOf(engine: Engine, op: OpRow, inputs: readonly Tensor[]): Promise<string> {
  const loss = engine.scope(() => {
    const result = op.run(...inputs);
    const dy = values('normal', result.shape, 7);
    return sum(mul(result, engine.tensor(Float32Array.from(dy.data), result.shape.length > 0 ? result.shape : [1])));
  });
  loss.backward();
  const lists = await Promise.all([loss, ...inputs.map(({ grad }) => grad as Tensor)].map((tensor) => tensor.data()));
  loss.dispose();
  return bits(...lists);
}

async function results(back: (text: string) => string): Promise<Found> {
  const engine = await createEngine({ tune: 'off' });
  const hashes: Found['hashes'] = {};
  const inEveryWay = async (name: string, one: () => Promise<string>, calls: () => unknown): Promise<void> => {
    hashes[back(name)] = [await one()];
    const ways = otherWays(engine, calls, 'all').filter((way) => !/ tile\b/.test(Object.keys(way).join()));
    for (const way of ways)
      hashes[back(`${name}, ${Object.entries(way).join(' ')}`)] = [await choosing(engine, way, one)];
  };
  for (const loss of LOSSES.filter(({ name }) => wanted(name))) {
    const { accepts = () => true, kinds = VALUES } = loss;
    for (const [i, [n, d]] of LOSS_SHAPES.entries()) {
      if (!accepts(n, d)) continue;
      const temperature = loss.temperatures[i % loss.temperatures.length];
      const inputs = loss.inputs(n, d, kinds[i % kinds.length], i);
      for (const live of loss.live ? [false, true] : [false])
        await inEveryWay(
          `${loss.name} [${n}, ${d}]${live ? ', live' : ''}`,
          async () => {
            const got = await evaluate(engine, loss, inputs, temperature, live);
            return bits(Float32Array.of(got.value, got.temperature), ...got.gradients);
          },
          () => loss.run(tensorsOf(engine, inputs), temperature).backward(),
        );
    }
  }
  for (const op of OPS.filter(({ name }) => wanted(name)))
    for (const [i, shape] of ODD.entries()) {
      const inputs = op.inputs(shape, (op.kinds ?? VALUES)[0], i);
      const tensors = (): Tensor[] =>
        inputs.map(({ shape, data }) => engine.tensor(Float32Array.from(data), shape, { requiresGrad: true }));
      await inEveryWay(
        `${op.name} [${shape.rows}, ${shape.columns}]`,
        async () => {
          const fresh = tensors();
          const got = await outcomeOf(engine, op, fresh);
          for (const tensor of fresh) tensor.dispose();
          return got;
        },
        () => sum(op.run(...tensors())).backward(),
      );
    }
  const of = `results on ${engine.info.description}`;
  engine.destroy();
  return { of, hashes };
}

// The comparison ------------------------------------------------------------------------------------------------------

function compare(before: Found, after: Found): boolean {
  if (before.of !== after.of) throw new Error(`identity: ${given.against} has ${before.of}, expected ${after.of}.`);
  const names = Object.keys(before.hashes).filter((name) => after.of === 'kernels' || wanted(name));
  const [equal, reordered, renamed, different, gone]: string[][] = [[], [], [], [], []];
  for (const name of names) {
    const [was, is] = [before.hashes[name], after.hashes[name]];
    if (!is) gone.push(name);
    else if (was[0] === is[0]) equal.push(name);
    else if (was.length > 1 && was[1] === is[1]) reordered.push(name);
    else if (was.length > 2 && was[2] === is[2]) renamed.push(name);
    else different.push(name);
  }
  const added = Object.keys(after.hashes).filter((name) => !(name in before.hashes));
  for (const [what, list] of [
    ['differs', different],
    ['is gone', gone],
    ['is new', added],
  ] as const) {
    // A kernel has a dozen forms, a result several schedules: one line for all of them.
    const forms = new Map<string, number>();
    for (const name of list) forms.set(name.split(' ')[0], (forms.get(name.split(' ')[0]) ?? 0) + 1);
    for (const [name, count] of forms) console.log(`${what}: ${name}${count > 1 ? `, ${count} times` : ''}`);
  }
  const moved =
    after.of === 'kernels'
      ? `, ${reordered.length} but for the order of their declarations, ${renamed.length} but for names`
      : '';
  console.log(
    `identity: of ${names.length} ${after.of}, ${equal.length} are equal${moved}; ` +
      `${different.length} differ, ${gone.length} are gone, ${added.length} are new`,
  );
  return different.length + gone.length + added.length === 0;
}

const [what] = positionals;
if ((what !== 'kernels' && what !== 'results') || !given.write === !given.against) {
  console.error('identity: expected kernels or results, and one of --write FILE and --against FILE.');
  process.exitCode = 2;
} else {
  const back = putBack();
  const found = what === 'kernels' ? kernels(back) : await results(back);
  if (given.write) {
    writeFileSync(given.write, `${JSON.stringify(found, null, 1)}\n`);
    console.log(`identity: ${Object.keys(found.hashes).length} ${found.of} written to ${given.write}`);
  } else if (!compare(JSON.parse(readFileSync(given.against as string, 'utf8')), found)) process.exitCode = 1;
}
