import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { Tensor } from '../core/tensor.ts';
import { mul } from '../ops/arithmetic.ts';
import { checkLabels, type Labels, labelTensor } from '../ops/labels.ts';
import { withMatrices } from '../ops/reshape.ts';
import { sum } from '../ops/sum.ts';
import {
  type Classes,
  classContrast,
  classesOf,
  classesOnGPU,
  lonelyShare,
  type Numbered,
  numberedByClass,
} from '../sweeps/pairs/classContrast.ts';
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
 * @param views one or more, [N, D] or [..., D], of raw embeddings (normalised inside)
 * @param labels N integers in [0, 2^31), the same for every view of a row: an Int32Array, or a tensor [N] or [...] of i32 or u32, which
 * stays on the GPU and may hold others at every run of a plan
 * @returns one number; gradients flow to every view and a live temperature
 */
export function supCon(views: Tensor[], labels: Labels, options?: SupConOptions): Tensor {
  const op = 'supCon';
  const named = check.tensorList(op, 'views', views);
  const context = check.contextOf(op, named);
  check.rows(op, 'views[0]', views[0]);
  for (const [name, view] of Object.entries(named)) check.sameShape(op, 'views[0]', views[0], name, view);
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
  const leading = views[0].shape.slice(0, -1);
  const { classes, terms, share } = classesFrom(op, context, labels, leading, views.length, given.lonely);
  const official = given.convention === 'official';
  const tau = live ? temperature : context.constant(temperature);
  const core = () =>
    withMatrices(views, (...matrices) =>
      classContrast(op, check.tensors(op, 'views', matrices), classes, tau, {
        by: exponentials(temperature),
        factor: (official && !live ? temperature / BASE_TEMPERATURE : 1) / terms,
        inside: given.form === 'in',
      }),
    );
  const shared = () => (share ? mul(core(), share) : core());
  const loss =
    live && official
      ? context.scope(() => mul(sum(mul(shared(), tau)), 1 / BASE_TEMPERATURE))
      : share
        ? context.scope(shared)
        : core();
  share?.dispose();
  if (!live) tau.dispose();
  return loss;
}

/** The classes of the rows of all views, and what the sum over the rows is divided by: `terms`, on the GPU `terms / share`. */
function classesFrom(
  op: string,
  context: Context,
  labels: Labels,
  leading: readonly number[],
  views: number,
  lonely: (typeof LONELY)[number],
): { classes: Classes; terms: number; share: Tensor | null } {
  const rows = leading.reduce((a, b) => a * b, 1);
  const n = rows * views;
  if (labels instanceof Tensor) {
    if (lonely === 'error' && views === 1)
      check.fail(
        op,
        'lonely = "error" needs labels that are an Int32Array; take "zero" or "skip" for labels on the GPU.',
      );
    const numbers = context.unscoped(() =>
      labelTensor(op, 'labels', labels, context, { rows, leading, classes: 2 ** 31 }),
    );
    const classes = classesOnGPU(op, numbers, views);
    numbers.dispose();
    // Of two views a row is never alone.
    const share = lonely === 'skip' && views === 1 ? context.unscoped(() => lonelyShare(op, classes)) : null;
    return { classes, terms: n, share };
  }
  checkLabels(op, 'labels', labels, rows, 2 ** 31);
  const all = new Int32Array(n);
  for (let v = 0; v < views; v++) all.set(labels, v * rows);
  const known = numberedByClass(all);
  const alone = known.of.reduce((count, c) => count + (known.sizes[c] === 1 ? 1 : 0), 0);
  if (lonely === 'error' && alone > 0) refuse(op, labels, known, alone);
  const terms = lonely === 'skip' ? Math.max(n - alone, 1) : n;
  return { classes: classesOf(context, known), terms, share: null };
}

function refuse(op: string, labels: Int32Array, { of, sizes }: Numbered, lonely: number): never {
  if (lonely === of.length) check.fail(op, 'no label occurs twice, so there is nothing to pull together.');
  const at = of.findIndex((c) => sizes[c] === 1);
  check.fail(
    op,
    `labels[${at}] = ${labels[at]} occurs once, expected a second row of it; lonely = "zero" or "skip" admits such rows.`,
  );
}
