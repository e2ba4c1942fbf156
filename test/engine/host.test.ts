import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openAdapter } from '#platform';
import { add, createEngine, type Engine, exp, mul, square, sum, type Tensor } from '../../src/index.ts';
import { normals } from '../engine.ts';

// A host that gathers its work, and submits it when it thinks fit.
const STORAGE = 0x80 | 4 | 8;
let device: GPUDevice;
let engine: Engine;
let pending: GPUCommandEncoder | null = null;
let flushes = 0;

function flush(): void {
  flushes++;
  if (pending) device.queue.submit([pending.finish()]);
  pending = null;
}

beforeAll(async () => {
  device = await (await openAdapter({ adapter: 'auto' })).adapter.requestDevice();
  engine = await createEngine({ device, tune: 'off', beforeRun: flush });
});
afterAll(() => {
  engine.destroy();
  device.destroy();
});

function bufferOf(...numbers: number[]): GPUBuffer {
  const buffer = device.createBuffer({ size: 4 * numbers.length, usage: STORAGE });
  device.queue.writeBuffer(buffer, 0, Float32Array.from(numbers));
  return buffer;
}

function copyLater(from: GPUBuffer, to: GPUBuffer): void {
  pending ??= device.createCommandEncoder();
  pending.copyBufferToBuffer(from, 0, to, 0, from.size);
}

test('what the host holds back is submitted before an op, a read, a write and a plan', async () => {
  const sources = [1, 2, 3].map((value) => bufferOf(value));
  const buffer = bufferOf(0);
  const x = engine.fromBuffer(buffer, [1]);
  copyLater(sources[0], buffer);
  const y = add(x, 10);
  copyLater(sources[1], buffer);
  expect([await y.item(), await x.item()]).toEqual([11, 2]);
  copyLater(sources[0], buffer);
  x.write([7]);
  expect(await x.item()).toBe(7);
  const plan = engine.plan({ x: [1] }, ({ x: given }) => ({ z: add(given, 100) }));
  const before = flushes;
  const out = bufferOf(0);
  copyLater(sources[2], buffer);
  const encoder = device.createCommandEncoder();
  plan.encode(encoder, { x: buffer, z: out });
  device.queue.submit([encoder.finish()]);
  expect(flushes).toBe(before + 1);
  expect(await engine.fromBuffer(out, []).item()).toBe(103);
});

test('beforeRun is a function, beside a device', async () => {
  await expect(createEngine({ beforeRun: flush })).rejects.toThrow(
    'createEngine: beforeRun came without a device, expected it beside a device of yours.',
  );
  await expect(createEngine({ device, beforeRun: 1 as never })).rejects.toThrow(
    'createEngine: beforeRun is 1, expected a function.',
  );
  const run = async (beforeRun: () => unknown): Promise<string> => {
    const guest = await createEngine({ device, tune: 'off', beforeRun: beforeRun as () => void });
    again = () => sum(guest.full([2], 1));
    const said = await (async () => again().item())().then(String, (error) => error.message);
    guest.destroy();
    return said;
  };
  let again: () => Tensor;
  expect(await run(() => undefined)).toBe('2');
  expect(await run(async () => undefined)).toMatch(
    /^beforeRun: it returned a Promise, expected a synchronous function/,
  );
  const broken = () => {
    throw new Error('no queue.');
  };
  expect(await run(broken)).toBe('beforeRun: it throws: no queue.');
  expect(await run(() => again())).toMatch(/^beforeRun: the engine that calls it is used in it, expected/);
});

test('a plan on buffers that rotate makes bind groups for what binds them alone', async () => {
  const [n, d] = [12, 5];
  const lossOf = (z0: Tensor, z1: Tensor): Tensor => sum(mul(square(exp(z0)), z1));
  const plan = engine.plan({ z0: { shape: [n, d], requiresGrad: true }, z1: [n, d] }, ({ z0, z1 }) => {
    const loss = lossOf(z0, z1);
    loss.backward();
    return { loss, dz0: z0.grad as Tensor };
  });
  const made = vi.spyOn(device, 'createBindGroup');
  const counts: number[] = [];
  const losses: number[] = [];
  for (let step = 0; step < 3; step++) {
    const [z0, z1, loss, dz0] = [normals(n * d, step), normals(n * d, 9), [0], new Float32Array(n * d)].map((list) =>
      bufferOf(...list),
    );
    const encoder = device.createCommandEncoder();
    made.mockClear();
    plan.encode(encoder, { z0, z1, loss, dz0 });
    counts.push(made.mock.calls.length);
    device.queue.submit([encoder.finish()]);
    losses.push(await engine.fromBuffer(loss, []).item());
    const [a, b] = [z0, z1].map((buffer) => engine.fromBuffer(buffer, [n, d]));
    expect(await lossOf(a, b).item()).toBe(losses[step]);
  }
  made.mockRestore();
  expect(counts[1]).toBeLessThan(counts[0]);
  expect(counts[2]).toBe(counts[1]);
  plan.dispose();
});

test('each step of a plan keeps the bind groups on the 16 of your buffers used last, whatever comes with them', () => {
  const plan = engine.plan({ x: [1] }, ({ x }) => ({ z: exp(add(x, 1)) }));
  const made = vi.spyOn(device, 'createBindGroup');
  const [out, other] = [bufferOf(0), bufferOf(0)];
  const makesGroups = (x: GPUBuffer, z = out): boolean => {
    made.mockClear();
    plan.encode(device.createCommandEncoder(), { x, z });
    return made.mock.calls.length > 0;
  };
  const [first, second, ...others] = Array.from({ length: 17 }, () => bufferOf(1));
  for (const x of [first, second, ...others.slice(1)]) makesGroups(x); // 16 of them
  expect(makesGroups(first)).toBe(false);
  expect(makesGroups(others[0])).toBe(true); // in place of the second, which was used before the first
  expect([makesGroups(first), makesGroups(second)]).toEqual([false, true]);
  expect([makesGroups(first, other), makesGroups(second, other)]).toEqual([true, false]);
  made.mockRestore();
  plan.dispose();
});
