import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { collectGarbage } from '#platform';
import type { Tensor } from '../../src/core/tensor.ts';
import { createEngine, type Engine } from '../../src/engine/engine.ts';
import { place } from '../../src/gpu/kernels.generated.ts';
import { droppedGroups } from '../../src/gpu/pipelines.ts';
import { fold } from '../../src/gpu/queue.ts';
import { ntXent } from '../../src/losses/ntXent.ts';
import { add, mul } from '../../src/ops/arithmetic.ts';
import { neg } from '../../src/ops/unary.ts';
import { normals } from '../engine.ts';
import { heldBuffers, heldMemory } from '../held.ts';

// An engine of its own: these tests count its buffers and submits.
let engine: Engine;
beforeAll(async () => {
  engine = await createEngine({ tune: 'off' });
});
afterAll(() => engine.destroy());

function pair(n: number, d: number, requiresGrad = true, on = engine): [Tensor, Tensor] {
  const make = (seed: number) => on.tensor(normals(n * d, seed), [n, d], { requiresGrad });
  return [make(1), make(2)];
}

/** Value and both gradients. */
async function step(z0: Tensor, z1: Tensor): Promise<Float32Array[]> {
  const loss = ntXent(z0, z1);
  loss.backward();
  const read = await Promise.all([loss.data(), z0.grad!.data(), z1.grad!.data()]);
  loss.dispose();
  for (const z of [z0, z1]) z.zeroGrad();
  return read;
}

describe('the pool', () => {
  test('counts what is held, and hands out what came back', async () => {
    const before = await heldMemory(engine);
    engine.resetPeakMemory();
    const a = engine.tensor(new Float32Array(1000)); // 4000 bytes, in steps of 256: 4096
    expect(engine.memory()).toMatchObject({ bytes: before.bytes + 4096, buffers: before.buffers + 1 });
    const { buffer } = a;
    a.dispose();
    a.dispose();
    expect(engine.memory()).toMatchObject({ bytes: before.bytes, buffers: before.buffers });
    expect(engine.memory().peakBytes).toBe(before.bytes + 4096);
    const idle = engine.memory().pooledBytes;
    const b = engine.tensor(new Float32Array(1020));
    expect(b.buffer).toBe(buffer);
    expect(engine.memory().pooledBytes).toBe(idle - 4096);
    engine.resetPeakMemory();
    b.dispose();
    expect(engine.memory().peakBytes).toBe(before.bytes + 4096);
    engine.resetPeakMemory();
    expect(engine.memory().peakBytes).toBe(before.bytes);
  });

  test.each<[number, number]>([
    [1, 256],
    [256, 256],
    [257, 512],
    [4000, 4096],
    [4097, 4608], // an eighth of 4096 more
    [1e6, 2 ** 19 + 8 * 2 ** 16],
  ])('%d bytes take %d', (bytes, size) => {
    const storage = engine.lowLevel.pool.acquire(bytes, 'test');
    expect(storage.buffer.size).toBe(size);
    expect(storage.bytes).toBe(Math.ceil(bytes / 16) * 16);
    storage.release();
  });

  test('a tensor that two hold goes with the last', async () => {
    const before = await heldBuffers(engine);
    const a = engine.tensor([1, 2, 3]);
    const b = a.detach();
    a.dispose();
    expect(engine.memory().buffers).toBe(before + 1);
    b.dispose();
    expect(engine.memory().buffers).toBe(before);
  });

  test('an upload never overtakes encoded work', async () => {
    const first = engine.tensor(new Float32Array(512).fill(1));
    const doubled = add(first, first); // encoded, not submitted
    const { buffer } = first.storage;
    first.dispose();
    const second = engine.tensor(new Float32Array(512).fill(7));
    expect(second.storage.buffer).toBe(buffer);
    expect(new Set(await doubled.data())).toEqual(new Set([2]));
    expect(new Set(await second.data())).toEqual(new Set([7]));
    for (const tensor of [doubled, second]) tensor.dispose();
  });

  test('trim destroys what is idle while encoded work still names it', async () => {
    const a = engine.tensor([1, 2]);
    const b = add(a, a);
    a.dispose();
    engine.lowLevel.pool.trim();
    expect(engine.memory().pooledBytes).toBe(0);
    expect([...(await b.data())]).toEqual([2, 4]);
    b.dispose();
  });
});

