import type { KernelPart, KernelSource, Tuning } from './kernel.ts';

/** WGSL ready to compile, and where each of its lines was written. */
export interface Linked {
  readonly code: string;
  /** `kernels/tile.wgsl:12` for a line number (from 1) that a compiler reports. */
  at(line: number): string;
  /** A compiler's message on that line, in one sentence. */
  explain(line: number, column: number, message: string): string;
}

interface Line {
  readonly text: string;
  readonly file: string;
  readonly number: number;
  readonly explain?: KernelPart['explain'];
}

/** Buffers that are textures where a tuning has TEXTURES: the operands of products, read by pieces for either. */
const OPERAND = /\bvar ?<storage, ?read> ?(lhs|rhs): ?array<\w+>/;

/** Whether this buffer of a kernel is a texture under this tuning. */
export function inTextures(tuning: Tuning, name: string): boolean {
  return tuning.TEXTURES === 1 && (name === 'lhs' || name === 'rhs');
}

const DIRECTIVE = /^(enable |requires |diagnostic\()/;
const TUNABLE = /^const (\w+): u32 = (\d+)u?; \/\/ @tune (.+)$/;
const CONSTANT = /^const (\w+): ?u32 ?= ?([^;]+);/;
/** What no compiler knows to be 0: Mesa unrolls any short loop whose length it can tell, each store 10 ms of LLVM's time. */
const ALWAYS_0 = '(p.end_group >> 31u)';
/** `// @unroll NAME or loop`, and the only loop that may stand under it. */
export const UNROLL = /^\s*\/\/ @unroll(?: (\w+)( or loop)?)?\s*$/;
export const LOOP = /^\s*for ?\(var (\w+) ?= ?0u; ?\1 ?< ?([^;]+); ?\1\+\+\) ?\{$/;

/**
 * Joins a kernel with the pieces it uses (WGSL declarations may come in any order, so joining text is linking), sets its
 * `@tune` constants and repeats the bodies of `@unroll` loops.
 *
 * Only integers that the file itself lists can be put in, so no text from outside ever enters a shader.
 */
export function linkKernel(kernel: KernelSource, tuning: Tuning = {}, unroll = true): Linked {
  const left = new Set(Object.keys(tuning));
  const lines: Line[] = [];
  for (const { file, text, explain } of chosenParts(kernel, tuning)) {
    text.split('\n').forEach((raw, index) => {
      lines.push({ text: setTunable(kernel, raw, tuning, left), file, number: index + 1, explain });
    });
  }
  for (const { by } of kernel.swaps ?? []) left.delete(by);
  // An offer: kernels that have no use for subgroups stay as they are, with the same buffers.
  for (const offer of ['SUBGROUP', 'PINNED']) left.delete(offer);
  // WGSL wants them before everything else.
  lines.sort((a, b) => Number(DIRECTIVE.test(b.text)) - Number(DIRECTIVE.test(a.text)));
  if (tuning.PINNED === 1) pinSubgroups(lines);
  if (tuning.TEXTURES === 1) declareTextures(lines);
  if (left.size > 0) throw new RangeError(`${kernel.name}: no tunable is named ${[...left].join(', ')}.`);
  const joined = unroll ? unrolled(lines, constantsOf(lines)) : lines;
  const at = (number: number): string => {
    const line = joined[number - 1];
    return line ? `${line.file}:${line.number}` : `${kernel.name}, line ${number}`;
  };
  return {
    code: joined.map((line) => line.text).join('\n'),
    at,
    explain: (number, column, message) => {
      const line = joined[number - 1];
      return (
        line?.explain?.(line.number, column, message) ?? `${kernel.name}: ${at(number)} does not compile: ${message}`
      );
    },
  };
}

/** A kernel's own parts, but for pieces that the tuning swaps. */
export function chosenParts(kernel: KernelSource, tuning: Tuning): readonly KernelPart[] {
  const swaps = kernel.swaps?.filter(({ by }) => by in tuning) ?? [];
  if (swaps.length === 0) return kernel.parts;
  const own = new Set(kernel.parts.map(({ file }) => file)); // these come, or are swapped, by themselves
  const parts = new Map<string, KernelPart>();
  for (const part of kernel.parts) {
    const swap = swaps.find(({ file }) => file === part.file);
    if (!swap) parts.set(part.file, part);
    else for (const each of swap.parts) if (!own.has(each.file)) parts.set(each.file, each);
  }
  return [...parts.values()];
}

/** Asks for subgroups of the size that the kernel is written for, on adapters that choose between sizes. */
function pinSubgroups(lines: Line[]): void {
  for (const [i, line] of lines.entries())
    lines[i] = { ...line, text: line.text.replace('@workgroup_size(', '@subgroup_size(SUBGROUP) @workgroup_size(') };
  lines.unshift({ text: 'enable subgroup_size_control;', file: 'subgroup size', number: 1 });
}

/** Operands are declared where their kernel says what is in them. */
function declareTextures(lines: Line[]): void {
  for (const [i, line] of lines.entries())
    lines[i] = { ...line, text: line.text.replace(OPERAND, 'var $1: texture_storage_2d<rgba32float, read>') };
}

function setTunable(kernel: KernelSource, text: string, tuning: Tuning, left: Set<string>): string {
  const match = TUNABLE.exec(text);
  if (!match || !left.delete(match[1])) return text;
  const [, name, , allowed] = match;
  const value = tuning[name];
  // The type too: an object may say one thing to this check and another to the line below.
  if (typeof value !== 'number' || !allowed.trim().split(/\s+/).includes(String(value)))
    throw new RangeError(`${kernel.name}: ${name} = ${value}, expected one of ${allowed}.`);
  return `const ${name}: u32 = ${value}; // @tune ${allowed}`;
}

/** The module-scope `u32` constants: loop bounds are written in them. */
export function constantsOf(lines: readonly Pick<Line, 'text'>[]): Map<string, number> {
  const constants = new Map<string, number>();
  // Declarations come in any order: in each round those whose names are known.
  for (let known = -1; known < constants.size; ) {
    known = constants.size;
    for (const { text } of lines) {
      const [, name, expression] = CONSTANT.exec(text) ?? [];
      const value = name ? constantValue(expression, constants) : undefined;
      if (value !== undefined) constants.set(name, value);
    }
  }
  return constants;
}

/** Value of a constant expression of `+ - * /`, parentheses, literals and known names; undefined when one is unknown. */
export function constantValue(expression: string, constants: ReadonlyMap<string, number>): number | undefined {
  const tokens = expression.match(/\d+u?|\w+|[-+*/()]/g) ?? [];
  let at = 0;
  const atom = (): number => {
    const token = tokens[at++];
    if (token === '(') {
      const inner = sum();
      at++;
      return inner;
    }
    return /^\d/.test(token ?? '') ? Number.parseInt(token, 10) : (constants.get(token ?? '') ?? Number.NaN);
  };
  const product = (): number => {
    let value = atom();
    while (tokens[at] === '*' || tokens[at] === '/')
      value = tokens[at++] === '*' ? value * atom() : Math.trunc(value / atom());
    return value;
  };
  const sum = (): number => {
    let value = product();
    while (tokens[at] === '+' || tokens[at] === '-')
      value = tokens[at++] === '+' ? value + product() : value - product();
    return value;
  };
  const value = sum();
  return Number.isNaN(value) || at < tokens.length ? undefined : value;
}

/**
 * Repeats each `// @unroll` loop's body, one block per iteration, with the counter replaced by its value; an
 * `// @unroll NAME` loop's where the constant NAME is not 0; otherwise a loop that says `or loop` stays one in every compiler. That it can is made sure of before: see kernels/checkUnroll.ts.
 */
function unrolled(lines: readonly Line[], constants: ReadonlyMap<string, number>): Line[] {
  const out: Line[] = [];
  for (let i = 0; i < lines.length; i++) {
    const [found, condition, orLoop] = UNROLL.exec(lines[i].text) ?? [];
    const left = condition && constants.get(condition) === 0;
    if (!found || (left && !orLoop)) {
      out.push(lines[i]);
      continue;
    }
    const head = lines[i + 1];
    const [, counter, bound] = LOOP.exec(head.text) as RegExpExecArray;
    if (left) {
      out.push(lines[i++], { ...head, text: head.text.replace(bound, `${bound} + ${ALWAYS_0}`) });
      continue;
    }
    const end = closingBrace(lines, i + 1);
    const body = lines.slice(i + 2, end);
    const name = new RegExp(`(?<![.\\w])${counter}(?!\\w)`, 'g');
    for (let iteration = 0; iteration < (constantValue(bound, constants) as number); iteration++) {
      out.push({ ...head, text: '{' });
      const copy = body.map((line) => ({ ...line, text: line.text.replace(name, `${iteration}u`) }));
      out.push(...unrolled(copy, constants));
      out.push({ ...lines[end], text: '}' });
    }
    i = end;
  }
  return out;
}

/** The line that closes what the line `from` opens; none where nothing does. */
export function closingBrace(lines: readonly Pick<Line, 'text'>[], from: number): number {
  let depth = 0;
  for (let i = from; i < lines.length; i++) {
    for (const character of lines[i].text.replace(/\/\/.*$/, '')) {
      if (character === '{') depth++;
      if (character === '}' && --depth === 0) return i;
    }
  }
  return -1;
}
