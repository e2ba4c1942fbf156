import { describe, expect, test } from 'vitest';
import { sinkhornDivergence, swav, type Tensor } from '../../src/index.ts';
import { expectClose, largest } from '../compare.ts';
import { sinkhornDivergence as divergenceReference, swav as swavReference } from '../reference/losses/transport.ts';
import { type Matrix, matrix, row } from '../reference/matrix.ts';
import { normal, transportOn, unit } from '../transport.ts';
import { watchedEngine, withBindingLimit } from '../watch.ts';

const engine = watchedEngine();
const { onGpu, tiles } = transportOn(engine);

describe('swav', () => {
  const inputs = { views: [normal(33, 8, 1), normal(33, 8, 2)], prototypes: unit(21, 8, 3) };

  async function evaluate(
    views: readonly Matrix[],
    prototypes: Matrix,
    queue?: Matrix | readonly Matrix[],
    options = {},
  ) {
    const tensors = [...views, prototypes].map((m) => onGpu(m, true));
    const queues = (Array.isArray(queue) ? queue : queue ? [queue] : []).map((m: Matrix) => onGpu(m));
    const q = queues.length === 2 ? ([queues[0], queues[1]] as const) : queues[0];
    const loss = swav(tensors.slice(0, -1), tensors[tensors.length - 1], { queue: q, ...options });
    loss.backward();
    const value = await loss.item();
    const gradients = await Promise.all(tensors.map((tensor) => (tensor.grad as Tensor).data()));
    for (const tensor of [...tensors, loss, ...queues]) tensor.dispose();
    return { value, gradients };
  }

  /** Value and gradients within shares of the value and of the largest entry of each gradient. */
  function expectAs(
    { value, gradients }: Awaited<ReturnType<typeof evaluate>>,
    wanted: ReturnType<typeof swavReference>,
    [ofValue, ofGradient]: readonly [number, number] = [1e-5, 1e-5],
  ): void {
    expectClose('value', [value], [wanted.value], ofValue * wanted.value);
    for (const [i, g] of gradients.entries()) {
      const { data } = wanted.gradients[i];
      expectClose(`gradient ${i}`, g, data, ofGradient * largest(data));
    }
  }

  // 24 prototypes are stored, 21 swept; 7 columns end within a vector.
  test.each([
    [2, 24, 0, true],
    [2, 24, 50, true],
    [3, 24, 50, true],
    [3, 24, 0, false],
    [4, 21, 50, true],
  ])(
    '%d views, %d prototypes, a queue of %d, software tiles %s: as the reference',
    async (count, k, length, software) => {
      using _ = tiles(software);
      const views = Array.from({ length: count }, (_, v) => normal(33, 7, v));
      const prototypes = unit(k, 7, 9);
      const queue = length > 0 ? unit(length, 7, 8) : undefined;
      const got = await evaluate(views, prototypes, queue);
      const wanted = swavReference({ views, prototypes, ...(queue ? { queues: [queue, queue] } : {}) }, 0.1);
      expectAs(got, wanted);
    },
  );

  test('scores that are stored and scores computed anew give the same', async () => {
    const views = [normal(150, 32, 1), normal(150, 32, 2)];
    const prototypes = unit(200, 32, 3); // 120,000 bytes of scores
    const kept = await evaluate(views, prototypes);
    const anew = await withBindingLimit(engine(), 98_304, () => evaluate(views, prototypes));
    expectClose('value', [anew.value], [kept.value], 2e-6);
    kept.gradients.forEach((g, i) => {
      expectClose(`gradient ${i}`, anew.gradients[i], g, 1e-5 * largest(g));
    });
  });

  test('one queue serves both sources', async () => {
    const queue = unit(50, 8, 4);
    const got = await evaluate(inputs.views, inputs.prototypes, queue);
    const wanted = swavReference({ ...inputs, queues: [queue, queue] }, 0.1);
    expectAs(got, wanted);
  });

  test.each([24, 21])('%d prototypes and a queue for each source, one longer than the other', async (k) => {
    const views = [0, 1].map((v) => normal(33, 7, v));
    const prototypes = unit(k, 7, 9);
    const queues = [unit(12, 7, 8), unit(50, 7, 10)];
    const wanted = swavReference({ views, prototypes, queues }, 0.1);
    const got = await evaluate(views, prototypes, queues);
    expectAs(got, wanted);
  });

  test.each([8, 24, 21])('%d prototypes, at a temperature that takes powers of hundreds', async (k) => {
    const views = [0, 1].map((v) => normal(33, 7, v));
    const prototypes = unit(k, 7, 9);
    const temperature = 0.004;
    const wanted = swavReference({ views, prototypes }, temperature);
    const got = await evaluate(views, prototypes, undefined, { temperature });
    expectAs(got, wanted, [1e-5, 1e-4]); // f32 cosines over 0.004
  });

  test('prototypes far from unit length, and a small epsilon', async () => {
    const long = matrix(
      21,
      8,
      inputs.prototypes.data.map((x) => Math.fround(40 * x)),
    );
    const got = await evaluate(inputs.views, long, undefined, { epsilon: 0.05, temperature: 1 });
    const wanted = swavReference({ ...inputs, prototypes: long }, 1);
    expectAs(got, wanted, [4e-5, 1e-4]); // f32 scores of 40 / 0.05
  });

  test('swapped sources, permuted rows and prototypes: the same loss, the gradient moves along', async () => {
    const first = await evaluate(inputs.views, inputs.prototypes);
    const swapped = await evaluate([...inputs.views].reverse(), inputs.prototypes);
    const rotate = (m: Matrix): Matrix =>
      matrix(m.rows, m.columns, Array.from({ length: m.rows }, (_, i) => [...row(m, (i + 4) % m.rows)]).flat());
    const rotated = await evaluate(inputs.views.map(rotate), rotate(inputs.prototypes));
    for (const { value } of [swapped, rotated]) expectClose('value', [value], [first.value], 2e-6);
    expectClose('swapped', swapped.gradients[0], first.gradients[1], 1e-5 * largest(first.gradients[1]));
    const moved = first.gradients.map((g, i) => rotate(matrix(i === 2 ? 21 : 33, 8, g)).data);
    moved.forEach((g, i) => {
      expectClose(`rotated ${i}`, rotated.gradients[i], g, 1e-5 * largest(g));
    });
  });

  test.each([true, false])(
    '1,500 prototypes, 512 rows, software tiles %s: nothing of size N x K; twice the rows take twice the memory at most',
    async (software) => {
      using _ = tiles(software);
      const memory = async (n: number, k: number, d: number): Promise<number> => {
        const [z0, z1, c] = [n, n, k].map((rows, i) => onGpu(unit(rows, d, i), true));
        engine().resetPeakMemory();
        const before = engine().memory().bytes;
        const loss = swav([z0, z1], c);
        loss.backward();
        expect(await loss.item()).toBeGreaterThan(1);
        const extra = engine().memory().peakBytes - before;
        for (const tensor of [z0, z1, c, loss]) tensor.dispose();
        return extra;
      };
      const stored = await memory(256, 750, 64);
      expect(stored).toBeLessThan(4 * (16 + 8) * (256 + 750) * 64); // two matrices, and what is swept beside them
      const one = await memory(512, 1500, 16);
      expect(one).toBeLessThan(4 * 8 * (512 + 1500) * 16); // gradients included; N x K would be 24 times (N + K) D
      const [small, large] = [await memory(256, 300, 16), await memory(512, 300, 16)];
      expect(large).toBeLessThan(2 * small);
    },
    120_000,
  );
});

