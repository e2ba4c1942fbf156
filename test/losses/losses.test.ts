import { describe, expect, test } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { type Values, values } from '../cases.ts';
import { choosing, otherWays } from '../choices.ts';
import { expectClose, expectSame, largest } from '../compare.ts';
import type { LossResult } from '../reference/losses/result.ts';
import { dot, type Matrix, matrix, normalize, row } from '../reference/matrix.ts';
import { lossesInSingle } from '../reference/single.ts';
import { shapesOf, thorough } from '../tier.ts';
import { expectKernelsForGpus, folded, oneGroupASubmit, watchedEngine, withPoison } from '../watch.ts';
import {
  allowedAnyway,
  allowedBeside,
  type Errors,
  errorsOf,
  evaluate,
  type Outcome,
  outcomeOf,
  tensorsOf,
} from './evaluate.ts';
import { agreeing, coinciding, peculiar } from './peculiar.ts';
import type { Golden, GoldenInputs, Invariance, LossRow } from './row.ts';
import { LOSSES } from './table.ts';

const engine = watchedEngine();

const single = await lossesInSingle();
const naiveOf = (loss: LossRow): LossRow => single[LOSSES.indexOf(loss)];
const UNBOUNDED: Errors = { value: Number.POSITIVE_INFINITY, gradient: Number.POSITIVE_INFINITY };

interface Right {
  readonly temperature: number;
  /** In f64. */
  readonly wanted: LossResult;
  /** Without asking the naive version, which takes seconds for some. */
  readonly anyway: Errors;
  /** Twice the errors of the naive version in f32, and what it may be beside. */
  readonly beside: () => Errors;
}

// Products of pairs that the naive version is asked for: it takes seconds for more.
const NAIVE_WORK = 1e7;

function rightOf(loss: LossRow, inputs: readonly Matrix[], temperature: number): Right {
  const wanted = loss.reference(inputs, temperature);
  const [{ rows, columns }] = inputs;
  let known: Errors | null = rows ** 2 * columns > NAIVE_WORK ? UNBOUNDED : null;
  const beside = (): Errors => (known ??= allowedBeside(naiveOf(loss), inputs, temperature, wanted));
  return { temperature, wanted, anyway: allowedAnyway(naiveOf(loss), temperature, wanted), beside };
}

/** Value within 1e-5 of max(|v|, 0.1), gradients within 1e-5 of their largest entry; looser as 1 / temperature grows. */
function expectRight(loss: LossRow, what: string, outcome: Outcome, right: Right): void {
  const { wanted, anyway, beside, temperature } = right;
  const budget = 1e-5 * Math.max(1, 0.05 / temperature) * (loss.slack ?? 1);
  expectClose(`${what} value`, [outcome.value], [wanted.value], budget * Math.max(Math.abs(wanted.value), 0.1));
  wanted.gradients.forEach(({ data }, i) => {
    expectClose(`${what} gradient ${i}`, outcome.gradients[i], data, budget * largest(data) + 1e-30);
  });
  // A stop-gradient side has a gradient, and its bits are zero.
  for (const i of loss.stopped ?? [])
    expect(
      outcome.gradients[i].every((x) => x === 0),
      `${what} stopped ${i}`,
    ).toBe(true);
  const errors = errorsOf(outcome, wanted);
  if (errors.value <= anyway.value && errors.gradient <= anyway.gradient) return;
  const allowed = beside();
  expect(errors.value, `${what} error of the value, beside naive f32`).toBeLessThanOrEqual(allowed.value);
  expect(errors.gradient, `${what} error of the gradients, beside naive f32`).toBeLessThanOrEqual(allowed.gradient);
}

const GOLDEN: GoldenInputs = (() => {
  const [n, d, k] = [6, 4, 5];
  const fill = (rows: number, f: (i: number, j: number) => number): Matrix =>
    matrix(
      rows,
      d,
      Array.from({ length: rows * d }, (_, t) => f(Math.floor(t / d), t % d)),
    );
  const first = (i: number, j: number): number => Math.sin(0.9 + 1.7 * i + 0.6 * j + 0.11 * i * j);
  return {
    a: fill(n, first),
    b: fill(n, (i, j) => first(i, j) + 0.3 * Math.cos(0.5 + 0.8 * i - 1.1 * j)),
    units: normalize(fill(k, (i, j) => Math.cos(0.4 + 0.9 * i + 0.7 * j + 0.05 * i * j))).u,
  };
})();

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

