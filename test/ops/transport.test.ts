import { describe, expect, test } from 'vitest';
import { type EntropicOTOptions, entropicOT, sinkhorn, type Tensor } from '../../src/index.ts';
import { distance, expectClose, expectSame, largest } from '../compare.ts';
import { type Matrix, matrix, row } from '../reference/matrix.ts';
import * as reference from '../reference/transport.ts';
import { add, marginal, normal, transportOn } from '../transport.ts';
import { oneGroupASubmit, watchedEngine, withBindingLimit, withPoison } from '../watch.ts';

const engine = watchedEngine();
const { onGpu, read } = transportOn(engine);

describe('sinkhorn', () => {
  const codes = async (scores: Matrix, options?: { epsilon?: number; iterations?: number }): Promise<Float32Array> =>
    (await read(() => [sinkhorn(onGpu(scores), options)]))[0];

  test.each([
    [1, 1, 0.05, 3, 1],
    [6, 5, 0.05, 3, 1],
    [3, 129, 0.5, 1, 1],
    [129, 65, 0.05, 3, 1],
    [100, 300, 0.01, 3, 1],
    [70, 300, 0.05, 3, 1],
    [257, 33, 0.05, 20, 1],
    [130, 68, 0.05, 3, 1],
    [70, 64, 0.05, 3, 1e3],
    [70, 65, 0.05, 3, 1e3], // unnormalised scores: exponents of 20,000
    [65, 70, 0.01, 30, 1e3],
    [300, 2, 1, 3, 1e-3],
  ])('[%d, %d], epsilon %d, %d iterations, scores x%d', async (n, k, epsilon, iterations, size) => {
    const s = normal(n, k, n + k);
    const scores = matrix(
      n,
      k,
      s.data.map((x) => Math.fround(Math.max(-1, Math.min(1, x)) * size)),
    );
    const got = await codes(scores, { epsilon, iterations });
    expectClose('codes', got, reference.sinkhorn(scores, epsilon, iterations).data, 2e-6);
    expectClose('row sums', marginal(matrix(n, k, got)), new Float64Array(n).fill(1), 2e-6);
  });

  test('scores far below zero, whose powers would all be 0', async () => {
    const low = normal(40, 64, 4);
    const scores = matrix(
      40,
      64,
      low.data.map((x) => Math.fround(Math.fround(x) - 20)),
    );
    expectClose('codes', await codes(scores, { epsilon: 0.1 }), reference.sinkhorn(scores, 0.1, 3).data, 2e-6);
  });

  test('a constant on all scores of a prototype leaves the codes', async () => {
    const s = normal(50, 20, 1);
    const moved = matrix(
      50,
      20,
      s.data.map((x, t) => x + ((t % 20) - 7) / 4),
    );
    expectClose('codes', await codes(moved, { epsilon: 0.5 }), await codes(s, { epsilon: 0.5 }), 2e-6);
  });

  test('the error of the column sums never rises', async () => {
    const s = normal(90, 40, 2);
    let before = Number.POSITIVE_INFINITY;
    for (const iterations of [1, 2, 3, 5, 8, 13, 30]) {
      const got = await codes(s, { epsilon: 0.1, iterations });
      const sums = Float64Array.from({ length: 40 }, (_, k) => add(got.filter((_, t) => t % 40 === k)));
      const error = add(sums.map((sum) => Math.abs(sum - 90 / 40))) / 90;
      expect(error).toBeLessThanOrEqual(before + 1e-6);
      before = error;
    }
    expect(before).toBeLessThan(0.05);
  });

  test('the same bits again, group by group, from memory full of NaN; close to them in pieces', async () => {
    const s = normal(259, 33, 3);
    const first = await codes(s);
    expectSame('again', await codes(s), first);
    expectSame('group by group', await oneGroupASubmit(engine(), () => codes(s)), first);
    expectSame('from poisoned memory', await withPoison(engine(), () => codes(s)), first);
    const pieces = await withBindingLimit(engine(), 2 ** 14, () => codes(s));
    expect(distance(pieces, first)).toBeLessThan(1e-6);
  });

  test('is a constant, and takes O(N + K) beside scores and result', async () => {
    const beside = async (n: number, k: number): Promise<number> => {
      const scores = engine().tensor(new Float32Array(n * k), [n, k], { requiresGrad: true });
      engine().resetPeakMemory();
      const before = engine().memory().bytes;
      const got = sinkhorn(scores);
      expect(got.requiresGrad).toBe(false);
      const extra = engine().memory().peakBytes - before - 4 * n * k;
      got.dispose();
      scores.dispose();
      return extra;
    };
    for (const [n, k] of [
      [1024, 256],
      [2048, 512],
      [4096, 1024],
    ])
      expect(await beside(n, k)).toBeLessThan(4 * 80 * (n + k));
  });
});

