import { closingBrace, constantsOf, constantValue, type Linked, LOOP, UNROLL } from '../gpu/link.ts';

/**
 * Refuses an `// @unroll` that copying would make something else of, or nothing. For whoever writes kernels: those of the package
 * were looked at when it was made, so that this does not travel with them.
 * @param kernel as linked without unrolling
 */
export function checkUnroll({ code, at }: Linked): void {
  const lines = code.split('\n').map((text) => ({ text }));
  const refuse = (line: number, sentence: string): never => {
    throw new SyntaxError(`${at(line + 1)}: ${sentence}`);
  };
  const check = (from: number, to: number, constants: ReadonlyMap<string, number>): void => {
    for (let i = from; i < to; i++) {
      const [found, condition] = UNROLL.exec(lines[i].text) ?? [];
      if (!found) continue;
      const wanted = condition ? constants.get(condition) : 1;
      const loop = i + 1;
      if (wanted === undefined) refuse(loop, `@unroll names no constant "${condition}".`);
      if (wanted === 0) continue;
      const match = LOOP.exec(lines[loop]?.text ?? '');
      if (!match) return refuse(loop, '@unroll stands above no "for (var i = 0u; i < COUNT; i++) {".');
      const [, counter, bound] = match;
      if (constantValue(bound, constants) === undefined)
        refuse(loop, `@unroll needs a constant bound, got "${bound}".`);
      const end = closingBrace(lines, loop);
      if (end < 0) refuse(loop, 'the @unroll loop is never closed.');
      const last = lines[end].text.trim();
      // What shares the closing line would be lost in the copies.
      if (last.replace(/\s*\/\/.*$/, '') !== '}')
        refuse(loop, `an @unroll loop ends with "${last}", expected "}" alone.`);
      const body = lines
        .slice(i + 2, end)
        .map(({ text }) => text.replace(/\/\/.*$/, ''))
        .join('\n');
      if (/\b(break|continue)\b/.test(body)) refuse(loop, 'an @unroll loop has a break or continue.');
      if (new RegExp(`\\b(let|var|const)\\s+${counter}\\b`).test(body))
        refuse(loop, `an @unroll loop declares "${counter}" again.`);
      check(i + 2, end, new Map(constants).set(counter, 0));
      i = end;
    }
  };
  check(0, lines.length, constantsOf(lines));
}
