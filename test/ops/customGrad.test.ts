import { describe, expect, test } from 'vitest';
import {
  add,
  type CustomGrad,
  createEngine,
  customGrad,
  defineKernel,
  exp,
  mul,
  neg,
  relu,
  square,
  sum,
  type Tensor,
  UsedAfterDisposeError,
} from '../../src/index.ts';
import { normals } from '../engine.ts';
import { heldBuffers } from '../held.ts';
import { checking, engine, useEngines } from './engines.ts';

useEngines();

const head = `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= arrayLength(&x)) { return; }`;
const workgroups = ({ x }: Readonly<Record<string, Tensor>>) => Math.ceil(x.size / 64);
const forward = defineKernel({ name: 'silu', workgroups, wgsl: `${head} y[i] = x[i] / (1.0 + exp(-x[i])); }` });
const backward = defineKernel({
  name: 'silu_grad',
  workgroups,
  wgsl: `@group(0) @binding(2) var<storage, read> dy: array<f32>; ${head}
    let s = 1.0 / (1.0 + exp(-x[i])); y[i] = dy[i] * s * (1.0 + x[i] * (1.0 - s)); }`,
});
const silu = customGrad((x: Tensor) => ({
  value: forward({ x }, { y: x.shape }).y,
  saved: [x],
  gradient: (dy) => [backward({ x, dy }, { y: x.shape }).y],
}));

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const slopeOf = (x: number): number => sigmoid(x) * (1 + x * (1 - sigmoid(x)));
const values = normals(300, 1);
const wanted = Array.from(values, slopeOf);

function expectClose(actual: ArrayLike<number>, expected: readonly number[]): void {
  expect(actual.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) expect(Math.abs(actual[i] - expected[i])).toBeLessThan(1e-5);
}

test("gradient of a kernel of one's own: eagerly, in a scope, recorded, in a plan, under check", async () => {
  for (const on of [engine, checking]) {
    const x = on.tensor(values, [300], { requiresGrad: true });
    const loss = on.scope(() => {
      const total = sum(silu(x));
      total.backward();
      return total;
    });
    expectClose([(await loss.item()) / 100], [values.reduce((a, z) => a + z * sigmoid(z), 0) / 100]);
    expectClose(await x.grad!.data(), wanted);
    on.noGrad(() => expect(silu(x).requiresGrad).toBe(false));
    const step = on.recorded((input: Tensor) => {
      const total = sum(silu(input));
      total.backward();
      return input.grad as Tensor;
    });
    for (let turn = 0; turn < 3; turn++) expectClose(await step(x).data(), wanted);
    step.dispose();
    const plan = on.plan({ x: { shape: [300], requiresGrad: true } }, ({ x: input }) => {
      sum(silu(input)).backward();
      return { dx: input.grad! };
    });
    const dx = on.device.createBuffer({ size: 1200, usage: 0x80 | 4 });
    const encoder = on.device.createCommandEncoder();
    plan.encode(encoder, { x: x.buffer, dx });
    on.device.queue.submit([encoder.finish()]);
    expectClose(await on.fromBuffer(dx, [300]).data(), wanted);
    plan.dispose();
    dx.destroy();
    await on.sync();
  }
});

test('inputs used twice, the result used twice, one inside another, and inside of a gradient', async () => {
  const x = engine.tensor(values, [300], { requiresGrad: true });
  const product: (a: Tensor, b: Tensor) => Tensor = customGrad((a: Tensor, b: Tensor) => ({
    value: mul(a, b),
    saved: [a, b],
    gradient: (dy) => [product(dy, b), product(dy, a)],
  }));
  const twice = customGrad((a: Tensor) => {
    const y = silu(a);
    return { value: add(y, y), saved: [a], gradient: (dy) => [add(silu(dy), mul(dy, a))] };
  });
  const y = product(x, x);
  sum(add(y, y)).backward();
  expectClose(
    await x.grad!.data(),
    Array.from(values, (z) => 4 * z),
  );
  x.zeroGrad();
  sum(twice(x)).backward();
  expectClose(
    await x.grad!.data(),
    Array.from(values, (z) => sigmoid(1) + z),
  );
  x.zeroGrad();
});

