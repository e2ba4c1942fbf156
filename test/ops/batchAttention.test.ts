import { describe, expect, test } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import {
  type BatchAttentionOptions,
  type BatchAttentionParameters,
  batchAttention,
  mul,
  sum,
  Tensor,
} from '../../src/index.ts';
import { batchAttentionLayer, batchAttentionParameters } from '../../src/nn/index.ts';
import { attention } from '../../src/ops/attention.ts';
import { expectClose, expectSame, largest } from '../compare.ts';
import { normals } from '../engine.ts';
import * as reference from '../reference/batchAttention.ts';
import { folded, oneGroupASubmit, watchedEngine, withPoison } from '../watch.ts';

const engine = watchedEngine();

/** Every tensor of the parameters by its name. */
function named(parameters: object, prefix = ''): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(parameters).flatMap(([name, value]) =>
      value instanceof Tensor ? [[prefix + name, value]] : Object.entries(named(value, `${prefix}${name}.`)),
    ),
  );
}

/** Parameters that are nobody's defaults. */
function makeParameters(channels: number, reduction: number, seed = 3): BatchAttentionParameters {
  const parameters = batchAttentionParameters(engine(), channels, { reduction, seed });
  Object.entries(named(parameters)).forEach(([name, tensor], i) => {
    const noise = normals(tensor.size, 100 * seed + i);
    if (/norm\.(weight|runningVariance)$/.test(name)) tensor.write(noise.map((x) => 1 + 0.3 * Math.tanh(x)));
    if (/norm\.(bias|runningMean)$/.test(name)) tensor.write(noise.map((x) => 0.3 * x));
  });
  return parameters;
}

async function weightsOf(parameters: object): Promise<reference.Weights> {
  const entries = Object.entries(named(parameters)).map(async ([name, tensor]) => [
    name,
    Float64Array.from(await tensor.data()),
  ]);
  return Object.fromEntries(await Promise.all(entries));
}

interface Case {
  readonly extents: reference.Extents;
  readonly options: BatchAttentionOptions;
}

const CASES: Case[] = (
  [
    [3, 4, 3, 3, 2], // two samples would leave the channels' batch norm a gradient of roundings: each is +-1
    [5, 6, 4, 5, 3],
    [3, 9, 7, 1, 4],
    [7, 5, 1, 1, 1],
    [3, 2, 13, 5, 1],
  ] as const
).map(([n, channels, height, width, reduced], i) => ({
  extents: { n, channels, height, width, reduced },
  options: {
    rescale: i % 2 === 0 ? ('none' as const) : ('N' as const),
    pool: i % 4 < 2 ? ('max-then-mean' as const) : ('pool-then-max' as const),
  },
}));

interface Outcome {
  readonly y: Float32Array;
  readonly gradients: Record<string, Float32Array>;
}

async function evaluate(
  { extents, options }: Case,
  x: Float32Array,
  parameters: BatchAttentionParameters,
  dy: Float32Array,
) {
  const { n, channels, height, width } = extents;
  const shape = [n, channels, height, width];
  const input = engine().tensor(x, shape, { requiresGrad: true });
  const [y, loss] = engine().scope(() => {
    const result = batchAttention(input, parameters, options);
    return [result, sum(mul(result, engine().tensor(dy, shape)))];
  });
  loss.backward();
  const all = { x: input, ...named(parameters) };
  const gradients: Outcome['gradients'] = {};
  for (const [name, tensor] of Object.entries(all)) {
    if (tensor.grad) gradients[name] = await tensor.grad.data();
    tensor.zeroGrad();
  }
  const outcome: Outcome = { y: await y.data(), gradients };
  for (const tensor of [input, y, loss]) tensor.dispose();
  return outcome;
}

function dispose(parameters: object): void {
  for (const tensor of Object.values(named(parameters))) tensor.dispose();
}

function reductionOf({ channels, reduced }: reference.Extents): number {
  return channels / reduced;
}

