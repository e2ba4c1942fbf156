import type { LaunchOptions } from '../gpu/device.ts';
import { GramianError } from '../gpu/errors.ts';
import type { Contents } from '../gpu/failures.ts';
import type { KernelSource } from '../gpu/kernel.ts';
import type { Answer } from '../tuning/choices.ts';
import type { Numbers } from './tensorData.ts';

/** What happens once at every run of a function, beside its launches. */
export interface ReplayHook {
  readonly advance: () => void;
  /** Takes back an `advance` whose launches never ran. */
  readonly undo: () => void;
}

/**
 * Looks on while a function calls ops, in the GPU's place: what is launched goes to it, so nothing is written. Those that there are
 * live in src/engine/, and look at Tensors; this file is below Tensor, so that imports go in no circle.
 */
export interface Observer<Tensor> {
  launch(kernel: KernelSource, options: LaunchOptions): void;
  /** Numbers that come from the CPU. */
  upload?(values: Numbers['values']): void;
  /** What an op returns. */
  output?(tensor: Tensor): void;
  /** Before the gradient of a leaf changes, or is cleared. */
  leaf?(leaf: Tensor, clearing: boolean): void;
  onEveryReplay?(hook: ReplayHook): void;
  /** What was chosen, and among which options. */
  choice?(answer: Answer, among: readonly string[]): void;
  /** Where the function is to be replayed, so that there are no numbers yet: told what it asked for, and cannot have. */
  refuse?(error: GramianError): void;
  /** Its launches go into a compute pass of somebody else's, in which nothing can be copied. */
  readonly insidePass?: boolean;
  /** Its launches never run: nobody would answer what `check` asks. */
  readonly runsNever?: boolean;
}

/** What is being observed by whom, and what was known of contents before they only looked as if they were written. */
interface Observation<Tensor> {
  readonly observer: Observer<Tensor>;
  readonly known: Map<Contents, Contents> | null;
}

const noNumbers = (op: string): GramianError =>
  new GramianError(`${op}: the function is being recorded, so there are no numbers yet; do it outside.`);

/** Who looks on: a stack, since a function that is observed may have others observed. */
export class Observers<Tensor> {
  /** The innermost one, and the only one that is told; null where launches go to the GPU. */
  current: Observer<Tensor> | null = null;
  readonly #stack: Observation<Tensor>[] = [];

  /** Runs `fn` with its launches handed to `observer`, and the rest of what it does told. */
  observe<T>(observer: Observer<Tensor>, fn: () => T): T {
    const known = new Map<Contents, Contents>();
    try {
      return this.#push({ observer, known }, fn);
    } finally {
      for (const [contents, { version, writer, failure }] of known)
        Object.assign(contents, { version, writer, failure });
    }
  }

  /** As `observe`, for launches that will run: what they write is written. */
  collect<T>(launch: Observer<Tensor>['launch'], fn: () => T): T {
    return this.#push({ observer: { launch }, known: null }, fn);
  }

  #push<T>(observation: Observation<Tensor>, fn: () => T): T {
    const before = this.current;
    this.#stack.push(observation);
    this.current = observation.observer;
    try {
      return fn();
    } finally {
      this.#stack.pop();
      this.current = before;
    }
  }

  /** Whether a function is to be replayed, so that numbers are only there later. */
  get withoutNumbers(): boolean {
    return this.#stack.some(({ observer }) => observer.refuse);
  }

  /** Whether what is launched now will never run. */
  get runsNever(): boolean {
    return this.#stack.some(({ observer }) => observer.runsNever);
  }

  /** Refuses what needs numbers while there are none. */
  assertNumbers(op: string): void {
    if (this.withoutNumbers) throw noNumbers(op);
  }

  /** Where nothing can be thrown: tells all who wait for the function to be replayed that it cannot be. */
  refuse(op: string): void {
    for (const { observer } of this.#stack) observer.refuse?.(noNumbers(op));
  }

  /** Before something is noted of these contents: what was known of them comes back when the observer has gone. */
  remember(contents: Contents): void {
    const known = this.#stack.at(-1)?.known;
    if (known && !known.has(contents)) known.set(contents, { ...contents });
  }
}
