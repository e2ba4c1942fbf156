import * as check from '../core/checkTensor.ts';
import { Tensor } from '../core/tensor.ts';
import { add, mul } from '../ops/arithmetic.ts';
import { withConstants } from '../ops/constants.ts';
import { matmul } from '../ops/matmul.ts';
import { normalizeOf } from '../ops/normalize.ts';
import { withMatrices } from '../ops/reshape.ts';
import { transpose } from '../ops/transpose.ts';
import { eppsPulley, MOST_KNOTS } from '../sweeps/characteristic.ts';

export interface SigRegOptions {
  /** Places at which characteristic functions are compared, evenly spaced, 2 to 65. Default 17. */
  knots?: number;
  /** The last of them, above 0. Default 3; a larger one looks at finer structure. */
  range?: number;
}

/**
 * SIGReg, sketched isotropic Gaussian regularisation (Balestriero and LeCun 2025, arXiv 2511.08544): embeddings that are
 * standard normal in every direction.
 *
 * L = mean over views and slices of N sum_k w_k |1/N sum_n e^(i t_k x_n) - e^(-t_k^2 / 2)|^2, the Epps-Pulley test of the
 * projections x of the rows on a slice, w_k the trapezoid rule times e^(-t_k^2 / 2). About 1.05 under N(0, I) at every N; what
 * differs from it grows with N.
 * @param z [N, D] or [..., D] embeddings, or an array of views of them, each tested alone. They are not normalised
 * @param slices [D, S] directions, a column each (normalised inside), new ones at every step; the authors take S = 1,024
 * @returns one number; gradients flow to every view, none to the slices
 */
export function sigReg(z: Tensor | readonly Tensor[], slices: Tensor, options?: SigRegOptions): Tensor {
  const op = 'sigReg';
  const views = z instanceof Tensor ? { z } : check.tensorList(op, 'z', z);
  const context = check.contextOf(op, { ...views, slices });
  const { knots, range } = check.options(op, options, { knots: 17, range: 3 });
  check.integer(op, 'knots', knots, 2, MOST_KNOTS);
  check.within(op, 'range', check.positive(op, 'range', range), 0, 1000);
  checkSlices(op, views, slices);
  return context.scope(() => meanTest(op, views, slices, { knots, range }));
}

/** Refuses slices of other features than the views'. */
export function checkSlices(op: string, views: Readonly<Record<string, Tensor>>, slices: Tensor): void {
  const [features] = check.matrix(op, 'slices', slices);
  for (const [name, view] of Object.entries(views)) {
    const [, columns] = check.rows(op, name, view);
    if (columns !== features)
      check.fail(op, `slices has ${features} rows, expected ${columns}, the columns of ${name}.`);
  }
}

/** The mean of the tests of each view. */
export function meanTest(
  op: string,
  views: Readonly<Record<string, Tensor>>,
  slices: Tensor,
  { knots, range }: Required<SigRegOptions>,
): Tensor {
  const { context } = slices;
  const directions = context.noGrad(() => normalizeOf(op, 'slices', transpose(slices))); // [S, D]
  const list = Object.values(views);
  const tests = list.map((view) =>
    withMatrices([view], (rows) =>
      eppsPulley(op, context, matmul(rows, directions, { transposeB: true }), knots, range),
    ),
  );
  return withConstants(op, mul(tests.reduce(add), 1 / list.length), [slices]);
}
