// The ops of a convolutional encoder: value and gradients against f64, the same bits however the work is cut up, and no
// buffer left behind.
import { describe, expect, it } from 'vitest';
import { averagePool2d, batchNorm, conv2d, maxPool2d, mul, slice, sum, type Tensor } from '../../src/index.ts';
import { launchWeightGrad } from '../../src/launch/weightGrad.ts';
import { choosing, otherWays, questionsOf } from '../choices.ts';
import { expectSame } from '../compare.ts';
import { normals, sharedEngine } from '../engine.ts';
import * as reference from '../reference/images.ts';
import { oneGroupASubmit, watchedEngine } from '../watch.ts';

type Shape4 = readonly [number, number, number, number];

const engine = await sharedEngine();
watchedEngine();

const size = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);

/** Largest error as a share of the largest entry. */
function worst(got: ArrayLike<number>, wanted: ArrayLike<number>): number {
  expect(got.length).toBe(wanted.length);
  let [top, off] = [1e-30, 0];
  for (let i = 0; i < wanted.length; i++) {
    top = Math.max(top, Math.abs(wanted[i]));
    off = Math.max(off, Number.isNaN(got[i]) ? Number.POSITIVE_INFINITY : Math.abs(got[i] - wanted[i]));
  }
  return off / top;
}

interface Outcome {
  y: Float32Array;
  gradients: Float32Array[];
}

/** Runs an op, then backward from sum(y * dy). */
async function evaluate(inputs: Tensor[], run: () => Tensor, dy: Float32Array<ArrayBuffer>): Promise<Outcome> {
  for (const input of inputs) input.zeroGrad();
  const y = engine.scope(() => {
    const out = run();
    sum(mul(out, engine.tensor(dy, out.shape))).backward();
    return out.detach();
  });
  const outcome = { y: await y.data(), gradients: await Promise.all(inputs.map((input) => input.grad!.data())) };
  y.dispose();
  return outcome;
}

/** Checks against the reference, then once more with one workgroup a submit: the bits must not change. */
async function check(
  inputs: Tensor[],
  run: () => Tensor,
  twin: reference.ImageResult,
  budget: number,
  last = true,
): Promise<void> {
  const dy = normals(twin.y.length, 9);
  const first = await evaluate(inputs, run, dy);
  expect(worst(first.y, twin.y)).toBeLessThan(budget);
  twin.backward(dy).forEach((wanted, i) => {
    expect(worst(first.gradients[i], wanted), `gradient ${i}`).toBeLessThan(budget);
  });
  expectSame('group by group', await oneGroupASubmit(engine, () => evaluate(inputs, run, dy)), first);
  if (last) for (const input of inputs) input.dispose();
}

const leaf = (values: Float32Array<ArrayBuffer>, shape: readonly number[]) =>
  engine.tensor(values, shape, { requiresGrad: true });

describe('conv2d', () => {
  it.each<[Shape4, Shape4, number, number]>([
    [[1, 1, 1, 1], [1, 1, 1, 1], 1, 0],
    [[2, 1, 5, 5], [3, 1, 3, 3], 1, 1],
    [[3, 2, 7, 6], [5, 2, 3, 3], 2, 1],
    [[1, 3, 9, 9], [17, 3, 5, 5], 3, 2],
    [[4, 16, 8, 8], [20, 16, 3, 3], 2, 1],
    [[2, 3, 4, 4], [2, 3, 1, 1], 2, 0], // pixels that no tap meets
    [[2, 5, 6, 7], [33, 5, 4, 2], 1, 0],
    [[1, 2, 3, 3], [1, 2, 3, 3], 5, 0], // stride beyond the image
    [[2, 3, 13, 11], [4, 3, 3, 3], 2, 2],
    [[131, 2, 4, 3], [3, 2, 3, 2], 1, 1], // sums over several images each, the last over fewer
  ])('x %j, weight %j, stride %d, padding %d', async (shape, weightShape, stride, padding) => {
    const [x, w] = [normals(size(shape), 1), normals(size(weightShape), 2)];
    const inputs = [leaf(x, shape), leaf(w, weightShape)];
    const twin = reference.conv2d(x, shape, w, weightShape, stride, padding);
    const run = () => conv2d(inputs[0], inputs[1], { stride, padding });
    const [way] = otherWays(engine, () => sum(run()).backward(), 'all').filter((one) =>
      Object.keys(one)[0].startsWith('weight gradient'),
    );
    if (way) await choosing(engine, way, () => check(inputs, run, twin, 2e-6, false));
    await check(inputs, run, twin, 2e-6);
  });

  it('packs few images at a time where memory is short, for the same gradient', async () => {
    const [images, channels, height, width, outChannels] = [131, 5, 4, 3, 6];
    const sizes = { images, channels, height, width, outChannels, kernelHeight: 3, kernelWidth: 2 };
    const s = { ...sizes, outHeight: 4, outWidth: 4, stride: 1, padding: 1 };
    const x = engine.tensor(normals(images * channels * 12, 1), [images, channels, height, width]);
    const dy = engine.tensor(normals(images * outChannels * 16, 2), [images, outChannels, 4, 4]);
    const gradient = (most?: number) => async () => {
      const dw = engine.full([outChannels, channels, 3, 2], 0);
      launchWeightGrad(engine, 'conv2d', s, x, dy, dw, most);
      const values = await dw.data();
      dw.dispose();
      return values;
    };
    const question = [...questionsOf(engine, () => void gradient()()).keys()].find((name) => name.startsWith('weight'));
    const packed = { [question as string]: 'packed' };
    const whole = await choosing(engine, packed, gradient());
    expectSame('in parts', await choosing(engine, packed, gradient(2 ** 15)), whole);
    for (const tensor of [x, dy]) tensor.dispose();
  });

  it('names what does not fit', () => {
    engine.scope(() => {
      const x = engine.full([2, 3, 8, 8], 0);
      expect(() => conv2d(x, engine.full([4, 2, 3, 3], 0))).toThrow(
        'conv2d: weight has 2 channels, expected 3 to match x [2, 3, 8, 8].',
      );
      expect(() => conv2d(x, engine.full([4, 3, 9, 9], 0))).toThrow('conv2d: weight is 9 x 9, expected at most 8 x 8');
      expect(() => conv2d(x, engine.full([4, 3, 3, 3], 0), { stride: 0 })).toThrow(
        'conv2d: stride = 0, expected an integer',
      );
    });
  });
});

