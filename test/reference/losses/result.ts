import type { Matrix } from '../matrix.ts';

/** What a loss's reference computes in f64. */
export interface LossResult {
  value: number;
  /** Gradients in the order of the loss's tensor inputs. */
  gradients: Matrix[];
  /** d loss / d temperature, where the loss takes a live one. */
  temperature?: number;
}
