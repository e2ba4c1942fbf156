// What every loss has to keep: the tests that are made of its row.

import { describe, expect, test } from 'vitest';
import type { Engine } from '../../src/index.ts';
import { type Values, values } from '../cases.ts';
import { choosing, otherWays } from '../choices.ts';
import { expectClose, expectSame, largest } from '../compare.ts';
import { dot, matrix } from '../reference/matrix.ts';
import { once, shapesOf, thorough, thoroughOnce } from '../tier.ts';
import { expectKernelsForGpus, folded, oneGroupASubmit, withPoison } from '../watch.ts';
import { errorsOf, evaluate, outcomeOf, tensorsOf } from './evaluate.ts';
import { MOVES } from './moves.ts';
import { agreeing, coinciding, peculiar } from './peculiar.ts';
import { expectRight, GOLDEN, naiveOf, rightOf } from './right.ts';
import type { Golden, LossRow } from './row.ts';
import { LOSSES } from './table.ts';

// [N, D]: on both sides of 2 N = 8 D, where ntXent changes its schedule, and around the sizes of tiles.
const SHAPES = shapesOf<[number, number]>([
  [1, 1],
  [1, 5],
  [2, 3],
  [3, 129],
  [5, 1],
  [16, 4],
  [17, 4],
  [31, 16],
  [32, 63],
  [33, 8],
  [63, 15],
  [64, 65],
  [65, 17],
  [97, 5],
  [127, 32],
  [128, 32],
  [129, 33],
  [257, 64],
  [300, 2],
]); // prettier-ignore

const KINDS: readonly Values[] = ['normal', 'outlier', 'x1e4', 'x1e-20', 'unit'];

