import { describe, expect, test } from 'vitest';
import { dryRun } from '../../src/engine/dryRun.ts';
import type { Storage } from '../../src/gpu/buffers.ts';
import { barlowTwins, clusterLoss, covarianceTerm, type Tensor, varianceTerm, vicReg } from '../../src/index.ts';
import { values } from '../cases.ts';
import { expectClose, largest } from '../compare.ts';
import { normals } from '../engine.ts';
import type { LossResult } from '../reference/losses/result.ts';
import * as reference from '../reference/losses/secondOrder.ts';
import { type Matrix, matrix } from '../reference/matrix.ts';
import { watchedEngine } from '../watch.ts';

const engine = watchedEngine();

const barlow = (z0: Tensor, z1: Tensor): Tensor => barlowTwins(z0, z1);
const vic = (z0: Tensor, z1: Tensor): Tensor => vicReg(z0, z1);

const LOSSES = {
  barlowTwins: { run: barlow, exact: (z0: Matrix, z1: Matrix) => reference.barlowTwins(z0, z1) },
  vicReg: { run: vic, exact: (z0: Matrix, z1: Matrix) => reference.vicReg(z0, z1) },
};

const tensorOf = ({ rows, columns, data }: Matrix): Tensor =>
  engine().tensor(Float32Array.from(data), [rows, columns], { requiresGrad: true });

/** Normal numbers, feature k times scale(k). */
function batch(n: number, d: number, seed: number, scale: (k: number) => number = () => 1): Matrix {
  return matrix(
    n,
    d,
    normals(n * d, seed).map((x, t) => Math.fround(x * scale(t % d))),
  );
}

/** As good as random, and quick to make. */
function waves(n: number, d: number, phase: number): Matrix {
  return matrix(
    n,
    d,
    Float32Array.from({ length: n * d }, (_, t) => Math.sin(phase + ((0.37 * t * t) % 1000))),
  );
}

async function expectRight(
  what: string,
  run: (z0: Tensor, z1: Tensor) => Tensor,
  exact: (z0: Matrix, z1: Matrix) => LossResult,
  views: Matrix[],
): Promise<void> {
  const tensors = views.map(tensorOf);
  const loss = run(tensors[0], tensors[1]);
  loss.backward();
  const wanted = exact(views[0], views[1]);
  expectClose(`${what} value`, [await loss.item()], [wanted.value], 1e-5 * Math.max(Math.abs(wanted.value), 0.1));
  for (const [i, tensor] of tensors.entries()) {
    const { data } = wanted.gradients[i];
    expectClose(`${what} gradient ${i}`, await (tensor.grad as Tensor).data(), data, 1e-5 * largest(data));
  }
  for (const tensor of [...tensors, loss]) tensor.dispose();
}

describe('the dual form at D > N', () => {
  // Of the sum over all of C the diagonal of one such feature leaves 1 part in 2,500 (100) and in 250,000 (1,000).
  test.each([10, 100, 1000])('with one outlier feature, its deviation %d times the others', async (deviation) => {
    for (const [n, d] of [
      [32, 64],
      [20, 300],
      [100, 260],
    ]) {
      const views = [1, 2].map((seed) => batch(n, d, seed, (k) => (k === 7 ? deviation : 1)));
      const what = `[${n}, ${d}]:`;
      await expectRight(`vicReg ${what}`, vic, reference.vicReg, views);
      await expectRight(`covarianceTerm ${what}`, covarianceTerm, reference.covarianceTerm, [views[0]]);
      await expectRight(`barlowTwins ${what}`, barlow, LOSSES.barlowTwins.exact, views);
    }
  });

  test('with more outlier features than are kept apart, and deviations of all sizes', async () => {
    const [n, d] = [48, 200];
    for (const scale of [(k: number) => (k % 8 === 0 ? 100 : 1), (k: number) => 10 ** ((k % 9) - 4)]) {
      const views = [3, 4].map((seed) => batch(n, d, seed, scale));
      await expectRight('vicReg', vic, reference.vicReg, views);
      await expectRight('barlowTwins', barlow, LOSSES.barlowTwins.exact, views);
    }
  });

  test.each([
    [64, 96],
    [128, 200],
  ])('[%d, %d]: a Gram matrix that fills its tiles', async (n, d) => {
    const views = [7, 8].map((seed) => batch(n, d, seed));
    await expectRight('vicReg', vic, reference.vicReg, views);
    await expectRight('barlowTwins', barlow, LOSSES.barlowTwins.exact, views);
  });

  test.each([5, 20])(
    '%d rows, in several pieces of features',
    async (n) => {
      const views = [5, 6].map((seed) => batch(n, 1100, seed));
      await expectRight('vicReg', vic, reference.vicReg, views);
      await expectRight('barlowTwins', barlow, LOSSES.barlowTwins.exact, views);
    },
    60_000,
  );
});

