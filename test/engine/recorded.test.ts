import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { fill } from '../../src/core/fills.ts';
import {
  add,
  createEngine,
  crossEntropy,
  type Engine,
  infoNCE,
  matmul,
  mul,
  type Recorded,
  sum,
  type Tensor,
} from '../../src/index.ts';
import { sgd } from '../../src/optim/sgd.ts';
import { normals } from '../engine.ts';
import { heldMemory } from '../held.ts';
import { oneGroupASubmit, watchedEngine, withBindingLimit } from '../watch.ts';
import { contrast, eagerly, free, read, tensorsOn } from './steps.ts';

const engine = watchedEngine();
const { random, pair } = tensorsOn(engine);

/** Calls on inputs that change, against the same work done eagerly. */
async function agrees(step: Recorded<[Tensor, Tensor], Tensor[]>, n: number, d: number, calls = 5): Promise<void> {
  for (let call = 0; call < calls; call++) {
    const [z0, z1] = pair(n, d, 10 * call);
    const got = await read(...step(z0, z1));
    expect(got).toEqual(await eagerly(z0, z1));
  }
}

describe('loss and gradient', () => {
  test.each([
    [37, 5, 'in panels'],
    [24, 32, 'with the cached triangle'],
  ])('[%d, %d] (%s) keeps the eager bits, with other inputs at every call', async (n, d) => {
    const step = engine().recorded(contrast);
    await agrees(step, n, d);
    await oneGroupASubmit(engine(), () => agrees(step, n, d, 2));
    step.dispose();
  });

  test('runs the function twice, then no more', async () => {
    let runs = 0;
    const step = engine().recorded((x: Tensor) => {
      runs++;
      return mul(x, 2);
    });
    const x = engine().tensor([1, 2]);
    for (let call = 0; call < 5; call++) {
      x.write([call, 1]);
      expect(await read(step(x))).toEqual([Float32Array.of(2 * call, 2)]);
    }
    expect(runs).toBe(2);
    free(x);
    step.dispose();
  });

  test('no call depends on what the last one left in memory', async () => {
    const { pool } = engine().lowLevel;
    const step = engine().recorded(contrast);
    for (let call = 0; call < 4; call++) {
      await agrees(step, 37, 5, 1);
      const idle = [...pool.reserves].flatMap(({ idle }) => [...idle.values()].flat());
      expect(idle.length).toBeGreaterThan(3);
      for (const { buffer, bytes } of idle) fill(engine(), pool.wrap(buffer, 0, bytes), bytes / 4, Number.NaN);
    }
    step.dispose();
  });

  test('several calls in one submit are several calls', async () => {
    const counter = engine().tensor([0]);
    const one = engine().tensor([1]);
    // Adds in place, by way of an optimiser with a rate of -1.
    const w = engine().tensor([0], [1], { requiresGrad: true });
    const optimizer = sgd({ w }, { learningRate: 0 });
    const step = engine().recorded((x: Tensor) => {
      mul(w, x).backward();
      optimizer.step();
      optimizer.zeroGrad();
    });
    step(one);
    step(one);
    await engine().sync();
    engine().lowLevel.hasGuests = false; // a buffer of others in a test before has each call submitted for its owner
    const before = engine().submits;
    for (const learningRate of [-1, -10, -100].map((rate) => -rate)) {
      optimizer.learningRate = learningRate;
      step(one);
    }
    expect(engine().submits).toBe(before);
    expect(await w.item()).toBe(-111);
    optimizer.dispose();
    free(counter, one, w);
    step.dispose();
  });

  test('inputs: twice the same, a part of a larger buffer, integers', async () => {
    const same = engine().recorded((a: Tensor, b: Tensor) => add(a, b));
    const buffer = engine().device.createBuffer({ size: 1024, usage: 128 | 4 | 8 });
    engine().device.queue.writeBuffer(buffer, 256, Float32Array.of(1, 2, 3));
    const views = [0, 256].map((offset) => engine().fromBuffer(buffer, [3], { offset }));
    const x = engine().tensor([5, 6, 7]);
    for (const [a, b, wanted] of [
      [x, x, [10, 12, 14]],
      [x, views[1], [6, 8, 10]],
      [views[0], views[1], [1, 2, 3]],
      [x, x, [10, 12, 14]],
    ] as const)
      expect(await read(same(a, b))).toEqual([Float32Array.from(wanted)]);
    free(x, ...views);
    buffer.destroy();
    same.dispose();
  });

  test('inputs too large to bind at once', async () => {
    const xs = [1, 2, 3].map((seed) => random([3000], seed));
    await withBindingLimit(engine(), 4096, async () => {
      const fn = (a: Tensor, b: Tensor) => engine().scope(() => [add(mul(a, 2), b), sum(a)]);
      const step = engine().recorded(fn);
      for (const [a, b] of [
        [0, 1],
        [1, 0],
        [2, 2],
      ]) {
        const launches = engine().launches;
        const got = await read(...step(xs[a], xs[b]));
        expect(engine().launches - launches).toBeGreaterThan(6); // in parts
        expect(got).toEqual(await read(...fn(xs[a], xs[b])));
      }
      step.dispose();
    });
    free(...xs);
  });

  test('results: in arrays and objects, an input, a tensor from outside, nothing', async () => {
    const w = engine().tensor([3]);
    const step = engine().recorded((x: Tensor) => ({ list: [x, w], none: null, twice: mul(x, 2) }));
    const xs = [1, 4, 9].map((value) => engine().tensor([value]));
    for (const [i, x] of xs.entries()) {
      const { list, none, twice } = step(x);
      expect(none).toBeNull();
      expect(await read(...list, twice)).toEqual([[1, 4, 9][i], 3, 2 * [1, 4, 9][i]].map((v) => Float32Array.of(v)));
    }
    expect(w.disposed).toBe(false);
    free(w, ...xs);
    step.dispose();
  });

  test('other shapes are recorded apart; the four used last are kept', async () => {
    let runs = 0;
    const step = engine().recorded((z0: Tensor, z1: Tensor) => {
      runs++;
      return contrast(z0, z1);
    });
    const held: number[] = [];
    for (const [n, expected] of [
      [8, 1],
      [8, 2],
      [8, 2],
      [9, 3],
      [10, 4],
      [11, 5],
      [8, 5], // kept, and used last
      [12, 6], // in the place of 9
      [8, 6],
      [9, 7],
    ]) {
      await agrees(step, n, 3, 1);
      expect(runs).toBe(expected);
      held.push(engine().memory().buffers);
    }
    expect(new Set(held.slice(-4)).size).toBe(1);
    step.dispose();
  });
});

