import { beforeAll, describe, expect, test } from 'vitest';
import type { Tensor } from '../../src/core/tensor.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { mul } from '../../src/ops/arithmetic.ts';
import { sum } from '../../src/ops/sum.ts';
import { adamW } from '../../src/optim/adamW.ts';
import { firstNonFinite } from '../../src/optim/finite.ts';
import { lars } from '../../src/optim/lars.ts';
import type { Optimizer } from '../../src/optim/optimizer.ts';
import { cosineSchedule, momentumSchedule } from '../../src/optim/schedule.ts';
import { sgd } from '../../src/optim/sgd.ts';
import { normals, sharedEngine } from '../engine.ts';
import { expectNoneLeft, heldBuffers } from '../held.ts';
import { adamWStep, larsStep, sgdStep } from '../reference/training.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

const SHAPES = { weight: [7, 19], bias: [19] };
const STEPS = 8;

type Make = (parameters: Record<string, Tensor>) => Optimizer;
type Twin = (w: Float64Array, g: ArrayLike<number>, state: object, decays: boolean, learningRate?: number) => void;

const table: Record<string, { make: Make; twin: Twin }> = Object.fromEntries([
  ...[
    { learningRate: 0.1 },
    { learningRate: 0.1, weightDecay: 0.05 },
    { learningRate: 0.1, momentum: 0.9, weightDecay: 0.05 },
    { learningRate: 0.1, momentum: 0.9, nesterov: true },
  ].map((options) => {
    const twin: Twin = (w, g, state, decays, learningRate = options.learningRate) =>
      sgdStep(w, g, state, { ...options, learningRate, weightDecay: decays ? (options.weightDecay ?? 0) : 0 });
    return [
      `sgd ${JSON.stringify(options)}`,
      { make: (parameters: Record<string, Tensor>) => sgd(parameters, options), twin },
    ];
  }),
  ...[{}, { learningRate: 0.01, beta1: 0.8, beta2: 0.99, epsilon: 1e-6, weightDecay: 0.3 }].map((options) => {
    const twin: Twin = (w, g, state, decays, learningRate = options.learningRate ?? 1e-3) =>
      adamWStep(w, g, state, { ...options, learningRate, weightDecay: decays ? (options.weightDecay ?? 0.01) : 0 });
    return [
      `adamW ${JSON.stringify(options)}`,
      { make: (parameters: Record<string, Tensor>) => adamW(parameters, options), twin },
    ];
  }),
  ...[
    { learningRate: 2 },
    { learningRate: 2, rate: 'inside' as const },
    { learningRate: 0.5, momentum: 0.5, weightDecay: 0.3, trust: 0.02 },
    { learningRate: 0.01, trust: 0 },
  ].map((options) => {
    const twin: Twin = (w, g, state, adapts, learningRate = options.learningRate) =>
      larsStep(w, g, state, { ...options, learningRate, adapts });
    return [
      `lars ${JSON.stringify(options)}`,
      { make: (parameters: Record<string, Tensor>) => lars(parameters, options), twin },
    ];
  }),
]);

const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
const gradientAt = (name: string, step: number) => normals(size(SHAPES[name as 'bias']), 100 * step + name.length);

function parametersOf(values?: Record<string, Float32Array>): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(SHAPES).map(([name, shape], i) => [
      name,
      engine.tensor(values?.[name] ?? normals(size(shape), i), shape, { requiresGrad: true }),
    ]),
  );
}

/** Steps with fixed gradients, through the tape. */
function walk(parameters: Record<string, Tensor>, optimizer: Optimizer, from: number, to: number): void {
  for (let step = from; step < to; step++) {
    for (const [name, parameter] of Object.entries(parameters))
      engine.scope(() => sum(mul(parameter, engine.tensor(gradientAt(name, step), parameter.shape))).backward());
    optimizer.step();
    optimizer.zeroGrad();
  }
}

async function read(tensors: Record<string, Tensor>): Promise<Record<string, Float32Array>> {
  const list = Object.entries(tensors).map(async ([name, tensor]) => [name, await tensor.data()] as const);
  return Object.fromEntries(await Promise.all(list));
}