/** The tests of these losses, on the engine that the test file watches. */
export function testLosses(engine: () => Engine, losses: readonly LossRow[]): void {
  describe.each(losses.map((loss) => [loss.name, loss] as const))('%s', (_, loss) => {
    const { accepts = () => true, kinds = KINDS } = loss;

    test.runIf(loss.golden)('golden values', async () => {
      const { temperature, value, norms, first, inputs: pick = ({ a, b }) => [a, b] } = loss.golden as Golden;
      const inputs = pick(GOLDEN).slice(0, loss.inputs(6, 4, 'normal', 1).length);
      const exact = loss.reference(inputs, temperature);
      const norm = (list: ArrayLike<number>): number => Math.sqrt(dot(list, list));
      const figures = (got: { value: number; gradients: ArrayLike<number>[] }) => [
        got.value,
        got.gradients[0][0],
        ...got.gradients.slice(0, norms.length).map(norm),
      ];
      const wanted = [value, first, ...norms];
      const gradients = exact.gradients.map(({ data }) => data);
      expectClose('reference', figures({ value: exact.value, gradients }), wanted, 1e-10);
      expectClose(
        'kernels',
        figures(await evaluate(engine(), loss, inputs, temperature)),
        wanted,
        1e-6 * Math.max(1, value),
      );
    });

    once('the reference is that of central differences', () => {
      const [inputs, at] = [0, 1].map(() => loss.inputs(5, 3, 'normal', 1));
      const h = 1e-5;
      const difference = (move: (step: number) => number): number => (move(h) - move(-h)) / (2 * h);
      const { gradients, temperature } = loss.reference(inputs, 0.4);
      inputs.forEach(({ data }, k) => {
        if (loss.stopped?.includes(k)) return expect(largest(gradients[k].data)).toBe(0);
        const numeric = data.map((x, t) =>
          difference((step) => {
            data[t] = x + step;
            const { value } = loss.reference(inputs, 0.4, at);
            data[t] = x;
            return value;
          }),
        );
        expectClose(`gradient ${k}`, gradients[k].data, numeric, 1e-7 * Math.max(1, largest(numeric)));
      });
      if (loss.live)
        expectClose(
          'temperature',
          [temperature ?? Number.NaN],
          [difference((step) => loss.reference(inputs, 0.4 + step).value)],
          1e-7,
        );
    });

    thoroughOnce('the naive version is of f32: right, but not to the last digit', () => {
      const inputs = loss.inputs(40, 16, 'normal', 1);
      const [temperature] = loss.temperatures;
      const naive = naiveOf(loss).reference(inputs, temperature);
      const { value, gradient } = errorsOf(outcomeOf(naive), loss.reference(inputs, temperature));
      expect(value).toBeLessThan(1e-5);
      expect(gradient).toBeLessThan(1e-5);
      expect(Math.max(value, gradient)).toBeGreaterThan(1e-9);
      expect(naive.gradients[0].data).toEqual(naive.gradients[0].data.map(Math.fround));
    });

    test('value and gradient', async () => {
      for (const [i, [n, d]] of SHAPES.entries()) {
        if (!accepts(n, d)) continue;
        const temperature = loss.temperatures[i % loss.temperatures.length];
        const kind = kinds[i % kinds.length];
        const inputs = loss.inputs(n, d, kind, i);
        const what = `${loss.name} [${n}, ${d}], ${kind}, temperature ${temperature}:`;
        expectRight(
          loss,
          what,
          await evaluate(engine(), loss, inputs, temperature),
          rightOf(loss, inputs, temperature),
        );
      }
    });

    thoroughOnce('has kernels for GPUs with any subgroups, or none', () => {
      for (const [n, d] of [
        [70, 44],
        [300, 20],
      ]) {
        if (!accepts(n, d)) continue;
        expectKernelsForGpus(engine(), () => {
          loss.run(tensorsOf(engine(), loss.inputs(n, d, 'normal', 7)), loss.temperatures[0]).backward();
        });
      }
    });

    /** What the ops that a composed loss is made of have in their own tests. */
    const unlessComposed = (name: string, fn: () => Promise<void>, timeout?: number): void => {
      if (!loss.composed) thorough(name, fn, timeout);
    };

    unlessComposed(
      'the same numbers however the tuner would do it',
      async () => {
        const [n, d] = [70, 44];
        const [temperature] = loss.temperatures;
        const inputs = loss.inputs(n, d, 'normal', 7);
        const right = rightOf(loss, inputs, temperature);
        const again = (): void => loss.run(tensorsOf(engine(), inputs), temperature).backward();
        for (const way of otherWays(engine(), again, LOSSES.indexOf(loss))) {
          const outcome = await choosing(engine(), way, () => evaluate(engine(), loss, inputs, temperature));
          expectRight(loss, `${loss.name} [${n}, ${d}], ${JSON.stringify(way)}:`, outcome, right);
        }
      },
      300_000,
    );

    test.runIf(loss.peaked ?? true)('views that agree: a loss near zero keeps its digits', async () => {
      for (const [n, d] of [
        [7, 64],
        [40, 16],
        [150, 10],
        [90, 100],
        [252, 234],
      ] as const) {
        // prettier-ignore
        if (typeof loss.peaked === 'object' && n > loss.peaked.rows) continue;
        const temperature = Math.min(...loss.temperatures.filter((t) => t >= 0.05));
        const inputs = agreeing(loss.inputs(n, d, 'normal', n));
        const what = `${loss.name} [${n}, ${d}], peaked, temperature ${temperature}:`;
        expectRight(
          loss,
          what,
          await evaluate(engine(), loss, inputs, temperature),
          rightOf(loss, inputs, temperature),
        );
      }
    });

    test.runIf(loss.coincide)('rows that all but coincide: gradients keep their digits', async () => {
      for (const [n, d] of [
        [4, 64],
        [65, 33],
        [40, 130],
      ] as const) {
        // prettier-ignore
        const temperature = loss.temperatures.find((t) => t >= 0.05) ?? 1;
        for (const [size, noise, every] of [
          [1000, 0.002, 1],
          [3, 0.03, 1],
          [3, 0.002, 2],
        ]) {
          const inputs = coinciding(loss, n, d, size, noise, every);
          const what = `${loss.name} [${n}, ${d}], in clusters of ${size} within ${noise}, each ${every}., temperature ${temperature}:`;
          expectRight(
            loss,
            what,
            await evaluate(engine(), loss, inputs, temperature),
            rightOf(loss, inputs, temperature),
          );
        }
      }
    });

    thorough('a zero row, rows that are there twice, opposite rows', async () => {
      for (const [n, d] of [
        [12, 8],
        [70, 21],
      ] as const) {
        // prettier-ignore
        const temperature = loss.temperatures.find((t) => t >= 0.05) ?? loss.temperatures[0];
        const inputs = loss.inputs(n, d, 'normal', 11).map((input) => (input.columns === d ? peculiar(input) : input));
        const what = `${loss.name} [${n}, ${d}], peculiar rows, temperature ${temperature}:`;
        expectRight(
          loss,
          what,
          await evaluate(engine(), loss, inputs, temperature),
          rightOf(loss, inputs, temperature),
        );
      }
    });

    test.runIf(loss.live)('a live temperature: the same numbers, and its gradient', async () => {
      for (const [n, d, temperature] of [
        [6, 4, 0.5],
        [33, 20, 0.1],
        [140, 9, 0.07],
        [64, 64, 0.01],
      ] as const) {
        // prettier-ignore
        // Rows that share a direction, too: what is left of their scores' differences is all that the gradient is made of.
        for (const [kind, inputs] of [
          ['any rows', loss.inputs(n, d, 'normal', n)],
          ['rows of one direction', coinciding(loss, n, d, 1000, 0.02)],
          ['clusters', coinciding(loss, n, d, 8, 0.01)],
        ] as const) {
          const what = `${loss.name} [${n}, ${d}], ${kind}, live temperature ${temperature}:`;
          const outcome = await evaluate(engine(), loss, inputs, temperature, true);
          const right = rightOf(loss, inputs, temperature);
          if (kind === 'any rows') expectRight(loss, what, outcome, right);
          const slope = right.wanted.temperature ?? Number.NaN;
          const naive = naiveOf(loss).reference(inputs, temperature).temperature ?? Number.NaN;
          const own = 1e-5 * Math.max(1, 0.05 / temperature) * Math.abs(slope);
          expectClose(`${what} gradient`, [outcome.temperature], [slope], Math.max(own, 2 * Math.abs(naive - slope)));
        }
      }
    });

    thorough('the same bits of the value, whoever wants a gradient', async () => {
      for (const [n, d] of [
        [70, 12],
        [190, 24],
      ]) {
        if (!accepts(n, d)) continue;
        const inputs = loss.inputs(n, d, 'normal', 5);
        const value = async (wanted: readonly boolean[], live: boolean): Promise<number> => {
          const tensors = inputs.map(({ data, rows, columns }, i) =>
            engine().tensor(Float32Array.from(data), [rows, columns], { requiresGrad: wanted[Math.min(i, 1)] }),
          );
          const tau = live ? engine().tensor([0.25], [1], { requiresGrad: wanted[2] }) : null;
          const result = loss.run(tensors, tau ?? loss.temperatures[0]);
          const got = await result.item();
          for (const tensor of [...tensors, result, ...(tau ? [tau] : [])]) tensor.dispose();
          return got;
        };
        for (const live of loss.live ? [false, true] : [false]) {
          const first = await value([true, true, true], live);
          for (const wanted of [
            [false, false, false],
            [true, false, false],
            [false, true, true],
          ])
            expect(await value(wanted, live), `[${n}, ${d}], gradients ${wanted}`).toBe(first);
        }
      }
    });

    thorough('the same bits again, group by group, and from memory full of NaN', async () => {
      for (const [n, d] of [
        [37, 5],
        [24, 32],
      ] as const) {
        // prettier-ignore
        for (const live of loss.live ? [false, true] : [false]) {
          const inputs = loss.inputs(n, d, 'normal', 3);
          const run = () => evaluate(engine(), loss, inputs, loss.temperatures[0], live);
          const first = await run();
          expectSame('again', await run(), first);
          expectSame('group by group', await oneGroupASubmit(engine(), run), first);
          expectSame('folded', await folded(engine(), run), first);
          expectSame('from poisoned memory', await withPoison(engine(), run), first);
        }
      }
    });

    unlessComposed('the same bits, twenty times', async () => {
      const inputs = loss.inputs(65, 40, 'normal', 4);
      const first = await evaluate(engine(), loss, inputs, loss.temperatures[0]);
      for (let repeat = 1; repeat < 20; repeat++)
        expectSame('again', await evaluate(engine(), loss, inputs, loss.temperatures[0]), first);
    });

    test.runIf(loss.allEqual)('all rows equal: a closed form, and no gradient', async () => {
      for (const [n, d] of [
        [1, 3],
        [6, 4],
        [65, 7],
        [20, 50],
      ]) {
        if (!accepts(n, d)) continue;
        const temperature = 0.5;
        const one = values('normal', [1, d], n).data;
        const inputs = loss.inputs(n, d, 'normal', 1).map(() =>
          matrix(
            n,
            d,
            Array.from({ length: n * d }, (_, t) => one[t % d]),
          ),
        );
        const { value, gradients } = await evaluate(engine(), loss, inputs, temperature);
        const wanted = loss.allEqual?.(n, temperature) ?? 0;
        expectClose('value', [value], [wanted], 2e-6 * Math.max(Math.abs(wanted), 0.1));
        for (const gradient of gradients) expectClose('gradient', gradient, new Float64Array(n * d), 1e-6);
      }
    });

    test.each(loss.invariances)('%s', async (invariance) => {
      for (const [n, d] of [
        [7, 6],
        [50, 8],
        [45, 40],
      ] as const) {
        // prettier-ignore
        const inputs = loss.inputs(n, d, 'normal', 5);
        const { moved, back } = MOVES[invariance](inputs);
        const before = await evaluate(engine(), loss, inputs, 0.2);
        const after = await evaluate(engine(), loss, moved, 0.2);
        const wanted = back(before.gradients.map((gradient) => matrix(n, d, gradient)));
        const top = Math.max(...before.gradients.map(largest));
        expectClose('value', [after.value], [before.value], 4e-6 * Math.max(1, Math.abs(before.value)));
        wanted.forEach(({ data }, i) => {
          expectClose(`gradient ${i}`, after.gradients[i], data, 1e-5 * Math.max(top, largest(data)));
        });
      }
    });
  });
}
