import type { Context } from '../../core/context.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { Storage } from '../../gpu/buffers.ts';
import type { Units } from '../../launch/unitRows.ts';

export interface SwappedPrediction {
  readonly temperature: number;
  readonly epsilon: number;
  readonly iterations: number;
  /** A queue for each of the two code sources, or none. */
  readonly queues: readonly Tensor[];
}

/** What both forms of one loss share. */
export interface SwappedProblem {
  readonly context: Context;
  readonly op: string;
  /** [K, D] */
  readonly prototypes: Tensor;
  /** Rows of a view. */
  readonly rows: number;
  /** Floats of [N rounded up to 4, D rounded up to 4]. */
  readonly floats: number;
  readonly stride: number;
  /** Gradient for the prototypes [K, D], null where nobody asks for any gradient. */
  readonly toPrototypes: Tensor | null;
}

/** Where a form leaves its results. */
export interface Results {
  /** [V N] */
  readonly losses: Storage;
  /** For each view, [N rounded up to 4, D rounded up to 4], w.r.t. its unit rows. */
  readonly gradients: readonly Storage[];
  /** What all gradients are multiplied by. */
  readonly share: number;
}

/** One form of the loss: losses of all rows of all views, and with them the gradients of views and prototypes. */
export type Prediction = (
  problem: SwappedProblem,
  units: readonly Units[],
  options: SwappedPrediction,
  results: Results,
) => void;
