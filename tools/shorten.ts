// Kernels as they travel: what readers need stays in kernels/.
import type { KernelPart } from '../src/gpu/kernel.ts';

// Between two operators a space may keep them apart: `a - -b`, `array<f32, 4> = b`.
const SPARE_SPACE = /(?<=[;:,(){}]) | (?=[;:,(){}])|(?<=[-+*/%<>=!&|^]) (?=[\w@])|(?<=[\w\]]) (?=[-+*/%<>=!&|^])/g;

// Attributes and comments are passed over. Members have names of their own, so that `p.rows` says nothing about `rows`.
const PIECE = /\/\/.*$|@\w+(?:\s*\([^)]*\))?|\bstruct\s+(\w+)\s*\{([^}]*)\}|(\.?)(?<!\w)([A-Za-z_]\w*)/gm;
const MEMBER = /(\w+)(?=\s*:)/g;
const LOCAL = /\b(?:let|const|var)\s+(\w+)/g;
const OUTSIDE = /^(?:fn|struct|alias|const|override|var(?:\s*<[^>]*>)?)\s+(\w+)/gm;

/** Words of WGSL that may stand where a name does, of one and two letters too. */
const OF_WGSL = new Set([
  'as',
  'do',
  'fn',
  'if',
  'of',
  'function',
  'private',
  'workgroup',
  'uniform',
  'storage',
  'read',
  'write',
  'read_write',
]); // prettier-ignore
/** Members that vectors and results of built-in functions have. */
const BUILT_IN = /^(?:[xyzw]{1,4}|[rgba]{1,4}|fract|exp|whole)$/;

const captured = (text: string, pattern: RegExp): string[] => Array.from(text.matchAll(pattern), ([, name]) => name);

/** What may be renamed. */
interface Names {
  readonly members: Set<string>;
  /** All others. */
  readonly others: Set<string>;
  /** Those of the others that stand at module scope. */
  readonly outside: Set<string>;
}

/** A caller's text takes the place of this file, and has its names. */
const REPLACED = 'kernels/pairs/pair_expression.wgsl';