async function expectRight(one: Case, how: reference.How, seed: number): Promise<void> {
  const { extents } = one;
  const parameters = makeParameters(extents.channels, reductionOf(extents), seed);
  const weights = await weightsOf(parameters);
  const size = extents.n * extents.channels * extents.height * extents.width;
  const [x, dy] = [normals(size, seed), normals(size, seed + 50)];
  const outcome = await evaluate(one, x, parameters, dy);
  const exact = Float64Array.from(x);
  const what = `${JSON.stringify(one)}:`;
  const { y } = reference.batchAttention(exact, weights, extents, how);
  expectClose(`${what} y`, outcome.y, y, 1e-5 * largest(y));
  const loss = (): number =>
    reference.batchAttention(exact, weights, extents, how).y.reduce((total, value, t) => total + value * dy[t], 0);
  for (const [name, gradient] of Object.entries(outcome.gradients)) {
    const wanted = reference.differences(name === 'x' ? exact : weights[name], loss);
    // Where the exact gradient is zero, roundings of the terms that cancel are left.
    expectClose(`${what} d ${name}`, gradient, wanted, 1e-5 * Math.max(largest(wanted), 0.05 * largest(dy)));
  }
  const learns = Object.keys(named(parameters)).filter((name) => !/running/.test(name));
  expect(Object.keys(outcome.gradients).sort()).toEqual(['x', ...learns].sort());
  dispose(parameters);
}

describe('batchAttention', () => {
  test.each(CASES.map((one) => [JSON.stringify(one), one] as const))('training, against f64: %s', async (_, one) => {
    await expectRight(one, one.options as reference.How, one.extents.n);
  });

  test.each([
    [{ rescale: 'none', inference: 'batch' }, 'batch'],
    [{ rescale: 'N', inference: 'batch' }, 'batch'],
    [
      { rescale: 'none', inference: 'running' },
      { level: 0, count: 1 },
    ],
    [
      { rescale: 'N', inference: 'running', pool: 'pool-then-max' },
      { level: 0, count: 1 },
    ],
  ] as const)('evaluation, against f64: %o', async (given, running) => {
    const options = { pool: 'max-then-mean' as const, ...given };
    await expectRight({ extents: CASES[1].extents, options }, { ...options, running }, 9);
  });

  test('the running level and count follow the training batches; evaluation uses them', async () => {
    const { extents } = CASES[1];
    const parameters = makeParameters(extents.channels, reductionOf(extents));
    const size = extents.n * extents.channels * extents.height * extents.width;
    let level = 0;
    for (const seed of [1, 2, 3]) {
      const x = normals(size, seed);
      const { drawn } = reference.batchAttention(
        Float64Array.from(x),
        await weightsOf(parameters),
        extents,
        CASES[0].options as reference.How,
      );
      level += 0.1 * (Math.log(drawn.reduce((total, a) => total + Math.exp(a), 0) / extents.n) - level);
      await evaluate({ extents, options: {} }, x, parameters, x);
    }
    expectClose('level', await parameters.runningLevel.data(), [level], 1e-6);
    expect(await parameters.runningCount.item()).toBe(extents.n);

    // By itself or among others, a sample comes out the same.
    const x = normals(size, 4);
    const together = await evaluate({ extents, options: { inference: 'running' } }, x, parameters, x);
    const single = { ...extents, n: 1 };
    const first = x.slice(0, size / extents.n);
    const apart = await evaluate({ extents: single, options: { inference: 'running' } }, first, parameters, first);
    expectClose('alone', apart.y, together.y.slice(0, first.length), 1e-6 * largest(apart.y));
    const wanted = reference.batchAttention(Float64Array.from(x), await weightsOf(parameters), extents, {
      rescale: 'none',
      pool: 'max-then-mean',
      running: { level, count: extents.n },
    });
    expectClose('running', together.y, wanted.y, 1e-5 * largest(wanted.y));
    const uniform = await evaluate({ extents, options: { inference: 'uniform' } }, x, parameters, x);
    expectClose(
      'uniform',
      uniform.y,
      x.map((value) => value / extents.n),
      1e-7 * largest(x),
    );
    const plain = await evaluate({ extents, options: { inference: 'uniform', rescale: 'N' } }, x, parameters, x);
    expect(plain.y).toEqual(x);
    dispose(parameters);
  });

  test('one sample has weight 1, and its branches get a zero gradient', async () => {
    const extents = { n: 1, channels: 4, height: 3, width: 2, reduced: 2 };
    const parameters = makeParameters(4, 2);
    const [x, dy] = [normals(24, 1), normals(24, 2)];
    const { y, gradients } = await evaluate({ extents, options: {} }, x, parameters, dy);
    expect(y).toEqual(x);
    expect(gradients.x).toEqual(dy);
    for (const [name, gradient] of Object.entries(gradients)) if (name !== 'x') expect(largest(gradient), name).toBe(0);
    expect(Object.keys(gradients)).toHaveLength(13);
    dispose(parameters);
  });

  test('the same bits again, group by group, folded, from memory full of NaN, and in pieces', async () => {
    const one = CASES[1];
    const size = 5 * 6 * 20;
    const parameters = makeParameters(6, 2);
    const run = () =>
      evaluate({ ...one, options: { inference: 'batch' } }, normals(size, 1), parameters, normals(size, 2));
    const first = await run();
    expectSame('again', await run(), first);
    expectSame('group by group', await oneGroupASubmit(engine(), run), first);
    expectSame('folded', await folded(engine(), run), first);
    expectSame('from poisoned memory', await withPoison(engine(), run), first);
    dispose(parameters);
  });

  test('a layer: every tensor has a name, and training moves the running ones', async () => {
    const layer = batchAttentionLayer(engine(), createRandom(1), 8, { reduction: 4, rescale: 'N' });
    expect(Object.keys(layer.parameters)).toHaveLength(12);
    expect(Object.keys(layer.buffers)).toHaveLength(6);
    const x = engine().tensor(normals(3 * 8 * 4, 1), [3, 8, 2, 2]);
    const before = await layer.buffers['local.norm.runningMean'].data();
    layer.forward(x, false).dispose();
    expect(await layer.buffers['local.norm.runningMean'].data()).toEqual(before);
    layer.forward(x, true).dispose();
    expect(await layer.buffers['local.norm.runningMean'].data()).not.toEqual(before);
    expect(await layer.buffers.runningCount.item()).toBe(3);
    for (const tensor of [x, ...Object.values({ ...layer.parameters, ...layer.buffers })]) tensor.dispose();
  });
});

