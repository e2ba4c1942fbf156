import type { Engine } from '../core/engine.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import type { KernelSource, Tuning } from '../gpu/kernel.ts';
import { partner_pull, row_cancel } from '../gpu/kernels.generated.ts';
import { rowTuning } from './tile.ts';

/** Unit rows, and what was pulled on them. */
export interface Gathered {
  readonly rows: Storage;
  readonly count: number;
  readonly columns: number;
  readonly rowStride: number;
  /** [count, rowStride] */
  readonly g: Storage;
}

/** What pulls one way at the least, of each row, times scale: the numbers of `of` from `at` on. */
export interface Reach {
  readonly of: Storage | Tensor;
  readonly at?: number;
  readonly scale?: number;
}

/** Finds the rows whose pulls all but cancel, for which `launchNear` does something; the others cost a look at their sums. */
export function findCancelling(
  engine: Engine,
  op: string,
  gathered: Gathered,
  reach: Reach,
  tuning: Tuning = {},
): Storage {
  return launchCancel(engine, op, row_cancel, gathered, reach, {}, tuning);
}

/** As above, of rows i and i + n/2 that are each other's positives; these pull here, apart from the rest, by 1 - p each. */
export function pullPartners(
  engine: Engine,
  op: string,
  gathered: Gathered,
  inverseNorms: Storage,
  miss: Storage,
): Storage {
  return launchCancel(engine, op, partner_pull, gathered, { of: miss }, { inverse_norms: inverseNorms });
}

function launchCancel(
  engine: Engine,
  op: string,
  kernel: KernelSource,
  { rows, count, columns, rowStride, g }: Gathered,
  { of, at = 0, scale = 1 }: Reach,
  buffers: Readonly<Record<string, Storage>>,
  own: Tuning = {},
): Storage {
  const { tuning, rowsPerGroup } = rowTuning(engine);
  const cancels = engine.scratch(count, op);
  engine.run(kernel, {
    params: { rows: count, columns, stride4: rowStride / 4, at, scale },
    buffers: { units: rows, g, reaches: of, cancels, ...buffers },
    groups: Math.ceil(count / rowsPerGroup),
    work: 4 * count * columns,
    tuning: { ...tuning, ...own },
  });
  return cancels;
}

/** Rows a workgroup looks after: most have nothing to do, and a workgroup's start is dear where it is not hardware. */
export function nearRows(engine: Engine): number {
  return engine.info.software ? 32 : 1;
}

/** What was pulled on such rows, once more by differences from all `others`: see kernels/lib/near_rows.wgsl. */
export function launchNear(
  engine: Engine,
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
  const ROWS = nearRows(engine);
  engine.run(kernel, {
    params: { rows: count, n: others, columns, row_stride: rowStride, own_at, other_at, scale },
    buffers: { units: rows, cancels, g, ...buffers },
    groups: Math.ceil(count / ROWS),
    work: 4 * count * others * columns,
    maybe: true,
    tuning: { ...tuning, ROWS },
  });
}
