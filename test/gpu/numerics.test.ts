import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { written } from '../../bench/probe/numerics/ask.ts';
import { f32, i32 } from '../../bench/probe/numerics/finding.ts';
import type { Finding } from '../../bench/probe/numerics/measure.ts';
import {
  answersOf,
  asMarkdown,
  asText,
  type NumericsReport,
  sectionOf,
  withReport,
} from '../../bench/probe/numerics/report.ts';
import { halfOf } from '../../bench/probe/numerics/rounding.ts';
import { commandFolder } from '../cli/command.ts';

const { folder, start } = commandFolder('numerics');
const PAGE = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'adapters.md'), 'utf8');

describe('gramian probe --numerics', () => {
  let report: NumericsReport;
  let page: string;
  const find = (part: string): Finding => {
    const all = report.findings.filter(({ name }) => name.startsWith(part));
    expect(all, part).toHaveLength(1);
    return all[0];
  };

  beforeAll(async () => {
    writeFileSync(join(folder, 'adapters.md'), PAGE);
    const { code, err } = await start(['probe', '--numerics', '--json', 'report.json', '--markdown', 'adapters.md']);
    expect(code, err).toBe(0);
    report = JSON.parse(readFileSync(join(folder, 'report.json'), 'utf8'));
    page = readFileSync(join(folder, 'adapters.md'), 'utf8');
  }, 300_000);

  test('each line has an answer and a sentence', () => {
    expect(report.findings.length).toBeGreaterThan(70);
    const groups = [...new Set(report.findings.map(({ group }) => group))];
    expect(groups).toEqual([
      'Sums and products',
      'f16, packed',
      'f16, the type',
      'NaN and Infinity',
      'Below the normal range',
      'Conversions and integers',
      'Worst errors',
      'Subgroups',
      'Past the end',
      'Compiling',
    ]);
    expect(new Set(report.findings.map(({ group, name }) => `${group}: ${name}`)).size).toBe(report.findings.length);
    for (const { name, found, wgsl, means } of report.findings) {
      expect(found, name).not.toMatch(/^$|undefined/);
      expect(wgsl, name).not.toBe('');
      expect(means, name).toMatch(/^[\w].*\.$/);
    }
  });

  test('what WGSL promises holds, where an adapter is not known for breaking it', () => {
    const firm = ['Conversions and integers', 'Past the end', 'Subgroups'];
    const sums = ['a + b', 'a * b'];
    for (const { group, name, kept, found } of report.findings)
      if (firm.includes(group) || sums.includes(name)) expect(kept, `${name}: ${found}`).not.toBe(false);
  });

  // By the driver's own words: another version may do otherwise.
  const KNOWN: Readonly<Record<string, Readonly<Record<string, RegExp | string>>>> = {
    'llvmpipe: Mesa 25.0.7-2~bpo12+1 (LLVM 15.0.6) 0.0.1': {
      'fma(a, b, c)': 'the product is rounded first',
      '(a + b) - a': /^1e-8, /,
      '4096 times': 'off by 3.9e-5, 3.9e-5, 3.9e-5, 0, 0',
      unpack2x16float: '1, folded away, folded away',
      'f32(f16(a))': '1.0002441, 0',
      'pow(10, 3)': '999.9999, 0, NaN, 9',
      'which tests see': 'no, yes, yes, yes, yes',
      'NaN - NaN': '0, 0, 0, 0',
      'step(0, NaN)': /^1, 1, /,
      'tanh(100)': '1, -1, 1, NaN',
      'frexp(1e-40)': /^0\.504/,
      'log(x), 0.5 to 2, relative': '73 % at 0.99999994',
      'acos(x)': /^1\.6e-4 /,
    },
    'SwiftShader driver 5.0.0, @sparticuz/chromium 153.0.0': {
      'fma(a, b, c)': 'the product is rounded first',
      '0.3 * 14.1': '0.3',
      'mix(100000000': /^0, /,
      quantizeToF16: /^1, /,
      pack2x16float: '65504, Infinity, NaN, NaN, NaN',
      'pow(10, 3)': '999.99994, 1, 4, 9',
      'which tests see': 'no, yes, yes, yes, yes',
      'NaN - NaN': 'NaN, NaN, 0, 0',
      'step(0, NaN)': /^0, 0, /,
      'log(0)': /^-88\.\d+, 0, 89\.\d+, Infinity, -127$/,
      'exp(NaN)': /^Infinity, /,
      'tanh(100)': /^NaN, /,
      'sin(x), -pi': /^1\.9e-4 /,
      'modf(Infinity)': /^0\.99999994, /,
      'frexp(1e-40)': '1e-40, 0, 0, 0',
      'log(x), 0.5 to 2, relative': '39 % at 0.99999994',
    },
  };

  test('what was found by hand is found', () => {
    for (const [part, wanted] of Object.entries(KNOWN[report.driver] ?? {})) {
      const { found } = find(part);
      if (typeof wanted === 'string') expect(found, part).toBe(wanted);
      else expect(found, part).toMatch(wanted);
    }
  });

  test('docs/adapters.md says what the command says, of the same driver', () => {
    const [section, now] = [sectionOf(PAGE, report), sectionOf(page, report) ?? ''];
    const versions = (text: string): string | undefined => text.split('\n')[2].replace(/Node [\d.]+|\d{4}-.*/g, '');
    if (section === null || versions(section) !== versions(now)) return; // another version, which may do otherwise
    const wanted = answersOf(section);
    const answers = answersOf(now);
    expect([...answers.keys()]).toEqual([...wanted.keys()]);
    // Last digits of the worst errors may be another CPU's.
    for (const [name, answer] of answers)
      if (!/^(Worst errors|Compiling)/.test(name)) expect(answer, name).toBe(wanted.get(name));
    for (const name of ['a / b', 'sqrt(x)']) expect(find(name).found).toBe(wanted.get(`Worst errors: ${name}`));
  });

  test('text and page have every line', () => {
    const text = asText(report);
    for (const { name, means } of report.findings) {
      expect(text).toContain(`  ${name}\n`);
      expect(text).toContain(`    ${means}\n`);
    }
    expect(answersOf(sectionOf(page, report) ?? '').size).toBe(report.findings.length);
  });
});

