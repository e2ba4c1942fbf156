import * as check from '../core/check.ts';
import type { KernelPart, KernelPiece } from '../gpu/kernel.ts';
import { pieceNames, pieces } from '../gpu/kernels.generated.ts';
import { linkKernel } from '../gpu/link.ts';
import { checkUnroll } from './checkUnroll.ts';

export interface LinkOptions {
  /** Values of `// @tune` constants, each one that its line lists; others keep the value of their file. */
  constants?: Readonly<Record<string, number>>;
}

/**
 * Your WGSL with our pieces: each that a line `// @use tile grid` names is joined to it once, with what it uses itself;
 * `// @tune` constants are set, and `// @unroll` loops unrolled. `defineKernel` takes the result, and its errors still name your lines.
 */
export function link(wgsl: string, options?: LinkOptions): string {
  const op = 'link';
  const text = check.text(op, 'wgsl', wgsl);
  const { constants } = check.options(op, options, { constants: {} as Readonly<Record<string, number>> });
  check.plain(op, 'constants', constants);
  const used = collected({ part: { file: '', text }, uses: usesIn(text), swaps: [] });
  const params = { binding: 0, bytes: 0, members: [] };
  // What is used comes first: readers of WGSL that take one line after the other want that.
  const parts = used.map(({ part }) => (part.file ? readable(part) : part)).reverse();
  const swaps = used.flatMap((piece) => piece.swaps).map((swap) => ({ ...swap, parts: swap.parts.map(readable) }));
  const source = { name: op, parts, swaps, buffers: [], params, tunables: {} };
  try {
    checkUnroll(linkKernel(source, constants, false));
    const linked = linkKernel(source, constants);
    return marked(linked.code, linked.at);
  } catch (error) {
    const said = (error as Error).message.replace(/^link: /, '').replace(/^:(\d+)/, 'line $1');
    return check.fail(op, said);
  }
}

/** With names in full, by which own kernels call what is in it. */
function readable({ file, text }: KernelPart): KernelPart {
  return {
    file,
    text: text.replace(/[A-Za-z_]\w*/g, (name) => (Object.hasOwn(pieceNames, name) ? pieceNames[name] : name)),
  };
}

/** The pieces that lines `// @use` name. */
function usesIn(text: string): string[] {
  return text.split('\n').flatMap((line, i) => {
    const names = /^\s*\/\/ @use (.+)$/.exec(line)?.[1].trim().split(/\s+/) ?? [];
    const unknown = names.find((name) => !Object.hasOwn(pieces, name));
    if (unknown !== undefined)
      check.fail('link', `line ${i + 1} uses "${unknown}", expected one of ${Object.keys(pieces).join(', ')}.`);
    return names;
  });
}

/** It and what it uses, each after all that use it. */
function collected(own: KernelPiece): KernelPiece[] {
  const found: KernelPiece[] = [];
  const add = (piece: KernelPiece): void => {
    if (found.includes(piece)) found.splice(found.indexOf(piece), 1);
    found.push(piece);
    for (const name of piece.uses) add(pieces[name]);
  };
  add(own);
  return found;
}

/** With a line `// @line 12 FILE` wherever the next line is not the one after it in its file. */
function marked(code: string, at: (line: number) => string): string {
  let next = '';
  const lines = code.split('\n').flatMap((line, i) => {
    const [file, number] = at(i + 1).split(':');
    const here = `${file}:${number}`;
    const mark = here === next ? [] : [`// @line ${number}${file ? ` ${file}` : ''}`];
    next = `${file}:${Number(number) + 1}`;
    return [...mark, line];
  });
  return lines.join('\n');
}
