import { describe, expect, test } from 'vitest';
import { logSumExp, mul, similarityLogSumExp, sum, type Tensor } from '../../src/index.ts';
import { ODD, SHAPES, type Shape, VALUES, type Values, values } from '../cases.ts';
import { choosing, otherWays } from '../choices.ts';
import { distance, expectClose, expectSame, largest } from '../compare.ts';
import type { Evaluated, Numbers } from '../reference/ops.ts';
import { once, shapesOf, thorough, thoroughOnce } from '../tier.ts';
import {
  expectKernelsForGpus,
  folded,
  oneGroupASubmit,
  slack,
  untouched,
  watchedEngine,
  withBindingLimit,
  withPoison,
} from '../watch.ts';
import { OPS, type OpRow } from './table.ts';

const engine = watchedEngine();

interface Outcome {
  readonly value: Float32Array;
  readonly gradients: Float32Array[];
  /** Whether nothing was written behind the results. */
  readonly clean: boolean;
}

const TINY = 2 ** -118; // terms below 2^-126 may be flushed to zero, each of a sum's

/** The op's value, and gradients of sum(dy * value), on the GPU. */
async function evaluate(op: OpRow, { inputs, dy }: Prepared, checkSlack = false): Promise<Outcome> {
  const tensors = inputs.map(({ shape, data }) =>
    engine().tensor(Float32Array.from(data), shape, { requiresGrad: true }),
  );
  const [y, loss] = engine().scope(() => {
    const result = op.run(...tensors);
    const weights = engine().tensor(Float32Array.from(dy.data), dy.shape.length > 0 ? dy.shape : [1]);
    return [result, sum(mul(result, weights))];
  });
  expect(y.shape).toEqual(dy.shape);
  loss.backward();
  const grads = tensors.map((tensor) => tensor.grad as Tensor);
  const [value, ...gradients] = await Promise.all([y, ...grads].map((tensor) => tensor.data()));
  const behind = checkSlack ? await Promise.all([y, ...grads].map((tensor) => slack(engine(), tensor))) : [];
  for (const tensor of [...tensors, y, loss]) tensor.dispose();
  return { value, gradients, clean: behind.every(untouched) };
}

function cases(op: OpRow, shapes: readonly Shape[]): { kind: Values; seed: number; shape: Shape; what: string }[] {
  const kinds = op.kinds ?? VALUES;
  const number = OPS.indexOf(op);
  return shapes.map((shape, i) => {
    const kind = kinds[(i + number) % kinds.length];
    const seed = 100 * number + i;
    return {
      kind,
      seed,
      shape,
      what: `${op.name}, [${shape.rows}, ${shape.columns}] (${shape.others}), ${kind}, seed ${seed}:`,
    };
  });
}

/** A case's inputs, what the reference makes of them, and the gradient of its value. */
interface Prepared {
  readonly inputs: Numbers[];
  readonly wanted: Evaluated;
  readonly dy: Numbers;
}

function prepare(op: OpRow, shape: Shape, kind: Values, seed: number): Prepared {
  const inputs = op.inputs(shape, kind, seed);
  const wanted = op.reference(inputs);
  return { inputs, wanted, dy: values('normal', wanted.value.shape, seed + 50) };
}

function expectRight(
  op: OpRow,
  what: string,
  { inputs, wanted: { value, backward }, dy }: Prepared,
  outcome: Outcome,
): void {
  const wanted = backward(dy.data);
  const budget = op.budget(inputs);
  const magnitude = op.magnitude?.(inputs, dy.data) ?? { value: largest(value.data), gradients: wanted.map(largest) };
  expectClose(`${what} value`, outcome.value, value.data, budget.value * magnitude.value + TINY);
  outcome.gradients.forEach((gradient, i) => {
    expectClose(`${what} gradient ${i}`, gradient, wanted[i], budget.gradient * magnitude.gradients[i] + TINY);
  });
  // The naive version takes as long as the reference: where the error is below what is allowed anyway, nobody asks it.
  const least = 2e-7 * magnitude.value + TINY;
  if (!op.naive || distance(outcome.value, value.data) <= least) return;
  const naive = distance(op.reference(inputs, Math.fround).value.data.map(Math.fround), value.data);
  expectClose(`${what} value, beside naive f32,`, outcome.value, value.data, 2 * naive + least);
}

describe('the references', () => {
  const h = 1e-5;
  once.each(OPS.map((op) => [op.name, op] as const))('%s: the gradient is that of central differences', (_, op) => {
    const { inputs, dy } = prepare(op, { rows: 3, columns: 4, others: 5 }, 'normal', 7);
    const at = (): number => op.reference(inputs).value.data.reduce((total, y, i) => total + y * dy.data[i], 0);
    const gradients = op.reference(inputs).backward(dy.data);
    inputs.forEach(({ data }, k) => {
      const numeric = data.map((x, i) => {
        data[i] = x + h;
        const above = at();
        data[i] = x - h;
        const below = at();
        data[i] = x;
        return (above - below) / (2 * h);
      });
      expectClose(`gradient ${k}`, gradients[k], numeric, 1e-7 * Math.max(1, largest(numeric)));
    });
  });
});