describe.each(Object.entries(LOSSES))('%s', (_, { run, exact }) => {
  test('constant features', async () => {
    for (const [n, d] of [
      [20, 6],
      [6, 20],
    ]) {
      const views = [7, 8].map((seed) => batch(n, d, seed));
      for (const { data } of views) for (let i = 0; i < n; i++) data[i * d + 2] = Math.fround(0.1);
      await expectRight(`[${n}, ${d}]`, run, exact, views);
      await expectRight(
        `[${n}, ${d}], all`,
        run,
        exact,
        views.map(() => matrix(n, d, new Float64Array(n * d).fill(Math.fround(0.3)))),
      );
    }
  });

  test('means far above the deviations', async () => {
    for (const [n, d] of [
      [300, 12],
      [24, 90],
    ]) {
      const [a, b] = [9, 10].map((seed) => batch(n, d, seed));
      const far = [a, b].map(({ data }) =>
        matrix(
          n,
          d,
          data.map((x) => Math.fround(x + 1000)),
        ),
      );
      await expectRight(`[${n}, ${d}]`, run, exact, far);
    }
  });

  test('two rows', async () => {
    for (const d of [1, 2, 9, 40])
      await expectRight(
        `[2, ${d}]`,
        run,
        exact,
        [15, 16].map((seed) => batch(2, d, seed)),
      );
  });

  test('one view twice', async () => {
    const one = batch(9, 30, 11);
    const z = tensorOf(one);
    const loss = run(z, z);
    loss.backward();
    const { value, gradients } = exact(one, one);
    const both = gradients[0].data.map((g, t) => g + gradients[1].data[t]);
    expectClose('value', [await loss.item()], [value], 1e-5 * value);
    expectClose('gradient', await (z.grad as Tensor).data(), both, 1e-5 * largest(both));
    for (const tensor of [z, loss]) tensor.dispose();
  });

  /** Bytes beyond inputs and gradients at the peak, and the largest buffer that was asked for. */
  async function footprint(n: number, d: number): Promise<{ beyond: number; largest: number }> {
    const { pool } = engine().lowLevel;
    const tensors = [1, 2].map((phase) => tensorOf(waves(n, d, phase)));
    await engine().sync();
    const { bytes } = engine().memory();
    engine().resetPeakMemory();
    let top = 0;
    const acquire = pool.acquire.bind(pool);
    pool.acquire = (size: number, what: string): Storage => {
      top = Math.max(top, size);
      return acquire(size, what);
    };
    const loss = run(tensors[0], tensors[1]);
    loss.backward();
    pool.acquire = acquire;
    const value = await loss.item();
    expect(Number.isFinite(value)).toBe(true);
    const gradients = await Promise.all(tensors.map((tensor) => (tensor.grad as Tensor).data()));
    for (const gradient of gradients) expect(largest(gradient)).toBeGreaterThan(0);
    const beyond = engine().memory().peakBytes - bytes - 2 * 4 * n * d;
    for (const tensor of [...tensors, loss]) tensor.dispose();
    return { beyond, largest: top };
  }

  test('N = 128, D = 8192: no buffer as large as D x D', async () => {
    const [n, d] = [128, 8192];
    const { beyond, largest: top } = await footprint(n, d);
    expect(top).toBeLessThan((4 * d * d) / 16);
    expect(beyond).toBeLessThan(4 * 40 * n * n);
  }, 60_000);

  test('memory grows with N min(N, D): as N at N > D, as N^2 whatever D at N < D', async () => {
    const tall = await Promise.all([await footprint(1024, 64), await footprint(2048, 64)]);
    expect(tall[1].beyond / tall[0].beyond).toBeLessThan(2.2);
    const wide = await Promise.all([await footprint(64, 2048), await footprint(64, 4096)]);
    expect(wide[1].beyond / wide[0].beyond).toBeLessThan(1.5);
    const square = await footprint(128, 4096);
    expect(square.beyond / wide[1].beyond).toBeLessThan(4.4);
  });

  test('work grows with N^2 D at N < D, with N D^2 at N > D', () => {
    const work = (n: number, d: number): number => {
      let total = 0;
      const tensors = [1, 2].map((phase) => tensorOf(waves(n, d, phase)));
      dryRun(engine(), () => run(tensors[0], tensors[1]).backward(), {
        launch: (_, launch) => {
          total += launch.work;
        },
      });
      for (const tensor of tensors) tensor.dispose();
      return total;
    };
    // A multiply-add is one: 6 N D min(N, D) floating-point operations are 3, and 8 % goes to outliers.
    expect(work(512, 2048) / (2048 * 512 * 512)).toBeLessThan(4.5);
    expect(work(512, 2048) / work(512, 1024)).toBeLessThan(2.1);
    expect(work(2048, 256) / (2048 * 256 * 256)).toBeLessThan(4.5);
    expect(work(2048, 256) / work(1024, 256)).toBeLessThan(2.1);
  });
});

