// What the files of kernels/ make. A file that no other file uses makes the kernel of its name; a template makes one for each
// of its lines `// @kernel NAME PIECE PIECE`, of the text above the first of them, what stands under that line, and the
// pieces. All other files are pieces, which `// @use`, `// @kernel` and `// @swap` name without their folder.
import { readdirSync, readFileSync } from 'node:fs';
import type { KernelPart, KernelSwap } from '../src/gpu/kernel.ts';

export interface KernelFiles {
  /** Of all kernels, in alphabetical order. */
  readonly names: readonly string[];
  /** A kernel's own text first, then that of every piece that it or they use, once each. */
  partsOf(name: string): KernelPart[];
  /** What `// @swap CONSTANT PIECE` in a part says: where a tuning has the constant, that piece stands for this one. */
  swapsOf(parts: readonly KernelPart[]): KernelSwap[];
  /** The pieces that `// @use` in a part names. */
  usesOf(parts: readonly KernelPart[]): string[];
}

const INSTANCE = /^\/\/ @kernel\b\s*(.*)$/;

/** All of kernels/: texts by file, as `kernels/rows/sum.wgsl`. */
export function readTexts(root: URL): Map<string, string> {
  const paths = readdirSync(new URL('kernels/', root), { recursive: true, encoding: 'utf8' });
  const files = paths.filter((path) => path.endsWith('.wgsl')).map((path) => `kernels/${path.replaceAll('\\', '/')}`);
  return new Map(files.sort().map((file) => [file, readFileSync(new URL(file, root), 'utf8').trimEnd()]));
}

/** Of a template the lines of that kernel, and blank ones in place of other kernels' lines; other text as it is. */
export function textFor(text: string, kernel: string): string {
  let owner: string | null = null;
  const lines = text.split('\n').map((line) => {
    const instance = INSTANCE.exec(line);
    if (instance) owner = instance[1].split(/\s+/)[0];
    return instance || (owner !== null && owner !== kernel) ? '' : line;
  });
  return lines.join('\n').trimEnd();
}

interface Instance {
  readonly file: string;
  readonly line: number;
  readonly pieces: readonly string[];
}

const words = (list: string): string[] => list.trim().split(/\s+/).filter(Boolean);
const named = (file: string): string => file.replace(/^.*\/|\.wgsl$/g, '');

export function kernelFiles(texts: ReadonlyMap<string, string>): KernelFiles {
  const fileNamed = new Map<string, string>();
  for (const file of texts.keys()) {
    const other = fileNamed.get(named(file));
    if (other)
      throw new SyntaxError(`${file}: ${other} has that name, too, and pieces are named without their folder.`);
    fileNamed.set(named(file), file);
  }

  const instances = new Map<string, Instance>();
  const templates = new Set<string>();
  const make = (name: string, instance: Instance): void => {
    const other = instances.get(name);
    const where = `${instance.file}:${instance.line}`;
    if (other) throw new SyntaxError(`${where}: the kernel ${name} is made in ${other.file}:${other.line} already.`);
    instances.set(name, instance);
  };
  const used = new Set<string>();
  const find = (piece: string, where: string): string => {
    const file = fileNamed.get(piece);
    if (!file) throw new SyntaxError(`${where}: no file of kernels/ is named ${piece}.`);
    used.add(file);
    return file;
  };

  for (const [file, text] of texts)
    for (const [i, line] of text.split('\n').entries()) {
      const where = `${file}:${i + 1}`;
      const instance = INSTANCE.exec(line);
      const [name = '', ...pieces] = instance ? words(instance[1]) : [];
      if (instance && !/^[a-z]\w*$/.test(name))
        throw new SyntaxError(`${where}: @kernel ${name || 'without a name'}, expected // @kernel NAME PIECE PIECE.`);
      if (instance) {
        templates.add(file);
        make(name, { file, line: i + 1, pieces });
      }
      const use = /^\/\/ @use\b(.*)$/.exec(line);
      const swap = /^\/\/ @swap \w+ (\w+)$/.exec(line);
      for (const piece of [...pieces, ...(use ? words(use[1]) : []), ...(swap ? [swap[1]] : [])]) find(piece, where);
    }
  for (const file of templates)
    if (used.has(file)) throw new SyntaxError(`${file}: makes kernels of its own, and other files use it as a piece.`);
  const usesOf = (parts: readonly KernelPart[]): string[] =>
    parts.flatMap(({ text }) => [...text.matchAll(/^\/\/ @use (.+)$/gm)].flatMap(([, uses]) => words(uses)));
  const collect = (start: KernelPart | null, pieces: readonly string[]): KernelPart[] => {
    const parts: KernelPart[] = [];
    // Each after all that use it: backwards, what is used comes first, as readers want it that take one line after the other.
    const add = (part: KernelPart): void => {
      const known = parts.findIndex(({ file }) => file === part.file);
      if (known >= 0) parts.splice(known, 1);
      parts.push(part);
      usesOf([part]).forEach(addPiece);
    };
    const addPiece = (piece: string): void => {
      const file = fileNamed.get(piece) as string;
      add({ file, text: texts.get(file) as string });
    };
    if (start) add(start);
    pieces.forEach(addPiece);
    return parts;
  };
  for (const [file, text] of texts) {
    if (used.has(file) || templates.has(file)) continue;
    if (!collect({ file, text }, []).some((part) => /^fn main\(/m.test(part.text)))
      throw new SyntaxError(`${file}: is no kernel, as it has no main, and no piece, as no file uses it.`);
    make(named(file), { file, line: 1, pieces: [] });
  }
  const instanceOf = (name: string): Instance => {
    const instance = instances.get(name);
    if (!instance) throw new RangeError(`kernels: no kernel is named ${name}.`);
    return instance;
  };

  return {
    names: [...instances.keys()].sort(),
    partsOf(name) {
      const { file, pieces } = instanceOf(name);
      return collect({ file, text: textFor(texts.get(file) as string, name) }, pieces);
    },
    usesOf,
    swapsOf: (parts) =>
      parts.flatMap(({ file, text }) =>
        [...text.matchAll(/^\/\/ @swap (\w+) (\w+)$/gm)].map(([, by, piece]) => ({
          by,
          file,
          parts: collect(null, [piece]),
        })),
      ),
  };
}
