import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openAdapter } from '#platform';
import type { Tensor } from '../../src/core/tensor.ts';
import { createEngine, type Engine } from '../../src/engine/engine.ts';
import { ntXent } from '../../src/losses/ntXent.ts';
import { add, mul } from '../../src/ops/arithmetic.ts';
import { reshape } from '../../src/ops/reshape.ts';
import { sgd } from '../../src/optim/index.ts';
import { normals, sharedEngine } from '../engine.ts';
import { heldBuffers, heldMemory } from '../held.ts';

// The host: a program with a device and buffers of its own, which knows WebGPU and nothing of us.
const STORAGE = 0x80 | 4 | 8; // STORAGE, COPY_SRC, COPY_DST
let host: GPUDevice;
let engine: Engine;
/** One of our own on the same adapter; the host's device has no subgroups, which add rows up in another order. */
let own: Engine;
const uncaptured: string[] = [];

beforeAll(async () => {
  host = await (await openAdapter({ adapter: 'auto' })).adapter.requestDevice();
  host.addEventListener('uncapturederror', (event) => void uncaptured.push(event.error.message));
  engine = await createEngine({ device: host });
  own = await createEngine({ families: ['f32'], tune: 'off' });
});
afterAll(() => {
  engine.destroy();
  own.destroy();
  host.destroy();
  expect(uncaptured).toEqual([]);
});

/** A buffer as hosts make them: larger than its contents, and full of what was there before. */
function hostBuffer(values: Float32Array<ArrayBuffer>, { offset = 0, slack = 1000, usage = STORAGE } = {}): GPUBuffer {
  const size = Math.ceil((offset + values.byteLength + slack) / 4) * 4;
  const buffer = host.createBuffer({ size, usage });
  host.queue.writeBuffer(buffer, 0, new Float32Array(size / 4).fill(Number.NaN));
  host.queue.writeBuffer(buffer, offset, values);
  return buffer;
}

/** The host's own way to read a buffer. */
async function hostRead(buffer: GPUBuffer, count: number, offset = 0): Promise<Float32Array> {
  const staging = host.createBuffer({ size: 4 * count, usage: 1 | 8 });
  const encoder = host.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, offset, staging, 0, 4 * count);
  host.queue.submit([encoder.finish()]);
  await staging.mapAsync(1);
  const numbers = new Float32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return numbers;
}

/** What the engine of our own says. */
async function wanted(n: number, d: number, seed: number): Promise<Float32Array[]> {
  const [z0, z1] = [seed, seed + 1].map((s) => own.tensor(normals(n * d, s), [n, d], { requiresGrad: true }));
  const loss = ntXent(z0, z1);
  loss.backward();
  const read = await Promise.all([loss.data(), z0.grad!.data(), z1.grad!.data()]);
  for (const tensor of [loss, z0, z1]) tensor.dispose();
  return read;
}

