import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Tensor } from '../../src/core/tensor.ts';
import { createEngine, type Engine } from '../../src/engine/engine.ts';
import { KernelError } from '../../src/gpu/errors.ts';
import { add, mul, normalize, ntXent, pairReduction, sum } from '../../src/index.ts';
import { sgd } from '../../src/optim/index.ts';
import { normals } from '../engine.ts';

// What fails on the GPU is known only after the calls that asked for it have returned. No number that was never computed
// may be read, however often it is asked for; everything else stays good.

let engine: Engine;
let checking: Engine;
beforeAll(async () => {
  engine = await createEngine({ tune: 'off' });
  checking = await createEngine({ tune: 'off', check: true });
});
afterAll(() => {
  engine.destroy();
  checking.destroy();
});

const REFUSED = /^the GPU refused a submit: .*destroyed[^\n]*$/;

/** A tensor whose memory went behind the engine's back: a submit that names it is refused. */
function gone(shape: readonly number[], on = engine): Tensor {
  const { gpu } = on.lowLevel;
  const buffer = gpu.createBuffer({ size: 4 * shape.reduce((a, b) => a * b, 1), usage: 128 | 4 | 8 });
  const tensor = on.fromBuffer(buffer, shape, { requiresGrad: true });
  buffer.destroy();
  return tensor;
}

const leaf = (values: number[], on = engine) => on.tensor(values, [values.length], { requiresGrad: true });

/** Each rejects with the same first cause, again and again. */
async function expectFailed(sentence: RegExp, ...tensors: Tensor[]): Promise<void> {
  const causes = new Set<unknown>();
  for (let round = 0; round < 2; round++)
    for (const tensor of tensors)
      causes.add(
        await tensor.data().then(
          (numbers) => `a number came: ${numbers[0]}`,
          (error: unknown) => error,
        ),
      );
  expect([...causes].map((cause) => (cause as Error).message ?? cause)).toEqual([expect.stringMatching(sentence)]);
}

describe('a refused submit', () => {
  test('fails all that it was to write, each time; what was there before and what comes after is right', async () => {
    const before = leaf([1, 2]);
    const old = add(before, 1);
    await engine.sync();
    const along = add(before, 10); // of the same submit, so it never ran either
    const lost = add(gone([2]), 1);
    const later = mul(lost, 2); // asked before the GPU has answered
    await expectFailed(REFUSED, lost, along, later);
    expect(() => add(along, 1)).toThrow(REFUSED);
    expect(() => sum(later).backward()).toThrow(REFUSED);
    expect([...(await old.data())]).toEqual([2, 3]);
    expect([...(await add(before, 10).data())]).toEqual([11, 12]);
    await engine.sync(); // the cause was said
    add(gone([2]), 1);
    await expect(engine.sync()).rejects.toThrow(REFUSED); // nobody was told of this one
    await engine.sync();
  });

  test('reaches through submits that were good', async () => {
    const lost = add(gone([2]), 1);
    engine.flush();
    const second = add(lost, 1);
    engine.flush();
    const third = add(second, 1);
    const apart = add(leaf([5]), 1);
    await expectFailed(REFUSED, third, second);
    expect(await apart.item()).toBe(6);
  });

  test('fails gradients and a step that was asked for before it was known, and refuses one after', async () => {
    const weights = leaf([1, 2]);
    const optimizer = sgd({ weights }, { learningRate: 0.1 });
    sum(mul(weights, gone([2]))).backward();
    await expectFailed(REFUSED, weights.grad as Tensor);
    expect(() => optimizer.step()).toThrow(REFUSED);
    expect(optimizer.steps).toBe(0);
    expect([...(await weights.data())]).toEqual([1, 2]);

    weights.zeroGrad();
    sum(mul(weights, gone([2]))).backward();
    optimizer.step();
    await expectFailed(REFUSED, weights);
    weights.write([3, 4]); // new numbers, whatever went before
    weights.zeroGrad();
    sum(mul(weights, 2)).backward();
    optimizer.step();
    expect([...(await weights.data())].map((value) => Number(value.toFixed(4)))).toEqual([2.8, 3.8]);
    await engine.sync();
  });

  test('is said before a gradient is added to, and where a buffer is asked for', async () => {
    const [a, b] = [leaf([1, 2]), leaf([3, 4])];
    sum(mul(a, gone([2]))).backward();
    await expectFailed(REFUSED, a.grad as Tensor);
    const loss = sum(mul(a, b)); // would add to both
    expect(() => loss.backward()).toThrow(REFUSED);
    expect(b.grad).toBeNull();
    expect(() => (a.grad as Tensor).buffer).toThrow(REFUSED);
    a.zeroGrad();
    loss.backward();
    expect([...(await (a.grad as Tensor).data())]).toEqual([3, 4]);
    await engine.sync();
  });

  test('keeps a step of several parameters whole: none is moved where one gradient fails', async () => {
    const [a, b] = [leaf([1, 2]), leaf([3, 4])];
    const optimizer = sgd({ a, b }, { learningRate: 0.1 });
    sum(mul(a, gone([2]))).backward();
    sum(mul(b, 2)).backward();
    optimizer.step(); // before the GPU has answered
    await expectFailed(REFUSED, b, a);
    await engine.sync();
  });

  test('of a recorded step ends with the next good one', async () => {
    const step = engine.recorded((x: Tensor) => add(mul(x, 2), 1));
    expect([...(await step(leaf([1, 2])).data())]).toEqual([3, 5]);
    const bad = step(gone([2]));
    engine.flush();
    const good = step(leaf([3, 4])); // in the same memory, asked before the answer
    expect([...(await good.data())]).toEqual([7, 9]);
    await expect(engine.sync()).rejects.toThrow(REFUSED); // of the call before
    await expectFailed(REFUSED, step(gone([2])));
    expect([...(await step(leaf([5, 6])).data())]).toEqual([11, 13]);
    bad.dispose();
    step.dispose();
    await engine.sync();
  });

  test('of what a plan closes over is said when it is encoded', async () => {
    const lost = add(gone([2]), 1);
    const plan = engine.plan({ x: [2] }, ({ x }) => ({ y: mul(x, lost) }));
    await expectFailed(REFUSED, lost);
    const encoder = engine.lowLevel.gpu.createCommandEncoder();
    const buffer = engine.tensor([1, 2]).storage.buffer;
    const other = engine.tensor([1, 2]).storage.buffer;
    expect(() => plan.encode(encoder, { x: buffer, y: other })).toThrow(REFUSED);
    plan.dispose();
    await engine.sync();
  });

  test('fails nobody else who waits at the same time', async () => {
    const [a, b] = [leaf([1]), gone([1])];
    const good = add(a, 1);
    engine.flush();
    const bad = add(b, 1);
    const settled = await Promise.allSettled([good.item(), bad.item(), good.item(), bad.item()]);
    expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected']);
  });
});