describe.each(OPS.map((op) => [op.name, op] as const))('%s', (_, op) => {
  test('value and gradient', async () => {
    for (const { kind, seed, shape, what } of cases(op, shapesOf(SHAPES))) {
      const prepared = prepare(op, shape, kind, seed);
      expectRight(op, what, prepared, await evaluate(op, prepared));
    }
  });

  thorough('the same bits again, group by group, and from memory full of NaN; nothing behind the results', async () => {
    for (const { kind, seed, shape, what } of cases(op, ODD)) {
      const prepared = prepare(op, shape, kind, seed);
      const first = await evaluate(op, prepared);
      const again = () => evaluate(op, prepared);
      expectSame(`${what} again`, await again(), first);
      expectSame(`${what} group by group`, await oneGroupASubmit(engine(), again), first);
      expectSame(`${what} folded`, await folded(engine(), again), first);
      const poisoned = await withPoison(engine(), async () => {
        await again(); // fills the pool with what it left
        return evaluate(op, prepared, true);
      });
      expectSame(`${what} poisoned`, poisoned, first);
    }
  });

  const running = (inputs: readonly Numbers[]) => (): void => {
    const tensors = inputs.map(({ shape: extents, data }) =>
      engine().tensor(Float32Array.from(data), extents, { requiresGrad: true }),
    );
    sum(op.run(...tensors)).backward();
  };

  thoroughOnce('has kernels for GPUs with any subgroups, or none', () => {
    for (const { kind, seed, shape } of cases(op, SHAPES))
      expectKernelsForGpus(engine(), running(op.inputs(shape, kind, seed)));
  });

  thorough(
    'the same numbers however the tuner would do it',
    async () => {
      for (const { kind, seed, shape, what } of cases(op, ODD.slice(1))) {
        const prepared = prepare(op, shape, kind, seed);
        const again = running(prepared.inputs);
        for (const way of otherWays(engine(), again, OPS.indexOf(op))) {
          const outcome = await choosing(engine(), way, () => evaluate(op, prepared));
          expectRight(op, `${what} ${JSON.stringify(way)}`, prepared, outcome);
        }
      }
    },
    300_000,
  );

  test.runIf(op.chunks)('in pieces that can be bound', async () => {
    const shape = { rows: 259, columns: 33, others: 5 };
    const prepared = prepare(op, shape, 'normal', 3);
    const outcome = await withBindingLimit(engine(), 2 ** 14, () => evaluate(op, prepared));
    expectRight(op, `${op.name} in pieces:`, prepared, outcome);
  });
});

describe('softmax weights of large numbers', () => {
  const exact = (row: readonly number[]): number[] => {
    const powers = row.map((x) => Math.exp(x - Math.max(...row)));
    return powers.map((power) => power / powers.reduce((total, each) => total + each));
  };
  test.each([1e6, 1e8, -1e8, 3e38])('of logSumExp about %d', async (level) => {
    const step = 2 ** Math.max(0, Math.ceil(Math.log2(Math.abs(level))) - 24); // of f32 there
    const row = [0, 1, -1, 0, 2].map((x) => Math.fround(level + x * step));
    for (const axis of [0, 1]) {
      using x = engine().tensor(row, axis === 1 ? [1, 5] : [5, 1], { requiresGrad: true });
      using y = logSumExp(x, axis);
      using loss = sum(y);
      loss.backward();
      expectClose(`axis ${axis}`, await (x.grad as Tensor).data(), exact(row), 1e-6);
    }
  });

  test('of similarityLogSumExp', async () => {
    const b = [1e8, 1e8 + 8, 1e8 - 8];
    for (const scale of [0.1, -0.25]) {
      using x = engine().tensor([1], [1, 1]);
      using y = engine().tensor(b, [3, 1], { requiresGrad: true });
      using lse = similarityLogSumExp(x, y, { metric: 'dot', scale });
      using loss = sum(lse);
      loss.backward();
      const wanted = exact(b.map((s) => scale * s)).map((w) => scale * w);
      expectClose(`scale ${scale}`, await (y.grad as Tensor).data(), wanted, 1e-6);
    }
  });

  // As PyTorch has it: exp(x - result).
  test.each([
    [[-Infinity, -Infinity], -Infinity, [NaN, NaN]],
    [[-Infinity, 1], 1, [0, 1]],
    [[Infinity, 1], Infinity, [NaN, 0]],
    [[NaN, 1], NaN, [NaN, NaN]],
  ])('of logSumExp with what is not finite: %j', async (row, value, gradient) => {
    using x = engine().tensor(row, [1, 2], { requiresGrad: true });
    using y = logSumExp(x, 1);
    using loss = sum(y);
    loss.backward();
    expect(Array.from(await y.data())).toEqual([value]);
    expect(Array.from(await (x.grad as Tensor).data())).toEqual(gradient);
  });
});
