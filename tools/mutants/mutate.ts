// Small mistakes, one at a time, in the text of a kernel or of a piece.

export interface Mutant {
  /** `kernels/rows/sum.wgsl` */
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly before: string;
  readonly after: string;
  /** The whole file with the mistake. */
  readonly text: string;
}

/** What is found in a line of code, and what stands there instead. */
const SWAPS: readonly [RegExp, string | ((found: RegExpExecArray) => string)][] = [
  [/ \+ /g, ' - '],
  [/ - /g, ' + '],
  [/ \* /g, ' / '],
  [/ \/ /g, ' * '],
  [/ % /g, ' / '],
  [/ \+= /g, ' -= '],
  [/ -= /g, ' += '],
  [/ \*= /g, ' /= '],
  [/ < /g, ' <= '],
  [/ <= /g, ' < '],
  [/ > /g, ' >= '],
  [/ >= /g, ' > '],
  [/ == /g, ' != '],
  [/ != /g, ' == '],
  [/ && /g, ' || '],
  [/ \|\| /g, ' && '],
  [/ \| /g, ' & '],
  [/\bmax\(/g, 'min('],
  [/\bmin\(/g, 'max('],
  [/\bexp2?\(/g, (found) => (found[0] === 'exp(' ? 'exp2(' : 'exp(')],
  [/\blog2?\(/g, (found) => (found[0] === 'log(' ? 'log2(' : 'log(')],
  [/\binverseSqrt\(/g, 'sqrt('],
  [/\bsqrt\(/g, '('],
  [/\babs\(/g, '('],
  [/\bworkgroupBarrier\(\);/g, ''],
  [/\bif \([^{}]*\) \{ return; \}/g, ''],
  [/\bif \([^{}]*\) \{ return [^{}]*; \}/g, ''],
  [
    /(?<![\w.])\d+\.\d+(e[+-]?\d+)?/g,
    ([number]) => (Number(number) === 0 ? '1.0' : Number(number) === 1 ? '2.0' : `(1.25 * ${number})`),
  ],
  [/(?<![\w.])\d+u\b/g, ([number]) => `${Number.parseInt(number, 10) + 1}u`],
  [/(?<=\w\[)[^\][]+(?=\])/g, ([index]) => `${index} + 1u`],
  [/\.[xyzw]\b/g, ([part]) => ({ '.x': '.y', '.y': '.x', '.z': '.w', '.w': '.z' })[part] as string],
  [/-(?=[a-z][\w.]*[,;)])/g, ''],
  [/^\s*(?!let |var |const |return|for |if )[\w.[\]()*+ ]+ [-+*/]?= .*;$/g, ''],
]; // prettier-ignore

const NO_CODE = /^\s*(\/\/|$)|@group|@builtin|@compute|@tune|^\s*fn [^{]*\{?$|^\s+@|^var<|^\s*[}\]]*$/;

/** Every mutant of a file; those that the compiler refuses are found out later. */
export function mutantsOf(file: string, text: string): Mutant[] {
  const lines = text.split('\n');
  const mutants: Mutant[] = [];
  let inStruct = false;
  lines.forEach((raw, i) => {
    if (/^struct /.test(raw)) inStruct = true;
    const skip = inStruct || NO_CODE.test(raw);
    if (inStruct && raw.includes('}')) inStruct = false;
    if (skip) return;
    const [, code, comment] = /^(.*?)(\s*\/\/.*)?$/.exec(raw) as unknown as [string, string, string?];
    const seen = new Set([code]);
    // A loop's steps are left alone: a wrong one may never end.
    // So is the way out of groups past the end: they exist in folded launches only, and their rows nowhere.
    const guarded = code.lastIndexOf('>= p.end_group');
    const end = /^\s*for \(/.test(code) ? code.lastIndexOf(';') : code.length;
    for (const [pattern, by] of SWAPS)
      for (const found of code.matchAll(pattern) as Iterable<RegExpExecArray>) {
        if (found.index >= end) continue;
        if (found.index < guarded + '>= p.end_group'.length && guarded >= 0) continue;
        const instead = typeof by === 'string' ? by : by(found);
        const after = code.slice(0, found.index) + instead + code.slice(found.index + found[0].length);
        if (seen.has(after)) continue;
        seen.add(after);
        const changed = lines.with(i, after + (comment ?? ''));
        mutants.push({ file, line: i + 1, before: code.trim(), after: after.trim(), text: changed.join('\n') });
      }
  });
  return mutants;
}
