import { expect, test } from 'vitest';
import { alignment, byol, infoNCE, protoNCE, type Tensor } from '../../src/index.ts';
import { values } from '../cases.ts';
import { expectClose, largest } from '../compare.ts';
import { normals } from '../engine.ts';
import { infoNCE as reference } from '../reference/losses/oneSided.ts';
import { matrix } from '../reference/matrix.ts';
import { watchedEngine, withBindingLimit } from '../watch.ts';

const engine = watchedEngine();

const random = (n: number, d: number, seed: number, requiresGrad = false): Tensor =>
  engine().tensor(normals(n * d, seed), [n, d], { requiresGrad });
const ones = (...shape: number[]): Tensor => engine().full(shape, 1);
const free = (...tensors: Tensor[]): void => {
  for (const tensor of tensors) tensor.dispose();
};

/** Bytes beyond the inputs while loss and gradient of n queries against a queue of k run. */
async function extraBytes(n: number, k: number, d: number, temperature: number): Promise<number> {
  const [query, key, queue] = [random(n, d, 1, true), random(n, d, 2), ones(k, d)];
  const before = engine().memory().bytes;
  engine().resetPeakMemory();
  const loss = infoNCE(query, key, { temperature, queue });
  loss.backward();
  expect(await loss.item()).toBeGreaterThan(0);
  const { peakBytes } = engine().memory();
  free(query, key, queue, loss);
  return peakBytes - before;
}

test.each([0.07, 0.01])(
  'memory is linear in rows, and does not grow with the queue, at temperature %d',
  async (tau) => {
    const base = await extraBytes(256, 2048, 64, tau);
    expect(base).toBeLessThan(4 * 64 * 8 * (256 + 2048)); // 8 D (N + K) floats
    expect(await extraBytes(512, 2048, 64, tau)).toBeLessThan(2.1 * base);
    expect(await extraBytes(256, 4096, 64, tau)).toBeLessThan(2.1 * base);
    // Past 65,536 rows a panel is as wide as it gets.
    const [long, longer] = [await extraBytes(4, 65_536, 8, tau), await extraBytes(4, 131_072, 8, tau)];
    expect(longer).toBe(long);
  },
);

test("MoCo's queue of 65,536 rows", async () => {
  const [n, k, d, tau] = [16, 65_536, 128, 0.07];
  const few = 2; // rows that the reference has time for
  const [query, key, queue] = [normals(n * d, 1), normals(n * d, 2), normals(k * d, 3)];
  const on = async (rows: number) => {
    const tensors = [
      engine().tensor(query.slice(0, rows * d), [rows, d], { requiresGrad: true }),
      engine().tensor(key.slice(0, rows * d), [rows, d]),
      engine().tensor(queue, [k, d]),
    ];
    const loss = infoNCE(tensors[0], tensors[1], { temperature: tau, queue: tensors[2] });
    loss.backward();
    const gradient = await (tensors[0].grad as Tensor).data();
    const value = await loss.item();
    free(...tensors, loss);
    return { value, gradient: gradient.slice(0, few * d) };
  };
  const exact = reference(
    matrix(few, d, query.slice(0, few * d)),
    matrix(few, d, key.slice(0, few * d)),
    tau,
    matrix(k, d, queue),
  ); // prettier-ignore
  const wanted = exact.gradients[0].data;
  const [some, all] = [await on(few), await on(n)];
  expectClose('value', [some.value], [exact.value], 1e-5 * exact.value);
  expectClose('gradient', some.gradient, wanted, 1e-5 * largest(wanted));
  const shared = all.gradient.map((x) => (x * n) / few); // a row's share of the mean
  expectClose('gradient among all', shared, wanted, 1e-5 * largest(wanted));
  expect(all.value).toBeCloseTo(some.value, 0);
});

test('a queue that cannot be bound at once', async () => {
  const run = async (): Promise<number[]> => {
    const [query, key, queue] = [random(20, 16, 1, true), random(20, 16, 2), random(3000, 16, 3)];
    const loss = infoNCE(query, key, { queue });
    loss.backward();
    const result = [await loss.item(), ...(await (query.grad as Tensor).data())];
    free(query, key, queue, loss);
    return result;
  };
  const whole = await run();
  const cut = await withBindingLimit(engine(), 2 ** 14, run); // the queue has 2^17.5 bytes
  expectClose('cut', cut, whole, 2e-6 * largest(whole));
});

