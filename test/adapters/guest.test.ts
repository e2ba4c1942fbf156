import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openAdapter } from '#platform';
import { type Guest, type HostLayout, openGuest } from '../../src/adapters/guest.ts';
import * as gramian from '../../src/index.ts';
import type { LOSSES } from '../../src/losses/index.ts';
import { normals } from '../engine.ts';
import { heldMemory } from '../held.ts';

// A framework of the test's own: it knows WebGPU and nothing of us, and gathers its work in an encoder.
class HostTensor {
  readonly layout: HostLayout;
  readonly buffer: GPUBuffer;
  constructor(layout: HostLayout, buffer: GPUBuffer) {
    this.layout = layout;
    this.buffer = buffer;
  }
}

let device: GPUDevice;
let guest: Guest<HostTensor>;
let pending: GPUCommandEncoder | null = null;
let flushes = 0;
const made: GPUBuffer[] = [];

function flush(): void {
  flushes++;
  if (pending) device.queue.submit([pending.finish()]);
  pending = null;
}

function tensor(data: Float32Array | Int32Array | Uint16Array, layout: HostLayout): HostTensor {
  const buffer = device.createBuffer({ size: 4 * Math.ceil(data.byteLength / 4), usage: 0x80 | 4 | 8 });
  device.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
  made.push(buffer);
  return new HostTensor(layout, buffer);
}

const rows = (seed: number, n = 6, d = 4): HostTensor => tensor(normals(n * d, seed), { shape: [n, d], dtype: 'f32' });

async function read(buffer: GPUBuffer, count = buffer.size / 4): Promise<number[]> {
  flush();
  const staging = device.createBuffer({ size: 4 * count, usage: 1 | 8 });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, 4 * count);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(1);
  const numbers = Array.from(new Float32Array(staging.getMappedRange().slice(0)));
  staging.destroy();
  return numbers;
}

/** The loss and the gradients that were asked for. */
async function call(
  op: keyof typeof LOSSES,
  args: readonly unknown[],
  wanted: (tensor: HostTensor) => boolean = () => true,
): Promise<number[][]> {
  const prepared = guest.prepare(op, args, wanted);
  const sizes = [4, ...prepared.live.map(({ buffer }) => buffer.size)];
  const outputs = sizes.map((size) => device.createBuffer({ size, usage: 0x80 | 4 | 8 }));
  prepared.run(
    prepared.tensors.map(({ buffer }) => buffer),
    outputs,
  );
  const results = await Promise.all(outputs.map((buffer) => read(buffer)));
  for (const buffer of outputs) buffer.destroy();
  return results;
}

const near = (a: readonly number[], b: readonly number[]): number =>
  Math.max(...a.map((value, i) => Math.abs(value - b[i])));

beforeAll(async () => {
  device = await (await openAdapter({ adapter: 'auto' })).adapter.requestDevice();
  const host = {
    isTensor: (value: unknown): value is HostTensor => value instanceof HostTensor,
    layoutOf: ({ layout }: HostTensor) => layout,
  };
  guest = await openGuest(device, host, { plans: 3, tune: 'off' }, flush);
});
afterAll(() => {
  guest.destroy();
  device.destroy();
});

