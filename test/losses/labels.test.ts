import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  createEngine,
  crossEntropy,
  type Engine,
  type Labels,
  pairReduction,
  protoNCE,
  type SupConOptions,
  sum,
  supCon,
  type Tensor,
} from '../../src/index.ts';
import { normals } from '../engine.ts';
import { watchedEngine } from '../watch.ts';

const engine = watchedEngine();

const [N, D, K] = [12, 5, 6];
const LABELS = Int32Array.from([7, 3, 7, 1, 3, 3, 0, 2 ** 31 - 1, 1, 7, 9, 5]); // 0, 2^31 - 1, 9 and 5 are alone
const BELOW = LABELS.map((label) => label % K);

function leaf(rows: number, columns: number, seed: number): Tensor {
  return engine().tensor(normals(rows * columns, seed), [rows, columns], { requiresGrad: true });
}

/** The loss and the gradients of its leaves. */
async function evaluate(leaves: readonly Tensor[], run: () => Tensor): Promise<Float32Array[]> {
  const loss = run();
  loss.backward();
  const read = await Promise.all([loss.data(), ...leaves.map(({ grad }) => (grad as Tensor).data())]);
  for (const tensor of leaves) tensor.zeroGrad();
  loss.dispose();
  return read;
}

/** The same by labels on the CPU and as tensors of both types. */
async function onBoth(leaves: readonly Tensor[], labels: Int32Array, run: (labels: Labels) => Tensor) {
  const wanted = await evaluate(leaves, () => run(labels));
  for (const list of [labels, Uint32Array.from(labels)]) {
    const tensor = engine().tensor(list);
    expect(await evaluate(leaves, () => run(tensor))).toEqual(wanted);
    tensor.dispose();
  }
  for (const tensor of leaves) tensor.dispose();
}

describe('labels on the GPU give the bits of those on the CPU', () => {
  test.each<[number, SupConOptions]>([
    [1, {}],
    [2, {}],
    [3, { form: 'in', temperature: 0.5 }],
    [2, { lonely: 'skip', convention: 'official' }],
    [2, { lonely: 'error' }],
    [1, { temperature: 0.005 }],
  ])('supCon of %d views, %o', async (views, options) => {
    const all = Array.from({ length: views }, (_, v) => leaf(N, D, v + 1));
    await onBoth(all, LABELS, (labels) => supCon(all, labels, options));
  });

  test('supCon, live temperature', async () => {
    const all = [leaf(N, D, 1), leaf(N, D, 2)];
    const temperature = engine().tensor([0.2], [], { requiresGrad: true });
    await onBoth([...all, temperature], LABELS, (labels) => supCon(all, labels, { temperature }));
  });

  test('crossEntropy', async () => {
    const logits = leaf(N, K, 3);
    await onBoth([logits], BELOW, (labels) => crossEntropy(logits, labels));
  });

  test('pairReduction', async () => {
    const [a, b] = [leaf(N, D, 4), leaf(7, D, 5)];
    const ofColumns = Int32Array.from({ length: 7 }, (_, i) => i);
    const value = { reduce: 'sum', value: 'select(s, s * s, label_i == label_j)' } as const;
    const derivative = 'select(1.0, 2.0 * s, label_i == label_j)';
    await onBoth([a, b], BELOW, (labels) =>
      engine().scope(() => sum(pairReduction(a, b, { ...value, derivative, labels: { a: labels, b: ofColumns } }))),
    );
  });

  test('protoNCE, official, with negatives', async () => {
    const query = leaf(N, D, 6);
    const centroids = engine().tensor(normals(K * D, 7), [K, D]);
    const concentrations = engine().tensor(new Float32Array(K).fill(0.3));
    const negatives = Int32Array.of(5, 4);
    const run = (assignments: Labels) =>
      protoNCE(query, { centroids, concentrations, assignments, negatives }, { convention: 'official' });
    await onBoth([query], BELOW, run);
    for (const tensor of [centroids, concentrations]) tensor.dispose();
  });
});

test.each<[SupConOptions, number]>([
  [{ lonely: 'skip' }, 0.1],
  [{ lonely: 'skip', convention: 'official' }, 0.07],
])('supCon of one view skips lonely rows on the GPU, %o', async (options, temperature) => {
  const z = leaf(N, D, 1);
  for (const tau of [temperature, engine().tensor([temperature], [1])]) {
    const run = (labels: Labels) => supCon([z], labels, { ...options, temperature: tau });
    const wanted = await evaluate([z], () => run(LABELS));
    const labels = engine().tensor(LABELS);
    const found = await evaluate([z], () => run(labels));
    found.forEach((list, i) => {
      const top = Math.max(...wanted[i].map(Math.abs));
      for (const [j, value] of list.entries()) expect(Math.abs(value - wanted[i][j])).toBeLessThan(3e-7 * top);
    });
    labels.dispose();
    if (typeof tau !== 'number') tau.dispose();
  }
  z.dispose();
});

