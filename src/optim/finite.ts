import { part, ranges } from '../core/chunks.ts';
import type { Context } from '../core/context.ts';
import { fillBits } from '../core/fills.ts';
import type { Tensor } from '../core/tensor.ts';
import { inspect_finite } from '../gpu/kernels.generated.ts';

const NOTHING = 0xffffffff;

/** One of several tensors, and where in it the first NaN or infinity lies (of the flattened values). */
export interface NonFinite {
  readonly name: string;
  readonly index: number;
}

/**
 * The first of `tensors` that holds a NaN or an infinity; null where all are finite. One launch a tensor and one read for all: asked
 * with the loss, it tells a run that diverged while its loss still looks like a number.
 */
export async function firstNonFinite(
  context: Context,
  tensors: Readonly<Record<string, Tensor>>,
): Promise<NonFinite | null> {
  const op = 'firstNonFinite';
  const pieces = Object.entries(tensors).flatMap(([name, tensor]) =>
    ranges(context, tensor.size).map((range) => ({ name, tensor, range })),
  );
  if (pieces.length === 0) return null;
  const found = context.scratch(pieces.length, op);
  try {
    fillBits(context, found, pieces.length, NOTHING);
    pieces.forEach(({ tensor, range }, slot) => {
      context.run(inspect_finite, {
        params: { count: range.count, slot, against: 0 },
        buffers: { values: part(tensor, range), found },
        groups: Math.ceil(range.count / 256),
        work: range.count,
      });
    });
    const first = new Uint32Array(await context.lowLevel.read(op, found, 4 * pieces.length));
    const slot = first.findIndex((index) => index !== NOTHING);
    return slot < 0 ? null : { name: pieces[slot].name, index: pieces[slot].range.first + first[slot] };
  } finally {
    found.release();
  }
}