describe('entropicOT', () => {
  const solve = async (x: Matrix, y: Matrix, options: EntropicOTOptions) => {
    const list = await read(() => {
      const { value, f, g, marginalError, converged, iterations } = entropicOT(onGpu(x), onGpu(y), options);
      return [value, f, g, marginalError, converged, iterations];
    });
    const [value, f, g, [error], [converged], [iterations]] = list;
    return { value: value[0], f, g, error, converged, iterations };
  };

  test.each([1, 2, 7])('%d iterations are exactly so many pairs', async (iterations) => {
    for (const rho of [undefined, 2]) {
      const [x, y] = [normal(37, 3, 1), normal(50, 3, 2)];
      const got = await solve(x, y, { epsilon: 0.7, iterations, ...(rho ? { rho } : {}) });
      const wanted = reference.entropicOT(x, y, 0.7, { iterations, rho });
      expectClose('f', got.f, wanted.f, 2e-6);
      expectClose('g', got.g, wanted.g, 2e-6);
      expectClose('value', [got.value], [wanted.value], 1e-5 * Math.max(0.1, Math.abs(wanted.value)));
      expectClose('marginal error', [got.error], [wanted.marginalError], 1e-5);
      expect(got.iterations).toBe(iterations);
    }
  });

  test('potentials below 0, of a point that all are nearer to, with a marginal penalty', async () => {
    const x = matrix(4, 1, [-5, 5, 5.5, 6]);
    const y = matrix(4, 1, [-5, -5.5, -6, -4.5]);
    const rho = 10;
    const got = await solve(x, y, { epsilon: 0.5, iterations: 20, rho });
    const wanted = reference.entropicOT(x, y, 0.5, { iterations: 20, rho });
    expect(Math.min(...wanted.f)).toBeLessThan(-rho / 10);
    expectClose('value', [got.value], [wanted.value], 1e-5 * Math.abs(wanted.value));
  });

  test('a marginal penalty keeps its digits where little of it is left: f64 of the potentials that come back', async () => {
    const [x, y] = [matrix(1, 1, [0]), matrix(1, 1, [2])];
    const [cost] = reference.entropicOT(x, y, 1, { iterations: 1 }).f;
    // f = t rho. From 1 / 16 on it goes by exp, whose last digit is 1 / t as large in 1 - exp(-t).
    for (const [t, budget] of [
      [1e-4, 4e-7],
      [0.03, 4e-7],
      [0.0624, 4e-7],
      [0.0626, 4e-6],
      [0.5, 1e-6],
    ]) {
      const rho = cost / t - 1;
      const { f, g, value } = await solve(x, y, { epsilon: 1, iterations: 1, rho });
      expect(f[0] / rho / t).toBeCloseTo(1, 4);
      const wanted = -rho * Math.expm1(-f[0] / rho) - (rho + 1) * Math.expm1(-g[0] / rho);
      expectClose(`value at ${t}`, [value], [wanted], budget * wanted);
    }
  });

  test('costs that are kept and costs computed anew give the same, and no more than 16 MiB are kept', async () => {
    for (const [n, m, d, rho] of [
      [90, 61, 5, undefined],
      [50, 130, 12, 8],
    ] as const) {
      const [x, y] = [normal(n, d, n), normal(m, d, m)];
      const options = { epsilon: 0.5 * d, iterations: 5, ...(rho ? { rho } : {}) };
      const kept = await solve(x, y, options);
      const anew = await withBindingLimit(engine(), 20_480, () => solve(x, y, options));
      expectClose('f', kept.f, anew.f, 2e-6 * d);
      expectClose('g', kept.g, anew.g, 2e-6 * d);
      expectClose('error', [kept.error], [anew.error], 1e-6);
    }
    const [x, y] = [0, 1].map((i) => onGpu(normal(2400, 4, i)));
    engine().resetPeakMemory();
    const before = engine().memory().bytes;
    await read(() => [entropicOT(x, y, { epsilon: 2, iterations: 1 }).value]);
    expect(engine().memory().peakBytes - before).toBeLessThan(4 * 2400 * 400); // the costs would be 2,400 floats a row
    for (const tensor of [x, y]) tensor.dispose();
  });

  // Software adapters keep powers of the costs up to 40 of two, or 20 with a marginal penalty; beyond, the costs themselves.
  test.each([
    [41, 30, 3, undefined],
    [30, 66, 5, 4],
    [23, 20, 2, undefined],
  ] as const)('[%d, %d, %d], rho %s: right on both sides of the range of powers', async (n, m, d, rho) => {
    const [a, b] = [normal(n, d, n), normal(m, d, m)];
    let most = 0;
    for (let i = 0; i < n; i++)
      for (let j = 0; j < m; j++) most = Math.max(most, add(row(a, i).map((v, t) => (v - row(b, j)[t]) ** 2 / 2)));
    for (const powers of [10, 19, 21, 39, 41, 100]) {
      const epsilon = most / (powers * Math.LN2);
      const [x, y] = [a, b].map((points) => onGpu(points, true));
      const penalty = rho ? { rho: rho * epsilon } : {};
      for (const stop of [{ iterations: 30 }, { iterations: 200, tolerance: 1e-6 }]) {
        const loss = engine().scope(() => entropicOT(x, y, { epsilon, ...stop, ...penalty }).value);
        loss.backward();
        const wanted = reference.entropicOT(a, b, epsilon, {
          ...('tolerance' in stop ? {} : stop),
          ...penalty,
        });
        expectClose(`value at ${powers}`, [await loss.item()], [wanted.value], 1e-5 * Math.abs(wanted.value));
        const gradients = [matrix(n, d), matrix(m, d)];
        reference.addGradients(wanted.plan, a, b, 1, gradients[0], gradients[1]);
        for (const [i, points] of [x, y].entries()) {
          const got = await (points.grad as Tensor).data();
          expectClose(`gradient at ${powers}`, got, gradients[i].data, 1e-5 * largest(gradients[i].data));
          points.zeroGrad();
        }
        loss.dispose();
      }
      for (const points of [x, y]) points.dispose();
    }
  });

  test('what is kept for the gradient goes with it', async () => {
    const [x, y] = [0, 1].map((i) => onGpu(normal(300, 4, i), true));
    const before = engine().memory().bytes;
    const loss = engine().scope(() => entropicOT(x, y, { epsilon: 2, iterations: 2 }).value);
    expect(engine().memory().bytes - before).toBeGreaterThan(4 * 300 * 300);
    loss.backward();
    expect(engine().memory().bytes - before).toBeLessThan(4 * 300 * 20);
    for (const tensor of [x, y, loss]) tensor.dispose();
  });

  test('says whether it has converged', async () => {
    const [x, y] = [normal(40, 2, 3), normal(40, 2, 4)];
    const done = await solve(x, y, { epsilon: 0.5 });
    expect(done.converged).toBe(1);
    expect(done.error).toBeLessThan(1e-6);
    expect(done.iterations).toBeGreaterThan(3);
    expect(done.iterations).toBeLessThan(100);
    const short = await solve(x, y, { epsilon: 0.5, iterations: 3, tolerance: 1e-6 });
    expect([short.converged, short.iterations]).toEqual([0, 3]);
    const rough = await solve(x, y, { epsilon: 0.5, tolerance: 0.1 });
    expect(rough.iterations).toBeLessThan(done.iterations);
    expect(rough.converged).toBe(1);
  });

  test('the L1 error of the marginals never rises', async () => {
    const [x, y] = [normal(60, 2, 5), normal(45, 2, 6)];
    let before = Number.POSITIVE_INFINITY;
    for (const iterations of [1, 2, 3, 4, 6, 10, 20, 60]) {
      const { error } = await solve(x, y, { epsilon: 0.1, iterations });
      expect(error).toBeLessThanOrEqual(before + 1e-6);
      before = error;
    }
  });

  test('costs of hundreds of epsilon stay finite and right', async () => {
    const [x, y] = [normal(30, 3, 7), normal(20, 3, 8)];
    const got = await solve(x, y, { epsilon: 0.05 });
    const wanted = reference.entropicOT(x, y, 0.05);
    expectClose('value', [got.value], [wanted.value], 1e-5 * wanted.value);
    const far = matrix(
      20,
      3,
      y.data.map((v) => Math.fround(v + 1000)),
    );
    const wide = await solve(x, far, { epsilon: 0.5, iterations: 50 });
    expect(wide.value).toBeGreaterThan(1.4e6);
    expect(wide.value).toBeLessThan(1.6e6);
  });
});
