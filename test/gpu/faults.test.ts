import { describe, expect, test } from 'vitest';
import { openAdapter } from '#platform';
import { fillBits } from '../../src/core/fills.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import { createEngine, type Engine } from '../../src/engine/engine.ts';
import { DeviceLostError, KernelError, OutOfMemoryError, UsedAfterDisposeError } from '../../src/gpu/errors.ts';
import type { KernelSource } from '../../src/gpu/kernel.ts';
import { square as squareKernel } from '../../src/gpu/kernels.generated.ts';
import { ntXent } from '../../src/losses/ntXent.ts';
import { add } from '../../src/ops/arithmetic.ts';
import { sum } from '../../src/ops/sum.ts';
import { square } from '../../src/ops/unary.ts';
import { normals } from '../engine.ts';
import { heldMemory } from '../held.ts';

/** An engine on a device of its own, for this fault only. */
async function broken<T>(use: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await createEngine();
  try {
    return await use(engine);
  } finally {
    engine.destroy();
  }
}

const views = (engine: Engine): [Tensor, Tensor] => [
  engine.tensor(normals(35, 1), [7, 5], { requiresGrad: true }),
  engine.tensor(normals(35, 2), [7, 5], { requiresGrad: true }),
];

describe('the device is lost', () => {
  const LOST = /^\w+: the GPU device was lost \(.+\) after submit \d+; .* call createEngine\(\)/;
  const faults: Record<string, (engine: Engine, x: Tensor) => unknown> = {
    'before an op': (engine, x) => {
      engine.device.destroy();
      return add(x, 1);
    },
    'between ops': (engine, x) => {
      const y = add(x, 1);
      engine.device.destroy();
      return add(y, 1);
    },
    'before backward': (engine) => {
      const loss = ntXent(...views(engine));
      engine.device.destroy();
      return loss.backward();
    },
    'after the submit, before the read': (engine, x) => {
      const y = add(x, 1);
      engine.lowLevel.queue.flush();
      engine.device.destroy();
      return y.data();
    },
    'during a read': (engine, x) => {
      const read = add(x, 1).data();
      engine.device.destroy();
      return read;
    },
    'before an upload': (engine) => {
      engine.device.destroy();
      return engine.tensor([1]);
    },
    'before sync': (engine) => {
      engine.device.destroy();
      return engine.sync();
    },
    'during sync': (engine, x) => {
      add(x, 1);
      const done = engine.sync();
      engine.device.destroy();
      return done;
    },
  };

  test.each(Object.entries(faults))('%s: that call says so, and a new engine works', async (_, fault) => {
    await broken(async (engine) => {
      const x = engine.tensor([1, 2, 3]);
      const outcome = await Promise.resolve()
        .then(() => fault(engine, x))
        .catch((error: unknown) => error);
      expect(outcome).toBeInstanceOf(DeviceLostError);
      expect((outcome as Error).message).toMatch(LOST);
      // And it stays lost: nothing that follows gives numbers.
      expect(() => add(x, 1)).toThrow(DeviceLostError);
      await expect(x.data()).rejects.toThrow(DeviceLostError);
      x.dispose();
    });
    await broken(async (engine) => expect(await add(engine.tensor([1]), 1).item()).toBe(2));
  });

  test.each(['op', 'read', 'sync'])('by its owner, before our %s: no numbers', async (call) => {
    const host = await (await openAdapter({ adapter: 'auto' })).adapter.requestDevice();
    const engine = await createEngine({ device: host });
    const x = engine.tensor([1, 2]);
    host.destroy();
    const outcome = await Promise.resolve()
      .then((): Promise<unknown> => (call === 'op' ? add(x, 1).data() : call === 'read' ? x.data() : engine.sync()))
      .catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(DeviceLostError);
    engine.destroy();
  });

  test('for a reason unknown to us, which the sentence names', async () => {
    const host = await (await openAdapter({ adapter: 'auto' })).adapter.requestDevice();
    let lose: (info: object) => void = () => {};
    const lost = new Promise((resolve) => {
      lose = resolve;
    });
    const faulty = new Proxy(host, {
      get: (target, key) => {
        if (key === 'lost') return lost;
        const value = Reflect.get(target, key, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const engine = await createEngine({ device: faulty });
    const x = engine.tensor([1]);
    expect(await add(x, 1).item()).toBe(2);
    lose({ reason: 'unknown', message: 'the driver fell over' });
    await lost;
    expect(() => add(x, 1)).toThrow(/^add: the GPU device was lost \(the driver fell over\)/);
    await expect(x.data()).rejects.toThrow(DeviceLostError);
    engine.destroy();
    host.destroy();
  });
});

describe('memory', () => {
  test('more than the device makes is one sentence, and the engine goes on', async () => {
    await broken(async (engine) => {
      const limit = engine.device.limits.maxBufferSize;
      const before = await heldMemory(engine);
      expect(() => engine.lowLevel.pool.acquire(limit + 16, 'ntXent')).toThrow(OutOfMemoryError);
      expect(() => engine.lowLevel.pool.acquire(limit + 16, 'ntXent')).toThrow(
        /^ntXent: needs a buffer of [\d.]+ GB, this device makes at most [\d.]+ GB\.$/,
      );
      expect(engine.memory()).toEqual(before);
      expect(await add(engine.tensor([1]), 1).item()).toBe(2);
    });
  });

  test('rounding up to a size class never passes the limit', async () => {
    await broken(async (engine) => {
      const { device } = engine;
      const limits = new Proxy(device.limits, {
        get: (target, key) => (key === 'maxBufferSize' ? 5000 : Reflect.get(target, key, target)),
      });
      Object.defineProperty(device, 'limits', { value: limits, configurable: true });
      const storage = engine.lowLevel.pool.acquire(4980, 'test'); // its class is 5120
      expect(storage.buffer.size).toBe(4992);
      expect(() => engine.lowLevel.pool.acquire(5001, 'test')).toThrow(OutOfMemoryError);
      storage.release();
    });
  });

  /** A device without room for buffers of more than `room` bytes in all, as its error scopes would say. */
  function withRoom(engine: Engine, room: () => number): { failed: number } {
    const { device } = engine;
    const seen = { failed: 0 };
    let used = 0;
    let full = false;
    const [create, pop] = [device.createBuffer.bind(device), device.popErrorScope.bind(device)];
    device.createBuffer = (descriptor) => {
      if (descriptor.size > 512 && (descriptor.usage & 1) === 0 && used + descriptor.size > room()) {
        seen.failed++;
        full = true;
        device.pushErrorScope('validation');
        const invalid = create({ ...descriptor, usage: 1 | 64 }); // MAP_READ and UNIFORM do not go together
        pop();
        return invalid;
      }
      used += descriptor.size;
      const buffer = create(descriptor);
      const destroy = buffer.destroy.bind(buffer);
      buffer.destroy = () => {
        used -= descriptor.size;
        destroy();
      };
      return buffer;
    };
    device.popErrorScope = async () => {
      const was = full;
      full = false;
      const error = await pop();
      return was ? ({ message: 'full' } as GPUError) : error;
    };
    return seen;
  }

  test('a GPU without room gives the idle buffers back and is asked once more, before anything is lost', async () => {
    await broken(async (engine) => {
      const seen = withRoom(engine, () => 110_000);
      const idle = engine.tensor(new Float32Array(10_000));
      await engine.sync();
      idle.dispose();
      expect(engine.memory().pooledBytes).toBeGreaterThan(39_000);
      const x = engine.tensor(new Float32Array(12_000).fill(3));
      const y = add(x, 1); // has no room beside the idle one
      x.write(new Float32Array(12_000)); // y comes from the numbers before
      expect((await y.data())[11_999]).toBe(4);
      expect((await x.data())[0]).toBe(0);
      expect(seen.failed).toBeGreaterThan(0);
      expect(engine.memory().pooledBytes).toBe(0);
      await engine.sync();
    });
  });

  test('a GPU without room: one sentence, each time, for all that was to be there; the rest is right', async () => {
    await broken(async (engine) => {
      let room = Number.POSITIVE_INFINITY;
      const before = engine.tensor([1, 2]);
      withRoom(engine, () => room);
      await engine.sync();
      room = 0;
      const x = engine.tensor(new Float32Array(1000), [1000], { requiresGrad: true });
      const y = add(x, 1);
      const z = sum(square(y));
      z.backward();
      const OUT = /^tensor: the GPU has no room for 4 kB beside .* held, .*; dispose\(\) .*\.$/;
      for (const lost of [x, y, z, x.grad!, x]) await expect(lost.data()).rejects.toThrow(OUT);
      await engine.sync(); // it was said
      room = Number.POSITIVE_INFINITY;
      expect(() => add(y, 1)).toThrow(OUT);
      expect([...(await before.data())]).toEqual([1, 2]);
      for (const lost of [x, y, z]) lost.dispose();
      expect(engine.memory().pooledBytes).toBeLessThan(1000); // what has no memory is not handed out again
      expect((await add(engine.tensor(new Float32Array(1000)), 3).data())[999]).toBe(3);
    });
  });

  test('a read that fails gives an error and frees its staging buffer', async () => {
    await broken(async (engine) => {
      const x = engine.tensor([1]);
      const create = engine.device.createBuffer.bind(engine.device);
      let destroyed = 0;
      engine.device.createBuffer = (descriptor) => {
        const buffer = create(descriptor);
        const destroy = buffer.destroy.bind(buffer);
        buffer.mapAsync = () => Promise.reject(new Error('not today'));
        buffer.destroy = () => {
          destroyed++;
          destroy();
        };
        return buffer;
      };
      await expect(x.data()).rejects.toThrow(/^data: reading failed: not today\.$/);
      expect(destroyed).toBe(1);
    });
  });
});

describe('kernels', () => {
  const wrong = (name: string, file: number, text: string): KernelSource => ({
    ...squareKernel,
    name,
    parts: squareKernel.parts.map((part, i) => (i === file ? { ...part, text: `${part.text}\n${text}` } : part)),
  });

  test.each([
    [0, 'kernels/elementwise/functions.wgsl'],
    [1, squareKernel.parts[1].file],
  ])('that do not compile (part %d) fail the next read with file and line', async (part, file) => {
    await broken(async (engine) => {
      const kernel = wrong(`broken${part}`, part, 'fn helper() -> u32 { return 1.5; }');
      const line = kernel.parts[part].text.split('\n').length;
      const [x, out] = [engine.tensor([3]), engine.empty([1], 'test')];
      engine.run(kernel, { params: { count: 1 }, buffers: { x, out }, groups: 1, work: 1 });
      const error = await out.data().catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(KernelError);
      expect((error as Error).message).toMatch(new RegExp(`^broken${part}: ${file}:${line} does not compile: `));
    });
  });

  test('launched with a buffer too many, too few, or released', async () => {
    await broken(async (engine) => {
      const [x, out] = [engine.tensor([3]), engine.empty([1], 'test')];
      const run = (buffers: Record<string, Tensor>) => () =>
        engine.run(squareKernel, { params: { count: 1 }, buffers, groups: 1, work: 1 });
      expect(run({ x, out, y: x })).toThrow(/^square: kernel has no buffer "y"; it has x, out\.$/);
      expect(run({ x })).toThrow(/^square: buffer "out" is missing\.$/);
      x.dispose();
      expect(run({ x, out })).toThrow(/^square: x was released, expected a live buffer\.$/);
    });
  });

  test('what the device reports outside of our calls reaches the next call', async () => {
    await broken(async (engine) => {
      engine.device.createBuffer({ size: 16, usage: 1 | 64 }); // MAP_READ and UNIFORM do not go together
      await new Promise((resolve) => setTimeout(resolve, 20));
      await expect(engine.sync()).rejects.toThrow(/^the GPU reports: /);
    });
  });
});

test.each([
  [7, 5],
  [24, 32],
])('ntXent [%d, %d] reads nothing that it released: NaNs in released memory change no bit', async (n, d) => {
  await broken(async (engine) => {
    const run = async (): Promise<Float32Array[]> => {
      const [z0, z1] = [1, 2].map((seed) => engine.tensor(normals(n * d, seed), [n, d], { requiresGrad: true }));
      const loss = ntXent(z0, z1);
      loss.backward();
      const read = await Promise.all([loss.data(), z0.grad!.data(), z1.grad!.data()]);
      for (const tensor of [loss, z0, z1]) tensor.dispose();
      return read;
    };
    const clean = await run();
    let poisoned = 0;
    let within = false;
    const { pool } = engine.lowLevel;
    pool.poison = (storage) => {
      if (within) return;
      within = true; // the fill itself takes no memory, and gives none back
      const alive = Object.create(storage, { alive: { value: true } }) as typeof storage;
      fillBits(engine, alive, storage.bytes / 4, 0x7fc00000);
      within = false;
      poisoned++;
    };
    for (let round = 0; round < 3; round++) expect(await run()).toEqual(clean);
    expect(poisoned).toBeGreaterThan(20);
    pool.poison = null;
  });
});

test('used after dispose, disposed twice', async () => {
  await broken(async (engine) => {
    const x = engine.tensor([1, 2]);
    const y = add(x, 1);
    x.dispose();
    x.dispose();
    expect(() => add(x, 1)).toThrow(UsedAfterDisposeError);
    expect(() => add(x, 1)).toThrow(/^add: a was disposed \(or its scope ended\) after submit \d+, expected/);
    expect(() => x.detach()).toThrow(UsedAfterDisposeError);
    expect(() => x.backward()).toThrow(UsedAfterDisposeError);
    expect(() => x.buffer).toThrow(UsedAfterDisposeError);
    await expect(x.data()).rejects.toThrow(UsedAfterDisposeError);
    await expect(x.item()).rejects.toThrow(UsedAfterDisposeError);
    const reading = y.data();
    y.dispose(); // during the read, which holds on to it
    engine.tensor([8, 9]);
    expect([...(await reading)]).toEqual([2, 3]);
    engine.destroy();
    engine.destroy();
    expect(() => engine.tensor([1])).toThrow(/^tensor: the engine was destroyed\.$/);
    await expect(engine.sync()).rejects.toThrow(DeviceLostError);
  });
});

test('fifty losses at once have the bits of fifty in a row', async () => {
  await broken(async (engine) => {
    const [z0, z1] = views(engine);
    const temperatures = Array.from({ length: 50 }, (_, i) => 0.1 + i / 50);
    const row: number[] = [];
    for (const temperature of temperatures) row.push(await ntXent(z0, z1, { temperature }).item());
    const all = temperatures.map((temperature) => ntXent(z0, z1, { temperature }).item());
    expect(await Promise.all(all)).toEqual(row);
  });
});