describe('the queue', () => {
  test('one synchronous step is one submit, more than 256 launches are more', async () => {
    const x = engine.tensor([1, 2, 3]);
    await engine.sync();
    for (const [ops, submits] of [
      [16, 1],
      [256, 1],
      [257, 2],
      [600, 3],
    ]) {
      const before = engine.submits;
      let y = x;
      for (let i = 0; i < ops; i++) {
        const next = add(y, 1);
        if (y !== x) y.dispose();
        y = next;
      }
      const numbers = await y.data(); // each launch found its own parameters
      expect(engine.submits - before).toBe(submits);
      expect([...numbers]).toEqual([1 + ops, 2 + ops, 3 + ops]);
      y.dispose();
    }
    x.dispose();
  });

  test('work is submitted when control goes back, without a read', async () => {
    const before = engine.submits;
    const x = engine.full([4], 2);
    expect(engine.submits).toBe(before);
    await Promise.resolve();
    expect(engine.submits).toBe(before + 1);
    x.dispose();
  });

  test('16 training steps encoded as one submit are 16 training steps', async () => {
    const [z0, z1] = pair(6, 5);
    const apart: Float32Array[][] = [];
    for (let i = 0; i < 16; i++) apart.push(await step(z0, z1));
    await engine.sync();
    const before = engine.submits;
    const losses = Array.from({ length: 16 }, () => ntXent(z0, z1));
    expect(engine.submits).toBe(before);
    for (const [i, loss] of losses.entries()) expect(await loss.data()).toEqual(apart[i][0]);
    for (const tensor of [...losses, z0, z1]) tensor.dispose();
  });

  test.each([1, 65535, 65536, 70_000, 131_072, 4_294_836_225])('%d groups fit into two dimensions', (groups) => {
    const [x, y] = fold(groups);
    expect(x * y).toBeGreaterThanOrEqual(groups);
    expect(x * y - groups).toBeLessThan(x);
    expect(Math.max(x, y)).toBeLessThanOrEqual(65535);
  });

  test('70,000 groups: each element once, none past the end', async () => {
    const count = 70_000 * 256 - 3;
    const x = engine.full([count], 2);
    const out = engine.full([count + 1027], -1);
    engine.run(place, { params: { count, offset: 0 }, buffers: { x, out }, groups: 70_000, work: 1 });
    const numbers = await out.data();
    for (const tensor of [x, out]) tensor.dispose();
    expect(numbers.subarray(0, count).every((value) => value === 2)).toBe(true);
    expect(numbers.subarray(count).every((value) => value === -1)).toBe(true);
  });

  test.each([
    [37, 5], // recomputed in panels
    [24, 32], // kept triangle
  ])('cut to one group a submit, ntXent [%d, %d] keeps its bits', async (n, d) => {
    const [z0, z1] = pair(n, d);
    const whole = await step(z0, z1);
    const { queue } = engine.lowLevel;
    const before = engine.submits;
    queue.groupsPerSubmit = 1;
    try {
      expect(await step(z0, z1)).toEqual(whole);
    } finally {
      queue.groupsPerSubmit = Number.POSITIVE_INFINITY;
    }
    expect(engine.submits - before).toBeGreaterThan(8);
    for (const z of [z0, z1]) z.dispose();
  });
});

test('a step done before creates nothing', async () => {
  const [z0, z1] = pair(33, 7);
  const { device } = engine;
  const made: Record<string, number> = {};
  const kinds = ['Buffer', 'BindGroup', 'BindGroupLayout', 'ComputePipeline', 'ShaderModule'];
  const originals = kinds.map((kind) => {
    const name = `create${kind}`;
    return [name, Reflect.get(device, name) as (...values: unknown[]) => unknown] as const;
  });
  const walk = (): void => {
    const loss = ntXent(z0, z1);
    loss.backward();
    loss.dispose();
    for (const z of [z0, z1]) z.zeroGrad();
  };
  walk();
  await engine.sync();
  walk();
  await engine.sync();
  for (const [name, original] of originals)
    Object.defineProperty(device, name, {
      configurable: true,
      value: (...values: unknown[]) => {
        made[name] = (made[name] ?? 0) + 1;
        return original.apply(device, values);
      },
    });
  try {
    const memory = engine.memory();
    for (let i = 0; i < 20; i++) {
      walk();
      if (i % 3 === 0) await engine.sync();
    }
    expect(made).toEqual({});
    expect(engine.memory()).toEqual({ ...memory, peakBytes: engine.memory().peakBytes });
    engine.tensor(new Float32Array(99_999)).dispose();
    expect(made).toEqual({ createBuffer: 1 }); // the count can fail
  } finally {
    for (const [name] of originals) Reflect.deleteProperty(device, name);
  }
  for (const z of [z0, z1]) z.dispose();
});

test('tensors that are dropped without dispose() give their memory back, but for buffers in other hands', async () => {
  const own = await createEngine({ tune: 'off' }); // the counts of the other tests must not change meanwhile
  const drop = (): GPUBuffer => {
    const [z0, z1] = pair(9, 5, true, own);
    ntXent(z0, z1).backward();
    ntXent(z0, z1); // a tape that nobody walks
    return add(z0, 1).buffer;
  };
  const taken = drop();
  neg(neg(neg(own.tensor([1])))); // what the last op worked on may stay until the next
  await own.sync();
  expect(own.memory().buffers).toBeGreaterThan(8);
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setTimeout(resolve));
    collectGarbage();
  }
  await new Promise((resolve) => setTimeout(resolve));
  expect(own.memory().buffers).toBeLessThan(5);
  const tensor = own.fromBuffer(taken, [9, 5]);
  for (const z of pair(9, 5, true, own)) neg(z); // asks for memory of this size
  expect((await tensor.data())[0]).toBe(Math.fround(normals(45, 1)[0] + 1));
  own.destroy();
});

test('bind groups that many submits leave behind are collected, as nothing else ends them', async () => {
  const gone = new WeakRef({});
  await new Promise((resolve) => setTimeout(resolve)); // a fresh WeakRef holds for the rest of its turn
  droppedGroups(8191);
  droppedGroups(1);
  expect(gone.deref()).toBeUndefined();
});

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
    expect(engine.memory().buffers).toBe(before);
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
    expect(engine.memory().buffers).toBe(before);
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
    expect(engine.memory().buffers).toBe(before);
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
    expect(engine.memory().buffers).toBe(before);
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
    expect(engine.memory().buffers).toBe(before);
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
    expect(engine.memory().buffers).toBe(before);
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

  test('a chain of 20,000 ops does not overflow the stack, walked or dropped', async () => {
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
    expect(engine.memory().buffers).toBeLessThanOrEqual(before); // what other tests dropped may be collected meanwhile
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
    expect(engine.memory().buffers).toBe(before);
  });

  test('no gradient of a tensor that did not ask for one', () => {
    const [x, w] = [leaf([3]), engine.tensor([5])];
    const y = mul(x, w);
    y.backward();
    expect([w.grad, y.grad]).toEqual([null, null]);
    for (const tensor of [x, w, y]) tensor.dispose();
  });
});
