import type { Random } from '../core/random.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Layer, NamedTensors } from '../nn/layer.ts';
import type { EncoderOptions } from '../nn/networks.ts';

/** The images of one step. */
export interface Batch {
  /** [V N, C, H, W], view 0 of all N images, then view 1, ... */
  readonly views: Tensor;
  /** [V' N, C, h, w], further, smaller views in the same order, for methods that want them. */
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

/** A loss of outputs that can be made a part of the batch at a time. */
export interface TwoStep {
  /** One or more [N, D], a view or a head each. */
  project(batch: Batch): Tensor[];
  /** @param labels N class numbers, where the method learns from them */
  contrast(outputs: readonly Tensor[], labels?: Int32Array): Tensor;
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
  /** Whether the parameter of that name keeps its learning rate whatever the schedule says: see `optimizerOf`. Default: none does. */
  heldRate?(name: string): boolean;
  /** All else that a checkpoint must hold. */
  readonly buffers: NamedTensors;
  /** To be awaited before the first step of every epoch, and before the first after a checkpoint was loaded: PCL's E-step. */
  prepare?(place: Place, overAll: OverAll): Promise<void>;
  /** The loss of one batch. */
  loss(batch: Batch, place: Place): Tensor;
  /** The loss in two steps, `contrast` of `project`, where nothing else happens in between: what cached gradients need. */
  readonly twoStep?: TwoStep;
  /** After the optimiser has moved the parameters. */
  afterStep?(place: Place): void;
  /** [N, C, H, W] -> [N, features], with the running moments: what evaluation and users of the encoder see. */
  embed(images: Tensor): Tensor;
  /** [N, C, H, W] -> [N, K]: scores of what the method sorts images into, if it does. */
  scores?(images: Tensor): Tensor;
  readonly scoresOf?: 'clusters' | 'prototypes' | 'classes';
}

/** The encoder and projection head that a method is built with; `channels` and `size` are needed where `encoder` is not given. */
export interface NetworkOptions extends Partial<Omit<EncoderOptions, 'attention' | 'depth'>> {
  /**
   * An encoder of your own in place of the small convolutional one: makes a layer [N, C, H, W] -> [N, features], and is called once for
   * each network that the method has (online and target, query and key) with that network's own random numbers.
   */
  readonly encoder?: (random: Random) => Layer;
  /** Chooses the initial weights. Default 0. */
  readonly seed?: number;
  /** Width of the heads' hidden layers. */
  readonly hidden?: number;
  /** Length of the projection that the loss sees. */
  readonly projection?: number;
}
