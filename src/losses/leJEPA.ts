import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { add, mul, sub } from '../ops/arithmetic.ts';
import { concat } from '../ops/concat.ts';
import { withMatrices } from '../ops/reshape.ts';
import { mean } from '../ops/sum.ts';
import { square } from '../ops/unary.ts';
import { MOST_KNOTS } from '../sweeps/characteristic.ts';
import { checkSlices, meanTest } from './sigReg.ts';

export interface LeJEPAOptions {
  /** Weight of SIGReg, 0 to 1; views that agree have the rest. Default 0.05; a larger one asks for rounder embeddings. */
  lambda?: number;
  /**
   * `'official'` (default; lejepa, lightly): each view is tested alone. `'stable-pretraining'`: one test of the rows of all
   * views, which is as many times larger, and weight 1 on views that agree.
   */
  convention?: 'official' | 'stable-pretraining';
  /** See `sigReg`. Default 17. */
  knots?: number;
  /** See `sigReg`. Default 3. */
  range?: number;
}

/**
 * LeJEPA (Balestriero and LeCun 2025, arXiv 2511.08544): views predict each other's centre, and are standard normal.
 *
 * L = lambda SIGReg + (1 - lambda) mean over views, rows and features of (c - z)^2, c the mean of the global views; the gradient
 * goes through it.
 * @param globals one or more views [N, D] or [..., D] whose mean is the centre
 * @param locals further views of the same shape, perhaps none
 * @param slices [D, S], as for `sigReg`
 * @returns one number; gradients flow to every view
 */
export function leJEPA(
  globals: readonly Tensor[],
  locals: readonly Tensor[],
  slices: Tensor,
  options?: LeJEPAOptions,
): Tensor {
  const op = 'leJEPA';
  const views = { ...check.tensorList(op, 'globals', globals), ...check.tensorList(op, 'locals', locals, 0) };
  const context = check.contextOf(op, { ...views, slices });
  const { lambda, convention, knots, range } = check.options(op, options, {
    lambda: 0.05,
    convention: 'official' as 'official' | 'stable-pretraining',
    knots: 17,
    range: 3,
  });
  check.within(op, 'lambda', lambda, 0, 1);
  check.oneOf(op, 'convention', convention, ['official', 'stable-pretraining']);
  check.integer(op, 'knots', knots, 2, MOST_KNOTS);
  check.within(op, 'range', check.positive(op, 'range', range), 0, 1000);
  const together = convention === 'stable-pretraining';
  for (const [name, view] of Object.entries(views)) {
    check.rows(op, name, view);
    check.sameShape(op, 'globals[0]', globals[0], name, view);
  }
  checkSlices(op, views, slices);
  const core = (...matrices: Tensor[]): Tensor => {
    const centre = mul(matrices.slice(0, globals.length).reduce(add), 1 / globals.length);
    const apart = matrices.map((view) => mean(square(sub(centre, view))));
    const agreement = mul(apart.reduce(add), (together ? 1 : 1 - lambda) / matrices.length);
    const named = together
      ? { views: concat(matrices) }
      : Object.fromEntries(matrices.map((view, v) => [Object.keys(views)[v], view]));
    return add(mul(meanTest(op, named, slices, { knots, range }), lambda), agreement);
  };
  return context.scope(() => withMatrices(Object.values(views), core));
}