test('a buffer of another device fails what is computed from it', async () => {
  const buffer = checking.lowLevel.gpu.createBuffer({ size: 16, usage: 128 | 4 | 8 });
  const lost = add(engine.fromBuffer(buffer, [4]), 1);
  await expectFailed(/^the GPU refused a submit: .*cannot be used with/, lost);
  await engine.sync();
  buffer.destroy();
});

test('a second handle on the same memory knows what the first one does', async () => {
  const x = leaf([3, 4]);
  const alias = engine.fromBuffer(x.buffer, [2]);
  const loss = sum(mul(x, x));
  alias.write([100, 200]);
  expect(() => loss.backward()).toThrow(/^backward: a \[2\] of mul was overwritten by write\(\)/);

  const buffer = engine.lowLevel.gpu.createBuffer({ size: 512, usage: 128 | 4 | 8 });
  const whole = engine.fromBuffer(buffer, [128], { requiresGrad: true });
  const half = engine.fromBuffer(buffer, [64], { offset: 256 });
  const other = sum(mul(whole, whole));
  half.write(new Float32Array(64).fill(100));
  expect(() => other.backward()).toThrow(/^backward: a \[128\] of mul was overwritten by write\(\)/);

  const lost = add(gone([2]), 1);
  const copy = engine.fromBuffer(lost.buffer, [2]);
  await expectFailed(REFUSED, copy, lost);
  await engine.sync();
  buffer.destroy();
});

test('noGrad takes no function that goes on after it has returned', () => {
  expect(() => engine.noGrad(async () => 1)).toThrow(/^noGrad: fn returned a Promise, expected a synchronous function/);
});

test('a kernel that does not compile fails what it was to write, and says so each time', async () => {
  const z = engine.tensor(normals(12, 1), [4, 3]);
  const lost = pairReduction(z, undefined, { value: 'nonsense', derivative: '1.0', reduce: 'sum' });
  await expectFailed(/^pairReduction: value: .*nonsense/, lost, sum(lost));
  expect(await lost.data().catch((error: unknown) => error)).toBeInstanceOf(KernelError);
  expect(await sum(z).item()).toBeCloseTo(
    [...normals(12, 1)].reduce((a, b) => a + b, 0),
    4,
  );
  await engine.sync();
});

test('a recorded step or a plan of such a kernel says so each time', async () => {
  const wrong = (x: Tensor) => pairReduction(x, undefined, { value: 'worse', derivative: '1.0', reduce: 'sum' });
  const SENTENCE = /^pairReduction: value: .*worse/;
  const z = engine.tensor(normals(12, 1), [4, 3]);
  const step = engine.recorded(wrong);
  const lost = step(z);
  await expectFailed(SENTENCE, lost);
  for (let round = 0; round < 2; round++) expect(() => step(z)).toThrow(SENTENCE);
  const plan = engine.plan({ x: [4, 3] }, ({ x }) => ({ y: wrong(x) }));
  await engine.sync().catch(() => {});
  const encoder = engine.lowLevel.gpu.createCommandEncoder();
  const [x, y] = [0, 1].map(() => engine.lowLevel.gpu.createBuffer({ size: 64, usage: 128 }));
  for (let round = 0; round < 2; round++) expect(() => plan.encode(encoder, { x, y })).toThrow(SENTENCE);
  plan.dispose();
  step.dispose();
  await engine.sync().catch(() => {});
});

