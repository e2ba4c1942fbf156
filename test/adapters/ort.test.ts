import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { attach } from '../../src/adapters/ort.ts';
import { normals } from '../engine.ts';
import { half } from '../reference/half.ts';
import * as symmetric from '../reference/losses/symmetric.ts';
import { matrix } from '../reference/matrix.ts';
import { trainOrt } from './byHand.ts';
import { HIDDEN, INPUTS, OUTPUTS, ROWS, TRAINED } from './encoder.ts';
import { expectTrained } from './expectTrained.ts';
import { countHeld, expectFlat, load, runProgram, typeErrors } from './hosts.ts';
import { MODEL } from './onnx.ts';

// biome-ignore-start lint/suspicious/noExplicitAny: the runtime's types are not there where this is checked
let ort: any;
let session: any;
let g: any;
// biome-ignore-end lint/suspicious/noExplicitAny: see above
let device: GPUDevice;
let held: ReturnType<typeof countHeld>;
const early: unknown[] = [];

beforeAll(async () => {
  [ort] = await load('ort', './onnxruntime-web/dist/ort.webgpu.bundle.min.mjs');
  held = countHeld();
  await attach(ort).catch((error: unknown) => early.push(error));
  ort.env.wasm.numThreads = 1;
  session = await ort.InferenceSession.create(MODEL, {
    executionProviders: ['webgpu'],
    preferredOutputLocation: 'gpu-buffer',
  });
  g = await attach(ort, { tune: 'off' });
  device = g.engine.device;
});
afterAll(() => g.destroy());

interface OrtTensor {
  readonly gpuBuffer: GPUBuffer;
  readonly dims: readonly number[];
  readonly type: string;
  readonly location: string;
  getData(): Promise<Float32Array>;
  dispose(): void;
}
const made: GPUBuffer[] = [];
const onGPU = (data: Float32Array | Int32Array | Uint16Array, dims: number[], dataType = 'float32'): OrtTensor => {
  const buffer = device.createBuffer({ size: 16 * Math.ceil(data.byteLength / 16), usage: 0x80 | 4 | 8 });
  device.queue.writeBuffer(buffer, 0, data as Float32Array<ArrayBuffer>);
  made.push(buffer);
  return ort.Tensor.fromGpuBuffer(buffer, { dataType, dims });
};
const view = (seed: number): OrtTensor => onGPU(normals(ROWS * OUTPUTS, seed), [ROWS, OUTPUTS]);
const exactly = (seed: number) => matrix(ROWS, OUTPUTS, normals(ROWS * OUTPUTS, seed));

async function read(buffer: GPUBuffer, count: number): Promise<Float32Array> {
  const staging = device.createBuffer({ size: 4 * count, usage: 1 | 8 });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, 4 * count);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(1);
  const numbers = new Float32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  return numbers;
}

describe('an encoder of ONNX Runtime', () => {
  test.each(TRAINED)('trained by $loss as by the gradients written out', async ({ loss: name }) => {
    const { ours, theirs } = await trainOrt(ort, session, g, name);
    expectTrained(name, ours, theirs);
  });

  test('holds no more after 500 steps than after 20', async () => {
    const [X, W1, W2] = [
      [ROWS, INPUTS],
      [INPUTS, HIDDEN],
      [HIDDEN, OUTPUTS],
    ].map((dims, i) => onGPU(normals(dims[0] * dims[1], i + 1), dims));
    await expectFlat(async () => {
      const { H, Z } = await session.run({ X, W1, W2 });
      const { loss, gradients } = await g.ntXent(Z, Z, { gradients: true });
      await loss.getData();
      for (const each of [H, Z, loss, ...gradients]) each.dispose();
    }, held);
  }, 300_000);
});

