import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { add, cast, clip, createEngine, type Engine, mul, ntXent, reshape, sum, type Tensor } from '../../src/index.ts';
import { sgd } from '../../src/optim/index.ts';
import { normals } from '../engine.ts';
import { fromHalf, half, toHalf } from '../reference/half.ts';

let engine: Engine;
let device: GPUDevice;
beforeAll(async () => {
  engine = await createEngine({ tune: 'off' });
  device = engine.device;
});
afterAll(() => engine.destroy());

const STORAGE = 0x80 | 4 | 8;
const made: GPUBuffer[] = [];
afterAll(() => {
  for (const buffer of made) buffer.destroy();
});

function bufferOf(bytes: Uint8Array<ArrayBuffer>, offset = 0): GPUBuffer {
  const buffer = device.createBuffer({ size: offset + Math.ceil(bytes.byteLength / 4) * 4, usage: STORAGE });
  const whole = new Uint8Array(buffer.size - offset);
  whole.set(bytes);
  device.queue.writeBuffer(buffer, offset, whole);
  made.push(buffer);
  return buffer;
}

interface Form {
  readonly dtype: 'f32' | 'f16';
  readonly columns: number;
  readonly rowStride: number;
}

const stride = { dtype: 'f32', columns: 5, rowStride: 8 } as const;
const FORMS: readonly Form[] = [
  stride,
  { dtype: 'f16', columns: 4, rowStride: 4 },
  { dtype: 'f16', columns: 5, rowStride: 5 },
  { dtype: 'f16', columns: 5, rowStride: 7 },
  { dtype: 'f16', columns: 3, rowStride: 4 },
];

/** Numbers as a host lays them out, NaN between the rows. */
function laidOut(values: ArrayLike<number>, { dtype, columns, rowStride }: Form): Uint8Array<ArrayBuffer> {
  const rows = values.length / columns;
  const all = new Float32Array((rows - 1) * rowStride + columns).fill(Number.NaN);
  for (let i = 0; i < values.length; i++) all[Math.floor(i / columns) * rowStride + (i % columns)] = values[i];
  return new Uint8Array(dtype === 'f32' ? all.buffer : Uint16Array.from(all, toHalf).buffer);
}

/** The way back, and what lies between the rows. */
function takenApart(bytes: ArrayBuffer, { dtype, columns, rowStride }: Form, rows: number): [number[], number[]] {
  const entries = (rows - 1) * rowStride + columns;
  const all: number[] =
    dtype === 'f32'
      ? [...new Float32Array(bytes, 0, entries)]
      : Array.from(new Uint16Array(bytes, 0, entries), fromHalf);
  const inRow = (i: number): boolean => i % rowStride < columns;
  return [all.filter((_, i) => inRow(i)), all.filter((_, i) => !inRow(i))];
}

async function hostRead(buffer: GPUBuffer, bytes: number, offset = 0): Promise<ArrayBuffer> {
  const staging = device.createBuffer({ size: Math.ceil(bytes / 4) * 4, usage: 1 | 8 });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, offset, staging, 0, staging.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(1);
  const result = staging.getMappedRange().slice(0);
  staging.destroy();
  return result;
}

function tensorOf(values: ArrayLike<number>, form: Form, offset = 0): Tensor {
  const { dtype, columns, rowStride } = form;
  return engine.fromBuffer(bufferOf(laidOut(values, form), offset), [values.length / columns, columns], {
    ...{ dtype, rowStride, offset },
    requiresGrad: true,
  });
}

