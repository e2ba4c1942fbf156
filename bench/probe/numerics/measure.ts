// What an adapter does with numbers: every finding, on any device, in Node as in a page.
import { type Computed, evaluateAll, show, type Way, written } from './ask.ts';
import { compileTime, outOfBounds } from './bounds.ts';
import { worstErrors } from './errors.ts';
import { asNumbers, type Finding, type Question } from './finding.ts';
import { INTEGERS } from './integers.ts';
import { NOT_FINITE, SUBNORMAL } from './notFinite.ts';
import { HALVES, PACKED, ROUNDING } from './rounding.ts';
import { lanes } from './subgroups.ts';

export type { Finding } from './finding.ts';

const ASKED: readonly [group: string, questions: readonly Question[], feature?: GPUFeatureName][] = [
  ['Sums and products', ROUNDING],
  ['f16, packed', PACKED],
  ['f16, the type', HALVES, 'shader-f16'],
  ['NaN and Infinity', NOT_FINITE],
  ['Below the normal range', SUBNORMAL],
  ['Conversions and integers', INTEGERS],
];

const MEASURED: readonly [group: string, ask: (device: GPUDevice, group: string) => Promise<Finding[]>][] = [
  ['Worst errors', worstErrors],
  ['Subgroups', lanes],
  ['Past the end', outOfBounds],
  ['Compiling', compileTime],
];

function textOf({ cases, found }: Question, answers: readonly Computed[]): string | null {
  if (answers.includes(null)) return null;
  const values = answers as (number | boolean)[];
  return found ? found(asNumbers(values)) : values.map((value, i) => show(value, cases[i].gives)).join(', ');
}

async function askAll(device: GPUDevice, group: string, questions: readonly Question[]): Promise<Finding[]> {
  const cases = questions.flatMap((question) => question.cases);
  const buffer = await evaluateAll(device, cases, 'buffer');
  const folded = await evaluateAll(device, cases, 'let');
  // Constants must be finite, and so must what is made of them.
  const runtime = questions.flatMap((question) => question.cases.map(() => question.runtime));
  const sayable = cases.filter(
    ({ inputs }, i) => !runtime[i] && inputs.every(Number.isFinite) && Number.isFinite(Number(folded[i] ?? Number.NaN)),
  );
  const answers = await evaluateAll(device, sayable, 'const');
  const all = { buffer, let: folded, const: cases.map((each) => answers[sayable.indexOf(each)] ?? null) };
  let start = 0;
  return questions.map((question): Finding => {
    const end = start + question.cases.length;
    const text = (way: Way): string | null => textOf(question, all[way].slice(start, end));
    const found = text('buffer');
    const others = (['let', 'const'] as const).map((way) => [way, text(way)] as const);
    const other = others.filter(([, answer]) => answer !== null && answer !== found);
    const values = asNumbers(all.buffer.slice(start, end).map((answer) => answer ?? Number.NaN));
    const finding: Finding = {
      group,
      name: question.name ?? question.cases.map(written).join(', '),
      found: found ?? 'does not compile',
      constants:
        other.length === 2 && other[0][1] === other[1][1]
          ? `constants: ${other[0][1]}`
          : other.map(([way, answer]) => `${way}: ${answer}`).join('; '),
      wgsl: question.wgsl,
      kept: found === null || !question.kept ? null : question.kept(values),
      means: found === null ? 'This compiler does not take it: do without.' : question.means(values),
    };
    start = end;
    return finding;
  });
}

/** All findings, in a fixed order; `say` hears what is being asked. The device stays as it was. */
export async function measureNumerics(device: GPUDevice, say: (text: string) => void = () => {}): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [group, questions, feature] of ASKED) {
    if (feature && !device.features.has(feature)) {
      findings.push({
        group,
        name: feature,
        found: 'not offered',
        constants: '',
        wgsl: 'a feature',
        kept: null,
        means: 'Kernels need a form in f32 or packed halves.',
      });
      continue;
    }
    say(group);
    findings.push(...(await askAll(device, group, questions)));
  }
  for (const [group, ask] of MEASURED) {
    say(group);
    findings.push(...(await ask(device, group)));
  }
  return findings;
}