describe('what is easy to get wrong', () => {
  test('an input that is disposed of, and its buffer written, at once', async () => {
    const [X, W1, W2] = [
      [ROWS, INPUTS],
      [INPUTS, HIDDEN],
      [HIDDEN, OUTPUTS],
    ].map((dims, i) => onGPU(normals(dims[0] * dims[1], i + 1), dims));
    const { H, Z } = await session.run({ X, W1, W2 });
    const other = view(5);
    const data = await read(Z.gpuBuffer, ROWS * OUTPUTS);
    expect(Z.gpuBuffer.size).toBeGreaterThan(0);
    const waiting = g.ntXent(Z, other);
    device.queue.writeBuffer(Z.gpuBuffer, 0, new Float32Array(ROWS * OUTPUTS).fill(9));
    for (const each of [H, Z, other]) each.dispose();
    const { loss } = await waiting;
    expect((await loss.getData())[0]).toBeCloseTo(
      symmetric.ntXent(matrix(ROWS, OUTPUTS, data), exactly(5), 0.5).value,
      5,
    );
    expect(loss.dims).toEqual([]);
    await expect(g.ntXent(Z, Z)).rejects.toThrow(/^ntXent: a tensor \[24, 8\] was disposed, expected a live one\.$/);
  });

  test('float16 is read as such, and its gradient is float16', async () => {
    const data = [6, 7].map((seed) => normals(ROWS * OUTPUTS, seed));
    const halves = data.map((values) => onGPU(Uint16Array.from(values, bitsOf), [ROWS, OUTPUTS], 'float16'));
    const { loss, gradients } = await g.ntXent(...halves, { gradients: true });
    const rounded = data.map((values) => matrix(ROWS, OUTPUTS, Float32Array.from(values, half)));
    const wanted = symmetric.ntXent(rounded[0], rounded[1], 0.5);
    expect((await loss.getData())[0]).toBeCloseTo(wanted.value, 5);
    expect(gradients[0].type).toBe('float16');
    const bits = new Uint16Array((await gradients[0].getData()).buffer);
    for (const [i, want] of wanted.gradients[0].data.entries())
      expect(Math.abs(numberOf(bits[i]) - want)).toBeLessThan(1e-6 + Math.abs(want) * 2 ** -11);
  });

  test('tensors on the CPU are uploaded, and those of transformers.js taken out of their own', async () => {
    const cpu = new ort.Tensor('float32', normals(ROWS * OUTPUTS, 8), [ROWS, OUTPUTS]);
    const { loss } = await g.ntXent(cpu, { ort_tensor: view(9) });
    expect((await loss.getData())[0]).toBeCloseTo(symmetric.ntXent(exactly(8), exactly(9), 0.5).value, 5);
  });

  test('labels are int32, on the GPU or as an Int32Array', async () => {
    const numbers = Int32Array.from({ length: ROWS }, (_, i) => (i * i) % 5);
    const wanted = symmetric.supCon([exactly(1), exactly(2)], Array.from(numbers), 0.1);
    for (const labels of [onGPU(numbers, [ROWS], 'int32'), numbers]) {
      const { loss, gradients } = await g.supCon([view(1), view(2)], labels, { gradients: true });
      expect((await loss.getData())[0]).toBeCloseTo(wanted.value, 4);
      expect(gradients.length).toBe(2);
      const got = await gradients[1].getData();
      for (const [i, want] of wanted.gradients[1].data.entries()) expect(Math.abs(got[i] - want)).toBeLessThan(1e-5);
    }
  });

  test.each<[string, () => Promise<unknown>, RegExp]>([
    [
      'int64',
      () => g.supCon([view(1)], new ort.Tensor('int64', new BigInt64Array(ROWS), [ROWS])),
      /^supCon: a tensor \[24\] holds int64, expected float32 or float16, or int32 for labels: cast them\.$/,
    ],
    [
      'other shapes',
      () => g.ntXent(view(1), onGPU(normals(12, 1), [4, 3])),
      /^ntXent: z1 is \[4, 3\], expected \[24, 8\]/,
    ],
    ['an option', () => g.ntXent(view(1), view(1), { temp: 1, gradients: true }), /^ntXent: unknown option "temp"/],
    ['no tensor', () => g.ntXent({ dims: [1] }, view(1)), /^ntXent: z0 is an Object, expected a Tensor/],
  ])('refuses %s', async (_, call, sentence) => {
    await expect(call()).rejects.toThrow(sentence);
  });

  test("results are the caller's: they are read after destroy(), too", async () => {
    const own = await attach(ort, { device, plans: 2, tune: 'off' });
    const odd = [1, 2].map((seed) => new ort.Tensor('float16', Uint16Array.from(normals(15, seed), bitsOf), [5, 3]));
    const { loss, gradients } = await (own as typeof g).ntXent(...odd, { gradients: true });
    own.destroy();
    const wanted = symmetric.ntXent(
      matrix(5, 3, normals(15, 1).map(half)),
      matrix(5, 3, normals(15, 2).map(half)),
      0.5,
    );
    expect((await loss.getData())[0]).toBeCloseTo(wanted.value, 5);
    expect((await gradients[1].getData()).length).toBe(15);
  });

  test('where a call fails, its results go', async () => {
    const z = [view(1), view(2)];
    await g.ntXent(...z); // captured
    const before = held.buffers();
    const submit = vi.spyOn(device.queue, 'submit').mockImplementation(() => {
      throw new Error('refused');
    });
    await expect(g.ntXent(...z)).rejects.toThrow('refused');
    submit.mockRestore();
    expect(held.buffers()).toBe(before);
  });

  test('attach() wants a runtime with a device', async () => {
    expect(String(early[0])).toMatch(
      /attach: the runtime has no device yet, expected one; make an InferenceSession on "webgpu" first, or give the device\.$/,
    );
    await expect(attach({} as never)).rejects.toThrow(/^attach: ort is an Object, expected what import \* as ort/);
  });
});

