// Lanes that wait for each other: every such kernel runs in a simulator that sees two of them meet in memory. No GPU.
import { describe, expect, test } from 'vitest';
import { type KernelSource, packParams } from '../../src/gpu/kernel.ts';
import { linkKernel } from '../../src/gpu/link.ts';
import { interpret } from '../../src/testing/races.ts';
import { kernelNames, readKernel } from '../../tools/generate.ts';
import type { Case } from './races/case.ts';
import { FEATURES } from './races/features.ts';
import { PAIRS } from './races/pairs.ts';
import { ROWS } from './races/rows.ts';
import { TRANSPORT } from './races/transport.ts';

const CASES: Record<string, Case[]> = { ...PAIRS, ...ROWS, ...TRANSPORT, ...FEATURES };

/**
 * The detector reads from top to bottom: what a piece declares has to come before its use. And it compares every two accesses
 * between barriers: of 64 lanes that read a row each there are 250 million, of 16 with the same barriers a sixteenth.
 */
function textOf(kernel: KernelSource, { tuning }: Case): string {
  const { code } = linkKernel({ ...kernel, parts: [...kernel.parts].reverse() }, tuning, false);
  return 'LANES' in tuning ? code : code.replace(/^const WG: u32 = 64;$/m, 'const WG: u32 = 16;');
}

interface Found {
  readonly races: readonly unknown[];
  readonly errors: readonly unknown[];
  readonly buffers: Case['buffers'];
}

async function detect(kernel: KernelSource, one: Case, code = textOf(kernel, one)): Promise<Found> {
  const uniform = new ArrayBuffer(kernel.params.bytes);
  packParams(kernel, one.params, new DataView(uniform), 0);
  new Uint32Array(uniform).set([0, one.groups]);
  const bindings: Record<number, unknown> = { [kernel.params.binding]: { uniform } };
  const buffers = Object.fromEntries(Object.entries(one.buffers).map(([name, data]) => [name, data.slice()]));
  for (const { name, binding } of kernel.buffers) bindings[binding] = buffers[name];
  const { races, errors } = await interpret(code, 'main', [one.groups, 1, 1], bindings);
  return { races, errors, buffers };
}

describe('races', () => {
  const waiting = kernelNames()
    .map(readKernel)
    .filter(({ parts }) => parts.some(({ text }) => text.includes('workgroupBarrier()')));

  test('every kernel whose lanes wait for each other is in the table', () => {
    expect(Object.keys(CASES).sort()).toEqual(waiting.map((kernel) => kernel.name));
  });

  const rows = waiting.flatMap((kernel) =>
    (CASES[kernel.name] ?? []).map((one) => [kernel.name, kernel, one] as const),
  );
  test.each(rows)(
    '%s has none',
    async (_, kernel, one) => {
      const { races, errors, buffers } = await detect(kernel, one);
      expect({ races: races.slice(0, 1), errors: errors.slice(0, 1) }).toEqual({ races: [], errors: [] });
      for (const [name, expected] of Object.entries(one.expected ?? {}))
        Array.from(expected).forEach((value, i) => expect(buffers[name][i], `${name}[${i}]`).toBeCloseTo(value, 4));
    },
    120_000,
  );

  test.each([
    ['sum', 0],
    ['sum', 1],
    ['nt_xent_sums', 1],
    ['row_pass', 0],
  ])(
    'are found in %s without its barrier number %d',
    async (name, number) => {
      const kernel = readKernel(name);
      const one = CASES[name][0];
      let seen = 0;
      const code = textOf(kernel, one).replace(/workgroupBarrier\(\);/g, (all) => (seen++ === number ? '' : all));
      expect(seen).toBeGreaterThan(number);
      expect((await detect(kernel, one, code)).races.length).toBeGreaterThan(0);
    },
    120_000,
  );
});
