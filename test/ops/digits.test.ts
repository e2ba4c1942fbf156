// Sums so long that one chain of f32 additions would lose digits: against what they are exactly, or in f64.
import { expect, test } from 'vitest';
import {
  batchNorm,
  conv2d,
  entropicOT,
  matmul,
  mean,
  normalize,
  similarity,
  sinkhornDivergence,
  sum,
  swav,
  type Tensor,
} from '../../src/index.ts';
import { values } from '../cases.ts';
import { distance, expectClose, largest } from '../compare.ts';
import * as losses from '../reference/losses/transport.ts';
import { type Matrix, matrix } from '../reference/matrix.ts';
import * as reference from '../reference/transport.ts';
import { watchedEngine } from '../watch.ts';

const engine = watchedEngine();

const TENTH = Math.fround(0.1);
const SQUARE = TENTH ** 2;

/** Numbers that are all 0.1, of that shape. */
const tenths = (...shape: number[]): Tensor =>
  engine().tensor(new Float32Array(shape.reduce((a, b) => a * b)).fill(TENTH), shape, { requiresGrad: true });

const normal = (n: number, d: number, seed: number): Matrix => matrix(n, d, values('normal', [n, d], seed).data);
const onGpu = ({ data, rows, columns }: Matrix): Tensor =>
  engine().tensor(Float32Array.from(data), [rows, columns], { requiresGrad: true });

/** Engines as a GPU has them: other tiles, other kernels. */
function asGpu<T>(gpu: boolean, fn: () => T): T {
  const info = engine().info as { software: boolean };
  const own = info.software;
  info.software = own && !gpu;
  try {
    return fn();
  } finally {
    info.software = own;
  }
}

const gradientOf = (x: Tensor, loss: Tensor): Tensor => {
  loss.backward();
  return x.grad as Tensor;
};

/** All numbers of the result are the same, and known. */
const EQUAL: Record<string, { run: () => Tensor; exact: number; most?: number }> = {
  ...Object.fromEntries(
    [1024, 16_385, 65_536].flatMap((k) => [
      [`matmul of ${k}`, { run: () => matmul(tenths(2, k), tenths(k, 5)), exact: k * SQUARE }],
      [`matmul of ${k}, transposed`, { run: () => matmul(tenths(k, 3), tenths(2, k), TRANSPOSED), exact: k * SQUARE }],
    ]),
  ),
  'matmul of 4,096, many rows': { run: () => matmul(tenths(65, 4096), tenths(4096, 9)), exact: 4096 * SQUARE },
  'its gradient over 130,000 rows': {
    run: () => {
      const weight = tenths(3, 2);
      return gradientOf(weight, sum(matmul(tenths(130_000, 3), weight)));
    },
    exact: 130_000 * TENTH,
    most: 4e-6,
  },
  'a mean of 2^20': { run: () => mean(tenths(2 ** 20)), exact: TENTH },
  'means along rows': { run: () => mean(tenths(65_536, 5), 0), exact: TENTH },
  'means of 1,100 columns': { run: () => mean(tenths(3000, 1100), 0), exact: TENTH },
  'sums along columns': { run: () => sum(tenths(3, 70_001), 1), exact: 70_001 * TENTH },
  products: { run: () => similarity(tenths(3, 20_000), tenths(2, 20_000), { metric: 'dot' }), exact: 20_000 * SQUARE },
  distances: {
    run: () => similarity(tenths(3, 20_000), zeros(2, 20_000), { metric: 'sqeuclidean' }),
    exact: 20_000 * SQUARE,
  },
  normalize: { run: () => normalize(tenths(3, 65_536)), exact: 1 / 256 },
  convolution: { run: () => conv2d(tenths(2, 600, 3, 3), tenths(5, 600, 3, 3)), exact: 9 * 600 * SQUARE },
  'gradient of its weights': {
    run: () => {
      const weight = tenths(5, 2, 3, 3);
      return gradientOf(weight, sum(conv2d(tenths(40, 2, 34, 34), weight)));
    },
    exact: 40 * 32 * 32 * TENTH,
  },
  'running means of batchNorm': {
    run: () => {
      const [weight, bias, runningMean, runningVariance] = [0, 1, 2, 3].map(() => engine().full([4], 0));
      batchNorm(tenths(130_000, 4), { weight, bias, runningMean, runningVariance }, { momentum: 1 });
      return runningMean;
    },
    exact: TENTH,
    most: 4e-6,
  },
};
const TRANSPOSED = { transposeA: true, transposeB: true };
const zeros = (n: number, d: number): Tensor => engine().tensor(new Float32Array(n * d), [n, d]);

