import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import { difference_squares, vicreg_diagonal, vicreg_grad } from '../gpu/kernels.generated.ts';
import { type Features, makeFeatures, rowCells, rowSlices } from '../launch/features.ts';
import { launchTerms, type Term } from '../launch/reduce.ts';
import { autoOffDiagonal, type OffDiagonal } from './offDiagonal.ts';

/** What each sum counts for; see `spread`. */
export interface SpreadWeights {
  readonly invariance: number;
  readonly variance: number;
  readonly covariance: number;
}

/**
 * invariance * sum_nd (z0 - z1)^2 + sum over the views of variance * sum_d max(0, 1 - s_d) + covariance * sum_{d != e} C_de^2,
 * s_d = sqrt(C_dd + epsilon), C the unbiased covariance of the view's features. With one view, without the first term.
 * The covariances' part of the gradient comes with the value: the tape keeps it in the tensors that become the gradients.
 */
export function spread(
  context: Context,
  op: string,
  views: Readonly<Record<string, Tensor>>,
  { invariance, variance, covariance, epsilon }: SpreadWeights & { epsilon: number },
): Tensor {
  const inputs = Object.values(views);
  const [rows, columns] = inputs[0].shape;
  const unbiased = 1 / (rows - 1);
  const wanted = context.needsGrad(...inputs);
  const factor = 4 * covariance * unbiased;
  const sides = Object.entries(views).map(([name, z]) => {
    const features = makeFeatures(context, op, name, z);
    const off =
      covariance === 0
        ? nothing(context, op, features, wanted)
        : autoOffDiagonal(context, op, features, unbiased, wanted);
    const extra = off.whole ? factor : 0;
    return { features, off, ...launchDiagonal(context, op, features, epsilon, variance * unbiased, extra) };
  });
  const [z0, z1] = inputs;
  const apart = z1 && invariance !== 0 ? [launchApart(context, op, z0, z1)] : [];
  const loss = context.empty([], op);
  launchTerms(context, loss, [
    ...sides.flatMap(({ off, squares, hinges }): Term[] => [
      ...off.squares.map((term) => ({ ...term, scale: covariance })),
      ...(off.whole ? [{ of: squares, count: columns, scale: -covariance }] : []),
      { of: hinges, count: columns, scale: variance },
    ]),
    ...apart.map((term) => ({ ...term, scale: invariance })),
  ]);
  for (const { off, squares, hinges } of sides) for (const storage of [off, squares, hinges]) storage.release();
  for (const { of } of apart) of.release();
  const gradients = sides.flatMap(({ off }) => off.gradients);
  const result = context.record(op, inputs, loss, {
    saved: [...inputs, ...gradients],
    release: () => {
      for (const { features, own } of sides) for (const storage of [features, own]) storage.release();
    },
    backward: (dy, saved) =>
      sides.map(({ features: { moments }, own }, v) => {
        const z = saved[v];
        const g = context.alias(saved[sides.length + v], z.shape, false); // in place: nobody reads what was saved again
        const { groups, cells } = rowCells(rows, columns);
        context.run(vicreg_grad, {
          params: { rows, columns, ...cells, apart: z1 ? 2 * invariance : 0, factor },
          buffers: { z, moments, other: saved[sides.length - 1 - v], own, g, dy },
          groups,
          work: 6 * rows * columns,
        });
        return g;
      }),
  });
  for (const gradient of gradients) gradient.dispose();
  return result;
}

/** No covariances: room for the gradient alone. */
function nothing(context: Context, op: string, { rows, columns }: Features, wanted: boolean): OffDiagonal {
  const gradients = wanted ? [context.unscoped(() => context.empty([rows, columns], op))] : [];
  return { squares: [], gradients, whole: false, release: () => {} };
}

function launchDiagonal(
  context: Context,
  op: string,
  { rows, columns, moments }: Features,
  epsilon: number,
  weight: number,
  extra: number,
) {
  const [hinges, squares, own] = [0, 1, 2].map(() => context.scratch(columns, op));
  context.run(vicreg_diagonal, {
    params: { rows, columns, epsilon, weight, extra },
    buffers: { moments, hinges, squares, own },
    groups: Math.ceil(columns / 64),
    work: 8 * columns,
  });
  return { hinges, squares, own };
}

/** Partial sums of (z0 - z1)^2. */
function launchApart(context: Context, op: string, z0: Tensor, z1: Tensor) {
  const [rows, columns] = z0.shape;
  const { slices, ...slice } = rowSlices(rows, columns);
  const of = context.scratch(slices * columns, op);
  context.run(difference_squares, {
    params: { rows, columns, ...slice },
    buffers: { z: z0, other: z1, out: of },
    groups: slices * slice.strips,
    work: 2 * rows * columns,
  });
  return { of, count: slices * columns };
}
