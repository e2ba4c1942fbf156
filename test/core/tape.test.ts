import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Tensor } from '../../src/core/tensor.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { ntXent } from '../../src/losses/ntXent.ts';
import { add, mul } from '../../src/ops/arithmetic.ts';
import { neg } from '../../src/ops/unary.ts';
import { normals, sharedEngine } from '../engine.ts';
import { expectNoneLeft, heldBuffers, heldMemory } from '../held.ts';
import { once } from '../tier.ts';

// The shared engine, whose buffers these tests count: what they drop is collected before the next file has it.
let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});
afterAll(() => heldBuffers(engine));

function pair(n: number, d: number): [Tensor, Tensor] {
  const make = (seed: number) => engine.tensor(normals(n * d, seed), [n, d], { requiresGrad: true });
  return [make(1), make(2)];
}

describe('scope', () => {
  test('frees what was made, keeps what is returned', async () => {
    const before = await heldBuffers(engine);
    const made: Tensor[] = [];
    const { list, outer } = engine.scope(() => {
      const a = engine.tensor([1, 2]);
      const b = add(a, 1);
      made.push(a, b);
      return { list: [mul(b, 2)], outer: { deep: neg(a) } };
    });
    expect(made.map((tensor) => tensor.disposed)).toEqual([true, true]);
    expect([...(await list[0].data()), ...(await outer.deep.data())]).toEqual([4, 6, -1, -2]);
    list[0].dispose();
    outer.deep.dispose();
    expectNoneLeft(engine, before);
  });

  test('nested: what the inner one returns belongs to the outer one', () => {
    const made: Tensor[] = [];
    engine.scope(() => {
      const returned = engine.scope(() => {
        const inner = engine.tensor([1]);
        made.push(inner, add(inner, 1));
        return made[1];
      });
      expect(returned).toBe(made[1]);
      expect(made.map((tensor) => tensor.disposed)).toEqual([true, false]);
    });
    expect(made[1].disposed).toBe(true);
  });

  test('gradients of tensors made outside stay', async () => {
    const [z0, z1] = pair(5, 3);
    const before = await heldBuffers(engine);
    engine.scope(() => ntXent(z0, z1).backward());
    expect(engine.memory().buffers).toBe(before + 2);
    expect((await z0.grad!.data()).some((value) => value !== 0)).toBe(true);
    for (const z of [z0, z1]) z.dispose();
    expect(engine.memory().buffers).toBe(before - 2);
  });

  test('a returned gradient outlives the leaf that it was made for', async () => {
    const [z0, z1] = pair(5, 3);
    ntXent(z0, z1).backward();
    const before = await heldBuffers(engine);
    const grad = engine.scope(() => {
      const [a, b] = pair(5, 3);
      ntXent(a, b).backward();
      return a.grad!;
    });
    expect(await grad.data()).toEqual(await z0.grad!.data());
    grad.dispose();
    expectNoneLeft(engine, before);
    for (const z of [z0, z1]) z.dispose();
  });

  test('a returned loss can still be walked', async () => {
    const [z0, z1] = pair(5, 3);
    const before = await heldBuffers(engine);
    const loss = engine.scope(() => ntXent(add(z0, 0), mul(z1, 1)));
    loss.backward();
    loss.dispose();
    const wanted = await z0.grad!.data();
    z0.zeroGrad();
    z1.zeroGrad();
    const direct = ntXent(z0, z1);
    direct.backward();
    expect(wanted).toEqual(await z0.grad!.data());
    direct.dispose();
    expect(engine.memory().buffers).toBe(before + 2);
    for (const z of [z0, z1]) z.dispose();
  });

  test('what it throws frees too, and the next scope is sound', async () => {
    const before = await heldBuffers(engine);
    const fails = () =>
      engine.scope(() => {
        engine.tensor([1]);
        engine.scope(() => {
          engine.tensor([1]);
          throw new Error('mine');
        });
      });
    expect(fails).toThrow('mine');
    expectNoneLeft(engine, before);
    const outside = engine.tensor([1]);
    expect(outside.owner).toBeNull();
    outside.dispose();
  });

  test('refuses a Promise, whose own failure then stays quiet', async () => {
    const unhandled: unknown[] = [];
    const listen = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', listen);
    const before = await heldBuffers(engine);
    const waits = () =>
      engine.scope(async () => {
        const a = engine.tensor([1]);
        await Promise.resolve();
        return a.data(); // disposed by now
      });
    expect(waits).toThrow(/^scope: fn returned a Promise, expected a synchronous function; /);
    expectNoneLeft(engine, before);
    await new Promise((resolve) => setTimeout(resolve, 20));
    process.off('unhandledRejection', listen);
    expect(unhandled).toEqual([]);
  });
});

