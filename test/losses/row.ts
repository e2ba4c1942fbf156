import type { Tensor } from '../../src/index.ts';
import { type Values, values } from '../cases.ts';
import type { LossResult } from '../reference/losses/result.ts';
import { type Matrix, matrix } from '../reference/matrix.ts';

/** What holds exactly, whatever the numbers: see moves.ts. */
export type Invariance =
  | 'permutation'
  | 'row scale'
  | 'rotation'
  | 'swapped views'
  | 'radial gradient'
  | 'feature scale and shift'
  | 'common shift';

/** The inputs of spec/methods.md 0.10: two views [6, 4], and five unit rows [5, 4] (a queue, prototypes). */
export interface GoldenInputs {
  readonly a: Matrix;
  readonly b: Matrix;
  readonly units: Matrix;
}

/** A published or executed value of the loss on the golden inputs. */
export interface Golden {
  readonly temperature: number;
  readonly value: number;
  /** Norm of the gradient of each input that was published; the rest are not compared. */
  readonly norms: readonly number[];
  /** First entry of the first input's gradient. */
  readonly first: number;
  /** Default: a, b, as far as the loss has inputs. */
  readonly inputs?: (golden: GoldenInputs) => Matrix[];
}

/** A loss as a table row: contract.ts makes all its tests. */
export interface LossRow {
  readonly name: string;
  /** The loss's tensor inputs for n rows of d numbers of that kind. What is no tensor (labels) `run` derives from n. */
  readonly inputs: (n: number, d: number, kind: Values, seed: number) => Matrix[];
  /** Positions of stop-gradient inputs: their gradient is exactly zero. */
  readonly stopped?: readonly number[];
  readonly run: (inputs: readonly Tensor[], temperature: number | Tensor) => Tensor;
  /** `at`: the inputs that what counts as a constant (codes) is computed from; default: `inputs`. */
  readonly reference: (inputs: readonly Matrix[], temperature: number, at?: readonly Matrix[]) => LossResult;
  /** Temperatures, or whatever one number shapes the loss; `[1]` where there is none. */
  readonly temperatures: readonly number[];
  /** Takes a live temperature, which gets a gradient. */
  readonly live?: boolean;
  readonly golden?: Golden;
  readonly invariances: readonly Invariance[];
  /** Value where all rows of all inputs are equal; its gradient is 0. */
  readonly allEqual?: (n: number, temperature: number) => number;
  /** Shapes [N, D] instead of the runner's, or a bound on them: `[n, d] => boolean`. */
  readonly accepts?: (n: number, d: number) => boolean;
  /** Kinds of values that it is run on; default: normal, outlier, x1e4, x1e-20, unit. */
  readonly kinds?: readonly Values[];
  /** The first two inputs may nearly agree: the loss near its minimum keeps its digits, up to so many rows. Default: true. */
  readonly peaked?: boolean | { readonly rows: number };
  /** Its rows may all but coincide: gradients, which are what little is left of their terms, keep their digits. */
  readonly coincide?: boolean;
  /** Made of ops whose own tests repeat runs and take what else the tuner may choose: these are not done once more. */
  readonly composed?: boolean;
  /** Leading dimensions mean something: `[B, P, D]` is B images of P rows. */
  readonly images?: boolean;
  /** What errors of value and gradients are relative to beside max(|value|, 0.1) and the largest entry; default 1. */
  readonly slack?: number;
  /** How far the exponents of e reach: exp of WGSL may be so many digits off. Default: 1 / temperature. */
  readonly exponent?: (temperature: number) => number;
}

/** Rows of a tensor, whose leading dimensions count as one. */
export const rowsOf = ({ shape, size }: Tensor): number => size / shape[shape.length - 1];

/** `count` inputs of [n, d]. */
export function views(count: number): LossRow['inputs'] {
  return (n, d, kind, seed) =>
    Array.from({ length: count }, (_, i) => matrix(n, d, values(kind, [n, d], 10 * seed + i).data));
}