describe('fromBuffer', () => {
  test.each<[number, number, number]>([
    [37, 5, 0],
    [37, 5, 256],
    [24, 32, 512],
    [1, 3, 256],
  ])('[%d, %d] at %d of a padded buffer: values and gradients, read by the host', async (n, d, offset) => {
    const before = await heldBuffers(engine);
    const buffers = [7, 8].map((seed) => hostBuffer(normals(n * d, seed), { offset }));
    const [z0, z1] = buffers.map((buffer) => engine.fromBuffer(buffer, [n, d], { offset, requiresGrad: true }));
    expect(engine.memory().buffers).toBe(before); // the host's memory is not ours
    const loss = ntXent(z0, z1);
    loss.backward();
    // Submitted already: the host's copy, submitted next, comes after it.
    const grads = [z0.grad!.buffer, z1.grad!.buffer];
    const numbers = await Promise.all([hostRead(loss.buffer, 1), ...grads.map((grad) => hostRead(grad, n * d))]);
    expect(numbers).toEqual(await wanted(n, d, 7));
    expect(await z0.data()).toEqual(normals(n * d, 7));
    for (const tensor of [loss, z0, z1]) tensor.dispose();
    expect(engine.memory().buffers).toBe(before);
    expect(await hostRead(buffers[0], n * d, offset)).toEqual(normals(n * d, 7)); // not destroyed
    for (const buffer of buffers) buffer.destroy();
  });

  test('submits of the host come after ours and before our next, without any await', async () => {
    const buffer = hostBuffer(Float32Array.of(1));
    const copy = host.createBuffer({ size: 4, usage: STORAGE });
    const x = engine.fromBuffer(buffer, [1]);
    const before = add(x, 10);
    // The host overwrites what we have read, and takes what we have made.
    host.queue.writeBuffer(buffer, 0, Float32Array.of(2));
    const encoder = host.createCommandEncoder();
    encoder.copyBufferToBuffer(before.storage.buffer, 0, copy, 0, 4);
    host.queue.submit([encoder.finish()]);
    const after = add(x, 100);
    expect(await Promise.all([before.item(), after.item(), hostRead(copy, 1)])).toEqual([11, 102, Float32Array.of(11)]);
    for (const tensor of [x, before, after]) tensor.dispose();
    buffer.destroy();
    copy.destroy();
  });

  test('a gradient too is submitted before backward returns', async () => {
    const buffer = hostBuffer(normals(12, 3));
    const [a, b] = [0, 1].map(() => engine.fromBuffer(buffer, [4, 3], { requiresGrad: true }));
    ntXent(a, b).backward(); // one buffer, twice an input
    host.queue.writeBuffer(buffer, 0, new Float32Array(12));
    const numbers = await hostRead(a.grad!.storage.buffer, 12);
    expect(numbers.some((value) => value !== 0)).toBe(true);
    for (const tensor of [a, b]) tensor.dispose();
    buffer.destroy();
  });

  test.each<[string, () => unknown, RegExp]>([
    ['an offset between the steps', () => over({ offset: 4 }), /^fromBuffer: offset = 4, expected a multiple of 256/],
    ['an offset past the end', () => over({ offset: 2 ** 20 }), /offset = 1048576, expected an integer in/],
    ['a range past the end', () => over({ offset: 1024 }), /buffer has 1048 bytes, expected 1072 .* at 1024\.$/],
    ['a size too small', () => over({ size: 44 }), /size = 44, expected at least 48 for \[4, 3\]\.$/],
    ['a buffer that is none', () => engine.fromBuffer({} as GPUBuffer, [1]), /buffer is an Object, expected a GPU/],
    ['a buffer of another use', () => over({}, 4 | 8), /buffer lacks usage STORAGE/],
    ['a misspelt option', () => over({ ofset: 1 }), /unknown option "ofset"; did you mean "offset"\?/],
  ])('refuses %s', (_, call, sentence) => {
    expect(call).toThrow(sentence);
  });

  function over(options: object, usage = STORAGE): Tensor {
    const buffer = hostBuffer(normals(12, 3), { usage });
    try {
      return engine.fromBuffer(buffer, [4, 3], options);
    } finally {
      buffer.destroy();
    }
  }

  test('a buffer that cannot be copied is computed with, and not read as zeros', async () => {
    const buffer = hostBuffer(Float32Array.of(5), { usage: 0x80 | 8 });
    const x = engine.fromBuffer(buffer, [1]);
    const y = add(x, 1);
    expect(await y.item()).toBe(6);
    await expect(x.data()).rejects.toThrow(/^data: .*COPY_SRC/);
    for (const tensor of [x, y]) tensor.dispose();
    buffer.destroy();
  });
});

test('a device that allows less than kernels need is refused, with the limit', async () => {
  const limits = new Proxy(host.limits, {
    get: (target, key) =>
      ({ maxComputeInvocationsPerWorkgroup: 128, maxComputeWorkgroupSizeX: 128 })[String(key)] ??
      Reflect.get(target, key, target),
  });
  const small = { createBuffer: () => {}, limits, features: host.features } as unknown as GPUDevice;
  await expect(createEngine({ device: small })).rejects.toThrow(
    'createEngine: device has maxComputeInvocationsPerWorkgroup = 128, maxComputeWorkgroupSizeX = 128, expected at least ' +
      '256, 256; request a device of the core level (no featureLevel: "compatibility"), whose defaults are enough.',
  );
});

test('tensors of two engines do not meet', async () => {
  const other = await sharedEngine();
  const [a, b] = [other.tensor([[1, 2]]), engine.tensor([[1, 2]])];
  expect(() => ntXent(a, b)).toThrow(/^ntXent: z0 and z1 live on different devices\.$/);
  for (const tensor of [a, b]) tensor.dispose();
});

