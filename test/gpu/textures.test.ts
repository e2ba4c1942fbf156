import { beforeAll, describe, expect, test } from 'vitest';
import type { Tensor } from '../../src/core/tensor.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { clip } from '../../src/losses/clip.ts';
import { infoNCE } from '../../src/losses/infoNCE.ts';
import { ntXent } from '../../src/losses/ntXent.ts';
import { covariance } from '../../src/ops/covariance.ts';
import { matmul } from '../../src/ops/matmul.ts';
import { similarity } from '../../src/ops/similarity.ts';
import { sgd } from '../../src/optim/index.ts';
import { choosing, questionsOf } from '../choices.ts';
import { normals, sharedEngine } from '../engine.ts';

// Only lavapipe reads operands in textures; elsewhere there is nothing to choose.
let engine: Engine;
let textures = false;

beforeAll(async () => {
  engine = await sharedEngine();
  textures = engine.info.textures > 0;
});

const tensor = (rows: number, columns: number, seed: number): Tensor =>
  engine.tensor(normals(rows * columns, seed), [rows, columns], { requiresGrad: true });

/** Runs `fn` with its operands where they are asked to be. */
async function placing<T>(where: 'buffers' | 'textures', fn: () => T, read: (result: T) => Promise<unknown>) {
  const asked = [...questionsOf(engine, fn).keys()].filter((question) => question.startsWith('product operands'));
  return choosing(engine, Object.fromEntries(asked.map((question) => [question, where])), async () => {
    const kernels = engine.explain(fn).filter(({ tuning }) => tuning.TEXTURES === 1);
    expect(kernels.length > 0).toBe(where === 'textures');
    return read(fn());
  });
}

async function bits(tensors: readonly (Tensor | null)[]): Promise<number[][]> {
  const all = await Promise.all(tensors.map((each) => each?.data()));
  return all.map((numbers) => [...new Uint32Array((numbers as Float32Array).slice().buffer)]);
}

const products: [string, () => Tensor[]][] = [
  ['a matrix whose rows lie along k', () => [matmul(tensor(64, 320, 1), tensor(320, 192, 2))]],
  ['a turned one', () => [matmul(tensor(64, 128, 1), tensor(64, 64, 2), { transposeA: true })]],
  ['distances', () => [similarity(tensor(64, 8, 1), tensor(128, 8, 2), { metric: 'sqeuclidean' })]],
  ['a Gram matrix', () => [covariance(tensor(128, 64, 1))]],
];
const losses: [string, (leaf: typeof tensor) => Tensor][] = [
  ['NT-Xent with a cached triangle', (leaf) => ntXent(leaf(64, 16, 1), leaf(64, 16, 2))],
  ['NT-Xent in panels', (leaf) => ntXent(leaf(64, 4, 1), leaf(64, 4, 2))],
  ['clip', (leaf) => clip(leaf(64, 16, 1), leaf(64, 16, 2))],
  ['infoNCE', (leaf) => infoNCE(leaf(64, 16, 1), tensor(64, 16, 2), { queue: tensor(128, 16, 3) })],
];

describe('operands in textures', () => {
  test.each(products)('give the bits of operands in buffers: %s', async (_, fn) => {
    if (!textures) return;
    expect(await placing('textures', fn, bits)).toEqual(await placing('buffers', fn, bits));
  });

  test.each(losses)('give the bits of operands in buffers: %s', async (_, fn) => {
    if (!textures) return;
    const run = () => {
      const leaves: Tensor[] = [];
      const loss = fn((...of) => {
        leaves.push(tensor(...of));
        return leaves[leaves.length - 1];
      });
      loss.backward();
      return [loss, ...leaves.map(({ grad }) => grad)];
    };
    expect(await placing('textures', run, bits)).toEqual(await placing('buffers', run, bits));
  });

  test('are copied again where they were written since', async () => {
    if (!textures) return;
    const x = tensor(64, 64, 1);
    const run = () => {
      const w = tensor(64, 64, 2);
      const optimizer = sgd({ w }, { learningRate: 0.1 });
      w.grad = engine.tensor(normals(64 * 64, 3), [64, 64]);
      const before = matmul(x, w);
      optimizer.step();
      return [before, matmul(x, w)];
    };
    const all = (await placing('textures', run, bits)) as number[][];
    expect(all).toEqual(await placing('buffers', run, bits));
    expect(all[0]).not.toEqual(all[1]);
  });

  test('are counted, and given back', async () => {
    if (!textures) return;
    await placing('textures', () => [matmul(tensor(64, 64, 1), tensor(64, 192, 2))], bits);
    const { pool, queue } = engine.lowLevel;
    const bytes = queue.textures?.bytes ?? 0;
    expect(bytes).toBeGreaterThanOrEqual(4 * 64 * 256);
    const { pooledBytes } = engine.memory();
    pool.trim();
    expect(queue.textures?.bytes).toBe(0);
    expect(pooledBytes - engine.memory().pooledBytes).toBeGreaterThanOrEqual(bytes);
    await placing('textures', () => [matmul(tensor(64, 64, 1), tensor(64, 192, 2))], bits);
  });

  test('without room for them the result says so, and the next call asks again', async () => {
    if (!textures) return;
    const { device } = engine;
    const run = () => [matmul(tensor(64, 64, 1), tensor(64, 192, 2))];
    engine.lowLevel.pool.trim();
    const [create, pop] = [device.createTexture.bind(device), device.popErrorScope.bind(device)];
    let full = false;
    device.createTexture = (descriptor) => {
      full = true;
      return create({ ...descriptor, usage: 0 }); // an invalid one
    };
    device.popErrorScope = async () => {
      const was = full;
      full = false;
      const error = await pop();
      return was ? ({ message: 'full' } as GPUError) : error;
    };
    const read = placing('textures', run, bits);
    await expect(read).rejects.toThrow(/^\w+: the GPU has no room for [\d.]+ \w+, a copy of an operand; dispose/);
    Object.assign(device, { createTexture: create, popErrorScope: pop });
    await engine.sync().catch(() => {}); // the other of the two operands
    expect(await placing('textures', run, bits)).toEqual(await placing('buffers', run, bits));
  });

  test('serve a recorded step, and no plan: it may run inside a pass of others', async () => {
    if (!textures) return;
    const [a, b] = [tensor(64, 64, 1), tensor(64, 64, 2)];
    const run = () => matmul(matmul(a, b), b);
    const recorded = engine.recorded(run);
    const wanted = await placing('buffers', run, (y) => bits([y]));
    await choosing(engine, { 'product operands [64, 64, 64]': 'textures' }, async () => {
      for (let call = 0; call < 3; call++) expect(await bits([recorded()])).toEqual(wanted);
      const plan = engine.plan({ x: [64, 64] }, ({ x }) => ({ y: matmul(matmul(x, b), b) }));
      const buffer = (values: Float32Array<ArrayBuffer>): GPUBuffer => {
        const made = engine.device.createBuffer({ size: values.byteLength, usage: 0x80 | 4 | 8 });
        engine.device.queue.writeBuffer(made, 0, values);
        return made;
      };
      const y = buffer(new Float32Array(64 * 64));
      const encoder = engine.device.createCommandEncoder();
      plan.encode(encoder, { x: buffer(normals(64 * 64, 1)), y });
      engine.device.queue.submit([encoder.finish()]);
      expect(await bits([engine.fromBuffer(y, [64, 64])])).toEqual(wanted);
      plan.dispose();
    });
    recorded.dispose();
  });
});
