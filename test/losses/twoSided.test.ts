import { describe, expect, test } from 'vitest';
import { clip, infoNCE, koLeo, type Metric, nearest, sigLip, type Tensor } from '../../src/index.ts';
import { type Values, values } from '../cases.ts';
import { expectClose, largest } from '../compare.ts';
import { infoNCE as oneSided } from '../reference/losses/oneSided.ts';
import * as reference from '../reference/losses/twoSided.ts';
import { dot, type Matrix, matrix, normalize, row } from '../reference/matrix.ts';
import { watchedEngine } from '../watch.ts';

const engine = watchedEngine();

function made(n: number, d: number, seed: number, kind: Values = 'normal'): Matrix {
  return matrix(n, d, values(kind, [n, d], seed).data);
}

function tensor({ rows, columns, data }: Matrix): Tensor {
  return engine().tensor(Float32Array.from(data), [rows, columns], { requiresGrad: true });
}

const gradient = (x: Tensor): Promise<Float32Array> => (x.grad as Tensor).data();

describe('clip', () => {
  test.each([
    [33, 20],
    [90, 7],
  ])('at the scale that CLIP is clamped to, a number or live, [%i, %i]', async (n, d) => {
    const [x, y] = [made(n, d, 1), made(n, d, 2)];
    const wanted = reference.clip(x, y, 100);
    for (const live of [false, true]) {
      using a = tensor(x);
      using b = tensor(y);
      using scale = engine().tensor([100], [1, 1], { requiresGrad: true });
      using loss = clip(a, b, { logitScale: live ? scale : 100 });
      loss.backward();
      expectClose('value', [await loss.item()], [wanted.value], 1e-5 * wanted.value);
      for (const [i, side] of [a, b].entries())
        expectClose(
          'gradient',
          await gradient(side),
          wanted.gradients[i].data,
          1e-5 * largest(wanted.gradients[i].data),
        );
      if (!live) continue;
      expect(scale.grad?.shape).toEqual([1, 1]);
      const slope = wanted.temperature ?? Number.NaN;
      expectClose('slope', await gradient(scale), [slope], 1e-5 * Math.abs(slope));
    }
  });

  test('each side has a direction of its own: slopes keep the digits of what tells rows apart', async () => {
    const [n, d] = [40, 32];
    const [x, y] = [3, 5].map((seed) => {
      const noise = made(n, d, seed).data;
      const shared = made(1, d, seed + 1).data;
      return matrix(
        n,
        d,
        Float32Array.from(noise, (v, i) => shared[i % d] + 0.01 * v),
      );
    });
    using a = tensor(x);
    using b = tensor(y);
    for (const [loss, wanted] of [
      [(t: Tensor) => clip(a, b, { logitScale: t }), reference.clip(x, y, 2)],
      [(t: Tensor) => infoNCE(a, b, { temperature: t }), oneSided(x, y, 2)],
    ] as const) {
      using live = engine().tensor([2], [1], { requiresGrad: true });
      using value = loss(live);
      value.backward();
      const slope = wanted.temperature ?? Number.NaN;
      expectClose('slope', await gradient(live), [slope], 5e-5 * Math.abs(slope)); // of products: 1e-3 and more
    }
  });

  test('of a set with itself: both sides get the same, and add up', async () => {
    const x = made(40, 9, 3);
    using a = tensor(x);
    using twin = tensor(x);
    using alone = clip(a, a);
    using other = twin.detach();
    using pair = clip(twin, other);
    alone.backward();
    pair.backward();
    expect(await alone.item()).toBe(await pair.item());
    const half = await gradient(twin);
    expectClose(
      'gradient',
      await gradient(a),
      half.map((g) => 2 * g),
      1e-5 * largest(half),
    );
  });

  test('by default at 1 / 0.07', async () => {
    const [x, y] = [made(12, 5, 1), made(12, 5, 2)];
    using a = tensor(x);
    using b = tensor(y);
    using loss = clip(a, b);
    expectClose('value', [await loss.item()], [reference.clip(x, y, 1 / 0.07).value], 1e-5);
  });
});

describe('sigLip', () => {
  test('a live scale and a live bias have their gradients', async () => {
    const [x, y] = [made(50, 12, 1), made(50, 12, 2)];
    for (const [t, bias] of [
      [10, -10],
      [3, 1.5],
      [60, -2],
    ] as const) {
      // prettier-ignore
      using a = tensor(x);
      using b = tensor(y);
      using logitScale = engine().tensor([t], [1], { requiresGrad: true });
      using shift = engine().tensor([bias], [1, 1], { requiresGrad: true });
      using loss = sigLip(a, b, { logitScale, bias: shift });
      loss.backward();
      const wanted = reference.sigLip(x, y, t, bias);
      expectClose('value', [await loss.item()], [wanted.value], 1e-5 * wanted.value);
      const slope = wanted.temperature ?? Number.NaN;
      expectClose('scale', await gradient(logitScale), [slope], 1e-5 * Math.abs(slope));
      expectClose('bias', await gradient(shift), [wanted.bias], 1e-5 * Math.abs(wanted.bias));
      expectClose('a', await gradient(a), wanted.gradients[0].data, 1e-5 * largest(wanted.gradients[0].data));
    }
  });

  test('the bias alone may be live', async () => {
    const [x, y] = [made(9, 4, 1), made(9, 4, 2)];
    const bias = engine().tensor([-10], [1], { requiresGrad: true });
    using a = engine().tensor(Float32Array.from(x.data), [9, 4]);
    using b = engine().tensor(Float32Array.from(y.data), [9, 4]);
    using loss = sigLip(a, b, { bias });
    loss.backward();
    const wanted = reference.sigLip(x, y, 10, -10).bias;
    expectClose('bias', await gradient(bias), [wanted], 1e-5 * Math.abs(wanted));
    bias.dispose();
  });
});