describe('the tape', () => {
  const leaf = (values: number[]): Tensor => engine.tensor(values, [values.length], { requiresGrad: true });

  test('noGrad keeps no tape, and ends with an exception too', () => {
    const x = leaf([2]);
    const y = engine.noGrad(() => mul(x, x));
    expect([y.requiresGrad, y.node]).toEqual([false, null]);
    expect(() => y.backward()).toThrow(/^backward: loss has no tape/);
    const fails = () =>
      engine.noGrad(() => {
        throw new Error('mine');
      });
    expect(fails).toThrow('mine');
    const z = mul(x, x);
    expect(z.requiresGrad).toBe(true);
    for (const tensor of [x, y, z]) tensor.dispose();
  });

  test('a tensor used twice, by one op and by several, gets the sum', async () => {
    const x = leaf([3]);
    const square = mul(x, x);
    const y = add(mul(square, x), add(square, x)); // x^3 + x^2 + x
    y.backward();
    expect(await x.grad!.item()).toBe(3 * 9 + 2 * 3 + 1);
    const again = mul(x, 5);
    again.backward(); // adds to it
    expect(await x.grad!.item()).toBe(34 + 5);
    x.zeroGrad();
    expect(x.grad).toBeNull();
    for (const tensor of [x, square, y, again]) tensor.dispose();
  });

  test('backward twice is refused, also through a shared part', () => {
    const x = leaf([3]);
    const shared = mul(x, x);
    const [a, b] = [mul(shared, 2), mul(shared, 3)];
    a.backward();
    expect(() => a.backward()).toThrow(/^backward: loss was already walked, expected one backward\(\)/);
    expect(() => b.backward()).toThrow(/^backward: mul was already walked by another backward\(\)/);
    for (const tensor of [x, shared, a, b]) tensor.dispose();
  });

  test('values that a gradient needs outlive their tensor', async () => {
    const before = await heldBuffers(engine);
    const x = leaf([3]);
    const y = mul(x, x);
    const z = mul(y, y); // needs y
    y.dispose();
    z.backward();
    expect(await x.grad!.item()).toBe(4 * 27);
    for (const tensor of [x, z]) tensor.dispose();
    expectNoneLeft(engine, before);
  });

  test('a leaf disposed before backward gets nothing, the others get theirs', async () => {
    const before = await heldBuffers(engine);
    const [x, w] = [leaf([3]), leaf([5])];
    const y = mul(x, w);
    x.dispose();
    y.backward();
    expect(x.grad).toBeNull();
    expect(await w.grad!.item()).toBe(3);
    for (const tensor of [w, y]) tensor.dispose();
    expectNoneLeft(engine, before);
  });

  test('a loss dropped without backward frees what was saved for it', async () => {
    const [z0, z1] = pair(9, 4);
    const before = await heldMemory(engine);
    const loss = ntXent(add(z0, 0), add(z1, 0));
    expect(engine.memory().buffers).toBeGreaterThan(before.buffers + 3);
    loss.dispose();
    // The two sums were never disposed: only they are left.
    expect(engine.memory().buffers).toBe(before.buffers + 2);
    for (const z of [z0, z1]) z.dispose();
  });

  test('backward frees what was saved, step by step', async () => {
    const [z0, z1] = pair(9, 4);
    const before = await heldBuffers(engine);
    const loss = ntXent(z0, z1);
    loss.backward();
    expect(engine.memory().buffers).toBe(before + 3); // the loss and two gradients
    for (const tensor of [loss, z0, z1]) tensor.dispose();
  });

  once('a chain of 20,000 ops does not overflow the stack, walked or dropped', async () => {
    const before = await heldBuffers(engine);
    const x = leaf([1]);
    const chain = (): Tensor => {
      let y = add(x, 0);
      for (let i = 1; i < 20_000; i++) {
        const next = add(y, 0);
        y.dispose();
        y = next;
      }
      return y;
    };
    const walked = chain();
    walked.backward();
    expect(await x.grad!.item()).toBe(1);
    const dropped = chain();
    for (const tensor of [walked, dropped, x]) tensor.dispose();
    await engine.sync();
    expectNoneLeft(engine, before);
  });

  test('an input that no gradient reaches gets zeros, not null', async () => {
    const [x, w] = [leaf([3]), leaf([5, 6])];
    const y = mul(x, 2);
    const joined = engine.record('stopped', [y, w], engine.full([], 1), { backward: () => [null, null] });
    joined.backward();
    expect([...(await x.grad!.data()), ...(await w.grad!.data())]).toEqual([0, 0, 0]);
    for (const tensor of [x, w, y, joined]) tensor.dispose();
  });

  test('a grad belongs to one leaf alone, even where the op hands the same numbers to two', async () => {
    const before = await heldBuffers(engine);
    const [x, w] = [leaf([3]), leaf([5])];
    const y = add(x, w);
    y.backward();
    expect(x.grad!.storage).not.toBe(w.grad!.storage);
    expect([await x.grad!.item(), await w.grad!.item()]).toEqual([1, 1]);
    expect(x.grad!.shape).toEqual([1]);
    for (const tensor of [x, w, y]) tensor.dispose();
    expectNoneLeft(engine, before);
  });

  test('no gradient of a tensor that did not ask for one', () => {
    const [x, w] = [leaf([3]), engine.tensor([5])];
    const y = mul(x, w);
    y.backward();
    expect([w.grad, y.grad]).toEqual([null, null]);
    for (const tensor of [x, w, y]) tensor.dispose();
  });
});