describe.each(LOSSES.map((loss) => [loss.name, loss] as const))('%s', (_, loss) => {
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

  test('the reference is that of central differences', () => {
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

  thorough('the naive version is of f32: right, but not to the last digit', () => {
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
      expectRight(loss, what, await evaluate(engine(), loss, inputs, temperature), rightOf(loss, inputs, temperature));
    }
  });

  thorough('has kernels for GPUs with any subgroups, or none', () => {
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

  thorough(
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
      expectRight(loss, what, await evaluate(engine(), loss, inputs, temperature), rightOf(loss, inputs, temperature));
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
      expectRight(loss, what, await evaluate(engine(), loss, inputs, temperature), rightOf(loss, inputs, temperature));
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

  thorough('the same bits, twenty times', async () => {
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

interface Move {
  /** Other inputs with the same loss. */
  readonly moved: Matrix[];
  /** Gradients of the moved inputs, from those of the first. */
  readonly back: (gradients: Matrix[]) => Matrix[];
}

function byRow(m: Matrix, to: (i: number) => ArrayLike<number>): Matrix {
  return matrix(m.rows, m.columns, Array.from({ length: m.rows }, (_, i) => Array.from(to(i))).flat());
}

const MOVES: Record<Invariance, (inputs: Matrix[]) => Move> = {
  permutation: (inputs) => {
    const n = inputs[0].rows;
    const moved = (m: Matrix): Matrix => byRow(m, (i) => row(m, (i * (n - 1) + 3) % n)); // reversed, and shifted by 3
    return { moved: inputs.map(moved), back: (gradients) => gradients.map(moved) };
  },
  'row scale': (inputs) => {
    const factor = (i: number): number => 2 ** ((i % 9) - 4) * 3;
    return {
      moved: inputs.map((m) => byRow(m, (i) => row(m, i).map((x) => Math.fround(x * factor(i))))),
      back: (gradients) => gradients.map((m) => byRow(m, (i) => row(m, i).map((x) => x / factor(i)))),
    };
  },
  rotation: (inputs) => {
    const axes = rotation(inputs[0].columns);
    const moved = (m: Matrix): Matrix => byRow(m, (i) => axes.map((axis) => Math.fround(dot(axis, row(m, i)))));
    return { moved: inputs.map(moved), back: (gradients) => gradients.map(moved) };
  },
  // Of the first view alone: each feature of it has a scale and an origin of its own.
  'feature scale and shift': ([z, ...others]) => {
    const factor = (k: number): number => 2 ** ((k % 5) - 2) * 1.5;
    return {
      moved: [byRow(z, (i) => row(z, i).map((x, k) => Math.fround(x * factor(k) + (k % 3)))), ...others],
      back: ([first, ...rest]) => [byRow(first, (i) => row(first, i).map((g, k) => g / factor(k))), ...rest],
    };
  },
  'common shift': (inputs) => ({
    moved: inputs.map((m) => byRow(m, (i) => row(m, i).map((x, k) => Math.fround(x + (k % 4))))),
    back: (gradients) => gradients,
  }),
  'swapped views': (inputs) => ({ moved: [...inputs].reverse(), back: (gradients) => [...gradients].reverse() }),
  // A step along its own row changes no cosine: what the gradient says of it is that it is 0.
  'radial gradient': (inputs) => ({
    moved: inputs,
    back: (gradients) =>
      gradients.map((gradient, k) => {
        const z = inputs[k];
        return byRow(gradient, (i) => {
          const along = dot(row(gradient, i), row(z, i)) / dot(row(z, i), row(z, i));
          return row(gradient, i).map((g, t) => g - along * row(z, i)[t]);
        });
      }),
  }),
};

/** The axes of an orthogonal basis with no axis in common with the usual one. */
function rotation(d: number): Float64Array[] {
  const random = createRandom(99);
  const axes: Float64Array[] = [];
  while (axes.length < d) {
    let axis = Float64Array.from({ length: d }, () => random.gaussian());
    for (const other of axes) {
      const along = dot(axis, other);
      axis = axis.map((x, t) => x - along * other[t]);
    }
    const norm = Math.sqrt(dot(axis, axis));
    if (norm > 1e-3) axes.push(axis.map((x) => x / norm));
  }
  return axes;
}
