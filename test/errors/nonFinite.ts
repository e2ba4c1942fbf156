import { expect, test } from 'vitest';
import type { Engine } from '../../src/index.ts';
import type { NonFiniteRow } from './nonFinite.table.ts';

/** Whether any of the results is not finite where `data` stands for input `k`. */
async function shows(
  engine: Engine,
  row: NonFiniteRow,
  k: number,
  data: Float32Array,
  requiresGrad: boolean,
): Promise<boolean> {
  const tensors = row.inputs.map(({ shape, data: own }, i) =>
    engine.tensor(i === k ? data : Float32Array.from(own), [...shape], { requiresGrad }),
  );
  const results = engine.scope(() => [...row.run(tensors)]);
  const numbers = await Promise.all(results.map((result) => result.data()));
  for (const tensor of new Set([...results, ...tensors])) tensor.dispose();
  return numbers.some((list) => list.some((x) => !Number.isFinite(x)));
}

/** Whether the formula itself gives finite numbers alone. */
function masked({ inputs, reference, finite }: NonFiniteRow, k: number, bad: number, data: Float32Array): boolean {
  if (finite?.[k]?.includes(bad)) return true;
  const given = inputs.map((x, i) => (i === k ? { shape: x.shape, data: Float64Array.from(data) } : x));
  return !Number.isNaN(bad) && (reference?.(given).value.data.every(Number.isFinite) ?? false);
}

/** A test a row: whatever is not finite in an input makes the result so. */
export function testNonFinite(engine: () => Engine, rows: readonly NonFiniteRow[]): void {
  test.each(rows.map((row) => [row.name, row] as const))(
    'what is not finite shows in the result of %s',
    async (_, row) => {
      const hidden: string[] = [];
      for (const [k, input] of row.inputs.entries()) {
        for (const [round, bad] of [NaN, Infinity, -Infinity].entries()) {
          const data = Float32Array.from(input.data);
          const at = Math.floor(((5 * k + 3 * round + 4) / 11) * data.length) % data.length;
          data[at] = bad;
          if (!(await shows(engine(), row, k, data, round !== 1)) && !masked(row, k, bad, data))
            hidden.push(`${bad} at ${at} of input ${k}`);
        }
        if (!(await shows(engine(), row, k, new Float32Array(input.data.length).fill(NaN), false)))
          hidden.push(`a whole input ${k} of NaN`);
      }
      expect(hidden).toEqual([]);
    },
  );
}
