import type { Context } from '../core/context.ts';
import { bytesOf } from '../core/layout.ts';
import type { Observer, ReplayHook } from '../core/observers.ts';
import type { DataType, Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import type { LaunchOptions } from '../gpu/device.ts';
import type { KernelSource } from '../gpu/kernel.ts';

/** Where a result of a function is, or would be. */
export interface Result {
  readonly storage: Storage;
  readonly bytes: number;
  readonly dtype: DataType;
}

/** Told of each launch, or of each choice. */
export type Listener = Partial<Pick<Observer<Tensor>, 'launch' | 'choice'>>;

/**
 * Runs `fn` without its launches, and leaves everything as it was: tensors that it makes are freed, and gradients of leaves
 * are what they were. Returns where its results would be.
 */
export function dryRun(context: Context, fn: () => unknown, listener: Listener = {}): readonly Result[] {
  const run = new DryRun(listener);
  const whole = (): void => {
    fn();
    run.finish();
  };
  try {
    context.observers.observe(run, () => context.temporaries(whole));
  } finally {
    run.end();
  }
  return run.results;
}

/** What a function would have left behind, had its launches run. */
class DryRun implements Observer<Tensor> {
  readonly runsNever = true;
  /** Outputs of ops that are there when the function ends, in the order in which they were made; then gradients. */
  readonly results: Result[] = [];
  readonly choice: Observer<Tensor>['choice'];
  readonly #heard: Observer<Tensor>['launch'] | undefined;
  /** Outputs of all ops. */
  readonly #outputs: Tensor[] = [];
  /** Takes back what happened beside the launches. */
  readonly #undo: (() => void)[] = [];
  readonly #before = new Map<Tensor, Tensor | null>();

  constructor({ launch, choice }: Listener) {
    this.#heard = launch;
    this.choice = choice;
  }

  launch(kernel: KernelSource, options: LaunchOptions): void {
    // What is listened to may be looked at later, when counts have been taken back.
    const { params } = options;
    this.#heard?.(kernel, typeof params === 'function' ? { ...options, params: params() } : options);
  }

  output(tensor: Tensor): void {
    this.#outputs.push(tensor);
  }

  onEveryReplay({ undo }: ReplayHook): void {
    this.#undo.push(undo);
  }

  #add(tensor: Tensor): void {
    this.results.push({ storage: tensor.memory, bytes: bytesOf(tensor), dtype: tensor.dtype });
  }

  /** What the caller has there must neither change nor be freed. */
  leaf(leaf: Tensor): void {
    if (this.#before.has(leaf)) {
      if (leaf.grad) this.#add(leaf.grad); // it may be freed now
      return;
    }
    this.#before.set(leaf, leaf.grad);
    leaf.grad = null;
  }

  /** The function has ended: what it still holds is its result. */
  finish(): void {
    for (const output of this.#outputs) if (!output.disposed) this.#add(output);
  }

  /** Gives every leaf the gradient back that it had, and every count its number. */
  end(): void {
    for (const undo of this.#undo.reverse()) undo();
    for (const [leaf, grad] of this.#before) {
      if (leaf.grad) this.#add(leaf.grad);
      leaf.grad?.dispose();
      leaf.grad = grad;
    }
  }
}
