import { beforeAll, expect, test } from 'vitest';
import { add, div, type Engine, exp, mul, neg, sum, type Tensor, transpose } from '../../src/index.ts';
import { softmaxColumns } from '../../src/ops/softmaxColumns.ts';
import { gradcheck } from '../../src/testing/index.ts';
import { normals, sharedEngine } from '../engine.ts';
import { expSums, ourExpSums, ownExp, rowSoftmax, scheduleOf, silu } from './rebuilt.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

const given = (seed: number, ...shape: number[]): Tensor =>
  engine.tensor(
    normals(
      shape.reduce((a, b) => a * b),
      seed,
    ),
    shape,
    { requiresGrad: true },
  );

/** fn(x), and its gradient where the loss is a sum with normal weights. */
async function both(fn: (x: Tensor) => Tensor, x: Tensor): Promise<{ y: Float32Array; dx: Float32Array }> {
  x.zeroGrad();
  const y = fn(x);
  sum(mul(y, engine.tensor(normals(y.size, 7), y.shape))).backward();
  return { y: await y.data(), dx: await (x.grad as Tensor).data() };
}

function expectClose(is: Float32Array, wanted: Float32Array, within: number): void {
  const largest = wanted.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
  is.forEach((value, i) => expect(Math.abs(value - wanted[i])).toBeLessThan(within * largest));
}

test('exp: the bits of ours; SiLU: those of ours composed, and its gradient', async () => {
  const x = given(1, 3, 1000);
  expect(await both(ownExp, x)).toEqual(await both(exp, x));
  const mine = await both(silu, x);
  const ours = await both((t) => div(t, add(exp(neg(t)), 1)), x);
  expect(mine.y).toEqual(ours.y);
  expectClose(mine.dx, ours.dx, 1e-6);
  await gradcheck(silu, [x]);
});

test('softmax of rows: the bits of ours, and of its gradient, and nearly so in workgroup memory', async () => {
  const x = given(2, 9, 70);
  const ours = await both((t) => transpose(softmaxColumns(engine, 'softmax', t)), x);
  const { tuning } = engine.explain(() => softmaxColumns(engine, 'softmax', x))[0];
  expect(await both(rowSoftmax(tuning), x)).toEqual(ours);
  const shared = await both(rowSoftmax({ LANES: 64 }), x);
  expectClose(shared.y, ours.y, 1e-6);
  expectClose(shared.dx, ours.dx, 1e-6);
});

test('a fused sum over pairs, in our tile: the bits of ours, and its gradient', async () => {
  const z = given(3, 76, 20);
  const mine = await both((t) => expSums(scheduleOf(engine, z))(t, 4), z);
  const ours = await both((t) => ourExpSums(t, 4), z);
  expect(mine.y).toEqual(ours.y);
  expectClose(mine.dx, ours.dx, 1e-6);
});
