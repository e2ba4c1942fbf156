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
  ntXent,
  type Recorded,
  sum,
  supCon,
  type Tensor,
  UsedAfterDisposeError,
} from '../../src/index.ts';
import { simCLR } from '../../src/methods/simclr.ts';
import { adamW } from '../../src/optim/adamW.ts';
import { lars } from '../../src/optim/lars.ts';
import { cosineSchedule } from '../../src/optim/schedule.ts';
import { sgd } from '../../src/optim/sgd.ts';
import { normals } from '../engine.ts';
import { heldBuffers, heldMemory } from '../held.ts';
import { LOSSES } from '../losses/table.ts';
import { oneGroupASubmit, watchedEngine, withBindingLimit } from '../watch.ts';

const engine = watchedEngine();

const random = (shape: number[], seed: number, requiresGrad = false, on = engine()): Tensor =>
  on.tensor(
    normals(
      shape.reduce((a, b) => a * b, 1),
      seed,
    ),
    shape,
    { requiresGrad },
  );
const free = (...tensors: (Tensor | null | undefined)[]): void => {
  for (const tensor of tensors) tensor?.dispose();
};
async function read(...tensors: Tensor[]): Promise<Float32Array[]> {
  const numbers = await Promise.all(tensors.map((tensor) => tensor.data()));
  free(...tensors);
  return numbers;
}

/** Loss and both gradients. */
function contrast(z0: Tensor, z1: Tensor): [Tensor, Tensor, Tensor] {
  const loss = ntXent(z0, z1);
  loss.backward();
  return [loss, z0.grad as Tensor, z1.grad as Tensor];
}

async function eagerly(z0: Tensor, z1: Tensor): Promise<Float32Array[]> {
  const [loss, ...gradients] = contrast(z0, z1);
  const numbers = await Promise.all([loss, ...gradients].map((tensor) => tensor.data()));
  free(loss, z0, z1);
  return numbers;
}

const pair = (n: number, d: number, seed: number): [Tensor, Tensor] => [
  random([n, d], seed, true),
  random([n, d], seed + 1, true),
];

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
    [24, 32, 'with the kept triangle'],
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

test.each(LOSSES.map((row) => [row.name, row] as const))(
  '%s keeps the eager bits of value and gradients',
  async (_, row) => {
    const [n, d] = [
      [12, 9],
      [9, 12],
      [8, 8],
    ].find(([n, d]) => row.accepts?.(n, d) ?? true) ?? [12, 9];
    const fn = (...inputs: Tensor[]): Tensor[] => {
      const loss = row.run(inputs, row.temperatures[0]);
      loss.backward();
      return [loss, ...inputs.flatMap(({ grad }) => grad ?? [])];
    };
    const step = engine().recorded(fn);
    for (const seed of [1, 2, 3]) {
      const inputs = row
        .inputs(n, d, 'normal', seed)
        .map(({ data, rows, columns }) =>
          engine().tensor(Float32Array.from(data), [rows, columns], { requiresGrad: true }),
        );
      const got = await read(...step(...inputs));
      const [loss, ...gradients] = fn(...inputs);
      expect(got).toEqual(await Promise.all([loss, ...gradients].map((tensor) => tensor.data())));
      free(loss, ...inputs);
    }
    step.dispose();
  },
);

