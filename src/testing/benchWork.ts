import type { Tensor } from '../core/tensor.ts';
import type { Engine } from '../engine/engine.ts';

/** Numbers of a given shape, row-major. */
export interface Matrix {
  readonly data: Float32Array<ArrayBuffer>;
  readonly shape: readonly number[];
}

/** Numbers of one output in f64, and how far from them a right answer may be. */
export interface Expected {
  /** Flat positions in the output; absent: all of them, in order. */
  readonly at?: ArrayLike<number>;
  readonly values: ArrayLike<number>;
  /** What errors are relative to: the largest entry, or what its terms add up to before they cancel. */
  readonly scale: number;
}

/** Extents by axis: `{ n: 512, d: 128 }`. */
export type Size = Readonly<Record<string, number>>;

/** What is measured, at any size. */
export interface Case {
  readonly name: string;
  /** Names of the extents, in the order in which they are said. */
  readonly axes: readonly string[];
  /** Sizes without `--sizes`, and the one of `--quick`. */
  readonly sizes: readonly Size[];
  readonly quick: Size;
  /** Extents that must be multiples: two views of n / 2 rows need an even n. */
  readonly multiples?: Readonly<Record<string, number>>;
  /** Floating-point operations, bytes and exponentials of the leanest known schedule, loss and gradient. */
  readonly flops: (size: Size) => number;
  readonly bytes: (size: Size) => number;
  readonly exps?: (size: Size) => number;
  /** In words, what `flops` counts. */
  readonly schedule: string;
  readonly make: (size: Size) => Making;
}

/** What a case makes of a size. */
export interface Making {
  readonly inputs: Readonly<Record<string, Matrix>>;
  readonly differentiated?: readonly string[];
  readonly labels?: Int32Array;
  readonly options?: Readonly<Record<string, number>>;
  readonly tolerance?: number;
  readonly reference: () => ExactOutputs;
  /** Cheaper than `reference`, where that takes f64 too long. */
  readonly expected?: () => Readonly<Record<string, Expected>>;
}

/** In f64: `value`, the output's entries in order, and `d_NAME` for every input that is differentiated. */
export type ExactOutputs = Readonly<Record<string, ArrayLike<number>>>;

/** What is run: Tensors of the inputs by name, what `make` gave as options and labels, and the engine that they are on. */
export type Call = (
  inputs: Readonly<Record<string, Tensor>>,
  options: Readonly<Record<string, number>>,
  labels: Int32Array,
  engine: Engine,
) => Tensor;

/** Work of your own for `gramian bench --work FILE`: the module FILE exports an array of these, `works`. */
export interface BenchWork extends Case {
  readonly run: Call;
}