test('vicReg: of a feature whose deviation is above 1 the variance has no gradient, to the bit', async () => {
  for (const [n, d] of [
    [40, 8],
    [8, 40],
  ]) {
    const z = batch(n, d, 12, (k) => (k % 2 === 0 ? 5 : 0.1));
    const [z0, z1] = [tensorOf(z), tensorOf(z)];
    const loss = vicReg(z0, z1, { invariance: 0, covariance: 0 });
    const term = varianceTerm(z1);
    loss.backward();
    const gradient = await (z0.grad as Tensor).data();
    for (const k of [0, 2, 4, 6]) for (let i = 0; i < n; i++) expect(Math.abs(gradient[i * d + k])).toBe(0);
    expect(largest(gradient)).toBeGreaterThan(0);
    expectClose('both views', [await loss.item()], [25 * (await term.item())], 1e-5);
    for (const tensor of [z0, z1, loss, term]) tensor.dispose();
  }
});

test('clusterLoss: dead clusters, and clusters far away, leave it finite and right', async () => {
  const [n, k] = [30, 7];
  const views = [13, 14].map((seed) => {
    const z = batch(n, k, seed);
    for (let i = 0; i < n; i++) {
      z.data[i * k + 2] = -1000;
      z.data[i * k + 4] = -60;
    }
    return z;
  });
  const tensors = views.map(tensorOf);
  const loss = clusterLoss(tensors[0], tensors[1]);
  loss.backward();
  const wanted = reference.clusterLoss(views[0], views[1], 1);
  expectClose('value', [await loss.item()], [wanted.value], 1e-5 * wanted.value);
  for (const [v, tensor] of tensors.entries()) {
    const gradient = await (tensor.grad as Tensor).data();
    expectClose('gradient', gradient, wanted.gradients[v].data, 1e-5 * largest(wanted.gradients[v].data));
    for (let i = 0; i < n; i++) expect(Math.abs(gradient[i * k + 2])).toBe(0);
  }
  for (const tensor of [...tensors, loss]) tensor.dispose();
});

test('clusterLoss keeps to memory O(N K + K^2)', async () => {
  const peak = async (n: number, k: number): Promise<number> => {
    const tensors = [1, 2].map((seed) => tensorOf(matrix(n, k, values('normal', [n, k], seed).data)));
    await engine().sync();
    const { bytes } = engine().memory();
    engine().resetPeakMemory();
    const loss = clusterLoss(tensors[0], tensors[1]);
    loss.backward();
    await loss.item();
    const { peakBytes } = engine().memory();
    for (const tensor of [...tensors, loss]) tensor.dispose();
    return peakBytes - bytes;
  };
  const [n, k] = [512, 60];
  expect(await peak(n, k)).toBeLessThan(4 * (16 * n * k + 8 * k * k));
  expect((await peak(2 * n, k)) / (await peak(n, k))).toBeLessThan(2.1);
});