describe('one number', () => {
  test('has the shape []: item, data, write, gradient, reshape, a buffer of yours', async () => {
    const x = engine.tensor([3], [], { requiresGrad: true });
    expect(x.shape).toEqual([]);
    const y = mul(x, x);
    expect(y.shape).toEqual([]);
    y.backward();
    expect([await x.item(), ...(await x.data()), await y.item(), await x.grad?.item()]).toEqual([3, 3, 9, 6]);
    expect(x.grad?.shape).toEqual([]);
    x.write([4]);
    expect(await x.item()).toBe(4);
    expect([reshape(x, [1, 1]).shape, reshape(reshape(x, [1]), []).shape]).toEqual([[1, 1], []]);
    const own = engine.fromBuffer(bufferOf(new Uint8Array(Float32Array.of(7).buffer)), [], { requiresGrad: true });
    expect(await own.item()).toBe(7);
    sum(mul(own, [2].length)).backward();
    expect(own.grad?.shape).toEqual([]);
  });

  test.each<[string, (at: Tensor, z: Tensor[]) => Tensor]>([
    ['a live temperature', (temperature, [a, b]) => ntXent(a, b, { temperature })],
    ['a live logit scale', (logitScale, [a, b]) => clip(a, b, { logitScale })],
  ])('is %s, and gets its gradient in that shape', async (_, run) => {
    const z = [1, 2].map((seed) => engine.tensor(normals(12, seed), [4, 3]));
    const [scalar, vector] = [[], [1]].map((shape) => engine.tensor([0.5], shape, { requiresGrad: true }));
    for (const tau of [scalar, vector]) run(tau, z).backward();
    expect(scalar.grad?.shape).toEqual([]);
    expect(await scalar.grad?.data()).toEqual(await vector.grad?.data());
  });

  test('is an input of a plan', async () => {
    const plan = engine.plan({ x: [4], scale: { shape: [], requiresGrad: true } }, ({ x, scale }) => {
      const y = sum(mul(x, scale));
      y.backward();
      return { y, slope: scale.grad as Tensor };
    });
    expect(plan.sizes).toEqual({ x: 4, scale: 1, y: 1, slope: 1 });
    const [x, scale, y, slope] = [[1, 2, 3, 4], [2], [0], [0]].map((list) =>
      bufferOf(new Uint8Array(Float32Array.from(list).buffer)),
    );
    const encoder = device.createCommandEncoder();
    plan.encode(encoder, { x, scale, y, slope });
    device.queue.submit([encoder.finish()]);
    const read = await Promise.all([y, slope].map(async (buffer) => new Float32Array(await hostRead(buffer, 4))[0]));
    expect(read).toEqual([20, 10]);
    plan.dispose();
  });
});

describe('f16', () => {
  test('every one of its numbers is read as what it is, and written back', async () => {
    const all = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const x = engine.fromBuffer(bufferOf(new Uint8Array(all.buffer)), [65536], { dtype: 'f16' });
    const wanted = Float32Array.from(all, fromHalf);
    expect(await x.data()).toEqual(wanted);
    const back = new Uint16Array(await hostRead(cast(cast(x, 'f32'), 'f16').buffer, 2 * 65536));
    expect(back.filter((bits, i) => !Number.isNaN(wanted[i]) && bits !== i)).toEqual(new Uint16Array());
    expect([...back].filter((bits, i) => Number.isNaN(wanted[i]) && !Number.isNaN(fromHalf(bits)))).toEqual([]);
  });

  test('is the nearest, ties to even, and Infinity past its largest', async () => {
    const halves = Array.from({ length: 2000 }, (_, i) => fromHalf(15 * i));
    const ties = halves.map((value) => (value + fromHalf(toHalf(value) + 1)) / 2);
    const list = [...halves, ...ties, ...ties.map((v) => v * (1 + 2 ** -20)), ...ties.map((v) => v * (1 - 2 ** -20))];
    const values = Float32Array.from([
      ...list,
      65504,
      65519,
      65520,
      1e6,
      Infinity,
      NaN,
      -0,
      1e-8,
      2 ** -25,
      3e-8,
      -1e30,
    ]);
    const x = engine.tensor(values);
    const y = cast(x, 'f16');
    expect(y.dtype).toBe('f16');
    expect(await y.data()).toEqual(values.map(half));
  });

  test('is taken by every op as f32, the gradient in f16 again', async () => {
    const x = engine.tensor(normals(12, 3).map(half), [4, 3], { requiresGrad: true });
    const h = engine.fromBuffer(cast(x, 'f16').buffer, [4, 3], { dtype: 'f16', requiresGrad: true });
    const loss = (z: Tensor): Tensor => sum(mul(add(z, 1), z));
    loss(x).backward();
    loss(h).backward();
    expect(h.grad?.dtype).toBe('f16');
    expect(await h.grad?.data()).toEqual((await x.grad?.data())?.map(half));
    expect(cast(h, 'f32').dtype).toBe('f32');
  });
});

