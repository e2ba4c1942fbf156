import { expect, test } from 'vitest';
import { knn } from '../../src/eval/knn.ts';
import type { Tensor } from '../../src/index.ts';
import * as gramian from '../../src/index.ts';
import { movingAverage } from '../../src/methods/movingAverage.ts';
import * as nn from '../../src/nn/index.ts';
import { lars } from '../../src/optim/lars.ts';
import { EXPRESSED } from '../losses/table.ts';
import { watchedEngine } from '../watch.ts';
import { NO_NUMBERS, NON_FINITE, ofLosses } from './nonFinite.table.ts';
import { testNonFinite } from './nonFinite.ts';

// A diverged run must not look healthy: whatever is not finite in an input makes the result so, on every adapter.
const engine = watchedEngine();
// The others stand where their kernels are compiled anyway: losses/expressed.test.ts.
const elsewhere = new Set(ofLosses(EXPRESSED).map(({ name }) => name));
const HERE = NON_FINITE.filter(({ name }) => !elsewhere.has(name));

testNonFinite(engine, HERE);

test('what is not finite shows in the result of every export', () => {
  const covered = new Set(NON_FINITE.map(({ name }) => name.split(/[, ]/)[0]));
  const exported = [...Object.keys(gramian), ...Object.keys(nn)];
  expect(exported.filter((name) => !covered.has(name) && !NO_NUMBERS.includes(name))).toEqual([]);
});

// Where infinite numbers mean something, they mean what IEEE 754 and PyTorch say.
const { exp, log, logSumExp, maxPool2d, normalize, relu, reshape, similarityLogSumExp, sqrt, sum } = gramian;
const rows = (x: Tensor): Tensor => reshape(x, [x.size / 2, 2]);
const exact: Record<string, [run: (x: Tensor) => Tensor, x: number[], y: number[], dx?: number[]]> = {
  log: [
    log,
    [0, -0, -1, NaN, Infinity, -Infinity, 1, 1e-40],
    [-Infinity, -Infinity, NaN, NaN, Infinity, NaN, 0, -92.1034],
  ],
  exp: [exp, [-Infinity, Infinity, NaN, 0, 89, -200], [0, Infinity, NaN, 1, Infinity, 0]],
  sqrt: [sqrt, [-1, NaN, Infinity, 0, 4], [NaN, NaN, Infinity, 0, 2]],
  relu: [relu, [NaN, -Infinity, Infinity, -1, 2], [NaN, 0, Infinity, 0, 2], [1, 0, 1, 0, 1]],
  maxPool2d: [
    (x) => maxPool2d(reshape(x, [2, 1, 2, 2]), 2),
    [1, NaN, 3, -Infinity, -Infinity, -Infinity, -Infinity, -Infinity],
    [NaN, -Infinity],
    [0, 1, 0, 0, 1, 0, 0, 0],
  ],
  'normalize, row by row': [(x) => normalize(rows(x)), [3, 4, NaN, 1, 0, 2], [0.6, 0.8, NaN, NaN, 0, 1]],
  ...Object.fromEntries(
    [0, 1].map((axis) => [
      `logSumExp, axis ${axis}`,
      [
        (x: Tensor) => logSumExp(axis === 1 ? rows(x) : gramian.transpose(rows(x)), axis),
        [-Infinity, -Infinity, -Infinity, 3, Infinity, 1, Infinity, Infinity, NaN, Infinity, NaN, NaN, -1e38, -1e38],
        [-Infinity, 3, Infinity, Infinity, NaN, NaN, -1e38],
      ],
    ]),
  ),
  'similarityLogSumExp, masked': [
    (x) => similarityLogSumExp(rows(x), undefined, { metric: 'dot' }),
    [-Infinity, 0, 1, 0],
    [Infinity, 1], // of the products Infinity and -Infinity; of -Infinity, which weighs nothing, and 1
  ],
};

test.each(Object.entries(exact))('%s of infinities', async (_, [run, given, wanted, slopes]) => {
  const x = engine().tensor(given, [given.length], { requiresGrad: true });
  const [y, total] = engine().scope(() => {
    const result = run(x);
    return [result, sum(result)];
  });
  total.backward();
  const got = [...(await y.data())];
  got.forEach((value, i) => {
    if (Math.abs(wanted[i]) < 1e6) expect(value, `${i}`).toBeCloseTo(wanted[i], 4);
    else expect(value, `${i}`).toBe(Math.fround(wanted[i]));
  });
  if (slopes) expect([...(await (x.grad as Tensor).data())]).toEqual(slopes);
  for (const tensor of [x, y, total]) tensor.dispose();
});

test('running moments and moving averages at their ends: all new, or all old', async () => {
  for (const momentum of [0, 1]) {
    const [weight, bias, runningMean, runningVariance] = [1, 0, 1e8, 3e8].map((v) => engine().tensor([v]));
    const x = engine().tensor([1, 2, 3, 4], [4, 1]);
    gramian.batchNorm(x, { weight, bias, runningMean, runningVariance }, { momentum }).dispose();
    const moments = [await runningMean.item(), await runningVariance.item()];
    expect(moments).toEqual(momentum === 1 ? [2.5, Math.fround(5 / 3)] : [1e8, 3e8]);
    for (const tensor of [weight, bias, runningMean, runningVariance, x]) tensor.dispose();

    const of = (numbers: number[]) => ({ ...nn.flatten(), parameters: { w: engine().tensor(numbers) } });
    const [online, average] = [of([0.1, -3e7, 7]), of([1e8, 0.3, 1e-30])];
    const before = [...(await average.parameters.w.data())];
    const follows = movingAverage(engine(), online, average, { momentum, start: 'own' });
    follows.update({ step: 0, epochSteps: 1, totalSteps: 1 });
    expect([...(await average.parameters.w.data())]).toEqual(
      momentum === 1 ? before : [...(await online.parameters.w.data())],
    );
    for (const tensor of [online.parameters.w, average.parameters.w, follows.buffers.rate]) tensor.dispose();
  }
});

test('a row of NaN has no class, and as a neighbour none is believed', async () => {
  const labels = Int32Array.of(5, 5, 7, 7);
  for (const [at, wanted] of [
    [null, [5, 5, 7, 7]],
    [6, [5, 5, 7, -1]],
  ] as const) {
    const numbers = [1, 0.1, 1, 0, 0, 1, 0.1, 1];
    const train = engine().tensor(numbers, [4, 2]);
    const test = engine().tensor(at === null ? numbers : numbers.with(at, NaN), [4, 2]);
    const rest = { trainLabels: labels, testLabels: labels, k: 2 };
    expect([...(await knn({ train, test, ...rest })).predictions]).toEqual(wanted);
    if (at !== null) expect((await knn({ train: test, test: train, ...rest })).accuracy).toBe(0);
    for (const tensor of [train, test]) tensor.dispose();
  }
});

test("a NaN in a layer's gradient is in all that LARS makes of it, whose step has the gradient's norm", async () => {
  const w = engine().tensor([[1, 2, 3]], [1, 3], { requiresGrad: true });
  w.grad = engine().tensor([[1, NaN, 1]]);
  const optimizer = lars({ w }, { learningRate: 1 });
  optimizer.step();
  expect([...(await w.data())]).toEqual([NaN, NaN, NaN]);
  optimizer.dispose();
  w.dispose();
});