describe('attention', () => {
  const SIZES = [
    [2, 3, 5, 7],
    [7, 1, 2, 2],
    [1, 4, 1, 130],
    [2, 3, 2, 70],
    [2, 2, 3, 1],
  ] as const;

  async function run([n, e, c, p]: readonly [number, number, number, number]) {
    const inputs = [e, e, c].map((rows, i) =>
      engine().tensor(normals(n * rows * p, i + 1), [n, rows, p], { requiresGrad: true }),
    );
    const dy = normals(n * c * p, 9);
    const [y, loss] = engine().scope(() => {
      const result = attention(inputs[0], inputs[1], inputs[2]);
      return [result, sum(mul(result, engine().tensor(dy, [n, c, p])))];
    });
    loss.backward();
    const [value, ...gradients] = await Promise.all([y, ...inputs.map((x) => x.grad as Tensor)].map((x) => x.data()));
    for (const tensor of [...inputs, y, loss]) tensor.dispose();
    return { value, gradients };
  }

  test.each(SIZES)('of %d samples, embedding %d, %d channels, %d positions, against f64', async (...size) => {
    const [n, e, c, p] = size;
    const exact = [e, e, c].map((rows, i) => Float64Array.from(normals(n * rows * p, i + 1)));
    const dy = normals(n * c * p, 9);
    const forward = (): Float64Array => reference.attention(exact[0], exact[1], exact[2], n, p);
    const { value, gradients } = await run(size);
    expectClose('y', value, forward(), 2e-6 * largest(forward()));
    const wanted = reference.attentionGradients(exact, dy, n, p);
    exact.forEach((data, i) => {
      expectClose(`gradient ${i}`, gradients[i], wanted[i], 1e-5 * largest(wanted[i]) + 1e-6);
      if (p > 10) return; // as many positions take the differences seconds
      const numeric = reference.differences(data, () => forward().reduce((total, y, t) => total + y * dy[t], 0));
      expectClose(`the reference's ${i}`, wanted[i], numeric, 1e-8);
    });
  });

  test('memory grows with the positions, not with their square', async () => {
    const used: number[] = [];
    for (const p of [512, 1024]) {
      const x = engine().tensor(normals(4 * p, 1), [1, 4, p]);
      const before = engine().memory().bytes;
      engine().resetPeakMemory();
      attention(x, x, x).dispose();
      used.push(engine().memory().peakBytes - before);
      x.dispose();
      await engine().sync();
    }
    expect(used[1] / used[0]).toBeLessThan(2.3);
    expect(used[1]).toBeLessThan(2 * 4 * 1024 * 64);
  });
});
