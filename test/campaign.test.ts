import { expect, test } from 'vitest';
import { CYCLE, MODES, soak } from '../tools/campaign/soakRun.ts';
import { rise, table } from '../tools/campaign/table.ts';

test.each(MODES.filter((mode) => mode !== 'never-dispose'))(
  'a short soak, %s: the same is held after each cycle of shapes',
  async (mode) => {
    const { unlike, example, cycles, losses } = await soak(mode, 4 * CYCLE, 1);
    expect({ unlike, example, cycles }).toEqual({ unlike: 0, example: '', cycles: 2 });
    expect(losses.every(Number.isFinite)).toBe(true);
  },
);

test('a line through points rises by what it rises', () => {
  expect(rise([0, 1, 2, 3, 4].map((x) => [x, 100 + x]))).toBeCloseTo(0.04, 12);
  expect(rise([0, 1, 2, 3].map((x) => [x, x % 2 === 0 ? 10 : 12]))).toBeCloseTo(1.2 / 10.4, 12);
  expect(rise([[0, 5]])).toBe(0);
});

test('tables are as wide as their cells', () => {
  expect(table(['a', 'long'], [['x', 12345]])).toBe('| a   | long  |\n| --- | ----- |\n| x   | 12345 |');
});
