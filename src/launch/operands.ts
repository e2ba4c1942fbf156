import type { Context } from '../core/context.ts';
import { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import type { Tuning } from '../gpu/kernel.ts';
import type { Copied, Rectangle } from '../gpu/launch.ts';
import { copyable } from '../gpu/operandTextures.ts';
import { because, type Choice } from '../tuning/choices.ts';
import type { ProductSize } from './productForm.ts';

/** An operand in a buffer: k-major ([depth, width]), or with its rows along k. Counted in floats. */
interface Source extends Rectangle {
  readonly of: Storage | Tensor;
}

type Where = 'buffers' | 'textures';

/** What a launch adds where it reads its operands in textures; nothing where it reads the buffers. */
interface Placed {
  readonly tuning: Tuning;
  readonly copied?: Copied;
}

/**
 * Where a product reads its operands. lavapipe loads from a buffer lane by lane, each behind a test and a branch, and from a
 * texture by vectors, which is worth a copy of both operands: 1.3 times as fast at 512 x 512 x 512 and 1,024 x 1,024 x 128, copies
 * included. SwiftShader and GPUs gain nothing.
 */
const OPERANDS: Choice<Where> = {
  name: 'product operands',
  options: {
    buffers: ([rows, columns, depth]) => ({ flops: 2 * rows * columns * depth }),
    textures: ([rows, columns, depth]) => ({ flops: 2 * rows * columns * depth, eta: 0.62, dispatches: 4 }),
  },
};

// What a launch keeps in textures at most, so that copies stay small beside what they are copies of.
const MOST_BYTES = 2 ** 25;

/** What a launch of a tile kernel with these constants adds. @param tuning of the tile */
export function placed(context: Context, size: ProductSize, tuning: Tuning, lhs: Source, rhs: Source): Placed {
  return placedOne(context, OPERANDS, size, tuning, { lhs, rhs });
}

// A convolution's own right operand is gathered from the images: only the weights are copied, and are few.
const WEIGHTS: Choice<Where> = {
  name: 'convolution weights',
  options: {
    buffers: ([rows, columns, depth]) => ({ flops: 2 * rows * columns * depth }),
    textures: ([rows, columns, depth]) => ({ flops: 2 * rows * columns * depth, eta: 0.57, dispatches: 3 }),
  },
};

/** As `placed`, for a kernel whose `lhs` alone is a matrix; `steps` of its k go together, and `size.depth` are all. */
export function placedWeights(context: Context, size: ProductSize, steps: number, tuning: Tuning, lhs: Source): Placed {
  return steps % (tuning.KU ?? 1) === 0 ? placedOne(context, WEIGHTS, size, tuning, { lhs }) : { tuning };
}

function placedOne(
  context: Context,
  choice: Choice<Where>,
  size: ProductSize,
  tuning: Tuning,
  sources: Readonly<Record<string, Source>>,
): Placed {
  if (!canCopy(context, size, tuning, Object.values(sources))) return { tuning };
  const answer = context.choose(choice, [size.rows, size.columns, size.depth]);
  const reasoned = because(tuning, answer);
  if (answer.option === 'buffers') return { tuning: reasoned };
  const copied = Object.fromEntries(Object.entries(sources).map(([name, source]) => [name, rectangle(source)]));
  return { tuning: { ...reasoned, TEXTURES: 1 }, copied };
}

function rectangle({ at, stride, width, rows }: Source): Rectangle {
  return { at, stride, width, rows };
}

/** Rows of a set as a k-major operand: [depth, stride] floats. */
interface Features {
  readonly of: Storage | Tensor;
  readonly stride: number;
  readonly rows: number;
}

/** As `placed`, between all rows of two sets, of which the kernel reads the columns that it wants. */
export function placedBetween(context: Context, lhs: Features, rhs: Features, depth: number, tuning: Tuning): Placed {
  const source = ({ of, stride }: Features): Source => ({ of, at: 0, stride, width: stride, rows: depth });
  return placed(context, { rows: lhs.rows, columns: rhs.rows, depth }, tuning, source(lhs), source(rhs));
}

/** Lanes shuffle the left operand, all eight; steps along k come KU at a time, to the end. */
function canCopy(
  context: Context,
  { depth }: ProductSize,
  { SUBGROUP, WX, KU = 1, F16 }: Tuning,
  of: Source[],
): boolean {
  const { textures } = context.info;
  if (textures === 0 || SUBGROUP !== 8 || WX !== 8 || depth % KU !== 0 || F16) return false;
  if (context.observers.current?.insidePass) return false;
  if (of.reduce((bytes, { width, rows }) => bytes + 4 * width * rows, 0) > MOST_BYTES) return false;
  return of.every((source) => isOwn(source) && copyable(source, textures));
}

/** Whether it lies in memory of ours: what others made may not be copied from. */
function isOwn({ of }: Source): boolean {
  return (of instanceof Tensor ? of.storage : of).slot !== null;
}
