import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { accumulate } from '../core/fills.ts';
import { Tensor } from '../core/tensor.ts';
import { add, mul } from '../ops/arithmetic.ts';
import { concat } from '../ops/concat.ts';
import { slice } from '../ops/slice.ts';
import { sum } from '../ops/sum.ts';
import { factor, type Optimizer } from '../optim/optimizer.ts';
import { checkParts, checkPlace } from './guard.ts';
import type { Batch, Method, Place, TwoStep } from './method.ts';

export interface StepOptions {
  /** Of this step; default: the optimiser's own. */
  readonly learningRate?: number;
  /** Cached gradients, where there are several parts: the loss sees all of them at once. Default false. */
  readonly cached?: boolean;
}

/**
 * One step: gradients of every part of the batch (their mean, where there are several), the optimiser, and what follows.
 *
 * Several parts are gradient accumulation: less memory for the same batch. Batch norm then sees a part at a time, and so
 * does every loss that compares the samples of a batch with each other; MoCo's queue holds the keys of the parts before. Only
 * means over samples (`byol`, `simSiam`, cross-entropy) keep their value. With `cached`, a method that has `twoStep` keeps its
 * own too: GradCache (Gao et al. 2021, arXiv 2101.06983) embeds all parts without a tape, takes the loss's gradient for the
 * embeddings, and embeds each part again to pass it on: one forward more.
 * @param parts make a part of the batch, the same each time
 * @returns the loss, without a tape
 */
export function trainStep(
  context: Context,
  method: Method,
  optimizer: Pick<Optimizer, 'step' | 'zeroGrad'>,
  parts: readonly (() => Batch)[],
  place: Place,
  options?: StepOptions,
): Tensor {
  const op = 'trainStep';
  const { learningRate, cached } = check.options(op, options, {
    learningRate: undefined as number | undefined,
    cached: false as boolean,
  });
  check.context(op, context);
  checkParts(op, method, optimizer, parts, cached);
  checkPlace(op, place);
  if (learningRate !== undefined) factor(op, 'learningRate', learningRate);
  return context.scope(() => {
    const { twoStep } = method;
    const loss =
      cached && twoStep && parts.length > 1
        ? cachedGradients(context, twoStep, parts)
        : addedGradients(context, method, parts, place);
    optimizer.step(learningRate);
    optimizer.zeroGrad();
    method.afterStep?.(place);
    return loss;
  });
}

function addedGradients(context: Context, method: Method, parts: readonly (() => Batch)[], place: Place): Tensor {
  const total = context.full([], 0);
  parts.forEach((batchOf, part) => {
    context.scope(() => {
      const loss = checkedLoss(method, batchOf(), { ...place, part });
      const share = parts.length > 1 ? mul(loss, 1 / parts.length) : loss;
      share.backward();
      accumulate(context, total, share);
    });
  });
  return total;
}

/** The loss of a method that may be the user's own, which checks nothing itself. */
function checkedLoss(method: Method, batch: Batch, place: Place): Tensor {
  const op = 'trainStep';
  const { name, wants } = method;
  const { views, labels } = check.plain(op, 'batch', batch) as Partial<Batch>;
  if (!(views instanceof Tensor)) check.fail(op, `${check.came('batch.views', views, 'are')}, expected a Tensor.`);
  const [rows] = views.shape;
  if (wants?.views > 0 && rows % wants.views !== 0)
    check.fail(op, `batch.views has ${rows} images, expected a multiple of ${wants.views}, what ${name} wants.`);
  if (wants?.labels && labels === undefined) check.fail(op, `batch.labels are missing, expected what ${name} wants.`);
  const value: unknown = check.synchronous(op, `the loss of ${name}`, method.loss(batch, place));
  if (!(value instanceof Tensor)) check.fail(op, `the loss of ${name} is ${check.say(value)}, expected a Tensor.`);
  return value;
}

function cachedGradients(context: Context, { project, contrast }: TwoStep, parts: readonly (() => Batch)[]): Tensor {
  let labels: Int32Array | undefined;
  const made = parts.map((batchOf) =>
    context.scope(() => {
      const batch = batchOf();
      if (batch.labels) labels = Int32Array.from([...(labels ?? []), ...batch.labels]);
      return context.noGrad(() => project(batch));
    }),
  );
  const outputs = made[0].map((_, o) => {
    const all = concat(made.map((own) => own[o]));
    return context.alias(all, all.shape, true);
  });
  const loss = contrast(outputs, labels);
  loss.backward();
  let first = 0;
  for (const batchOf of parts)
    context.scope(() => {
      const again = project(batchOf());
      const rows = again[0].shape[0];
      const weighted = again.map((output, o) =>
        sum(mul(output, slice(outputs[o].grad as Tensor, first, first + rows))),
      );
      weighted.reduce((total, one) => add(total, one)).backward();
      first += rows;
    });
  return loss.detach();
}