test("what is saved outlives the caller's handles, what is not is freed, and nothing is left", async () => {
  const own = await createEngine({ tune: 'off' }); // where no test before this one dropped anything
  const x = own.tensor(values, [300], { requiresGrad: true });
  const of = (fn: (y: Tensor) => CustomGrad) => customGrad(fn);
  // An intermediate result, the value itself, and a tensor of the caller's.
  const factor = own.tensor([3]);
  const odd = of((a) => {
    const y = exp(a);
    const half = mul(a, 0.5);
    return { value: y, saved: [y, half, factor], gradient: (dy) => [mul(mul(dy, add(y, half)), factor)] };
  });
  const run = (): Tensor => {
    const a = neg(x);
    const y = odd(a);
    a.dispose();
    const total = sum(y);
    y.dispose();
    return total;
  };
  const before = await heldBuffers(own);
  const total = run();
  total.backward();
  total.dispose();
  expectClose(
    await x.grad!.data(),
    Array.from(values, (z) => -3 * (Math.exp(-z) - z / 2)),
  );
  x.zeroGrad();
  run().dispose();
  expect(factor.disposed).toBe(false);
  const careless = of((a) => ({ value: exp(a), gradient: (dy) => [mul(dy, a)] }));
  const bare = own.scope(() => sum(careless(x)));
  expect(() => bare.backward()).toThrow(
    /^customGrad: gradient throws: mul: b was disposed .*; list in saved what it uses\.$/,
  );
  bare.dispose();
  expect(await heldBuffers(own)).toBe(before);
  own.destroy();
});

test('the input itself as a value, and dy as its gradient', async () => {
  const same = customGrad((a: Tensor) => ({ value: a, gradient: (dy) => [dy] }));
  const x = engine.tensor([1, 2], undefined, { requiresGrad: true });
  const y = same(x);
  sum(square(y)).backward();
  expect(await x.grad!.data()).toEqual(Float32Array.of(2, 4));
  y.dispose();
  expect(await x.data()).toEqual(Float32Array.of(1, 2));
});

test('a saved tensor that is overwritten is refused; so is a second walk', async () => {
  const x = engine.tensor(values, [300], { requiresGrad: true });
  const loss = sum(silu(x));
  x.write(values);
  expect(() => loss.backward()).toThrow(/inputs\[0\] \[300\] of customGrad was overwritten by write\(\)/);
  const again = sum(silu(x));
  again.backward();
  expect(() => again.backward()).toThrow('loss was already walked');
});