describe('sinkhornDivergence', () => {
  test('a cloud and itself: 0, and no gradient', async () => {
    for (const [n, d] of [
      [1, 3],
      [40, 2],
      [100, 20],
    ]) {
      const [x, y] = [0, 1].map(() => onGpu(normal(n, d, n), true));
      const loss = sinkhornDivergence(x, y, { epsilon: 0.5 * d });
      loss.backward();
      expect(Math.abs(await loss.item())).toBeLessThan(1e-6);
      for (const z of [x, y]) expect(largest(await (z.grad as Tensor).data())).toBeLessThan(4e-6 / n);
      for (const tensor of [x, y, loss]) tensor.dispose();
    }
  });

  test('near clouds: right to the last digits of the two terms that nearly cancel', async () => {
    for (const [n, d] of [
      [7, 64],
      [40, 16],
      [150, 10],
      [90, 100],
    ]) {
      const [a, noise] = [normal(n, d, n), normal(n, d, n + 1)];
      const b = matrix(
        n,
        d,
        a.data.map((v, t) => Math.fround(v + 0.05 * noise.data[t])),
      );
      const [x, y] = [a, b].map((m) => onGpu(m, true));
      const loss = sinkhornDivergence(x, y, { epsilon: 0.5 * d });
      loss.backward();
      const wanted = divergenceReference(a, b, 0.5 * d);
      expectClose('value', [await loss.item()], [wanted.value], 2e-6); // epsilon is up to 50, its last digit 3e-6
      for (const [i, z] of [x, y].entries())
        expectClose('gradient', await (z.grad as Tensor).data(), wanted.gradients[i].data, 4e-6 / n);
      for (const tensor of [x, y, loss]) tensor.dispose();
    }
  });

  test.each([true, false])('memory grows as the points, software tiles %s', async (software) => {
    using _ = tiles(software);
    const memory = async (n: number): Promise<number> => {
      const [x, y] = [0, 1].map((i) => onGpu(normal(n, 4, i), true));
      engine().resetPeakMemory();
      const before = engine().memory().bytes;
      const loss = sinkhornDivergence(x, y, { epsilon: 2, iterations: 1 });
      loss.backward();
      await loss.item();
      const extra = engine().memory().peakBytes - before;
      for (const tensor of [x, y, loss]) tensor.dispose();
      return extra;
    };
    const [one, two, four] = [await memory(200), await memory(400), await memory(800)];
    expect(two).toBeLessThan(2.2 * one);
    expect(four).toBeLessThan(2.2 * two);
    expect(four).toBeLessThan(4 * 800 * 200); // n x n would be 800 floats a row
  });
});