describe('memory', () => {
  test('is counted while the step lives, as much as one eager run at most, and freed with it', async () => {
    const [z0, z1] = pair(64, 16, 1);
    await engine().sync();
    engine().resetPeakMemory();
    const before = await heldMemory(engine());
    free(...contrast(z0, z1));
    for (const z of [z0, z1]) z.zeroGrad();
    const eager = engine().memory().peakBytes - before.bytes;
    expect(engine().memory().bytes).toBe(before.bytes);
    const step = engine().recorded(contrast);
    free(...step(z0, z1));
    const held = engine().memory();
    expect(held.bytes).toBeGreaterThan(before.bytes);
    expect(held.bytes - before.bytes).toBeLessThan(1.1 * eager); // buffers of one size do not serve another
    engine().resetPeakMemory();
    for (let call = 0; call < 4; call++) free(...step(z0, z1));
    expect(engine().memory()).toEqual({ ...held, peakBytes: held.bytes });
    const results = step(z0, z1);
    step.dispose();
    step.dispose();
    expect(engine().memory().buffers).toBe(before.buffers + 3); // results outlive the step
    const wanted = await eagerly(z0, z1);
    expect(await read(...results)).toEqual(wanted);
  });

  test('a scope frees results, and not what the step needs', async () => {
    const step = engine().recorded(contrast);
    const [z0, z1] = pair(9, 4, 1);
    const results: Tensor[] = [];
    for (let call = 0; call < 3; call++) {
      const loss = engine().scope(() => {
        results.push(...step(z0, z1));
        return results.at(-3) as Tensor;
      });
      expect(results.slice(-3).map((tensor) => tensor.disposed)).toEqual([false, true, true]);
      expect(Number.isFinite(await loss.item())).toBe(true);
      free(loss);
    }
    free(z0, z1);
    step.dispose();
    expect(() => step(z0, z1)).toThrow(/^recorded: the step was disposed/);
  });

  test('an upload is kept, whatever happens to the memory of the rest', async () => {
    const labels = Int32Array.of(0, 1, 2, 1);
    const logits = random([4, 3], 1);
    const step = engine().recorded((x: Tensor) => crossEntropy(mul(x, 2), labels));
    const values: number[] = [];
    for (let call = 0; call < 4; call++) {
      const loss = step(logits);
      values.push(await loss.item());
      free(loss);
    }
    expect(new Set(values).size).toBe(1);
    free(logits);
    step.dispose();
  });
});