const finding = (name: string, found: string): Finding => ({
  group: 'Group',
  name,
  found,
  constants: '',
  wgsl: 'either',
  kept: null,
  means: 'Mind it.',
});
const reportOf = (adapter: string, ...findings: Finding[]): NumericsReport => ({
  adapter,
  driver: `${adapter} 1.0`,
  host: 'Node',
  runtime: 'Node 20',
  date: '2026-01-01',
  seconds: 1,
  command: 'probe',
  findings,
});

test('a report takes its own place in the page, and the table of differences follows', () => {
  const one = reportOf('one', finding('a * b | c', '1'), finding('a < b', 'true'));
  const two = reportOf('two', finding('a * b | c', '2'), finding('a < b', 'true'));
  const both = withReport(withReport('# Page\n\nAbove.\n', one), two);
  expect(both.match(/^##? .*/gm)).toEqual(['# Page', '## Where adapters differ', '## one in Node', '## two in Node']);
  expect(both).toContain('| Group: a \\* b \\| c | 1 | 2 |');
  expect(both).not.toContain('Group: a &lt; b');
  expect(withReport(both, two)).toBe(both);
  const agreeing = withReport(both, reportOf('one', finding('a * b | c', '2'), finding('a < b', 'true')));
  expect(agreeing).not.toContain('Group: a');
  expect(agreeing.match(/^## .*/gm)?.slice(1)).toEqual(['## one in Node', '## two in Node']);
  expect(answersOf(asMarkdown(one))).toEqual(
    new Map([
      ['Group: a * b | c', '1'],
      ['Group: a < b', 'true'],
    ]),
  );
});

test('expressions are shown with their numbers, and halves are read', () => {
  expect(written(f32('max(a, b)', [Number.NaN, 1]))).toBe('max(NaN, 1)');
  expect(written(f32('a - b', [1e20, -1e-40]))).toBe('1e20 - (-1e-40)');
  expect(written(i32('-a', [-2147483648]))).toBe('-(-2147483648i)');
  expect([0, 1, 0x3c00, 0xbc01, 0x7bff, 0x7c00, 0xfc00].map(halfOf)).toEqual([
    0,
    2 ** -24,
    1,
    -1 - 2 ** -10,
    65504,
    Infinity,
    -Infinity,
  ]);
  expect(halfOf(0x7e00)).toBeNaN();
});