describe('one sentence', () => {
  const table: [string, (x: Tensor, w: Tensor) => unknown, string][] = [
    ['nothing', () => undefined, 'customGrad: fn returned undefined, expected { value, saved, gradient }.'],
    ['no value', () => ({}), 'customGrad: value is missing, expected a Tensor.'],
    ['a Tensor', (x) => relu(x), 'customGrad: fn returned a Tensor [2], expected { value, saved, gradient }.'],
    [
      'a Promise',
      async (x) => ({ value: x }),
      'customGrad: fn returned a Promise, expected a synchronous function; await outside of it.',
    ],
    [
      'nothing, as it throws',
      () => {
        throw new RangeError('no room.\nat all');
      },
      'customGrad: fn throws: no room.',
    ],
    ['two values', (x) => ({ value: [x, x], gradient: () => [] }), 'customGrad: value is an Array, expected a Tensor.'],
    ['no gradient', (x) => ({ value: relu(x) }), 'customGrad: gradient is missing, expected a function.'],
    [
      'a number saved',
      (x) => ({ value: relu(x), saved: [3], gradient: () => [] }),
      'customGrad: saved is an Array, expected an array of Tensors.',
    ],
    [
      'another name',
      (x) => ({ value: relu(x), grad: () => [] }),
      'customGrad: unknown option "grad"; it takes value, saved, gradient.',
    ],
  ];
  test.each(table)('fn returns %s', (_, fn, sentence) => {
    const x = engine.tensor([1, 2], undefined, { requiresGrad: true });
    expect(() => customGrad(fn as (x: Tensor) => CustomGrad)(x)).toThrow(sentence);
  });

  const gradients: [string, (dy: Tensor, x: Tensor) => unknown, string][] = [
    [
      'a Tensor',
      (dy) => dy,
      'customGrad: gradient returned a Tensor [2], expected an array with one entry for each input.',
    ],
    ['too few', (dy) => [dy], 'customGrad: gradient returned 1 entries, expected 2, one for each input.'],
    ['too many', (dy) => [dy, null, null], 'customGrad: gradient returned 3 entries, expected 2, one for each input.'],
    [
      'null for one that needs one',
      () => [null, null],
      'customGrad: gradient[0] is null, expected a Tensor [2] as inputs[0].',
    ],
    ['another shape', (dy) => [sum(dy), null], 'customGrad: gradient[0] is [], expected a Tensor [2] as inputs[0].'],
    [
      "another engine's",
      () => [checking.tensor([1, 2]), null],
      'customGrad: gradient[0] lives on another engine, expected a Tensor [2] as inputs[0].',
    ],
    ['integers', () => [engine.tensor(Int32Array.of(1, 2)), null], 'customGrad: gradient[0] holds i32, expected f32.'],
    [
      'a Promise',
      async (dy) => [dy, null],
      'customGrad: gradient returned a Promise, expected a synchronous function; await outside of it.',
    ],
  ];
  test('what asks for a gradient is an input, or a constant', async () => {
    const [x, w] = [1, 2].map((value) => engine.tensor([value, 3], undefined, { requiresGrad: true }));
    const times = (factor: () => Tensor) =>
      customGrad((a: Tensor) => ({ value: mul(a, factor()), saved: [a], gradient: (dy) => [mul(dy, w)] }));
    const sentence =
      'customGrad: fn throws: mul: a Tensor [2] asks for a gradient and is no input of fn, expected it among them; detach() what is a constant.';
    expect(() => times(() => w)(x)).toThrow(sentence);
    expect(() => times(() => exp(w))(x)).toThrow(sentence.replace('mul: ', 'exp: '));
    const before = engine.scope(() => exp(w));
    expect(() => times(() => before)(x)).toThrow(sentence);
    for (const fine of [() => w.detach(), () => engine.noGrad(() => exp(w))]) sum(times(fine)(x)).backward();
    expect(await engine.noGrad(() => times(() => w)(x)).data()).toEqual(Float32Array.of(2, 9));
    expect(await x.grad!.data()).toEqual(Float32Array.of(4, 6));
    for (const tensor of [x, w, before]) tensor.dispose();
  });

  test('a gradient that throws says whose it is, and keeps what was thrown', () => {
    const cause = new TypeError('no weights');
    const odd = customGrad(function odd(a: Tensor) {
      const gradient = (): Tensor[] => {
        throw cause;
      };
      return { value: relu(a), gradient };
    });
    const loss = sum(odd(engine.tensor([1, 2], undefined, { requiresGrad: true })));
    expect(() => loss.backward()).toThrow(
      expect.objectContaining({ message: 'odd: gradient throws: no weights.', cause }),
    );
  });

  test.each(gradients)('gradient returns %s', (_, gradient, sentence) => {
    const x = engine.tensor([1, 2], undefined, { requiresGrad: true });
    const w = engine.tensor([3, 4]);
    const fn = customGrad((a: Tensor, b: Tensor) => ({
      value: mul(a, b),
      saved: [a],
      gradient: (dy) => gradient(dy, a) as Tensor[],
    }));
    const loss = sum(fn(x, w));
    expect(() => loss.backward()).toThrow(sentence);
    expect(x.grad).toBeNull();
  });

  test('of what it is called with', () => {
    const x = engine.tensor([1, 2]);
    const gone = engine.tensor([1]);
    gone.dispose();
    const named = customGrad(function twice(a: Tensor) {
      return { value: add(a, a), gradient: (dy) => [add(dy, dy)] };
    });
    expect(() => customGrad(3 as never)).toThrow('customGrad: fn is 3, expected a function.');
    expect(() => named(3 as never)).toThrow('twice: inputs[0] is 3, expected a Tensor.');
    expect(() => (named as () => unknown)()).toThrow('twice: no tensor came, expected at least one.');
    expect(() => named(gone)).toThrow(UsedAfterDisposeError);
    const pair = customGrad((a: Tensor, b: Tensor) => ({ value: add(a, b), gradient: (dy) => [dy, dy] }));
    expect(() => pair(x, checking.tensor([1]))).toThrow(
      'customGrad: inputs[0] and inputs[1] live on different devices.',
    );
  });
});
