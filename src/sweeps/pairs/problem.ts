import type { Context } from '../../core/context.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { Storage } from '../../gpu/buffers.ts';
import type { KernelSource } from '../../gpu/kernel.ts';
import type { Form } from '../../launch/productForm.ts';
import type { Units } from '../../launch/unitRows.ts';

/** Row sums over the triangle. */
interface SumKernels {
  readonly sums: KernelSource;
  /** Stores e_ij over the triangle, too. */
  readonly cached: KernelSource;
  readonly maxEdge: number;
}

export interface MatrixUnitKernels {
  readonly sums: KernelSource;
  readonly panel: KernelSource;
}

/** The kernels that know which rows are positives of each other, one for each step of a schedule. */
export interface PairKernels {
  /** A partial sum for each invocation: on a software adapter a barrier would cost more. */
  readonly perInvocation: SumKernels;
  /** A GPU reduces in workgroup memory. */
  readonly workgroup: SumKernels;
  /** Sums a row: of its negatives, and of its positives where they are summed too. */
  readonly sumsPerRow: 1 | 2;
  /** Turns the cached e_ij into w_ij, which may take the temperature once more. */
  readonly cachedWeights: { readonly kernel: KernelSource; readonly temperature: boolean };
  /** Computes w_ij of a panel of columns. */
  readonly panel: KernelSource;
  /** Computes w_ij of a block of rows, and their weighted sums. */
  readonly rowBlock: KernelSource;
  /** On matrix units, where they have been written for them. */
  readonly matrixUnits: MatrixUnitKernels | null;
  /** What products of unit rows may be made by. */
  readonly forms: readonly Form['by'][];
}

export type Views = Readonly<Record<string, Tensor>>;

/** What a loss over all pairs of one set of rows asks of a schedule. */
export interface PairProblem {
  readonly op: string;
  readonly context: Context;
  readonly views: Views;
  readonly temperature: Tensor;
  readonly kernels: PairKernels;
  /** What the sums read besides. */
  readonly buffers: Readonly<Record<string, Tensor>>;
  /** Whether a gradient may be asked for. */
  readonly wanted: boolean;
}

/** Sums of e_ij = exp((s_ij - 1) / tau) for each row, in parts: see lib/partial_sum.wgsl. Released by who asked for them. */
export interface PartialSums {
  readonly of: Storage;
  /** Where the sums of positives start. */
  readonly behind: number;
  readonly layout: { blocks: number; edge: number; slots: number; partial_stride: number };
}

/** A gradient of pairs: what a loss keeps for its backward. */
export interface PairGradient {
  readonly units: Units;
  /**
   * sum_j w_ij u_j for every row, [paddedRows, rowStride]: the gradient w.r.t. the unit rows, but for its factor.
   * @param rows per-row numbers that the weights are made of, by WGSL name
   */
  gradient(temperature: Tensor, rows: Readonly<Record<string, Storage>>): Storage;
  release(): void;
}

/** One way to go through all pairs, forward and backward, with what the first keeps for the second. */
export interface PairSchedule extends PairGradient {
  sums(): PartialSums;
}

/** Rows of all views, and their features. */
export function extentsOf(views: Views): { n: number; d: number } {
  const list = Object.values(views);
  return { n: list.reduce((total, view) => total + view.shape[0], 0), d: list[0].shape[1] };
}
