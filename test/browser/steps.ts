// What the browser test does twice: in the page, and in Node.

import { createRandom } from '../../src/core/random.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { ntXent } from '../../src/losses/ntXent.ts';
import { simCLR } from '../../src/methods/simclr.ts';
import { trainStep } from '../../src/methods/trainStep.ts';
import { sgd } from '../../src/optim/index.ts';
import { methods } from '../methods/table.ts';
import { free, walk } from '../methods/training.ts';

function normals(count: number, seed: number): Float32Array<ArrayBuffer> {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, () => random.gaussian());
}

/** NT-Xent of seeded views: the value, then both gradients. */
export async function gradients(engine: Engine, n: number, d: number): Promise<number[]> {
  const [z0, z1] = [1, 2].map((seed) => engine.tensor(normals(n * d, seed), [n, d], { requiresGrad: true }));
  const loss = ntXent(z0, z1);
  loss.backward();
  const numbers = await Promise.all([loss.data(), z0.grad!.data(), z1.grad!.data()]);
  for (const tensor of [loss, z0, z1]) tensor.dispose();
  return numbers.flatMap((part) => [...part]);
}

/** Four steps of SimCLR on seeded images: their losses. */
export async function train(engine: Engine): Promise<number[]> {
  const [n, size] = [8, 12];
  const method = simCLR(engine, { channels: 1, size, seed: 3, width: 4, features: 24, hidden: 16, projection: 8 });
  const optimizer = sgd(method.parameters, { learningRate: 0.05, momentum: 0.9 });
  const losses: number[] = [];
  for (let step = 0; step < 4; step++) {
    const views = engine.tensor(normals(2 * n * size * size, 10 + step), [2 * n, 1, size, size]);
    const place = { step, epochSteps: 4, totalSteps: 4 };
    const loss = trainStep(engine, method, optimizer, [() => ({ views, indices: new Int32Array(n) })], place);
    losses.push(await loss.item());
    for (const tensor of [loss, views]) tensor.dispose();
  }
  for (const tensor of [...Object.values(method.parameters), ...Object.values(method.buffers)]) tensor.dispose();
  return losses;
}

/** Two steps of every system on seeded images: their losses by name. */
export async function trainAll(engine: Engine): Promise<Record<string, number[]>> {
  const losses: Record<string, number[]> = {};
  for (const [name, { make }] of Object.entries(methods)) {
    const method = make(engine, 1);
    const optimizer = sgd(method.parameters, { learningRate: 0.01 });
    losses[name] = await walk(engine, method, optimizer, 2, 4); // PCL's E-step and SwAV's queue are in these
    free(method, optimizer);
  }
  return losses;
}
