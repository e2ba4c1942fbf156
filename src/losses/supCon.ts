import * as check from '../core/checkTensor.ts';
import { Tensor } from '../core/tensor.ts';
import { mul } from '../ops/arithmetic.ts';
import { checkLabels } from '../ops/labels.ts';
import { sum } from '../ops/sum.ts';
import { type Classes, classContrast, classesOf } from '../sweeps/pairs/classContrast.ts';
import { exponentials } from '../sweeps/temperature.ts';

export interface SupConOptions {
  /**
   * A number above 0, or a live one-element Tensor (which then gets a gradient). Default 0.1, the
   * paper's. A larger one spreads the push over more rows, a smaller one looks at the hardest.
   */
  temperature?: number | Tensor;
  /** `'out'` (default): the mean over the positives outside of the logarithm; `'in'`: inside. */
  form?: 'out' | 'in';
  /** Rows without a positive add no term; they stay in the mean's denominator (`'zero'`, default), leave it, or are refused. */
  lonely?: 'zero' | 'skip' | 'error';
  /** `'paper'` (default): scale 1. `'official'`: tau / 0.07, HobbitLong/SupContrast's scale. */
  convention?: 'paper' | 'official';
}

const LONELY = ['zero', 'skip', 'error'] as const;
const BASE_TEMPERATURE = 0.07;

/**
 * SupCon, the supervised contrastive loss (Khosla et al. 2020, arXiv 2004.11362).
 *
 * L = mean_i [ log sum_{a != i} exp(s_ia) - mean_{p in P_i} s_ip ] (`'out'`) or
 * L = mean_i [ log sum_{a != i} exp(s_ia) - log mean_{p in P_i} exp(s_ip) ] (`'in'`), s_ij = u_i.u_j / tau over the unit
 * rows u of all views; P_i are the other rows with i's label.
 * @param views one or more [N, D] of raw embeddings (normalised inside)
 * @param labels N integers in [0, 2^31): the same for every view of a row
 * @returns one number; gradients flow to every view and a live temperature
 */
export function supCon(views: Tensor[], labels: Int32Array, options?: SupConOptions): Tensor {
  const op = 'supCon';
  if (!Array.isArray(views)) check.fail(op, `views are ${check.say(views)}, expected an array of Tensors.`);
  if (views.length === 0) check.fail(op, 'views has 0 tensors, expected at least one.');
  const named = check.tensors(op, 'views', views);
  const context = check.contextOf(op, named);
  const [rows] = check.matrix(op, 'views[0]', views[0]);
  for (const [name, view] of Object.entries(named)) check.sameShape(op, 'views[0]', views[0], name, view);
  checkLabels(op, 'labels', labels, rows, 2 ** 31);
  const given = check.options(op, options, {
    temperature: 0.1 as number | Tensor,
    form: 'out' as 'out' | 'in',
    lonely: 'zero' as (typeof LONELY)[number],
    convention: 'paper' as 'paper' | 'official',
  });
  check.oneOf(op, 'form', given.form, ['out', 'in']);
  check.oneOf(op, 'lonely', given.lonely, LONELY);
  check.oneOf(op, 'convention', given.convention, ['paper', 'official']);
  const temperature = check.temperature(op, given.temperature);
  const live = temperature instanceof Tensor;
  if (live) check.contextOf(op, { 'views[0]': views[0], temperature });
  const all = new Int32Array(rows * views.length);
  views.forEach((_, v) => {
    all.set(labels, v * rows);
  });
  const classes = classesOf(all);
  const lonely = classes.of.reduce((count, c) => count + (classes.sizes[c] === 1 ? 1 : 0), 0);
  if (given.lonely === 'error' && lonely > 0) refuse(op, labels, classes, lonely);
  const terms = given.lonely === 'skip' ? Math.max(all.length - lonely, 1) : all.length;
  const official = given.convention === 'official';
  const tau = live ? temperature : context.constant(temperature);
  const core = () =>
    classContrast(op, named, classes, tau, {
      by: exponentials(temperature),
      factor: (official && !live ? temperature / BASE_TEMPERATURE : 1) / terms,
      inside: given.form === 'in',
    });
  if (live) return official ? context.scope(() => mul(sum(mul(core(), tau)), 1 / BASE_TEMPERATURE)) : core();
  const loss = core();
  tau.dispose();
  return loss;
}

function refuse(op: string, labels: Int32Array, { of, sizes }: Classes, lonely: number): never {
  if (lonely === of.length) check.fail(op, 'no label occurs twice, so there is nothing to pull together.');
  const at = of.findIndex((c) => sizes[c] === 1);
  check.fail(
    op,
    `labels[${at}] = ${labels[at]} occurs once, expected a second row of it; lonely = "zero" or "skip" admits such rows.`,
  );
}