describe('check: true', () => {
  let checking: Engine;
  beforeAll(async () => {
    checking = await createEngine({ check: true });
  });
  afterAll(() => checking.destroy());

  test('finds what is not finite in a replay, once, and goes on', async () => {
    const before = checking.memory().buffers;
    const step = checking.recorded((q: Tensor, k: Tensor) => infoNCE(q, k));
    const [q, k] = [random([5, 4], 1, false, checking), random([5, 4], 2, false, checking)];
    const good = normals(20, 1);
    const bad = Float32Array.from(good, (value, i) => (i === 13 ? Number.NaN : value));
    for (const data of [good, bad, good, good, bad]) {
      q.write(data);
      const loss = step(q, k);
      if (data === bad) await expect(loss.item()).rejects.toThrow('infoNCE: query[3, 1] is not finite.');
      else expect(Number.isFinite(await loss.item())).toBe(true);
      free(loss);
    }
    // Found in the first of two replays, though the second had nothing to find.
    q.write(bad);
    free(step(q, k));
    q.write(good);
    free(step(q, k));
    await expect(checking.sync()).rejects.toThrow('infoNCE: query[3, 1] is not finite.');
    await checking.sync();
    free(q, k);
    step.dispose();
    expect(checking.memory().buffers).toBe(before);
  });

  test('compares at every call', () => {
    let factor = 2;
    const step = checking.recorded((x: Tensor) => mul(x, factor));
    const x = checking.tensor([1]);
    for (let call = 0; call < 4; call++) free(step(x));
    factor = 3;
    expect(() => step(x)).toThrow(/was 2 and is now 3/);
    free(x);
    step.dispose();
  });
});

test('after tune() a step is recorded anew, as ops may choose otherwise', async () => {
  const own = await createEngine({ tune: 'off' });
  const x = random([8, 8], 1, false, own);
  let runs = 0;
  const step = own.recorded((input: Tensor) => {
    runs++;
    return matmul(input, input);
  });
  for (let call = 0; call < 3; call++) free(step(x));
  expect(runs).toBe(2);
  await own.tune([() => matmul(x, x)], { budget: 0.1 });
  expect(await read(step(x))).toEqual(await read(matmul(x, x)));
  expect(runs).toBe(3);
  step.dispose();
  own.destroy();
});

test('on a lost device nothing is replayed', async () => {
  const own = await createEngine();
  const step = own.recorded((x: Tensor) => matmul(x, x));
  const x = random([3, 3], 1, false, own);
  const [a, b] = [step(x), step(x)];
  own.device.destroy();
  expect(() => step(x)).toThrow(/^recorded: the GPU device was lost/);
  await expect(b.data()).rejects.toThrow(/the GPU device was lost/);
  a.dispose();
  own.destroy();
});

test('on a device of somebody else a call is submitted before it returns', async () => {
  const own = await createEngine();
  const guest = await createEngine({ device: own.device });
  const step = guest.recorded((x: Tensor) => mul(x, 2));
  const x = guest.tensor([1]);
  for (let call = 0; call < 3; call++) {
    const before = guest.submits;
    free(step(x));
    expect(guest.submits).toBe(before + 1);
  }
  step.dispose();
  guest.destroy();
  own.destroy();
});