describe.each(FORMS)('%o', (form) => {
  const rows = 6;
  const values = [1, 2].map((seed) => normals(rows * form.columns, seed).map(half));

  test('values and gradients, in the layout of the buffer', async () => {
    const plain = values.map((list) => engine.tensor(list, [rows, form.columns], { requiresGrad: true }));
    const given = values.map((list) => tensorOf(list, form, 256));
    expect(given.map(({ offset, dtype, rowStride }) => [offset, dtype, rowStride ?? form.columns])).toEqual(
      given.map(() => [256, form.dtype, form.rowStride]),
    );
    expect(await given[0].data()).toEqual(values[0]);
    const [wanted, loss] = [plain, given].map(([a, b]) => ntXent(a, b));
    for (const each of [wanted, loss]) each.backward();
    expect(await loss.item()).toBe(await wanted.item());
    const round = form.dtype === 'f16' ? half : Math.fround;
    for (let turn = 1; turn <= 2; turn++) {
      for (const [i, { grad }] of given.entries()) {
        const slope = (await plain[i].grad?.data()) as Float32Array;
        // The second turn adds to what was rounded.
        const sums = turn === 1 ? slope.map(round) : slope.map((v) => round(round(v / 2) + v / 2));
        expect(grad?.shape).toEqual([rows, form.columns]);
        expect(await grad?.data()).toEqual(sums);
        const bytes = await hostRead((grad as Tensor).buffer, laidOut(values[0], form).byteLength);
        const [entries, between] = takenApart(bytes, form, rows);
        expect(entries).toEqual([...sums]);
        expect(between.every((v) => v === 0)).toBe(true);
      }
      for (const pair of [plain, given]) ntXent(pair[0], pair[1]).backward();
    }
    for (const tensor of given) tensor.zeroGrad();
    expect(given[0].grad).toBeNull();
  });

  test('what is written there meanwhile is what ops read next', async () => {
    const x = tensorOf(values[0], form);
    const sums = [add(x, 0)];
    device.queue.writeBuffer(x.buffer, 0, laidOut(values[1], form).slice(0, 4));
    sums.push(add(x, 0));
    expect(await sums[0].data()).toEqual(values[0]);
    expect((await sums[1].data())[0]).toBe(values[1][0]);
    x.write(values[1]);
    expect(await add(x, 0).data()).toEqual(values[1]);
    const [entries] = takenApart(await hostRead(x.buffer, x.buffer.size), form, rows);
    expect(entries).toEqual([...values[1]]);
    expect(x.detach().dtype).toBe(form.dtype);
  });

  test('a recorded step', async () => {
    const step = engine.recorded((a: Tensor, b: Tensor) => {
      const loss = ntXent(a, b);
      loss.backward();
      return { loss, slope: a.grad as Tensor, other: b.grad as Tensor };
    });
    for (let turn = 0; turn < 3; turn++) {
      const lists = [3, 4].map((seed) => normals(rows * form.columns, seed + turn).map(half));
      const given = lists.map((list) => tensorOf(list, form));
      const wanted = ntXent(given[0], given[1]);
      wanted.backward();
      const { loss, slope } = step(given[0], given[1]);
      expect(await loss.item()).toBe(await wanted.item());
      expect(await slope.data()).toEqual(await given[0].grad?.data());
      expect([slope.dtype, slope.rowStride]).toEqual([given[0].dtype, given[0].rowStride]);
    }
    step.dispose();
  });

  test('cannot be written in place', () => {
    const x = tensorOf(values[0], form);
    expect(() => sgd({ x }, { learningRate: 1 })).toThrow(/^sgd: parameters\.x is f.*expected f32 without one, as it/);
  });
});
