// Small training runs as the command makes them, on images that the tests draw.

import { createRandom } from '../../src/core/random.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Batch, Method, Place } from '../../src/methods/method.ts';
import { trainStep } from '../../src/methods/trainStep.ts';
import { concat } from '../../src/ops/concat.ts';
import type { Optimizer } from '../../src/optim/optimizer.ts';
import { normals } from '../engine.ts';
import { DATA } from './table.ts';

const { images, classes, size, batch, epochSteps, totalSteps } = DATA;

const patterns = normals(classes * size * size, 77);

/** Image i in one of its views: its class's pattern, its own deviation from it, and the view's noise. */
function pixels(indices: Int32Array, stream: number, edge: number = size): Float32Array<ArrayBuffer> {
  const out = new Float32Array(indices.length * edge * edge);
  indices.forEach((image, at) => {
    const own = normals(size * size, 1000 + image);
    const noise = createRandom(stream, image);
    for (let y = 0; y < edge; y++)
      for (let x = 0; x < edge; x++) {
        const from = y * size + x;
        out[(at * edge + y) * edge + x] =
          patterns[(image % classes) * size * size + from] + 0.5 * own[from] + 0.3 * noise.gaussian();
      }
  });
  return out;
}

export const placeOf = (step: number): Place => ({ step, epochSteps, totalSteps });

export function batchOf(engine: Engine, method: Method, step: number): Batch {
  const indices = Int32Array.from({ length: batch }, (_, i) => (i + step * batch) % images);
  const views = (count: number, first: number, edge: number): Tensor =>
    concat(
      Array.from({ length: count }, (_, v) =>
        engine.tensor(pixels(indices, 100 * step + first + v, edge), [batch, 1, edge, edge]),
      ),
    );
  const { wants } = method;
  const edge = method.name === 'swav' && wants.crops > 0 ? size / 2 : size;
  return {
    views: views(wants.views, 0, size),
    ...(wants.crops > 0 ? { crops: views(wants.crops, wants.views, edge) } : {}),
    labels: indices.map((image) => image % classes),
    indices,
  };
}

export function allImages(engine: Engine): Tensor {
  const indices = Int32Array.from({ length: images }, (_, i) => i);
  return engine.tensor(pixels(indices, 5), [images, 1, size, size]);
}

/** Steps `from` to `to - 1`; their losses. */
export async function walk(
  engine: Engine,
  method: Method,
  optimizer: Optimizer,
  from: number,
  to: number,
): Promise<number[]> {
  const losses: number[] = [];
  for (let step = from; step < to; step++) {
    const place = placeOf(step);
    if (step === from || step % epochSteps === 0)
      await method.prepare?.(place, (of) => engine.scope(() => of(allImages(engine))));
    using loss = trainStep(engine, method, optimizer, [() => batchOf(engine, method, step)], place);
    losses.push(await loss.item());
  }
  return losses;
}

export function tensorsOfRun(method: Method, optimizer: Optimizer): Record<string, Tensor> {
  const moments = Object.entries(optimizer.state()).map(([name, tensor]) => [`optimizer.${name}`, tensor]);
  return { ...method.parameters, ...method.buffers, ...Object.fromEntries(moments) };
}

export async function numbersOf(tensors: Record<string, Tensor>): Promise<Record<string, Float32Array>> {
  const result: Record<string, Float32Array> = {};
  for (const [name, tensor] of Object.entries(tensors)) result[name] = await tensor.data();
  return result;
}

export function free(method: Method, optimizer?: Optimizer): void {
  optimizer?.dispose();
  for (const tensor of [...Object.values(method.parameters), ...Object.values(method.buffers)]) tensor.dispose();
}
