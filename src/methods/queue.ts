import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { copyInto } from '../core/fills.ts';
import type { Random } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import { advance, enqueue } from '../gpu/kernels.generated.ts';
import { normalize } from '../ops/normalize.ts';
import { MOST_ROWS } from './guard.ts';
import type { Part } from './parts.ts';

/** Rows of earlier batches, the oldest overwritten first. */
export interface Queue extends Part {
  /** [length, features], unit rows; in the order in which they were written, around the pointer. */
  readonly rows: Tensor;
  /** Writes these rows, normalised, over the oldest ones; at most `length` of them. */
  enqueue(rows: Tensor): void;
}

/**
 * A first-in first-out queue of embeddings on the GPU (MoCo, SwAV): the batch need not divide its length, and its
 * pointer, a whole number in f32, never comes back.
 * @param length at most 2^24
 * @param random fills it with unit rows of noise; without it, zeros
 */
export function fifoQueue(context: Context, length: number, features: number, random?: Random): Queue {
  const op = 'fifoQueue';
  check.context(op, context);
  check.integer(op, 'length', length, 1, MOST_ROWS);
  check.integer(op, 'features', features, 1, 2 ** 20);
  check.bindable(op, context, [length, features], 'take a shorter queue');
  if (random !== undefined) check.random(op, random);
  const noise = new Float32Array(length * features);
  if (random) for (let i = 0; i < noise.length; i++) noise[i] = random.gaussian();
  const [rows, pointer] = context.unscoped(() => [context.tensor(noise, [length, features]), context.tensor([0])]);
  if (random)
    context.scope(() => {
      copyInto(context, rows, normalize(rows), 0);
    });
  context.opEnded();
  return {
    parameters: {},
    buffers: { rows, pointer },
    rows,
    enqueue(fresh) {
      check.contextOf(op, { queue: rows, rows: fresh });
      const [count, columns] = check.matrix(op, 'rows', fresh);
      if (columns !== features) check.fail(op, `rows has ${columns} columns, expected ${features}.`);
      if (count > length) check.fail(op, `rows has ${count} rows, expected at most ${length}, the queue's length.`);
      context.scope(() => {
        const x = context.noGrad(() => normalize(fresh));
        context.run(enqueue, {
          params: { count, columns, length },
          buffers: { x, pointer, queue: rows },
          groups: Math.ceil(x.size / 64),
          work: 2 * x.size,
        });
        context.run(advance, { params: { count, length }, buffers: { pointer }, groups: 1, work: 1 });
      });
      context.opEnded();
    },
  };
}
