import type { DataType, Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';

/** Where a result of a function is, or would be. */
export interface Result {
  readonly storage: Storage;
  readonly bytes: number;
  readonly dtype: DataType;
}

/** What a function would have left behind, had its launches run; see `Engine.rehearse`. */
export class Rehearsal {
  /** Outputs of ops that are there when the function ends, in the order in which they were made; then gradients. */
  readonly results: Result[] = [];
  /** Outputs of all ops. */
  readonly outputs: Tensor[] = [];
  /** Takes back what happened beside the launches. */
  readonly undo: (() => void)[] = [];
  private readonly before = new Map<Tensor, Tensor | null>();

  private add({ storage, size, dtype }: Tensor): void {
    this.results.push({ storage, bytes: 4 * size, dtype });
  }

  /** Called before a leaf's gradient changes: what the caller has there must neither change nor be freed. */
  hold(leaf: Tensor): void {
    if (this.before.has(leaf)) {
      if (leaf.grad) this.add(leaf.grad); // it may be freed now
      return;
    }
    this.before.set(leaf, leaf.grad);
    leaf.grad = null;
  }

  /** The function has ended: what it still holds is its result. */
  finish(): void {
    for (const output of this.outputs) if (!output.disposed) this.add(output);
  }

  /** Gives every leaf the gradient back that it had, and every count its number. */
  end(): void {
    for (const undo of this.undo.reverse()) undo();
    for (const [leaf, grad] of this.before) {
      if (leaf.grad) this.add(leaf.grad);
      leaf.grad?.dispose();
      leaf.grad = grad;
    }
  }
}