test.each([false, true])('sums of equal numbers, as a GPU %s', async (gpu) => {
  for (const [name, { run, exact, most = 2e-6 }] of Object.entries(EQUAL)) {
    const out = engine().scope(() => asGpu(gpu, run));
    const got = await out.data();
    expectClose(name, got, new Float64Array(got.length).fill(exact), most * exact);
    out.dispose();
  }
});

test('swav over 130,000 rows: gradient of three prototypes', async () => {
  const [n, d] = [130_000, 3];
  const views = [1, 2].map((seed) => normal(n, d, seed));
  const prototypes = matrix(3, d, values('unit', [3, d], 3).data);
  const tensors = [...views, prototypes].map(onGpu);
  const loss = swav(tensors.slice(0, 2), tensors[2]);
  loss.backward();
  const wanted = losses.swav({ views, prototypes }, 0.1);
  expectClose('value', [await loss.item()], [wanted.value], 2e-6 * wanted.value);
  const [g, { data }] = [await (tensors[2].grad as Tensor).data(), wanted.gradients[2]];
  expectClose('prototypes', g, data, 2e-6 * largest(data));
  for (const tensor of [loss, ...tensors]) tensor.dispose();
}, 60_000);

test.each([false, true])('entropicOT of 20,000 points and three, as a GPU %s', async (gpu) => {
  const [a, b] = [normal(20_000, 3, 4), normal(3, 3, 5)];
  for (const [x, y] of [
    [a, b],
    [b, a],
  ]) {
    const [left, right] = [x, y].map(onGpu);
    const loss = engine().scope(() => asGpu(gpu, () => entropicOT(left, right, { epsilon: 2, iterations: 3 }).value));
    asGpu(gpu, () => loss.backward());
    const { value, plan } = reference.entropicOT(x, y, 2, { iterations: 3 });
    expectClose('value', [await loss.item()], [value], 2e-6 * value);
    const gradients = [matrix(x.rows, 3), matrix(y.rows, 3)];
    reference.addGradients(plan, x, y, 1, gradients[0], gradients[1]);
    for (const [i, points] of [left, right].entries()) {
      const off = distance(await (points.grad as Tensor).data(), gradients[i].data);
      expect(off).toBeLessThan(2e-6 * largest(gradients[i].data));
    }
    for (const tensor of [loss, left, right]) tensor.dispose();
  }
});

// What converges here does so in fewer launches than the default has.
const within = { iterations: 100, tolerance: 1e-6 };

// Potentials are small against epsilon, and marginal penalties small against both.
test.each([false, true])('epsilon up to 1,000 costs, rho down to epsilon / 1,000, as a GPU %s', async (gpu) => {
  const [a, b] = [normal(20, 3, 6), normal(33, 3, 7)];
  const [x, y] = [a, b].map(onGpu);
  for (const epsilon of [2, 15, 300, 3000]) {
    for (const kappa of [0, 0.3, 10, 1000]) {
      const penalty = kappa > 0 ? { rho: epsilon / kappa } : {};
      const solved = asGpu(gpu, () => entropicOT(x, y, { epsilon, iterations: 30, ...penalty }));
      const wanted = reference.entropicOT(a, b, epsilon, { iterations: 30, ...penalty });
      const at = `at epsilon ${epsilon}, epsilon / rho ${kappa}`;
      expectClose(`value ${at}`, [await solved.value.item()], [wanted.value], 2e-6 * Math.abs(wanted.value));
      expectClose(`f ${at}`, await solved.f.data(), wanted.f, 4e-6 * largest(wanted.f));
      expectClose(`g ${at}`, await solved.g.data(), wanted.g, 4e-6 * largest(wanted.g));
      const stopped = asGpu(gpu, () => entropicOT(x, y, { ...within, epsilon, ...penalty }));
      expect(await stopped.converged.item(), at).toBe(1);
      for (const tensor of [...Object.values(solved), ...Object.values(stopped)]) tensor.dispose();
    }
    const divergence = asGpu(gpu, () => sinkhornDivergence(x, y, { ...within, epsilon }));
    const { value } = losses.sinkhornDivergence(a, b, epsilon);
    expectClose(`divergence at ${epsilon}`, [await divergence.item()], [value], 5e-6 * Math.max(value, 0.1));
    divergence.dispose();
  }
  for (const tensor of [x, y]) tensor.dispose();
});