describe('training', () => {
  const N = 6;

  /** Five steps with a rate that changes at each; what is learnt, and the losses. */
  async function train(
    how: 'eager' | 'recorded',
    make: 'adamW' | 'sgd' | 'lars',
    order: 'before' | 'after',
    steps = 5,
  ) {
    const on = engine();
    const method = simCLR(on, { channels: 1, size: 8, seed: 3, width: 4, features: 8, hidden: 8, projection: 4 });
    const optimizer =
      make === 'adamW'
        ? adamW(method.parameters, { weightDecay: 0.1 })
        : make === 'lars'
          ? lars(method.parameters, { learningRate: 1, weightDecay: 0.1 })
          : sgd(method.parameters, { learningRate: 1, momentum: 0.9, weightDecay: 0.1 });
    const rate = cosineSchedule({ peak: 0.05, warmupSteps: 2, totalSteps: steps });
    const body = (views: Tensor): Tensor => {
      if (order === 'before') optimizer.zeroGrad();
      const loss = method.loss({ views, indices: new Int32Array(N) }, { step: 0, epochSteps: 1, totalSteps: 1 });
      loss.backward();
      optimizer.step();
      if (order === 'after') optimizer.zeroGrad();
      return loss.detach();
    };
    const step = on.recorded(body);
    const losses: number[] = [];
    for (let i = 0; i < steps; i++) {
      const views = random([2 * N, 1, 8, 8], i);
      optimizer.learningRate = rate(i);
      const loss = how === 'eager' ? on.scope(() => body(views)) : step(views);
      losses.push(await loss.item());
      free(loss, views);
    }
    expect(optimizer.steps).toBe(steps);
    const all = { ...method.parameters, ...method.buffers, ...optimizer.state() };
    const learnt: Record<string, Float32Array> = {};
    for (const [name, tensor] of Object.entries(all)) learnt[name] = await tensor.data();
    optimizer.zeroGrad();
    optimizer.dispose();
    free(...Object.values(method.parameters), ...Object.values(method.buffers));
    step.dispose();
    return { losses, learnt };
  }

  test.each([
    ['adamW', 'after'],
    ['adamW', 'before'],
    ['sgd', 'after'],
    ['lars', 'after'],
  ] as const)('with %s, zeroGrad() %s the step: the eager bits', async (make, order) => {
    const eager = await train('eager', make, order);
    expect(new Set(eager.losses).size).toBe(5); // it moves
    expect(await train('recorded', make, order)).toEqual(eager);
  });

  test('a temperature that is written follows; its gradient comes out', async () => {
    const temperature = engine().tensor([0.5], [1], { requiresGrad: true });
    const step = engine().recorded((z0: Tensor, z1: Tensor) => {
      temperature.zeroGrad();
      const loss = ntXent(z0, z1, { temperature });
      loss.backward();
      return loss;
    });
    const [z0, z1] = [random([7, 5], 1), random([7, 5], 2)];
    for (const value of [0.5, 0.4, 0.3, 0.2]) {
      temperature.write([value]);
      const loss = step(z0, z1);
      const got = [await loss.item(), await (temperature.grad as Tensor).item()];
      temperature.zeroGrad();
      const eager = ntXent(z0, z1, { temperature });
      eager.backward();
      expect(got).toEqual([await eager.item(), await (temperature.grad as Tensor).item()]);
      free(loss, eager);
    }
    free(z0, z1, temperature);
    step.dispose();
  });

  test('a parameter keeps the grad that the last call left it', async () => {
    const w = engine().tensor([2, 3], [2], { requiresGrad: true });
    const step = engine().recorded((x: Tensor) => {
      w.zeroGrad();
      sum(mul(w, x)).backward();
    });
    const x = engine().tensor([1, 1]);
    for (let call = 1; call < 5; call++) {
      x.write([call, 10 * call]);
      step(x);
      expect(await w.grad!.data()).toEqual(Float32Array.of(call, 10 * call));
      if (call === 3) w.zeroGrad(); // the next call brings it back
    }
    free(w, x);
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

describe('is refused', async () => {
  /** Calls the step until it fails; the sentence. */
  function failure(step: (call: number) => unknown, calls = 4): string {
    for (let call = 0; call < calls; call++)
      try {
        engine().scope(() => void step(call));
      } catch (error) {
        return `${call}: ${(error as Error).message}`;
      }
    return 'none';
  }

  const misuse: Record<string, [(x: Tensor, call: () => number) => unknown, string]> = {
    'a number that changes': [
      (x, call) => mul(x, 0.5 + call()),
      '1: recorded: number of multiply was 0.5 and is now 1.5, expected the same at every call; keep it in a tensor that you write(), or in optimizer.learningRate.',
    ],
    'data that change': [
      (x, call) => add(x, engine().tensor([call(), 2])),
      '1: recorded: fn uploads other numbers than at its first call, expected the same; make the tensor outside and pass it as an input.',
    ],
    'labels that change': [
      (x, call) => supCon([x], call() === 0 ? Int32Array.of(1, 1) : Int32Array.of(2, 3)),
      '1: recorded: fn uploads other numbers than at its first call, expected the same; make the tensor outside and pass it as an input.',
    ],
    'work that grows': [
      (x, call) => (call() === 0 ? mul(x, 2) : add(mul(x, 2), x)),
      '1: recorded: launch 1 was none and is now add of 1 workgroups, expected the same work at every call; decide outside of fn.',
    ],
    'a result that is a number': [
      (x) => ({ y: mul(x, 2), learningRate: 0.1 }),
      '0: recorded: fn returned 0.1, expected Tensors, alone or in arrays and plain objects; all else would stay as it is now.',
    ],
    'a Promise': [
      (x) => Promise.resolve(x),
      '0: recorded: fn returned a Promise, expected Tensors, alone or in arrays and plain objects; all else would stay as it is now.',
    ],
    'reading inside': [
      (x) => {
        void x.data();
        return x;
      },
      '0: data: the function is being recorded, so there are no numbers yet; do it outside.',
    ],
    'the buffer inside': [
      (x) => x.buffer && x,
      '0: buffer: the function is being recorded, so there are no numbers yet; do it outside.',
    ],
    'writing inside': [
      (x) => x.write([1, 2]),
      '0: write: the function is being recorded, so there are no numbers yet; do it outside.',
    ],
  };
  test.each(Object.entries(misuse))('%s', async (_, [fn, sentence]) => {
    let call = 0;
    const step = engine().recorded((x: Tensor) => fn(x, () => call));
    const before = await heldBuffers(engine());
    const x = random([2, 1], 1);
    const said = failure((now) => {
      call = now;
      return step(x);
    });
    free(x);
    step.dispose();
    expect(said).toBe(sentence);
    expect(engine().memory().buffers).toBe(before);
  });

  test('a learning rate given to step(), which would stay', () => {
    const w = engine().tensor([1], [1], { requiresGrad: true });
    const optimizer = adamW({ w });
    const step = engine().recorded(() => {
      mul(w, 2).backward();
      optimizer.step(0.1);
    });
    expect(failure(() => step())).toBe(
      '0: adamW: learningRate = 0.1 would stay for ever, as the function is being recorded; set optimizer.learningRate outside.',
    );
    expect([optimizer.steps, w.grad]).toEqual([0, null]);
    optimizer.dispose();
    step.dispose();
    free(w);
  });

  test('a step count that ran ahead of work that never ran', () => {
    const w = engine().tensor([1], [1], { requiresGrad: true });
    const optimizer = adamW({ w });
    let factor = 2;
    const step = engine().recorded(() => {
      mul(w, factor).backward();
      optimizer.step();
      optimizer.zeroGrad();
    });
    step();
    factor = 3;
    expect(failure(() => step())).toMatch(/^0: recorded: .* was 2 and is now 3/);
    expect([optimizer.steps, w.grad]).toEqual([1, null]);
    factor = 2;
    step();
    expect(optimizer.steps).toBe(2);
    optimizer.dispose();
    step.dispose();
    free(w);
  });

  test('calls inside of recorded functions, plans and prepare; recursion', () => {
    const inner: Recorded<[Tensor], Tensor> = engine().recorded((x: Tensor) => mul(x, 2));
    const outer = engine().recorded((x: Tensor) => inner(x));
    const again: Recorded<[Tensor], Tensor> = engine().recorded((x: Tensor): Tensor => again(x));
    const sentence =
      '0: recorded: called inside of a function that is recorded, planned, prepared or tuned, expected it outside; call fn itself there.';
    const x = random([2, 2], 1);
    for (const call of [
      () => outer(x),
      () => again(x),
      () => engine().prepare([() => inner(x)]),
      () => engine().plan({ x: [2, 2] }, (inputs) => ({ y: inner(inputs.x) })),
    ])
      expect(failure(call)).toBe(sentence);
    for (const step of [inner, outer, again]) step.dispose();
    free(x);
  });

  test('what is no function, no Tensor, or of another engine', async () => {
    expect(() => engine().recorded(3 as never)).toThrow('recorded: fn is 3, expected a function of Tensors.');
    const step = engine().recorded((x: Tensor) => mul(x, 2));
    expect(() => step([1] as never)).toThrow('recorded: inputs[0] is an Array, expected a Tensor.');
    const other = await createEngine();
    const x = other.tensor([1]);
    expect(() => step(x)).toThrow('recorded: inputs[0] lives on another device.');
    other.destroy();
    const gone = engine().tensor([1]);
    gone.dispose();
    expect(() => step(gone)).toThrow(UsedAfterDisposeError);
    step.dispose();
  });

  test('an input that the step overwrites', async () => {
    const w = engine().tensor([1], [1], { requiresGrad: true });
    const optimizer = sgd({ w }, { learningRate: 1 });
    const step = engine().recorded((x: Tensor) => {
      optimizer.zeroGrad();
      mul(w, x).backward();
      optimizer.step();
      return mul(x, 2);
    });
    const x = engine().tensor([1]);
    const y = step(x);
    expect(() => step(y)).toThrow('recorded: inputs[0] is a result of this step, which overwrites it; copy it first.');
    const same = w.detach();
    expect(() => step(same)).toThrow(
      'recorded: inputs[0] shares its memory with a tensor that fn writes; copy it first.',
    );
    expect([optimizer.steps, w.grad]).toEqual([1, null]);
    const z = engine().tensor([4]);
    expect(await read(step(z))).toEqual([Float32Array.of(8)]);
    expect(await w.grad!.item()).toBe(4);
    free(z);
    optimizer.dispose();
    free(w, x, y, same);
    step.dispose();
  });

  test('a grad that is there when it was not, and one that reaches nobody', () => {
    const w = engine().tensor([1, 2], [2], { requiresGrad: true });
    const step = engine().recorded(() => sum(mul(w, w)).backward());
    expect(failure(() => step())).toBe(
      '1: recorded: the grad of a leaf [2] is there already, expected it as it was when fn was recorded; call zeroGrad() inside of fn.',
    );
    const lost = engine().recorded((z0: Tensor, z1: Tensor) => ntXent(z0, z1).backward());
    const [z0, z1] = pair(3, 2, 1);
    expect(failure(() => lost(z0, z1))).toBe(
      '0: recorded: fn leaves inputs[0] a grad, expected it among the results; return it, or pass a detach()ed input.',
    );
    free(w, z0, z1);
    step.dispose();
    lost.dispose();
  });

  test('a tensor of outside that is disposed or another one', async () => {
    let w = engine().tensor([3]);
    const step = engine().recorded((x: Tensor) => mul(x, w));
    const x = engine().tensor([2]);
    expect(await read(step(x))).toEqual([Float32Array.of(6)]);
    const old = w;
    w = engine().tensor([4]);
    expect(() => step(x)).toThrow(
      /^recorded: \w+ of \w+ is another tensor than at the first call, expected the same; pass it as an input\.$/,
    );
    w.dispose();
    w = old;
    expect(await read(step(x))).toEqual([Float32Array.of(6)]);
    w.write([5]);
    expect(await read(step(x))).toEqual([Float32Array.of(10)]);
    w.dispose();
    expect(() => step(x)).toThrow(/^recorded: \w+ of \w+ was disposed, expected a live Tensor; pass it as an input\.$/);
    free(x);
    step.dispose();
  });

  test('write() of what does not fit', () => {
    const x = engine().tensor([
      [1, 2],
      [3, 4],
    ]);
    x.write([4, 3, 2, 1]);
    expect(() => x.write([1, 2])).toThrow('write: data has 2 numbers, expected 4 for [2, 2].');
    expect(() => x.write([[1, 2, 3, 4]])).toThrow('write: data is [1, 4], expected [2, 2].');
    expect(() => x.write(Int32Array.of(1, 2, 3, 4))).toThrow('write: data holds i32, expected f32.');
    expect(() => x.write('1' as never)).toThrow('write: data is "1", expected Float32Array');
    free(x);
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
