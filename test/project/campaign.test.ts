import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { sizes } from '../../tools/campaign/heap.ts';
import { CYCLE, MODES, soak } from '../../tools/campaign/soakRun.ts';
import { rise, table } from '../../tools/campaign/table.ts';

test.each(MODES.filter((mode) => mode !== 'never-dispose'))(
  'a short soak, %s: the same is held after each cycle of shapes',
  async (mode) => {
    const { unlike, example, cycles, losses } = await soak(mode, 4 * CYCLE, 1);
    expect({ unlike, example, cycles }).toEqual({ unlike: 0, example: '', cycles: 2 });
    expect(losses.every(Number.isFinite)).toBe(true);
  },
);

test('a line through points rises by what it rises', () => {
  const straight = rise([0, 1, 2, 3, 4].map((x) => [x, 100 + x]));
  expect(straight.share).toBeCloseTo(0.04, 12);
  expect(straight.error).toBeCloseTo(0, 12);
  const crooked = rise([0, 1, 2, 3].map((x) => [x, x % 2 === 0 ? 10 : 12]));
  expect(crooked.share).toBeCloseTo(1.2 / 10.4, 12);
  expect(crooked.error).toBeCloseTo((Math.sqrt(1.6 / 5) * 3) / 10.4, 12);
  expect(rise([[0, 5]])).toEqual({ share: 0, error: 0 });
});

test('tables are as wide as their cells', () => {
  expect(table(['a', 'long'], [['x', 12345]])).toBe('| a   | long  |\n| --- | ----- |\n| x   | 12345 |');
});

test("a snapshot's bytes are the program's, or V8's code", () => {
  const folder = mkdtempSync(join(tmpdir(), 'gramian-snapshot-'));
  const path = join(folder, 'small.heapsnapshot');
  const meta = {
    node_fields: ['type', 'name', 'id', 'self_size'],
    node_types: [['object', 'code', 'hidden', 'native']],
  };
  const strings = [
    'Tensor',
    '(code for step)',
    'system / WeakArrayList',
    'system / WeakCell',
    'system / JSArrayBufferData',
  ];
  const nodes = [
    [0, 0, 1, 100],
    [1, 1, 3, 2000],
    [2, 2, 5, 300],
    [2, 3, 7, 16],
    [3, 4, 9, 4096],
  ];
  writeFileSync(path, JSON.stringify({ snapshot: { meta }, nodes: nodes.flat(), strings }));
  expect(sizes(path)).toEqual({ data: 100 + 16 + 4096, code: 2000 + 300 });
  rmSync(folder, { recursive: true });
});
