import * as check from '../core/check.ts';
import type { KernelPart, KernelSwap } from '../gpu/kernel.ts';
import { pieces } from '../gpu/kernels.generated.ts';
import { linkKernel } from '../gpu/link.ts';

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
  const parts = collected([{ file: '', text }]);
  const swaps = parts.flatMap(({ file, text: of }) =>
    [...of.matchAll(/^\/\/ @swap (\w+) (\w+)$/gm)].map(
      ([, by, name]): KernelSwap => ({ by, file, parts: collected([pieces[name]]) }),
    ),
  );
  const params = { binding: 0, bytes: 0, members: [] };
  // What is used comes first: readers of WGSL that take one line after the other want that.
  const source = { name: op, parts: parts.reverse(), swaps, buffers: [], params, tunables: {} };
  try {
    const linked = linkKernel(source, constants);
    return marked(linked.code, linked.at);
  } catch (error) {
    const said = (error as Error).message.replace(/^link: /, '').replace(/^:(\d+)/, 'line $1');
    return check.fail(op, said);
  }
}

/** These parts and what they use, each after all that use it. */
function collected(given: readonly KernelPart[]): KernelPart[] {
  const parts: KernelPart[] = [];
  const add = (part: KernelPart): void => {
    const { file, text } = part;
    if (parts.includes(part)) parts.splice(parts.indexOf(part), 1);
    parts.push(part);
    for (const [i, line] of text.split('\n').entries())
      for (const name of /^\s*\/\/ @use (.+)$/.exec(line)?.[1].trim().split(/\s+/) ?? []) {
        const piece = Object.hasOwn(pieces, name) ? pieces[name] : undefined;
        if (!piece)
          check.fail(
            'link',
            `${file || 'line '}${file ? ':' : ''}${i + 1} uses "${name}", expected one of ${Object.keys(pieces).join(', ')}.`,
          );
        add(piece);
      }
  };
  given.forEach(add);
  return parts;
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
