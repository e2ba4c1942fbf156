import { afterAll, beforeAll, expect, test } from 'vitest';
import { Constants } from '../../src/core/constants.ts';
import { createEngine, type Engine } from '../../src/engine/engine.ts';
import type { Storage } from '../../src/gpu/buffers.ts';
import { collectGarbage } from '../../src/gpu/collect.node.ts';
import { BindGroupCache, type Pipeline } from '../../src/gpu/pipelines.ts';
import { ntXent } from '../../src/losses/ntXent.ts';
import { normals } from '../engine.ts';

// What a program may ask for anew at every step must not pile up.
let engine: Engine;
beforeAll(async () => {
  engine = await createEngine({ tune: 'off' });
});
afterAll(() => engine.destroy());

test('bind groups that are forgotten leave nothing behind at the buffers that stay', () => {
  const pipeline = {
    id: 0,
    kernel: { name: 'k', params: { binding: 0, bytes: 16 }, buffers: ['a', 'b', 'c'].map((name) => ({ name })) },
  } as unknown as Pipeline;
  const cache = new BindGroupCache({ createBindGroup: () => ({}) } as unknown as GPUDevice);
  const buffer = () => ({}) as GPUBuffer;
  const get = (...buffers: GPUBuffer[]) =>
    cache.get(
      pipeline,
      buffer(),
      buffers.map((each) => ({ buffer: each, offset: 0, bytes: 16 })),
    );
  const [stays, alsoStays] = [buffer(), buffer()];
  const kept = get(stays, alsoStays, stays);
  const step = (): void => {
    const comes = buffer();
    get(comes, stays, alsoStays);
    get(stays, comes, comes);
    cache.forget(comes);
  };
  const heap = (): number => {
    collectGarbage();
    return process.memoryUsage().heapUsed;
  };
  for (let i = 0; i < 1000; i++) step();
  const before = heap();
  const steps = 50_000;
  for (let i = 0; i < steps; i++) step();
  expect((heap() - before) / steps).toBeLessThan(16); // bytes: a number that stays in a Set takes as many, a group hundreds
  expect(get(stays, alsoStays, stays)).toBe(kept);
});

test('a temperature that is another one at every step', async () => {
  const { device } = engine;
  const make = device.createBuffer;
  let made = 0;
  device.createBuffer = (descriptor) => {
    made++;
    return make.call(device, descriptor);
  };
  try {
    const [z0, z1] = [1, 2].map((seed) => engine.tensor(normals(12, seed), [3, 4], { requiresGrad: true }));
    const lossOf = (temperature: number) => engine.scope(() => ntXent(z0, z1, { temperature }));
    const first = await lossOf(0.5).item();
    const step = engine.recorded(() => ntXent(z0, z1, { temperature: 0.5 }));
    const recorded = step();
    expect(await recorded.item()).toBe(first);
    const steps = 1000;
    for (let i = 0; i < steps; i++) lossOf(0.1 + i / steps).dispose();
    expect(made).toBeGreaterThan(steps); // it is looked at where it counts
    expect(await lossOf(0.5).item()).toBe(first);
    // The second call compares, and must find the very buffers of the first.
    expect(await step().item()).toBe(first);
    step.dispose();
  } finally {
    device.createBuffer = make;
  }
});

test('constants that are other ones at every step: some are kept, and those that captured work names', () => {
  const held = new Set<number>();
  const constants = new Constants((value) => {
    held.add(value);
    return { release: () => held.delete(value) } as unknown as Storage;
  });
  for (let i = 0; i < 10; i++) constants.get(-i - 1, true);
  for (let i = 0; i < 2000; i++) constants.get(i, false);
  expect(held.size).toBeLessThanOrEqual(256 + 10);
  for (let i = 0; i < 10; i++) expect(held.has(-i - 1)).toBe(true);
});