test.each([0.5, 0.07, 0.01])(
  'all keys equal: log(K + 1); a queue of zeros: a closed form; temperature %d',
  async (tau) => {
    const [n, d] = [9, 5];
    for (const k of [1, 8, 700]) {
      const [query, key, equal, zeros] = [ones(n, d), ones(n, d), ones(k, d), engine().full([k, d], 0)];
      const forms: [Tensor, number][] = [
        [infoNCE(query, key, { temperature: tau, queue: equal }), Math.log(k + 1)],
        [infoNCE(query, key, { temperature: tau, queue: zeros }), Math.log1p(k * Math.exp(-1 / tau))],
        [infoNCE(zeros, zeros, { temperature: tau }), Math.log(k)],
      ];
      for (const [loss, wanted] of forms) {
        const rounding = (2 ** -24 * Math.LOG2E) / tau; // of the largest logit, in the unit of exp2
        expectClose(`K = ${k}`, [await loss.item()], [wanted], 1e-6 * Math.max(wanted, 0.1) + rounding);
        loss.dispose();
      }
      free(query, key, equal, zeros);
    }
  },
);

test('nothing is wanted of the query: no gradient is gathered, constants still get zeros', async () => {
  const [query, key, queue] = [random(300, 64, 1), random(300, 64, 2, true), random(200, 64, 3, true)];
  const loss = infoNCE(query, key, { queue });
  loss.backward();
  for (const { grad } of [key, queue]) expect((await (grad as Tensor).data()).every((x) => x === 0)).toBe(true);
  const before = engine().launches;
  free(engine().noGrad(() => infoNCE(query, key, { queue })));
  const bare = engine().launches - before;
  free(infoNCE(query, key, { queue }));
  free(query, key, queue, loss);
  const live = random(300, 64, 1, true);
  const again = random(200, 64, 3);
  const start = engine().launches;
  const wanted = infoNCE(live, live, { queue: again });
  expect(engine().launches - start).toBeGreaterThan(bare);
  free(live, again, wanted);
});

test('the query as its own key: the gradient is that of the query alone', async () => {
  const data = values('normal', [12, 6], 4).data;
  const query = engine().tensor(Float32Array.from(data), [12, 6], { requiresGrad: true });
  for (const [loss, wanted] of [
    [
      infoNCE(query, query, { temperature: 0.2 }),
      reference(matrix(12, 6, data), matrix(12, 6, data), 0.2).gradients[0].data,
    ],
    [byol(query, query), new Float64Array(72)],
  ] as const) {
    loss.backward();
    expectClose('gradient', await (query.grad as Tensor).data(), wanted, 1e-5 * largest(wanted) + 1e-12);
    query.zeroGrad();
    loss.dispose();
  }
  query.dispose();
});

test('protoNCE: other numbers for the clusters, the same loss', async () => {
  const [n, k, d] = [40, 12, 10];
  const [query, centroids] = [normals(n * d, 1), normals(k * d, 2)];
  const phi = Float32Array.from({ length: k }, (_, c) => 0.1 + 0.02 * c);
  const assignments = Int32Array.from({ length: n }, (_, i) => (i * i) % k);
  const run = async (to: (c: number) => number): Promise<number> => {
    const moved = new Float32Array(k * d);
    const movedPhi = new Float32Array(k);
    for (let c = 0; c < k; c++) {
      moved.set(centroids.subarray(c * d, (c + 1) * d), to(c) * d);
      movedPhi[to(c)] = phi[c];
    }
    const tensors = [
      engine().tensor(query, [n, d]),
      engine().tensor(moved, [k, d]),
      engine().tensor(movedPhi),
    ] as const;
    const loss = protoNCE(tensors[0], {
      centroids: tensors[1],
      concentrations: tensors[2],
      assignments: assignments.map(to),
    });
    const value = await loss.item();
    free(...tensors, loss);
    return value;
  };
  const before = await run((c) => c);
  expectClose('value', [await run((c) => (5 * c + 3) % k)], [before], 1e-6 * before);
});

test.each([0.5, 1, 1.5])(
  "alignment of a row with itself below the norm's floor: 0, and no gradient, at alpha = %d",
  async (alpha) => {
    for (const size of [1e-12, 1e-13, 1e-14, 1e-20]) {
      const x = engine().tensor(
        normals(20, 1).map((v) => size * v),
        [4, 5],
        { requiresGrad: true },
      );
      const loss = alignment(x, x, { alpha });
      loss.backward();
      expect(await loss.item()).toBe(0);
      expect(largest(await (x.grad as Tensor).data())).toBe(0);
      free(x, loss);
    }
  },
);
