import type { Tensor } from '../core/tensor.ts';
import type { NamedTensors } from '../nn/layer.ts';

/** A training system: what it learns and remembers, its loss on the views of a batch, and its embedding. */
export interface Method {
  readonly name: string;
  /** Leaves that the optimiser moves. */
  readonly parameters: NamedTensors;
  /** All else that a checkpoint must hold. */
  readonly buffers: NamedTensors;
  /**
   * The loss of one batch.
   * @param views [V N, C, H, W]: view 0 of all N images, then view 1, ...
   */
  loss(views: Tensor): Tensor;
  /** [N, C, H, W] -> [N, features], with the running moments: what evaluation and users of the encoder see. */
  embed(images: Tensor): Tensor;
}
