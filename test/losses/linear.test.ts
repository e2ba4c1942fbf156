// What the losses of tuples and of many prototypes hold beside their inputs and gradients: rows, never pairs.
import { expect, test } from 'vitest';
import { dino, multipleNegatives, type Tensor } from '../../src/index.ts';
import { normals } from '../engine.ts';
import { watchedEngine } from '../watch.ts';

const engine = watchedEngine();

const leaf = (rows: number, columns: number, seed: number, requiresGrad = true): Tensor =>
  engine().tensor(normals(rows * columns, seed), [rows, columns], { requiresGrad });

/** Bytes at the peak beside inputs and gradients, and the largest buffer that was made meanwhile. */
async function held(inputs: readonly Tensor[], run: () => Tensor): Promise<{ scratch: number; largest: number }> {
  const { device } = engine();
  const create = device.createBuffer;
  let largest = 0;
  device.createBuffer = (descriptor) => {
    largest = Math.max(largest, descriptor.size);
    return create.call(device, descriptor);
  };
  const before = engine().memory().bytes;
  engine().resetPeakMemory();
  try {
    const loss = run();
    loss.backward();
    await loss.item();
    loss.dispose();
  } finally {
    device.createBuffer = create;
  }
  const gradients = inputs.reduce((sum, { grad }) => sum + 4 * (grad?.size ?? 0), 0);
  const scratch = engine().memory().peakBytes - before - gradients;
  for (const input of inputs) input.dispose();
  return { scratch, largest };
}

test('multipleNegatives: four directions with hard negatives in 8 R D floats, no buffer above 2 R D', async () => {
  const [n, d] = [640, 32];
  const inputs = [leaf(n, d, 1), leaf(n, d, 2), leaf(n, d, 3)];
  const [q, ...documents] = inputs;
  const floats = 3 * n * d;
  const directions = ['queryToDocument', 'queryToQuery', 'documentToQuery', 'documentToDocument'] as const;
  const { scratch, largest } = await held(inputs, () => multipleNegatives(q, documents, { directions }));
  expect(scratch).toBeLessThan(4 * 8 * floats);
  expect(largest).toBeLessThanOrEqual(4 * 2 * floats); // a block of pairs would take ten times as much
});

test('dino: many prototypes in 4 (n + K) D floats', async () => {
  const [n, k, d] = [256, 4096, 32];
  const inputs = [leaf(n, d, 1), leaf(k, d, 2), leaf(n, d, 3, false), leaf(k, d, 4, false)];
  const [student, studentPrototypes, teacher, teacherPrototypes] = inputs;
  const { scratch } = await held(inputs, () =>
    dino([student], [teacher], { studentPrototypes, teacherPrototypes, skipSame: false }),
  );
  expect(scratch).toBeLessThan(4 * 4 * (n + k) * d);
});