function free(...sets: Record<string, Tensor>[]): void {
  for (const set of sets) for (const tensor of Object.values(set)) tensor.dispose();
}

describe.each(Object.entries(table))('%s', (_, { make, twin }) => {
  test('moves as its twin in f64 does', async () => {
    const before = await heldBuffers(engine);
    const parameters = parametersOf();
    const optimizer = make(parameters);
    walk(parameters, optimizer, 0, STEPS);
    expect(optimizer.steps).toBe(STEPS);
    const got = await read(parameters);
    Object.entries(SHAPES).forEach(([name, shape], i) => {
      const w = Float64Array.from(normals(size(shape), i));
      const state = {};
      for (let step = 0; step < STEPS; step++) twin(w, gradientAt(name, step), state, shape.length > 1);
      w.forEach((value, at) => expect(Math.abs(got[name][at] - value)).toBeLessThan(1e-6 * (1 + Math.abs(value))));
    });
    optimizer.dispose();
    free(parameters);
    expectNoneLeft(engine, before);
  });

  test('goes on from a saved state to the same bits', async () => {
    const straight = parametersOf();
    const whole = make(straight);
    walk(straight, whole, 0, STEPS);

    const first = parametersOf();
    const half = make(first);
    walk(first, half, 0, 3);
    const values = await read(first);
    const saved = await read(half.state());
    const restored = Object.fromEntries(
      Object.entries(half.state()).map(([name, tensor]) => [name, engine.tensor(saved[name], [...tensor.shape])]),
    );
    const second = parametersOf(values);
    const rest = make(second);
    rest.load(restored, half.steps);
    walk(second, rest, 3, STEPS);
    expect(await read(second)).toEqual(await read(straight));
    for (const optimizer of [whole, half, rest]) optimizer.dispose();
    free(straight, first, second, restored);
  });
});

test('a step with a rate of its own uses that; a parameter without grad stays', async () => {
  const parameters = parametersOf();
  const optimizer = sgd(parameters, { learningRate: 1 });
  parameters.bias.grad = engine.tensor(gradientAt('bias', 0));
  optimizer.step(0.25);
  const got = await read(parameters);
  expect(got.weight).toEqual(normals(133, 0));
  expect(got.bias).toEqual(normals(19, 1).map((w, i) => w - 0.25 * gradientAt('bias', 0)[i]));
  optimizer.dispose();
  free(parameters);
});

test('lars: where the learning rate stands tells once it changes', async () => {
  const [inside, outside] = await Promise.all(
    (['inside', 'outside'] as const).map(async (rate) => {
      const parameters = parametersOf();
      const optimizer = lars(parameters, { learningRate: 1, rate });
      const state = {};
      const w = Float64Array.from(normals(133, 0));
      for (const [step, learningRate] of [2, 0.1, 0.3].entries()) {
        parameters.weight.grad = engine.tensor(gradientAt('weight', step), [7, 19]);
        optimizer.step(learningRate);
        optimizer.zeroGrad();
        larsStep(w, gradientAt('weight', step), state, { learningRate, rate });
      }
      const got = await parameters.weight.data();
      w.forEach((value, i) => expect(Math.abs(got[i] - value)).toBeLessThan(1e-6));
      optimizer.dispose();
      free(parameters);
      return got;
    }),
  );
  expect(Math.max(...inside.map((value, i) => Math.abs(value - outside[i])))).toBeGreaterThan(1e-4);
});

test('lars: parameters of zeros move by the plain gradient', async () => {
  const w = engine.tensor(new Float32Array(6), [2, 3], { requiresGrad: true });
  w.grad = engine.tensor([1, 2, 3, 4, 5, 6], [2, 3]);
  const optimizer = lars({ w }, { learningRate: 0.5 });
  optimizer.step();
  expect([...(await w.data())]).toEqual([-0.5, -1, -1.5, -2, -2.5, -3]);
  optimizer.dispose();
  w.dispose();
});

test('momentumSchedule rises to 1 in half a cosine', () => {
  const momentum = momentumSchedule({ start: 0.9, totalSteps: 10 });
  expect(momentum(0)).toBeCloseTo(0.9, 12);
  expect(momentum(5)).toBeCloseTo(0.95, 12);
  expect([10, 11].map(momentum)).toEqual([1, 1]);
});