test('protoNCE takes all centroids as columns, in another order', async () => {
  const query = leaf(N, D, 6);
  const centroids = engine().tensor(normals(K * D, 7), [K, D]);
  const concentrations = engine().tensor(new Float32Array(K).fill(0.3));
  const assignments = engine().tensor(BELOW);
  const given = { centroids, concentrations };
  const wanted = await evaluate([query], () => protoNCE(query, { ...given, assignments: BELOW }));
  const found = await evaluate([query], () => protoNCE(query, { ...given, assignments }));
  found.forEach((list, i) => {
    const top = Math.max(...wanted[i].map(Math.abs));
    for (const [j, value] of list.entries()) expect(Math.abs(value - wanted[i][j])).toBeLessThan(1e-6 * top);
  });
  const negatives = Int32Array.of(0);
  expect(() => protoNCE(query, { ...given, assignments, negatives })).toThrow(
    'protoNCE: negatives came beside assignments on the GPU, expected them with convention "official" alone.',
  );
  expect(() => protoNCE(query, { ...given, assignments }, { convention: 'official' })).toThrow(
    'protoNCE: negatives are missing beside assignments on the GPU, expected them with convention "official" alone.',
  );
  for (const tensor of [query, centroids, concentrations, assignments]) tensor.dispose();
});

test('wrong label tensors are refused', () => {
  const z = leaf(N, D, 1);
  const made = [engine().tensor(normals(N, 1)), engine().tensor(LABELS, [N, 1]), engine().tensor(LABELS)];
  const [floats, matrix, labels] = made;
  expect(() => supCon([z], floats)).toThrow('supCon: labels hold f32, expected i32 or u32 (or an Int32Array).');
  expect(() => supCon([z], matrix)).toThrow('supCon: labels is [12, 1], expected [12], one a row.');
  expect(() => supCon([z], labels, { lonely: 'error' })).toThrow(
    'supCon: lonely = "error" needs labels that are an Int32Array; take "zero" or "skip" for labels on the GPU.',
  );
  for (const tensor of [z, ...made]) tensor.dispose();
  expect(() => crossEntropy(z, labels)).toThrow(/^crossEntropy: logits was disposed/);
});

describe('an engine of its own', () => {
  let own: Engine;
  beforeAll(async () => {
    own = await createEngine({ check: true, tune: 'off' });
  });
  afterAll(() => own.destroy());

  test.each<[string, (labels: Tensor, z: Tensor) => Tensor, number[], RegExp]>([
    ['crossEntropy', (labels, z) => crossEntropy(z, labels), [0, 1, 3], /labels\[2\] is out of range.*\[0, 3\)\.$/],
    ['supCon', (labels, z) => supCon([z], labels), [0, -1, -2], /labels\[1\] is out of range.*\[0, 2147483648\)\.$/],
  ])('%s rejects what is out of range with `check`', async (_, run, list, sentence) => {
    const z = own.tensor(normals(9, 1), [3, 3]);
    const labels = own.tensor(Int32Array.from(list));
    const loss = run(labels, z);
    await expect(loss.data()).rejects.toThrow(sentence);
    labels.write(Int32Array.of(0, 1, 1));
    expect(await run(labels, z).item()).toBeGreaterThan(0);
  });

  test('one plan serves labels that stay on the GPU, other ones at every step', async () => {
    const { device } = own;
    const plan = own.plan(
      { z: { shape: [N, D], requiresGrad: true }, labels: { shape: [N], dtype: 'i32' } },
      ({ z, labels }) => {
        const loss = supCon([z], labels, { lonely: 'skip' });
        loss.backward();
        return { loss, dz: z.grad as Tensor };
      },
    );
    const buffers = Object.fromEntries(
      Object.entries(plan.sizes).map(([name, size]) => [
        name,
        device.createBuffer({ size: 4 * size, usage: 0x80 | 4 | 8 }),
      ]),
    );
    for (let step = 0; step < 4; step++) {
      const numbers = normals(N * D, step);
      const labels = LABELS.map((_, i) => (i * (step + 2)) % (step + 3));
      device.queue.writeBuffer(buffers.z, 0, numbers);
      device.queue.writeBuffer(buffers.labels, 0, labels);
      const encoder = device.createCommandEncoder();
      plan.encode(encoder, buffers);
      device.queue.submit([encoder.finish()]);
      const [loss, dz] = [buffers.loss, buffers.dz].map((buffer, i) => own.fromBuffer(buffer, i ? [N, D] : []));
      const z = own.tensor(numbers, [N, D], { requiresGrad: true });
      const ofLabels = own.tensor(labels);
      const wanted = supCon([z], ofLabels, { lonely: 'skip' });
      wanted.backward();
      expect(await loss.item()).toBe(await wanted.item());
      expect(await dz.data()).toEqual(await z.grad?.data());
      expect(Math.abs((await supCon([z], labels, { lonely: 'skip' }).item()) - (await loss.item()))).toBeLessThan(1e-6);
    }
    plan.dispose();
    for (const buffer of Object.values(buffers)) buffer.destroy();
  });

  test('a recorded step takes labels as an input', async () => {
    const step = own.recorded((z: Tensor, labels: Tensor) => supCon([z], labels));
    for (let turn = 0; turn < 3; turn++) {
      const z = own.tensor(normals(N * D, turn), [N, D]);
      const labels = LABELS.map((_, i) => i % (turn + 2));
      const found = await step(z, own.tensor(labels)).item();
      expect(found).toBe(await supCon([z], labels).item());
    }
    step.dispose();
  });
});
