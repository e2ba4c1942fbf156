import type { Storage } from './buffers.ts';
import type { Effect } from './failures.ts';
import type { Grid } from './grid.ts';
import type { KernelSource } from './kernel.ts';
import type { Pipeline } from './pipelines.ts';

/** Bytes of the parameters of a launch at most: minUniformBufferOffsetAlignment at its default. */
export const SLOT_BYTES = 256;

/** Rows of floats in a buffer, `stride` from one to the next. */
export interface Rectangle {
  readonly at: number;
  readonly stride: number;
  readonly width: number;
  readonly rows: number;
}

/** What a kernel reads in a copy: a part of each of these buffers, by its WGSL name. */
export type Copied = Readonly<Record<string, Rectangle>>;

/** One kernel launch: `groups` workgroups in a row, folded into two dimensions where one has no room. */
export interface Launch extends Effect {
  readonly pipeline: Pipeline;
  readonly kernel: KernelSource;
  /** What is bound, in the order of the kernel's buffers. */
  readonly storages: readonly Storage[];
  /** Noted before it. */
  readonly before?: Effect;
  /** What it reads in copies, which are made right before it. */
  readonly copied?: Copied;
  /** Made when it is submitted; kept where it is launched again. */
  group: GPUBindGroup | null;
  /** The packed parameters, a slot at most; the first two words are left for the range of groups. */
  readonly params: Uint32Array;
  readonly groups: number;
  /** Dispatched as it is and in one piece: its parameters hold no range of groups. */
  readonly grid?: Grid;
  /** Work of the whole launch in multiply-adds or their like; long launches are cut by it. */
  readonly work: number;
  /** May find nothing to do: its time then says nothing about the adapter's speed. */
  readonly conditional?: boolean;
}