describe('a plan', () => {
  const planned = (n: number, d: number) =>
    engine.plan(
      { z0: { shape: [n, d], requiresGrad: true }, z1: { shape: [n, d], requiresGrad: true } },
      ({ z0, z1 }) => {
        const loss = ntXent(z0, z1);
        loss.backward();
        return { loss, dz0: z0.grad!, dz1: z1.grad! };
      },
    );

  test.each<[number, number, string]>([
    [37, 5, 'in panels'],
    [24, 32, 'with the cached triangle'],
  ])('of ntXent [%d, %d] (%s) gives the eager bits, on any buffers, as often as asked', async (n, d) => {
    await engine.sync();
    const before = await heldMemory(engine);
    const plan = planned(n, d);
    expect(plan.sizes).toEqual({ z0: n * d, z1: n * d, loss: 1, dz0: n * d, dz1: n * d });
    for (const [seed, mode, offset] of [
      [7, 'encoder', 0],
      [9, 'pass', 256],
      [7, 'pass', 0],
    ] as const) {
      const inputs = [seed, seed + 1].map((s) => hostBuffer(normals(n * d, s), { offset }));
      const outputs = [1, n * d, n * d].map((count) => hostBuffer(new Float32Array(count), { offset }));
      const names = ['z0', 'z1', 'loss', 'dz0', 'dz1'];
      const buffers = Object.fromEntries([...inputs, ...outputs].map((buffer, i) => [names[i], { buffer, offset }]));
      const expected = await wanted(n, d, seed);
      for (let round = 0; round < 2; round++) {
        const encoder = host.createCommandEncoder();
        const pass = mode === 'pass' ? encoder.beginComputePass() : null;
        plan.encode(pass ?? encoder, buffers);
        pass?.end();
        host.queue.submit([encoder.finish()]);
        const read = outputs.map((buffer, i) => hostRead(buffer, i === 0 ? 1 : n * d, offset));
        expect(await Promise.all(read)).toEqual(expected);
      }
      for (const buffer of [...inputs, ...outputs]) buffer.destroy();
    }
    plan.dispose();
    plan.dispose();
    expect(engine.memory()).toMatchObject({ bytes: before.bytes, buffers: before.buffers });
  });

  test('refuses buffers that do not fit, by name', () => {
    const plan = planned(4, 3);
    const whole = (): Record<string, GPUBuffer> =>
      Object.fromEntries(['z0', 'z1', 'loss', 'dz0', 'dz1'].map((name) => [name, hostBuffer(new Float32Array(12))]));
    const encoder = host.createCommandEncoder();
    const short = host.createBuffer({ size: 44, usage: STORAGE });
    const copyOnly = host.createBuffer({ size: 48, usage: 8 });
    const table: [object, RegExp][] = [
      [{ dz1: undefined }, /^encode: buffer "dz1" is missing\.$/],
      [{ z2: short }, /^encode: the plan has no "z2"; it has z0, z1, loss, dz0, dz1\.$/],
      [{ z1: short }, /^encode: z1 has 44 bytes, expected 48\.$/],
      [{ z1: { buffer: short, offset: 128 } }, /^encode: z1 has offset 128, expected a multiple of 256\.$/],
      [{ z1: { buffer: short, offset: 256 } }, /^encode: z1 has 0 bytes, expected 48\.$/],
      [{ z1: 'z1' }, /^encode: z1 is "z1", expected a GPUBuffer or \{ buffer, offset \}\.$/],
      [{ z1: copyOnly }, /^encode: z1 lacks usage STORAGE/],
    ];
    for (const [change, sentence] of table)
      expect(() => plan.encode(encoder, { ...whole(), ...change })).toThrow(sentence);
    plan.dispose();
    expect(() => plan.encode(encoder, whole())).toThrow(/^encode: the plan was disposed/);
  });

  test('whose function fails, or returns no Tensor, leaves nothing behind', async () => {
    const before = await heldMemory(engine);
    const inputs = { z0: { shape: [4, 3], requiresGrad: true }, z1: [4, 3] };
    const fails = () =>
      engine.plan(inputs, ({ z0, z1 }) => {
        ntXent(z0, z1).backward();
        throw new Error('mine');
      });
    expect(fails).toThrow('mine');
    const nothing = () => engine.plan(inputs, ({ z0, z1 }) => ({ loss: ntXent(z0, z1), dz1: z1.grad as never }));
    expect(nothing).toThrow(/^plan: output "dz1" is null, expected a Tensor\.$/);
    expect(engine.memory()).toMatchObject({ bytes: before.bytes, buffers: before.buffers });
  });

  test('writes every output, whatever it is: the same twice, a view, an input, what it closes over', async () => {
    const outside = engine.tensor([10, 20, 30, 40]);
    const plan = engine.plan({ x: [4] }, ({ x }) => {
      const y = mul(x, 2);
      const made = engine.tensor([5, 6, 7, 8]);
      return { y, again: y, view: reshape(y, [2, 2]), x2: x, folded: reshape(x, [2, 2]), outside, made };
    });
    const input = hostBuffer(Float32Array.of(1, 2, 3, 4));
    const names = ['y', 'again', 'view', 'x2', 'folded', 'outside', 'made'];
    const buffers = Object.fromEntries(names.map((name) => [name, hostBuffer(new Float32Array(4))]));
    outside.write([11, 21, 31, 41]); // on its way when the plan is encoded
    const encoder = host.createCommandEncoder();
    plan.encode(encoder, { x: input, ...buffers });
    plan.dispose(); // before the host submits, and all that it closes over with it
    outside.dispose();
    const others = engine.tensor(new Float32Array(4).fill(1)); // must not get the plan's memory
    const sums = Array.from({ length: 8 }, () => add(others, 1));
    host.queue.submit([encoder.finish()]);
    const read = await Promise.all(names.map((name) => hostRead(buffers[name], 4)));
    const twice = Float32Array.of(2, 4, 6, 8);
    const given = Float32Array.of(1, 2, 3, 4);
    expect(read).toEqual([
      twice,
      twice,
      twice,
      given,
      given,
      Float32Array.of(11, 21, 31, 41),
      Float32Array.of(5, 6, 7, 8),
    ]);
    for (const result of sums) expect([...(await result.data())]).toEqual([2, 2, 2, 2]);
    for (const tensor of [others, ...sums]) tensor.dispose();
    for (const buffer of [input, ...Object.values(buffers)]) buffer.destroy();
  });

  test('refuses what it could not repeat', async () => {
    const before = await heldMemory(engine);
    const weights = engine.tensor([1, 2, 3, 4], [4], { requiresGrad: true });
    const optimizer = sgd({ weights }, { learningRate: 1, momentum: 0.5 });
    const second = (_: unknown, y: Tensor) => y;
    const built = (build: (x: Tensor) => unknown, x: unknown = [4]) => {
      return () => engine.plan({ x } as never, ({ x: given }) => build(given) as never);
    };
    const NUMBERS = /^(item|data|buffer|write): the function is being recorded, so there are no numbers yet/;
    const table: [() => unknown, RegExp][] = [
      [built((x) => ({ y: second(x.data(), mul(x, 2)) })), NUMBERS],
      [built((x) => ({ y: second(add(x, 1).buffer, mul(x, 2)) })), NUMBERS],
      [built((x) => ({ y: second(weights.write([1, 2, 3, 4]), mul(x, weights)) })), NUMBERS],
      [built(async (x) => ({ y: mul(x, 2) })), /^plan: build returned a Promise, expected a synchronous function/],
      [built((x) => mul(x, 2)), /^plan: build returned a Tensor \[4\], expected an object of Tensors by name\.$/],
      [built((x) => ({ x: mul(x, 2) })), /^plan: output "x" has the name of an input\.$/],
      [built((x) => ({ y: x }), { shape: [4], dtype: 'i8' }), /^plan: inputs\.x\.dtype = "i8", expected "f32" or/],
      [built((x) => ({ y: x }), 4), /^plan: input "x" is 4, expected a shape or/],
      [built((x) => ({ y: second(optimizer.step(), x) })), /^plan: build calls what counts its runs/],
      [
        built((x) => {
          const loss = ntXent(reshape(mul(x, weights), [2, 2]), reshape(x, [2, 2]));
          loss.backward();
          return { loss };
        }),
        /^plan: build leaves a grad to a tensor \[4\] that is no input, expected it among the outputs/,
      ],
    ];
    for (const [call, sentence] of table) expect(call).toThrow(sentence);
    expect(weights.grad).toBeNull();
    expect(optimizer.steps).toBe(0);
    expect([...(await weights.data())]).toEqual([1, 2, 3, 4]);
    const plan = engine.plan({ x: [4] }, ({ x }) => {
      const y = mul(x, weights);
      ntXent(reshape(y, [2, 2]), reshape(x, [2, 2])).backward();
      return { y, dw: weights.grad! };
    });
    expect(weights.grad).toBeNull();
    const [buffer, other] = [0, 1].map(() => hostBuffer(new Float32Array(4)));
    const encoder = host.createCommandEncoder();
    const shared = () => plan.encode(encoder, { x: buffer, y: other, dw: other });
    expect(shared).toThrow(/^encode: y and dw share a buffer, expected one of its own/);
    expect(() => plan.encode({} as never, { x: buffer, y: other, dw: other })).toThrow(/^encode: target is an Object/);
    plan.dispose();
    optimizer.dispose();
    weights.dispose();
    for (const each of [buffer, other]) each.destroy();
    expect(engine.memory()).toMatchObject({ bytes: before.bytes, buffers: before.buffers });
  });

  test('runs nothing while it is recorded', async () => {
    const launches = engine.launches;
    planned(6, 4).dispose();
    expect(engine.launches).toBe(launches);
  });
});

test('destroy() leaves the device and its buffers alone', async () => {
  const guest = await createEngine({ device: host });
  const buffer = hostBuffer(normals(12, 3));
  const x = guest.fromBuffer(buffer, [4, 3]);
  const y = add(x, 1);
  guest.destroy();
  expect(() => add(x, 1)).toThrow(/^add: the engine was destroyed\.$/);
  await expect(y.data()).rejects.toThrow(/the engine was destroyed/);
  expect(await hostRead(buffer, 12)).toEqual(normals(12, 3));
  buffer.destroy();
  // The other engine on the device goes on.
  const z = engine.tensor([1]);
  expect(await z.item()).toBe(1);
  z.dispose();
});
