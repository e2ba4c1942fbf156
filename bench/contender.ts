import type { Expected, Matrix } from '../src/testing/benchWork.ts';

export type { Expected, Matrix };

/** One piece of work that every library is asked for: inputs that all of them get, and the answer in f64. */
export interface Work {
  /** The op or loss by its name here: `'ntXent'`, `'matmul'`, ... */
  readonly name: string;
  /** What the inputs' shapes follow from: `{ n: 512, d: 128 }`. */
  readonly size: Readonly<Record<string, number>>;
  /** By name; those in `differentiated` are asked for their gradient. */
  readonly inputs: Readonly<Record<string, Matrix>>;
  readonly differentiated: readonly string[];
  /** Integer class of each row, where the work has one. */
  readonly labels?: Int32Array;
  /** Temperature and the like. */
  readonly options: Readonly<Record<string, number>>;
  /** Floating-point operations and bytes of memory traffic of the leanest known schedule: what a roofline asks for. */
  readonly flops: number;
  readonly bytes: number;
  /** Exponentials of that schedule: on software adapters they cost as much as the products. */
  readonly exps?: number;
  /** Largest allowed error, relative to `Expected.scale`. */
  readonly tolerance?: number;
  /** `value` (a scalar loss, or the op's output) and `d_NAME` for every differentiated input, in f64. */
  reference(): Readonly<Record<string, ArrayLike<number>>>;
  /** The same, or some of its entries where all would take too long: what a contender is held to before it is timed. */
  expected?(): Readonly<Record<string, Expected>>;
}

/** A library set up on one piece of work. */
export interface Contender {
  /** `'TensorFlow.js'`; its form is told apart by `form`. */
  readonly library: string;
  readonly version: string;
  /** As its users write it, by its most careful user with the gradient derived by hand, or the plain WGSL floor. */
  readonly form: 'fused' | 'autodiff' | 'hand-derived' | 'naive';
  /** One run of loss and gradient, resolved when the GPU has finished all outputs. Nothing is read back. */
  run(): Promise<void>;
  /** Milliseconds of the last run by its own clock, where the way there is none of the work: it is another process. */
  took?(): number;
  /** Awaited when its turn is over, where it may go on computing by itself. */
  rest?(): Promise<void>;
  /** What it computes on, where that is no WebGPU device of this process: nothing of it can be counted from outside. */
  readonly elsewhere?: string;
  /** The outputs of the last run, by the names of `Work.reference`. */
  read(): Promise<Readonly<Record<string, Float32Array>>>;
  dispose(): void;
}

/** Null where the library has no way to do this work; throws what the library throws (out of memory is a result). */
export type Open = (work: Work) => Promise<Contender | null>;

/** What a module of contenders exports: `export const contenders: readonly Entry[]`. A bare `Open` is taken as well. */
export interface Entry {
  readonly library: string;
  readonly form: Contender['form'];
  readonly open: Open;
}
