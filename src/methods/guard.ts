import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import type { Random } from '../core/random.ts';
import { Tensor } from '../core/tensor.ts';
import type { Layer } from '../nn/layer.ts';
import { checkSizes, convEncoder, type EncoderOptions } from '../nn/networks.ts';
import { checkLabels } from '../ops/labels.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import type { Batch, Method, NetworkOptions, OverAll, Place, Wants } from './method.ts';

const MOST_WIDTH = 2 ** 20;

/** Options of a method with what they leave out; only an encoder of its own has no default. */
export type Given<Options extends NetworkOptions> = Required<Omit<Options, 'encoder'>> & Pick<Options, 'encoder'>;

/** Refuses what no network can be built from. */
export function checkNetwork(op: string, context: Context, given: Given<NetworkOptions>): void {
  check.context(op, context);
  if (given.encoder === undefined) {
    checkSizes(op, given);
    const edge = Math.ceil(given.size / 8); // after three convolutions of stride 2
    const flat = 4 * given.width * (given.pool === 'mean' ? 1 : edge * edge);
    check.bindable(op, context, [given.features, flat], 'lower width, size or features');
  } else check.callback(op, 'encoder', given.encoder);
  check.integer(op, 'features', given.features, 1, MOST_WIDTH);
  check.safeInteger(op, 'seed', given.seed);
  check.integer(op, 'hidden', given.hidden, 1, MOST_WIDTH);
  check.integer(op, 'projection', given.projection, 1, MOST_WIDTH);
  for (const [name, from] of Object.entries({
    features: given.features,
    hidden: given.hidden,
    projection: given.projection,
  }))
    check.bindable(op, context, [given.hidden, from], `lower hidden or ${name}`);
}

/** Refuses what no key encoder and queue can be made with. */
export function checkKeys(
  op: string,
  context: Context,
  { momentum, queue, projection }: { momentum: unknown; queue: number; projection: number },
): void {
  check.within(op, 'momentum', momentum, 0, 1);
  check.integer(op, 'queue', queue, 1, MOST_ROWS);
  check.bindable(op, context, [queue, projection], 'take a shorter queue');
}

export const MOST_ROWS = 2 ** 24; // a queue's pointer is a whole number in f32

/** One of a method's encoders: the user's own, or the small convolutional one. */
export function encoderOf(
  op: string,
  context: Context,
  random: Random,
  { encoder, channels, size, width, features, pool }: Omit<Given<NetworkOptions>, 'hidden' | 'projection'>,
  attention?: EncoderOptions['attention'],
): Layer {
  if (encoder === undefined) return convEncoder(context, random, { channels, size, width, features, pool, attention });
  const own = encoder(random);
  check.layer(op, 'encoder()', own);
  return {
    parameters: own.parameters,
    buffers: own.buffers,
    forward: (x, training) => {
      const h = own.forward(x, training);
      if (!(h instanceof Tensor)) check.fail(op, `encoder() gives ${check.say(h)}, expected a Tensor.`);
      if (h.shape.length !== 2 || h.shape[1] !== features)
        check.fail(op, `encoder() gives [${h.shape.join(', ')}], expected [N, ${features}], features of each image.`);
      return h;
    },
  };
}

/** A method that refuses batches and places it cannot use, in its own name, before it launches anything. */
export function guarded(op: string, method: Method): Method {
  const { wants, twoStep, prepare, scores, afterStep } = method;
  const checked = (batch: Batch): Batch => {
    checkBatch(op, batch, wants);
    return batch;
  };
  const images = (given: Tensor): Tensor => {
    check.contextOf(op, { images: given });
    if (given.shape.length !== 4) check.fail(op, `images are [${given.shape.join(', ')}], expected [N, C, H, W].`);
    return given;
  };
  return {
    ...method,
    loss: (batch, place) => method.loss(checked(batch), checkPlace(op, place)),
    embed: (given) => method.embed(images(given)),
    ...(twoStep ? { twoStep: { ...twoStep, project: (batch: Batch) => twoStep.project(checked(batch)) } } : {}),
    ...(scores ? { scores: (given: Tensor) => scores(images(given)) } : {}),
    ...(afterStep ? { afterStep: (place: Place) => afterStep(checkPlace(op, place)) } : {}),
    ...(prepare
      ? {
          prepare: async (place: Place, overAll: OverAll) => {
            check.callback(op, 'overAll', overAll);
            await prepare(checkPlace(op, place), overAll);
          },
        }
      : {}),
  };
}

function checkBatch(op: string, batch: Batch, wants: Wants): void {
  check.plain(op, 'batch', batch);
  const { views, crops, labels, indices } = batch;
  check.contextOf(op, crops === undefined ? { views } : { views, crops });
  for (const [name, tensor] of Object.entries(crops === undefined ? { views } : { views, crops }))
    if (tensor.shape.length !== 4)
      check.fail(op, `${name} are [${tensor.shape.join(', ')}], expected [views N, C, H, W].`);
  const rows = views.shape[0];
  if (rows % wants.views !== 0)
    check.fail(op, `views has ${rows} images, expected a multiple of ${wants.views}, the views of each image.`);
  if (labels !== undefined) checkLabels(op, 'labels', labels, rows / wants.views, 2 ** 31);
  checkLabels(op, 'indices', indices, rows / wants.views, 2 ** 31);
}

export function checkPlace(op: string, place: Place): Place {
  check.plain(op, 'place', place);
  check.integer(op, 'place.step', place.step, 0, Number.MAX_SAFE_INTEGER);
  check.positive(op, 'place.totalSteps', place.totalSteps);
  check.positive(op, 'place.epochSteps', place.epochSteps);
  return place;
}

export function checkOptimizer(op: string, name: string, optimizer: unknown): Optimizer {
  const { step, zeroGrad } = (optimizer ?? {}) as Partial<Optimizer>;
  if (typeof step !== 'function' || typeof zeroGrad !== 'function')
    check.fail(op, `${check.came(name, optimizer, 'is')}, expected an Optimizer.`);
  return optimizer as Optimizer;
}

/** What `trainStep` works with. */
export function checkParts(
  op: string,
  method: Method,
  optimizer: unknown,
  parts: readonly unknown[],
  cached: boolean,
): void {
  if (typeof method?.loss !== 'function') check.fail(op, `${check.came('method', method, 'is')}, expected a Method.`);
  if (method.afterStep !== undefined) check.callback(op, 'method.afterStep', method.afterStep);
  if (cached && !method.twoStep)
    check.fail(op, `cached = true, expected a method whose loss has two steps; ${method.name} has none.`);
  checkOptimizer(op, 'optimizer', optimizer);
  if (!Array.isArray(parts) || parts.length === 0)
    check.fail(op, `${check.came('parts', parts, 'are')}, expected an array of functions that make a batch.`);
  for (let i = 0; i < parts.length; i++) check.callback(op, `parts[${i}]`, parts[i]);
}
