import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import type { KernelSource, Tuning } from '../gpu/kernel.ts';
import { positive_gradient, row_cancel } from '../gpu/kernels.generated.ts';
import { rowTuning } from './tile.ts';

/** Unit rows, and the gradient that was gathered for them. */
export interface Gathered {
  readonly rows: Storage;
  readonly count: number;
  readonly columns: number;
  readonly rowStride: number;
  /** [count, rowStride] */
  readonly g: Storage;
}

/** Of each row: what its gradient is made of at the least, before that cancels; `scale` times the numbers of `of` from `at` on. */
export interface CancellationScale {
  readonly of: Storage | Tensor;
  readonly at?: number;
  readonly scale?: number;
}

/** Finds the rows whose gradient all but cancels, for which `recompute` does something; the others cost a look at their sums. */
export function findCancelling(
  context: Context,
  op: string,
  gathered: Gathered,
  scale: CancellationScale,
  tuning: Tuning = {},
): Storage {
  return launchCancel(context, op, row_cancel, gathered, scale, {}, tuning);
}

/** As above, of rows i and i + n/2 that are each other's positives: their part, 1 - p each, is added here, apart from the rest. */
export function addPositives(
  context: Context,
  op: string,
  gathered: Gathered,
  inverseNorms: Storage,
  miss: Storage,
): Storage {
  return launchCancel(context, op, positive_gradient, gathered, { of: miss }, { inverse_norms: inverseNorms });
}

function launchCancel(
  context: Context,
  op: string,
  kernel: KernelSource,
  { rows, count, columns, rowStride, g }: Gathered,
  { of, at = 0, scale = 1 }: CancellationScale,
  buffers: Readonly<Record<string, Storage>>,
  own: Tuning = {},
): Storage {
  const { tuning, rowsPerGroup } = rowTuning(context);
  const cancels = context.scratch(count, op);
  context.run(kernel, {
    params: { rows: count, columns, stride4: rowStride / 4, at, scale },
    buffers: { units: rows, g, cancellation_scales: of, cancels, ...buffers },
    groups: Math.ceil(count / rowsPerGroup),
    work: 4 * count * columns,
    tuning: { ...tuning, ...own },
  });
  return cancels;
}

/** Rows a workgroup looks after: most have nothing to do, and a workgroup's start is dear where it is not hardware. */
export function rowsToRecompute(context: Context): number {
  return context.info.software ? 32 : 1;
}

/** The gradient of such rows, once more by differences from all `others`: see kernels/pairs/recompute_rows.wgsl. */
export function recompute(
  context: Context,
  kernel: KernelSource,
  { rows, count, columns, rowStride, g }: Gathered,
  cancels: Storage,
  {
    others,
    scale = 1,
    at: [own_at, other_at] = [0, 0],
    buffers,
    tuning,
  }: {
    /** How many there are. */
    others: number;
    scale?: number;
    at?: readonly [number, number];
    buffers: Readonly<Record<string, Storage | Tensor>>;
    tuning?: Tuning;
  },
): void {
  const ROWS = rowsToRecompute(context);
  context.run(kernel, {
    params: { rows: count, n: others, columns, row_stride: rowStride, own_at, other_at, scale },
    buffers: { units: rows, cancels, g, ...buffers },
    groups: Math.ceil(count / ROWS),
    work: 4 * count * others * columns,
    conditional: true,
    tuning: { ...tuning, ROWS },
  });
}