/** Names that the kernels declare, and that nothing outside of them knows. */
function privateNames(texts: ReadonlyMap<string, string>): Names {
  const [members, others, outside] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const [fixedMembers, fixed] = [new Set<string>(), new Set(['p', 'Params', 'main', ...OF_WGSL])];
  for (const [file, text] of texts) {
    const code = text.replace(/\/\/.*$/gm, '');
    for (const [, struct, body] of code.matchAll(/\bstruct\s+(\w+)\s*\{([^}]*)\}/g))
      for (const name of captured(body, MEMBER)) {
        members.add(name);
        if (struct === 'Params') fixedMembers.add(name); // by these names launches give them
      }
    const flat = code.replace(/\bstruct\s+\w+\s*\{[^}]*\}/g, '');
    const heads = [...flat.matchAll(/\bfn\s+(\w+)\s*\(([^{]*)\{/g)];
    const locals = [
      ...heads.flatMap(([, , head]) => captured(head, MEMBER)),
      ...captured(flat.replace(OUTSIDE, ''), LOCAL),
    ];
    for (const name of locals) others.add(name);
    for (const name of captured(code, OUTSIDE)) {
      outside.add(name);
      others.add(name);
      if (file === REPLACED) fixed.add(name);
    }
    // Launches know buffers and constants by name, and set those constants; attributes name constants, too.
    for (const name of captured(code, /\bvar\s*<(?:storage|uniform)[^>]*>\s*(\w+)/g)) fixed.add(name);
    for (const name of captured(text, /^const (\w+).*\/\/ @tune/gm)) fixed.add(name);
    for (const name of captured(text, /\/\/ @unroll (\w+)/g)) fixed.add(name);
    for (const [attribute] of code.matchAll(/@\w+\s*\([^)]*\)/g))
      for (const name of attribute.match(/\w+/g) ?? []) if (/^[A-Z]/.test(name)) fixed.add(name);
  }
  // A word that is called and that nobody declares is WGSL's.
  const callable = new Set([...texts.values()].flatMap((text) => captured(text, /^(?:fn|struct|alias)\s+(\w+)/gm)));
  for (const text of texts.values())
    for (const name of captured(text.replace(/\/\/.*$/gm, ''), /(?<!@)\b(\w+)\s*\(/g))
      if (!callable.has(name)) fixed.add(name);
  const free = (names: Set<string>, not: (name: string) => boolean): Set<string> =>
    new Set([...names].filter((name) => name.length > 1 && !not(name)));
  return {
    members: free(members, (name) => fixedMembers.has(name) || BUILT_IN.test(name)),
    others: free(others, (name) => fixed.has(name)),
    outside,
  };
}

/** Replaces names of both kinds. */
function renamed(text: string, { members, others }: Names, shortOf: (name: string) => string): string {
  const member = (name: string): string => (members.has(name) ? shortOf(name) : name);
  const other = (name: string): string => (others.has(name) ? shortOf(name) : name);
  return text.replace(PIECE, (piece, struct, body, dot, name) => {
    if (struct !== undefined) {
      const types = (body as string).replace(/(\w+)(\s*:)?/g, (whole, word, colon) =>
        /^\d/.test(word) ? whole : colon ? member(word) + colon : other(word),
      );
      return `struct ${other(struct)} {${types}}`;
    }
    if (name === undefined) return piece;
    return dot + (dot ? member(name) : other(name));
  });
}

/**
 * A short name for each private one, the same in all kernels, the shortest for the most frequent. Those at module scope begin
 * with a line: no text of a caller's that stands in the same module means one of them.
 */
function shortNames(texts: ReadonlyMap<string, string>, names: Names): Map<string, string> {
  const counts = new Map<string, number>();
  const kept = new Set<string>();
  for (const text of texts.values()) {
    const rest = renamed(text.replace(/\/\/.*$/gm, ''), names, (name) => {
      counts.set(name, (counts.get(name) ?? 0) + 1);
      return ' ';
    });
    for (const [word] of rest.matchAll(/[A-Za-z_]\w*/g)) kept.add(word);
  }
  const letters = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'];
  const one = [...letters, ...letters.flatMap((first) => letters.map((second) => first + second))];
  const frequent = [...counts].sort(([a, i], [b, k]) => k - i || (a < b ? -1 : 1)).map(([name]) => name);
  const called = (list: readonly string[], short: readonly string[]): [string, string][] => {
    const free = short.filter((name) => !kept.has(name) && !OF_WGSL.has(name));
    return list.map((name, i) => [name, free[i]]);
  };
  const { outside } = names;
  return new Map([
    ...called(
      frequent.filter((name) => !outside.has(name)),
      one,
    ),
    ...called(
      frequent.filter((name) => outside.has(name)),
      one.map((name) => `_${name}`),
    ),
  ]);
}

/** How kernels are made short, and how what was made short is read. */
export interface Shortener {
  /**
   * Comments, indentation and spaces beside operators stay behind, but for what the linker reads; names that only the kernels know
   * become letters. Lines keep their numbers, for the linker's messages.
   */
  shortened(part: KernelPart): KernelPart;
  /** The full names of those in a shortened text. */
  namesIn(text: string): [short: string, name: string][];
}

/** @param texts all kernels by their files */
export function shortener(texts: ReadonlyMap<string, string>): Shortener {
  const names = privateNames(texts);
  const shorts = shortNames(texts, names);
  const kept = / @(tune|unroll)/;
  return {
    shortened: ({ file, text }) => {
      const short = renamed(text, names, (name) => shorts.get(name) as string);
      const lines = short.split('\n').map((line) => {
        const [, code, comment = ''] = /^(.*?)(\/\/.*)?$/.exec(line) as RegExpExecArray;
        const own = `${code.trim()}${kept.test(comment) ? ` ${comment}` : ''}`.trim();
        return kept.test(own) ? own : own.replace(SPARE_SPACE, '');
      });
      return { file, text: lines.join('\n') };
    },
    namesIn: (text) => {
      const words = new Set(text.match(/[A-Za-z_]\w*/g));
      return [...shorts].filter(([, short]) => words.has(short)).map(([name, short]) => [short, name]);
    },
  };
}
