// Every loss as it may also be called: recorded, and on tensors of f16. In the files that test its numbers, as each process
// compiles its own kernels.
import { expect, test } from 'vitest';
import type { Engine, Tensor } from '../../src/index.ts';
import { LOSSES } from '../../src/losses/index.ts';
import { free, read } from '../engine/steps.ts';
import { half } from '../reference/half.ts';
import { thorough } from '../tier.ts';
import type { LossRow } from './row.ts';

export function testCalls(engine: () => Engine, losses: readonly LossRow[]): void {
  const sizeFor = (row: LossRow): readonly [n: number, d: number] => {
    const sizes = [
      [12, 9],
      [9, 12],
      [8, 8],
    ] as const; // prettier-ignore
    return sizes.find(([n, d]) => row.accepts?.(n, d) ?? true) ?? sizes[0];
  };
  const run = (row: LossRow, inputs: readonly Tensor[]): Tensor[] => {
    const loss = row.run(inputs, row.temperatures[0]);
    loss.backward();
    return [loss, ...inputs.flatMap(({ grad }) => grad ?? [])];
  };

  test.each(losses.map((row) => [row.name, row] as const))(
    '%s keeps the eager bits of value and gradients',
    async (_, row) => {
      const [n, d] = sizeFor(row);
      const fn = (...inputs: Tensor[]): Tensor[] => run(row, inputs);
      const step = engine().recorded(fn);
      for (const seed of [1, 2, 3]) {
        const inputs = row
          .inputs(n, d, 'normal', seed)
          .map(({ data, rows, columns }) =>
            engine().tensor(Float32Array.from(data), [rows, columns], { requiresGrad: true }),
          );
        const got = await read(...step(...inputs));
        const [loss, ...gradients] = fn(...inputs);
        expect(got).toEqual(await Promise.all([loss, ...gradients].map((tensor) => tensor.data())));
        free(loss, ...inputs);
      }
      step.dispose();
    },
  );

  // What else has a row is an op of matrices.
  const ofRows = losses.filter(({ name, images }) => Object.hasOwn(LOSSES, name.split(/[ ,]/)[0]) && !images);
  test.each(ofRows.map((row) => [row.name, row] as const))(
    '%s takes rows with leading dimensions, with the bits of a matrix',
    async (_, row) => {
      const [n, d] = sizeFor(row);
      const inputs = row.inputs(n, d, 'normal', 1);
      const leaves = (leading: readonly number[]): Tensor[] =>
        inputs.map(({ data, rows, columns }) => {
          const shape = [...(rows === n ? leading : [rows]), columns];
          return engine().tensor(Float32Array.from(data), shape, { requiresGrad: true });
        });
      const matrices = leaves([n]);
      const blocks = leaves(n % 2 === 0 ? [2, n / 2] : [3, n / 3]);
      const step = engine().recorded((...of: Tensor[]) => run(row, of));
      const replayed = await read(...step(...blocks));
      const [wanted, got] = [run(row, matrices), run(row, blocks)];
      expect(got.slice(1).map(({ shape }) => shape)).toEqual(blocks.map(({ shape }) => shape));
      const bits = await read(...wanted);
      expect([await read(...got), replayed]).toEqual([bits, bits]);
      free(...matrices, ...blocks);
      step.dispose();
    },
  );

  thorough.each(losses.map((loss) => [loss.name, loss] as const))(
    '%s takes f16, with the bits of f32',
    async (_, loss) => {
      const shapes: [number, number][] = [
        [6, 4],
        [8, 3],
        [2, 2],
        [5, 16],
      ];
      const [n, d] = shapes.find(([rows, columns]) => loss.accepts?.(rows, columns) ?? true) ?? [6, 4];
      const inputs = loss.inputs(n, d, 'normal', 5);
      const plain = inputs.map(({ data, rows, columns }) =>
        engine().tensor(Float32Array.from(data, half), [rows, columns], { requiresGrad: true }),
      );
      const given = plain.map((tensor) => {
        const layout = { shape: tensor.shape, dtype: 'f16', rowStride: tensor.shape[1] + 1 } as const;
        return Object.assign(engine().inLayout(tensor, layout, 'test'), { requiresGrad: true });
      });
      const results = [plain, given].map((tensors) => loss.run(tensors, loss.temperatures[0]));
      for (const result of results) result.backward();
      expect(await results[1].data()).toEqual(await results[0].data());
      for (const [i, { grad }] of given.entries())
        expect(await grad?.data()).toEqual((await plain[i].grad?.data())?.map(half));
      for (const tensor of [...plain, ...given, ...results]) tensor.dispose();
    },
  );
}
