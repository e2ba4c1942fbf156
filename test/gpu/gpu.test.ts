import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { collectGarbage } from '#platform';
import type { Tensor } from '../../src/core/tensor.ts';
import { createEngine, type Engine } from '../../src/engine/engine.ts';
import { USAGE } from '../../src/gpu/buffers.ts';
import { fold } from '../../src/gpu/grid.ts';
import { place } from '../../src/gpu/kernels.generated.ts';
import { droppedGroups } from '../../src/gpu/pipelines.ts';
import { ntXent } from '../../src/losses/ntXent.ts';
import { add } from '../../src/ops/arithmetic.ts';
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
    [24, 32], // cached triangle
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

describe('work that others gave our device', () => {
  /** Adds numbers up for tens of milliseconds on a software adapter. */
  function submitLongWork(): void {
    const { device } = engine;
    const code = `@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  var sum = x[id.x % 64u];
  for (var i = 0u; i < 8000u; i++) { sum = fract(sum * 1.5 + 0.25); }
  x[id.x % 64u] = sum;
}`;
    const module = device.createShaderModule({ code });
    const pipeline = device.createComputePipeline({ layout: 'auto', compute: { module } });
    const buffer = device.createBuffer({ size: 256, usage: USAGE.STORAGE });
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: { buffer } }],
    });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, group);
    pass.dispatchWorkgroups(200);
    pass.end();
    device.queue.submit([encoder.finish()]);
  }

  // Without naps the event loop spins while a promise of dawn.node is pending, on a core that the adapter could use.
  test.each([
    ['sync', (_: Tensor) => engine.sync()],
    ['a read', (x: Tensor) => x.data()],
  ])('is awaited with naps by %s', async (_, waitFor) => {
    const x = engine.tensor([1, 2]);
    submitLongWork();
    await waitFor(x);
    if (!engine.info.software) return;
    submitLongWork();
    let turns = 0;
    let waiting = true;
    const turn = (): void => {
      turns++;
      if (waiting) setImmediate(turn);
    };
    setImmediate(turn);
    const from = performance.now();
    await waitFor(x);
    waiting = false;
    x.dispose();
    expect(turns).toBeLessThan(10 + 4 * (performance.now() - from));
  });
});