describe('batchNorm', () => {
  const shapes = [
    [5, 1],
    [64, 5],
    [129, 33],
    [7, 3, 4, 5],
    [300, 2, 3, 3],
    [3, 67, 1, 1],
  ];
  const cases = shapes.flatMap((shape) =>
    [0, 1, 2, 3].map((bits): [number[], boolean, boolean] => [shape, (bits & 1) > 0, (bits & 2) > 0]),
  );
  it.each(cases)('x %j, training %s, relu %s', async (shape, training, relu) => {
    const channels = shape[1];
    const x = normals(size(shape), 3).map((v) => 2 * v + 5); // a mean far from 0 costs digits where sums of squares do
    const norm = {
      weight: normals(channels, 4),
      bias: normals(channels, 5),
      mean: normals(channels, 6),
      variance: normals(channels, 7).map(Math.abs),
    };
    const twin = reference.batchNorm(x, shape, norm, { training, relu });
    const inputs = [leaf(x, shape), leaf(norm.weight, [channels]), leaf(norm.bias, [channels])];
    const running = [norm.mean, norm.variance].map((values) => engine.tensor(values, [channels]));
    const run = () => {
      running[0].write(norm.mean);
      running[1].write(norm.variance);
      const [runningMean, runningVariance] = running;
      return batchNorm(
        inputs[0],
        { weight: inputs[1], bias: inputs[2], runningMean, runningVariance },
        { training, relu },
      );
    };
    await check(inputs, run, twin, 5e-6);
    expect(worst(await running[0].data(), twin.runningMean)).toBeLessThan(1e-6);
    expect(worst(await running[1].data(), twin.runningVariance)).toBeLessThan(2e-6);
    for (const tensor of running) tensor.dispose();
  });

  it('passes nothing back where the ReLU stands at exactly 0', async () => {
    const inputs = [leaf(normals(40, 3), [8, 5]), leaf(new Float32Array(5), [5]), leaf(new Float32Array(5), [5])];
    const [x, weight, bias] = inputs;
    const running = [new Float32Array(5), new Float32Array(5).fill(1)].map((values) => engine.tensor(values, [5]));
    const state = { weight, bias, runningMean: running[0], runningVariance: running[1] };
    engine.scope(() => sum(batchNorm(x, state, { training: true, relu: true })).backward());
    for (const { grad } of inputs) expect((await grad?.data())?.every((value) => value === 0)).toBe(true);
    for (const tensor of [...inputs, ...running]) tensor.dispose();
  });
});

describe.each([
  ['averagePool2d', averagePool2d, false],
  ['maxPool2d', maxPool2d, true],
] as const)('%s', (_name, pool, maximum) => {
  it.each<[Shape4, number]>([
    [[1, 1, 1, 1], 1],
    [[2, 3, 4, 4], 2],
    [[3, 5, 7, 9], 2],
    [[2, 2, 11, 8], 3],
  ])('x %j, size %d', async (shape, edge) => {
    const x = normals(size(shape), 8);
    const inputs = [leaf(x, shape)];
    await check(inputs, () => pool(inputs[0], edge), reference.pool2d(x, shape, edge, maximum), 1e-6);
  });
});

describe('slice', () => {
  it.each([
    [[1, 1], 0, 1],
    [[7, 3], 2, 5],
    [[300, 2, 5], 299, 300],
  ] as [number[], number, number][])('x %j, %d to %d', async (shape, start, end) => {
    const x = normals(size(shape), 10);
    const width = size(shape) / shape[0];
    const inputs = [leaf(x, shape)];
    const twin = {
      y: Float64Array.from(x.subarray(start * width, end * width)),
      backward: (dy: ArrayLike<number>) => {
        const dx = new Float64Array(x.length);
        dx.set(dy, start * width);
        return [dx];
      },
    };
    await check(inputs, () => slice(inputs[0], start, end), twin, 1e-7);
  });
});
