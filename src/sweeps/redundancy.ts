import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { barlow_diagonal, diagonal_slices } from '../gpu/kernels.generated.ts';
import { type Features, makeFeatures, rowSlices, standardBackward } from '../launch/features.ts';
import { launchSum, launchTerms } from '../launch/reduce.ts';
import { crossOffDiagonal } from './offDiagonal.ts';

/**
 * sum_d (C_dd - 1)^2 + lambda sum_{d != e} C_de^2 over the cross-correlation C of two views, features standardised.
 * The off-diagonal's part of the gradient comes with the value: the tape keeps it in the tensors that become the gradients.
 */
export function redundancy(
  context: Context,
  op: string,
  z0: Tensor,
  z1: Tensor,
  { lambda, epsilon }: { lambda: number; epsilon: number },
): Tensor {
  const [rows, columns] = z0.shape;
  const views = [makeFeatures(context, op, 'z0', z0, epsilon), makeFeatures(context, op, 'z1', z1, epsilon)] as const;
  const off = crossOffDiagonal(context, op, views, 1 / rows, context.needsGrad(z0, z1));
  const factor = (2 * lambda) / rows;
  const extra = off.whole ? factor : 0;
  const { losses, squares, own } = launchDiagonal(context, op, views, { epsilon, weight: 2 / rows, extra });
  const loss = context.empty([], op);
  launchTerms(context, loss, [
    ...off.squares.map((term) => ({ ...term, scale: lambda })),
    ...(off.whole ? [{ of: squares, count: columns, scale: -lambda }] : []),
    { of: losses, count: columns },
  ]);
  for (const storage of [off, losses, squares]) storage.release();
  const result = context.record(op, [z0, z1], loss, {
    saved: [z0, z1, ...off.gradients],
    release: () => {
      for (const storage of [...views, own]) storage.release();
    },
    backward: (dy, [x0, x1, ...gradients]) => {
      const saved = [x0, x1].map((z, v) => ({ ...views[v], z }));
      return gradients.map((gradient, v) => {
        const g = context.alias(gradient, gradient.shape, false); // in place: nobody reads what was saved again
        standardBackward(context, op, saved[v], saved[1 - v], { g, own, factor, dy });
        return g;
      });
    },
  });
  for (const gradient of off.gradients) gradient.dispose();
  return result;
}

/** What the diagonal of the cross-correlation adds to loss and gradient: see kernels/features/barlow_diagonal.wgsl. */
function launchDiagonal(
  context: Context,
  op: string,
  [{ z, rows, columns, moments }, other]: readonly [Features, Features],
  weights: { epsilon: number; weight: number; extra: number },
): Record<'losses' | 'squares' | 'own', Storage> {
  const { slices, ...slice } = rowSlices(rows, columns);
  const partial = context.scratch(2 * slices * columns, op);
  context.run(diagonal_slices, {
    params: { rows, columns, ...slice },
    buffers: { z, moments, other: other.z, other_moments: other.moments, sums: partial },
    groups: slices * slice.strips,
    work: 10 * rows * columns,
  });
  const sums = context.scratch(2 * columns, op);
  launchSum(context, partial, sums, { outer: 1, reduced: slices, inner: 2 * columns });
  partial.release();
  const [losses, squares, own] = [0, 1, 2].map(() => context.scratch(columns, op));
  context.run(barlow_diagonal, {
    params: { rows, columns, ...weights },
    buffers: { sums, moments, other_moments: other.moments, losses, squares, own },
    groups: Math.ceil(columns / 64),
    work: 10 * columns,
  });
  sums.release();
  return { losses, squares, own };
}