test('the program of docs/frameworks.md prints what it says', async () => {
  const [printed, promised] = await runProgram('ONNX Runtime Web and transformers\\.js', {
    'onnxruntime-web/webgpu': ort,
    'gramian/ort': { attach },
    './encoder.js': { encode: (seed: number) => [view(seed), view(seed + 1)] },
  });
  expect(printed).toEqual(promised);
});

test('its types take those of the runtime', async () => {
  const said = await typeErrors(
    'ort',
    `import * as ort from 'onnxruntime-web/webgpu';
     import { attach } from 'gramian/ort';
     const session = await ort.InferenceSession.create('model.onnx', { executionProviders: ['webgpu'], preferredOutputLocation: 'gpu-buffer' });
     const g = await attach(ort, { plans: 4 });
     const { Z } = await session.run({});
     const { loss, gradients } = await g.ntXent(Z, Z, { temperature: 0.2, gradients: true });
     const value: number = (await loss.getData() as Float32Array)[0];
     const tensor: ort.Tensor = gradients[0];
     await g.byol(Z, { ort_tensor: Z });
     await g.supCon([Z], new Int32Array(4), { gradients: true });
     // @ts-expect-error a misspelt option
     g.ntXent(Z, Z, { temp: 1 });
     export { value, tensor };`,
  );
  expect(said).toBe('');
});

/** The 16 bits of a number that f16 holds, or rounds to. */
function bitsOf(value: number): number {
  const rounded = Math.abs(half(value));
  const sign = value < 0 ? 0x8000 : 0;
  if (rounded === 0) return sign;
  const exponent = Math.max(Math.floor(Math.log2(rounded)), -14);
  const units = rounded / 2 ** (exponent - 10); // 1024 to 2047, or fewer where it is subnormal
  return sign + (units < 1024 ? units : (exponent + 15) * 1024 + units - 1024);
}

function numberOf(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  const size = exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -size : size;
}