describe('with check: true', () => {
  const NAN = /^add: a\[1\] is not finite\.$/;

  test('a value that is not finite fails what was computed from it, not itself', async () => {
    const x = leaf([1, Number.NaN], checking);
    const fine = leaf([1, 2], checking);
    const lost = add(x, 1);
    const later = mul(lost, 2);
    const good = add(fine, 1);
    await expectFailed(NAN, lost, later);
    expect([...(await good.data())]).toEqual([2, 3]);
    expect([...(await x.data())]).toEqual([1, Number.NaN]);
    expect(() => add(later, 1)).toThrow(NAN);
    x.write([1, 2]);
    expect([...(await add(x, 1).data())]).toEqual([2, 3]);
    await checking.sync();
  });

  test('a row without a direction fails what was computed from it', async () => {
    const x = checking.tensor([0, 0, 3, 4], [2, 2], { requiresGrad: true });
    const DIRECTION = /^normalize: x\[0\] has length 0, so it has no direction\.$/;
    const lost = normalize(x);
    await expectFailed(DIRECTION, lost);
    const loss = ntXent(x, x.detach());
    await expectFailed(/^ntXent: z0\[0\] has length 0/, loss);
    expect([...(await x.data())]).toEqual([0, 0, 3, 4]);
    await checking.sync();
  });

  test('each replay of a recorded step has its own answer', async () => {
    const step = checking.recorded((x: Tensor) => add(x, 1));
    await step(leaf([1, 2], checking)).data();
    expect([...(await step(leaf([3, 4], checking)).data())]).toEqual([4, 5]);
    step(leaf([1, 2], checking));
    const lost = step(leaf([1, Number.NaN], checking));
    await expectFailed(NAN, lost);
    expect([...(await step(leaf([5, 6], checking)).data())]).toEqual([6, 7]);
    step.dispose();
    await checking.sync();
  });

  test('more questions than there are slots are answered all the same', async () => {
    const x = leaf([1, 2], checking);
    const bad = add(leaf([1, Number.POSITIVE_INFINITY], checking), 1);
    for (let i = 0; i < 1100; i++) add(x, 1).dispose();
    await expectFailed(NAN, bad);
    await checking.sync();
  });
});

describe('a tensor that is written between forward and backward', () => {
  const WRITERS: Record<string, (x: Tensor) => unknown> = {
    'write\\(\\)': (x) => x.write([9, 9]),
    sgd: (x) => {
      const optimizer = sgd({ x }, { learningRate: 1 });
      sum(x).backward();
      optimizer.step();
    },
  };

  test.each(Object.entries(WRITERS))('by %s is refused, with op and argument', (writer, write) => {
    const x = leaf([1, 2]);
    const loss = sum(mul(x, x));
    write(x);
    x.zeroGrad();
    expect(() => loss.backward()).toThrow(
      new RegExp(`^backward: a \\[2\\] of mul was overwritten by ${writer} after mul had read it, expected .*\\.$`),
    );
    expect(x.grad).toBeNull();
  });

  test('where the gradient does not need it is no matter, nor before the forward, nor by a function that only looks', async () => {
    const x = leaf([1, 2]);
    x.write([3, 4]);
    const loss = sum(add(x, 1));
    x.write([5, 6]);
    loss.backward();
    expect([...(await (x.grad as Tensor).data())]).toEqual([1, 1]);
    const optimizer = sgd({ x }, { learningRate: 1 });
    const square = sum(mul(x, x));
    engine.explain(() => optimizer.step());
    square.backward();
    expect([...(await (x.grad as Tensor).data())]).toEqual([11, 13]);
  });

  test('a live temperature too', () => {
    const [z0, z1] = [1, 2].map((seed) => engine.tensor(normals(12, seed), [4, 3], { requiresGrad: true }));
    const temperature = leaf([0.5]);
    const loss = ntXent(z0, z1, { temperature });
    temperature.write([0.05]);
    expect(() => loss.backward()).toThrow(/^backward: temperature \[1\] of ntXent was overwritten by write\(\)/);
  });

  test('a result of a recorded step, by its next call', () => {
    const step = engine.recorded((x: Tensor) => mul(x, 2));
    const weights = leaf([1, 2]);
    const loss = sum(mul(weights, step(leaf([1, 2]))));
    step(leaf([3, 4]));
    expect(() => loss.backward()).toThrow(/^backward: b \[2\] of mul was overwritten by a recorded step/);
    step.dispose();
  });
});
