import type { DeviceInfo } from '../gpu/deviceInfo.ts';

/** What one way of doing something asks of an adapter. */
export interface Cost {
  /** Floating-point operations; a multiply-add is two. */
  readonly flops: number;
  /** Bytes read and written beyond what a tile loop reads. */
  readonly bytes?: number;
  /** Exponentials. */
  readonly exps?: number;
  /** Default 1. */
  readonly dispatches?: number;
  /** Share of the adapter's rate that the inner loop reaches. Default: what the product kernels reach. */
  readonly eta?: number;
}

/** What sets one kind of adapter apart from another: rates a second, and what a register tile costs. */
export interface AdapterKind {
  readonly name: 'lavapipe' | 'swiftshader' | 'gpu';
  readonly flops: number;
  readonly bytes: number;
  readonly exps: number;
  /** Seconds from one dispatch to the next. */
  readonly dispatch: number;
  /** Multiply-adds in the time of one load. */
  readonly load: number;
  /**
   * Whether a shuffle is cheaper than a load that all lanes share. On GPUs that is not known: there the tuner may find it, and
   * nobody else.
   */
  readonly broadcasts: boolean;
  /** Invocations that a workgroup needs, or lanes stay idle. */
  readonly lanes: number;
  /** Accumulators an invocation may hold before the loop slows down. */
  readonly accumulators: number;
  /** Of the rate of k-major operands, what is left where the left one is read along its rows. */
  readonly alongRows: number;
}

// Measured, but for `gpu`: round numbers of a middling card, good enough to rank ways of doing the same work.
const LAVAPIPE: AdapterKind = {
  name: 'lavapipe',
  flops: 37e9,
  bytes: 4e9,
  exps: 1.3e9,
  dispatch: 30e-6,
  load: 2,
  broadcasts: true,
  lanes: 8,
  accumulators: 128,
  alongRows: 0.5,
};
/** Lanes that broadcast the left operand load each of its numbers once, wherever it lies. */
const LAVAPIPE_SUBGROUPS: AdapterKind = { ...LAVAPIPE, alongRows: 1 };
// Accumulators: 128 are as fast, but a first call takes 1.4 to 1.5 times as long, since the kernels compile for longer.
const SWIFTSHADER: AdapterKind = {
  ...LAVAPIPE,
  name: 'swiftshader',
  broadcasts: false,
  flops: 8e9,
  bytes: 1e9,
  exps: 0.2e9,
  lanes: 4,
  accumulators: 64,
};
const GPU: AdapterKind = {
  name: 'gpu',
  flops: 1e13,
  bytes: 4e11,
  exps: 1e12,
  dispatch: 8e-6,
  load: 2,
  broadcasts: false,
  lanes: 64,
  accumulators: 32,
  alongRows: 1,
};

export function kindOf({ software, architecture, description, subgroup }: DeviceInfo): AdapterKind {
  if (!software) return GPU;
  if (/swiftshader/i.test(`${architecture} ${description}`)) return SWIFTSHADER;
  return subgroup ? LAVAPIPE_SUBGROUPS : LAVAPIPE;
}

const ETA = 0.5;

/** Seconds that the work will take: its slowest resource, and its dispatches. A prediction ranks; it does not measure. */
export function predict({ flops, bytes = 0, exps = 0, dispatches = 1, eta = ETA }: Cost, kind: AdapterKind): number {
  return Math.max(flops / (eta * kind.flops), bytes / kind.bytes, exps / kind.exps) + dispatches * kind.dispatch;
}

/**
 * Share of the rate that a register tile of rows x columns an invocation reaches, `threads` invocations a workgroup, of which
 * `sharing` load the left operand together.
 */
export function tileEta(rows: number, columns: number, threads: number, sharing: number, kind: AdapterKind): number {
  const fma = rows * columns;
  const loads = kind.load * ((kind.broadcasts ? rows / sharing : rows) + columns);
  return (fma / (fma + loads)) * Math.min(1, threads / kind.lanes) * Math.min(1, kind.accumulators / fma);
}
