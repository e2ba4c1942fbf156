import type { Engine } from '../core/engine.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Layer, NamedTensors } from '../nn/layer.ts';
import type { EncoderOptions } from '../nn/networks.ts';
import { mul } from '../ops/arithmetic.ts';
import { slice } from '../ops/slice.ts';
import type { Optimizer } from '../optim/optimizer.ts';

/** The images of one step. */
export interface Batch {
  /** [V N, C, H, W]: view 0 of all N images, then view 1, ... */
  readonly views: Tensor;
  /** [V' N, C, h, w]: further, smaller views in the same order, for methods that want them. */
  readonly crops?: Tensor;
  /** N class numbers, for methods that learn from them. */
  readonly labels?: Int32Array;
  /** N numbers of the images in the training set. */
  readonly indices: Int32Array;
}

/** Where training stands. All schedules are read off it, so that a resumed run needs no more than this and its tensors. */
export interface Place {
  /** Optimiser steps done. */
  readonly step: number;
  readonly epochSteps: number;
  readonly totalSteps: number;
  /** Which part of a batch whose gradients are accumulated; default 0. */
  readonly part?: number;
}

/** What a method needs of the data. */
export interface Wants {
  /** Views of each image. */
  readonly views: number;
  /** Further small ones. */
  readonly crops: number;
  /** Class numbers. */
  readonly labels: boolean;
}

/** Runs `of` over all training images, plain and in their order: [N, C, H, W] a piece -> [all, features]. */
export type OverAll = (of: (images: Tensor) => Tensor) => Tensor;

/**
 * A training system: what it learns and remembers, its loss on the views of a batch, and its embedding.
 *
 * The order of a step is `loss`, `backward()`, the optimiser's step, `afterStep`. `loss` does all that comes before the
 * step, in its paper's order: MoCo moves its key encoder, embeds keys, compares with the queue as it was, and then
 * enqueues; SwAV renormalises its prototypes first. `afterStep` is for what follows the new parameters: BYOL's target.
 */
export interface Method {
  readonly name: string;
  readonly wants: Wants;
  /** Leaves that the optimiser moves. */
  readonly parameters: NamedTensors;
  /** All else that a checkpoint must hold. */
  readonly buffers: NamedTensors;
  /** To be awaited before the first step of every epoch, and before the first after a checkpoint was loaded: PCL's E-step. */
  prepare?(place: Place, overAll: OverAll): Promise<void>;
  /** The loss of one batch. */
  loss(batch: Batch, place: Place): Tensor;
  /** After the optimiser has moved the parameters. */
  afterStep?(place: Place): void;
  /** [N, C, H, W] -> [N, features], with the running moments: what evaluation and users of the encoder see. */
  embed(images: Tensor): Tensor;
  /** [N, C, H, W] -> [N, K]: scores of what the method sorts images into, if it does. */
  scores?(images: Tensor): Tensor;
  readonly scoresOf?: 'clusters' | 'prototypes' | 'classes';
}

/** The encoder and projection head that a method is built with. */
export interface NetworkOptions extends Omit<EncoderOptions, 'attention' | 'depth'> {
  /** Chooses the initial weights. Default 0. */
  readonly seed?: number;
  /** Width of the heads' hidden layers. */
  readonly hidden?: number;
  /** Length of the projection that the loss sees. */
  readonly projection?: number;
}

/** Defaults of `NetworkOptions`; methods with wide heads have others. */
export const NETWORK = {
  channels: Number.NaN,
  size: Number.NaN,
  seed: 0,
  width: 16,
  features: 256,
  pool: 'flatten' as 'flatten' | 'mean',
  hidden: 256,
  projection: 64,
};

/** Streams of one seed. */
export const STREAM = { online: 1, target: 2, queue: 3, prototypes: 4, negatives: 5 } as const;

/** What has tensors of its own: a layer, or a piece of state. */
export type Part = Pick<Layer, 'parameters' | 'buffers'>;

/** The tensors of all parts, named `PART.tensor`. */
export function tensorsOf(parts: Readonly<Record<string, Part>>): Part {
  const join = (key: keyof Part): NamedTensors =>
    Object.fromEntries(
      Object.entries(parts).flatMap(([part, own]) =>
        Object.entries(own[key]).map(([name, tensor]) => [`${part}.${name}`, tensor]),
      ),
    );
  return { parameters: join('parameters'), buffers: join('buffers') };
}

/** The views of a batch, [N, C, H, W] each. */
export function viewsOf({ views }: Batch, count: number): Tensor[] {
  const n = views.shape[0] / count;
  return Array.from({ length: count }, (_, v) => slice(views, v * n, (v + 1) * n));
}

/** How far training has come, in [0, 1]. */
export function progressOf({ step, totalSteps }: Place): number {
  return Math.min(1, step / totalSteps);
}

/**
 * One step: gradients of every part of the batch (their mean, where there are several), the optimiser, and what follows.
 *
 * Several parts are gradient accumulation: less memory for the same batch. Batch norm then sees a part at a time, and so
 * does every loss that compares the samples of a batch with each other: only losses that are means over samples (`byol`,
 * `simSiam`, MoCo's with a queue, cross-entropy) keep their value.
 * @returns the loss, without a tape
 */
export function trainStep(
  engine: Engine,
  method: Method,
  optimizer: Pick<Optimizer, 'step' | 'zeroGrad'>,
  parts: readonly (() => Batch)[],
  place: Place,
  learningRate?: number,
): Tensor {
  return engine.scope(() => {
    const total = engine.full([], 0);
    parts.forEach((batchOf, part) => {
      engine.scope(() => {
        const loss = method.loss(batchOf(), { ...place, part });
        const share = parts.length > 1 ? mul(loss, 1 / parts.length) : loss;
        share.backward();
        engine.accumulate(total, share);
      });
    });
    optimizer.step(learningRate);
    optimizer.zeroGrad();
    method.afterStep?.(place);
    return total;
  });
}