test("adamW's first step is the learning rate, in the sign of the gradient", async () => {
  const w = engine.tensor([1, -2, 3], [3], { requiresGrad: true });
  w.grad = engine.tensor([1e-3, -50, 2e4]);
  const optimizer = adamW({ w }, { learningRate: 0.125 });
  optimizer.step();
  const got = await w.data();
  [0.875, -1.875, 2.875].forEach((value, i) => expect(got[i]).toBeCloseTo(value, 5));
  optimizer.dispose();
  w.dispose();
});

test('firstNonFinite names the first tensor that holds a NaN or an infinity, and where', async () => {
  const sound = { a: engine.tensor(normals(1000, 1)), b: engine.tensor([[3e38, -3e38]]), c: engine.tensor([1e-45, 0]) };
  expect(await firstNonFinite(engine, {})).toBeNull();
  expect(await firstNonFinite(engine, sound)).toBeNull();
  for (const bad of [NaN, Infinity, -Infinity]) {
    const values = normals(1000, 2);
    values[999] = values[517] = bad;
    const tensors = { ...sound, broken: engine.tensor(values, [10, 100]), later: engine.tensor([bad]) };
    expect(await firstNonFinite(engine, tensors)).toEqual({ name: 'broken', index: 517 });
    free({ broken: tensors.broken, later: tensors.later });
  }
  free(sound);
});

test('cosineSchedule rises in a line and falls in half a cosine', () => {
  const rate = cosineSchedule({ peak: 2, warmupSteps: 4, totalSteps: 12, final: 1 });
  expect([0, 1, 2, 3, 4].map(rate)).toEqual([0.5, 1, 1.5, 2, 2]);
  expect(rate(8)).toBeCloseTo(1.5, 12);
  expect([12, 13, 1000].map(rate)).toEqual([1, 1, 1]);
  expect(cosineSchedule({ peak: 1, warmupSteps: 0, totalSteps: 2 })(1)).toBeCloseTo(0.5, 12);
});

test('what is wrong is said in a sentence', () => {
  const w = engine.tensor([1], [1], { requiresGrad: true });
  const still = engine.tensor([1]);
  const made = mul(w, 2);
  const optimizer = adamW({ w });
  const cases: [() => unknown, string][] = [
    [() => sgd({ w }, {} as never), 'sgd: learningRate is missing, expected a finite number, 0 or above.'],
    [() => sgd({ w }, { learningRate: -1 }), 'sgd: learningRate = -1, expected a finite number, 0 or above.'],
    [() => sgd({ w }, { learningRate: 1, momentum: 1 }), 'sgd: momentum = 1, expected a number in [0, 1).'],
    [() => sgd({ w }, { learningRate: 1, nesterov: true }), 'sgd: momentum = 0, expected it above 0 with nesterov.'],
    [() => sgd({ still }, { learningRate: 1 }), 'sgd: parameters.still has requiresGrad = false, expected true.'],
    [() => adamW({ made }), 'adamW: parameters.made is the result of mul, expected a tensor that no op made.'],
    [() => adamW({}), 'adamW: parameters are empty, expected at least one named Tensor.'],
    [
      () => adamW({ w }, { learningrate: 1 } as never),
      'adamW: unknown option "learningrate"; did you mean "learningRate"?',
    ],
    [() => lars({ w }, {} as never), 'lars: learningRate is missing, expected a finite number, 0 or above.'],
    [() => lars({ w }, { learningRate: 1, rate: 'in' as never }), 'lars: rate = "in", expected "inside" or "outside".'],
    [() => momentumSchedule({ start: 2, totalSteps: 1 }), 'momentumSchedule: start = 2, expected a number in [0, 1].'],
    [() => optimizer.load({}, 1), 'adamW: state lacks "w.first", expected that of the same parameters.'],
    [
      () => cosineSchedule({ peak: 1, warmupSteps: 5, totalSteps: 5 }),
      'cosineSchedule: totalSteps = 5, expected more than the 5 of the warm-up.',
    ],
  ];
  for (const [run, sentence] of cases) expect(run).toThrow(sentence);
  optimizer.dispose();
  free({ w, still, made });
});