describe('a loss on tensors of a framework', () => {
  test('comes after what the framework holds back', async () => {
    const [source, z0, z1] = [rows(1), rows(2), rows(3)];
    pending = device.createCommandEncoder();
    pending.copyBufferToBuffer(source.buffer, 0, z0.buffer, 0, source.buffer.size);
    const before = flushes;
    const [got, want] = [await call('ntXent', [z0, z1]), await call('ntXent', [source, z1])];
    expect(flushes).toBeGreaterThan(before);
    expect(got).toEqual(want);
  });

  test('has one plan for its shapes and options, and forgets those that were not used for longest', async () => {
    let plans = 0;
    const { plan } = guest.engine;
    guest.engine.plan = (...args) => {
      plans++;
      return plan.apply(guest.engine, args);
    };
    const [a, b] = [rows(4), rows(5)];
    const narrow = [rows(4, 6, 3), rows(5, 6, 3)];
    const calls: readonly (() => Promise<number[][]>)[] = [
      () => call('ntXent', [a, b, { temperature: 0.4 }]),
      () => call('ntXent', [a, b, { temperature: 0.3 }]),
      () => call('ntXent', narrow),
    ];
    for (const each of [...calls, ...calls]) await each();
    expect(plans).toBe(3);
    await call('ntXent', [a, b, { temperature: 0.4 }], () => false); // without a gradient: a plan of its own, and one too many
    expect(plans).toBe(4);
    await calls[2]();
    await calls[1]();
    expect(plans).toBe(4);
    await calls[0]();
    expect(plans).toBe(5);
    guest.engine.plan = plan;
  });

  test('holds the same memory however often it is called', async () => {
    const [a, b] = [rows(6), rows(7)];
    const own = Int32Array.of(0, 1, 0, 1, 2, 2);
    const labels = tensor(own, { shape: [6], dtype: 'i32' });
    const step = async (): Promise<number> => {
      await call('ntXent', [a, b]);
      await call('supCon', [[a, b], labels]);
      await call('supCon', [[a, b], own]);
      return (await heldMemory(guest.engine)).bytes;
    };
    await step();
    const held = await step();
    for (let i = 0; i < 10; i++) await step();
    expect(await step()).toBe(held);
  });

  test('takes labels on the GPU, which may change under a plan, and numbers of the caller, which may too', async () => {
    const views = [rows(8), rows(9)];
    const own = Int32Array.of(0, 1, 0, 1, 2, 2);
    const labels = tensor(own, { shape: [6], dtype: 'i32' });
    for (let i = 0; i < 3; i++) {
      device.queue.writeBuffer(labels.buffer, 0, own);
      const [there, here] = [await call('supCon', [views, labels]), await call('supCon', [views, own])];
      expect(there.length).toBe(3); // labels have no gradient
      for (const [at, numbers] of there.entries()) expect(near(numbers, here[at])).toBeLessThan(1e-6);
      own[i] = 3;
    }
  });

  test('takes rows with leading dimensions, and labels that lie as they do', async () => {
    const blocks = (seed: number): HostTensor => tensor(normals(24, seed), { shape: [2, 3, 4], dtype: 'f32' });
    const labels = (...shape: number[]): HostTensor => tensor(Int32Array.of(0, 1, 0, 1, 2, 2), { shape, dtype: 'i32' });
    const wanted = await call('supCon', [[rows(8), rows(9)], labels(6)]);
    for (const given of [labels(6), labels(2, 3)])
      expect(await call('supCon', [[blocks(8), blocks(9)], given])).toEqual(wanted);
    expect(await call('hcl', [blocks(8), blocks(9)])).toEqual(await call('hcl', [rows(8), rows(9)]));
    const wrong = [
      () => guest.prepare('supCon', [[blocks(8)], labels(3, 2)], () => true),
      () => guest.prepare('ntXent', [blocks(8), rows(9)], () => true),
    ];
    expect(wrong[0]).toThrow('supCon: labels is [3, 2], expected [2, 3] or [6], one a row.');
    expect(wrong[1]).toThrow('ntXent: z1 is [6, 4], expected [2, 3, 4] to match z0.');
  });

  test('takes tensors among its options and inside of its arguments, in their order', async () => {
    const [a, b] = [rows(10), rows(11)];
    const temperature = tensor(Float32Array.of(0.5), { shape: [], dtype: 'f32' });
    const live = await call('ntXent', [a, b, { temperature }]);
    expect(live.map(({ length }) => length)).toEqual([1, 24, 24, 1]);
    const fixed = await call('ntXent', [a, b, { temperature: 0.5 }]);
    expect(near(live[1], fixed[1])).toBeLessThan(1e-6);
    const only = await call('ntXent', [a, b, { temperature }], (tensor) => tensor === b);
    expect(only.map(({ length }) => length)).toEqual([1, 24]);
    expect(near(only[1], live[2])).toBeLessThan(1e-6);
  });

  test('lays gradients out as the tensor is: padded rows', async () => {
    const [a, b] = [rows(12, 6, 3), rows(13, 6, 3)];
    const data = normals(18, 12);
    const padded = Float32Array.from({ length: 24 }, (_, i) =>
      i % 4 === 3 ? 9 : data[3 * Math.floor(i / 4) + (i % 4)],
    );
    const wide = tensor(padded, { shape: [6, 3], dtype: 'f32', rowStride: 4 });
    const [plain, strided] = [await call('ntXent', [a, b]), await call('ntXent', [wide, b])];
    expect(strided[0]).toEqual(plain[0]);
    expect(strided[1].filter((_, i) => i % 4 !== 3)).toEqual(plain[1]);
  });

  test('is refused by its own checks, before anything is made for it', () => {
    const [a, b] = [rows(14), rows(15, 5)];
    const table: [() => unknown, RegExp][] = [
      [() => guest.prepare('ntXent', [a, b], () => true), /^ntXent: z1 is \[5, 4\], expected \[6, 4\]/],
      [() => guest.prepare('ntXent', [a, a, { temp: 1 }], () => true), /^ntXent: unknown option "temp"/],
      [() => guest.prepare('ntXent', [a, a, { temperature: 1n }], () => true), /^ntXent: temperature = 1n, expected/],
      [() => guest.prepare('ntXent', [a], () => true), /^ntXent: z1 is missing, expected a Tensor/],
    ];
    for (const [wrong, sentence] of table) expect(wrong).toThrow(sentence);
  });
});

test('every loss of the package is there under its own name', () => {
  const exported = readFileSync(new URL('../../src/index.ts', import.meta.url), 'utf8').matchAll(
    /^export \{([^}]+)\} from '\.\/losses\//gm,
  );
  const names = [...exported].flatMap(([, list]) => list.split(',').map((name) => name.trim()));
  const { engine: _, destroy: __, ...named } = guest.attached((op, args) => [op, args]);
  const losses = names.filter((name) => name in gramian && name !== 'matryoshka'); // which makes one
  expect(Object.keys(named).sort()).toEqual(losses.sort());
  expect(named.byol(1, 2)).toEqual(['byol', [1, 2]]);
});

test('bad options of attach() are sentences', async () => {
  const host = {
    isTensor: (value: unknown): value is HostTensor => value === host,
    layoutOf: () => ({ shape: [], dtype: 'f32' as const }),
  };
  await expect(openGuest(device, host, { plans: 0 })).rejects.toThrow(
    /^attach: plans = 0, expected an integer in \[1, 4096\]\.$/,
  );
  await expect(openGuest(device, host, { plan: 1 } as never)).rejects.toThrow(
    /^attach: unknown option "plan"; did you mean/,
  );
});