describe('koLeo', () => {
  test('duplicates count -log 1e-8, and have no gradient', async () => {
    using z = engine().tensor([3, 4, 3, 4, -4, 3], [3, 2], { requiresGrad: true });
    using loss = koLeo(z);
    loss.backward();
    expectClose('value', [await loss.item()], [(2 * -Math.log(1e-8) - Math.log(Math.SQRT2)) / 3], 1e-5);
    const [, , ...rest] = await gradient(z);
    expect(rest.slice(0, 2).map(Math.abs)).toEqual([0, 0]); // the third row's nearest is the first: the lower of two
    expect(rest.every(Number.isFinite)).toBe(true);
  });

  test.each([
    ['near-parallel', 120, 24],
    ['normal', 300, 2],
    ['x1e-20', 70, 30],
    ['zero row', 90, 17],
  ] as const)('%s rows keep their digits, [%i, %i]', async (kind, n, d) => {
    const x = made(n, d, 7, kind);
    using z = tensor(x);
    using loss = koLeo(z);
    loss.backward();
    const wanted = reference.koLeo(x);
    expectClose('value', [await loss.item()], [wanted.value], 1e-5 * Math.max(0.1, Math.abs(wanted.value)));
    expectClose('gradient', await gradient(z), wanted.gradients[0].data, 1e-5 * largest(wanted.gradients[0].data));
  });
});

describe('memory grows with N, not with N^2', () => {
  const runs: Record<string, (a: Tensor, b: Tensor) => Tensor | null> = {
    clip: (a, b) => clip(a, b),
    sigLip: (a, b) => sigLip(a, b),
    koLeo: (a) => koLeo(a),
    nearest: (a, b) => {
      for (const found of Object.values(nearest(a, b))) found.dispose();
      return null;
    },
  };
  test.each(Object.entries(runs))('%s', async (_, run) => {
    const d = 16;
    const peakOf = async (n: number): Promise<number> => {
      using a = tensor(made(n, d, 1));
      using b = tensor(made(n, d, 2));
      const before = engine().memory().bytes;
      engine().resetPeakMemory();
      const loss = run(a, b);
      loss?.backward();
      await engine().sync();
      const { peakBytes } = engine().memory();
      loss?.dispose();
      return peakBytes - before;
    };
    const [once, twice] = [await peakOf(1024), await peakOf(2048)];
    expect(twice).toBeLessThan(2.2 * once);
    expect(twice).toBeLessThan(2048 * 2048 * 4); // one float a pair would need that
  });
});

describe('nearest', () => {
  const score = (metric: Metric, a: Matrix, b: Matrix) => {
    const [x, y] = metric === 'cosine' ? [normalize(a).u, normalize(b).u] : [a, b];
    return (i: number, j: number): number => {
      const [u, v] = [row(x, i), row(y, j)];
      if (metric !== 'sqeuclidean') return dot(u, v);
      const apart = u.map((value, k) => value - v[k]);
      return dot(apart, apart);
    };
  };

  test.each([
    { metric: 'cosine', n: 70, m: 45, d: 12, k: 1 },
    { metric: 'dot', n: 33, m: 130, d: 5, k: 7 },
    { metric: 'sqeuclidean', n: 70, m: 61, d: 9, k: 1 },
    { metric: 'sqeuclidean', n: 40, m: 300, d: 3, k: 20 },
    { metric: 'cosine', n: 50, m: 50, d: 8, k: 1, exclude: 'self' },
    { metric: 'dot', n: 66, m: 66, d: 8, k: 65, exclude: 'self' },
  ] as const)('$k of $m rows for $n by $metric', async ({ metric, n, m, d, k, ...rest }) => {
    const alone = 'exclude' in rest;
    const x = made(n, d, 1);
    const y = alone ? x : made(m, d, 2);
    using a = tensor(x);
    using b = tensor(y);
    const found = nearest(a, alone ? undefined : b, { metric, k, ...rest });
    expect([found.indices.shape, found.indices.dtype, found.scores.shape]).toEqual([[n, k], 'i32', [n, k]]);
    const indices = await found.indices.data();
    const scores = await found.scores.data();
    const of = score(metric, x, y);
    const sign = metric === 'sqeuclidean' ? 1 : -1;
    for (let i = 0; i < n; i++) {
      const exact = Array.from({ length: m }, (_, j) => of(i, j));
      const others = exact.filter((_, j) => !alone || j !== i).sort((p, q) => sign * (p - q));
      const own = Array.from(indices.subarray(i * k, (i + 1) * k));
      expect(new Set(own).size).toBe(k);
      if (alone) expect(own).not.toContain(i);
      const top = largest(exact);
      expectClose(
        `row ${i}`,
        own.map((j) => exact[j]),
        others.slice(0, k),
        2e-6 * top,
      );
      expectClose(
        `row ${i} scores`,
        scores.subarray(i * k, (i + 1) * k),
        own.map((j) => exact[j]),
        2e-6 * top,
      );
    }
    found.indices.dispose();
    found.scores.dispose();
  });

  test('of equally near rows the lower number comes first', async () => {
    using a = engine().tensor([1, 0, 0, 2], [2, 2]);
    using b = engine().tensor(
      Array.from({ length: 100 }, (_, j) => (j % 2 ? [3, 0] : [0, 3])),
      [100, 2],
    );
    for (const [k, wanted] of [
      [1, [1, 0]],
      [3, [1, 3, 5, 0, 2, 4]],
    ] as const) {
      // prettier-ignore
      const { indices, scores } = nearest(a, b, { k, metric: 'dot' });
      expect(Array.from(await indices.data())).toEqual(wanted);
      indices.dispose();
      scores.dispose();
    }
  });
});
