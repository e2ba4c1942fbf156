import { type Form, productForm, withReason } from '../../launch/productForm.ts';
import { type Tile, tileOf } from '../../launch/tile.ts';
import { because, type Choice } from '../../tuning/choices.ts';
import { cachedTriangle } from './cachedTriangle.ts';
import { matrixUnits } from './matrixUnits.ts';
import { panels, wantedWidth } from './panels.ts';
import { extentsOf, type PairProblem, type PairSchedule } from './problem.ts';
import { rowBlock, WIDEST_ROW_BLOCK } from './rowBlock.ts';

const SCHEDULES = { 'cached triangle': cachedTriangle, panels, 'row block': rowBlock } as const;

type Name = keyof typeof SCHEDULES;

/** Which schedule: sizes are n and d. Costs are those of a sweep with its gradient. */
const SCHEDULE: Choice<Name> = {
  name: 'pair sweep',
  options: {
    'cached triangle': ([n, d]) => ({ flops: 3 * n * n * d, bytes: 8 * n * n, exps: n ** 2 / 2, dispatches: 3 }),
    panels: ([n, d]) => ({
      flops: 4 * n * n * d,
      bytes: 6 * n * n,
      exps: 1.5 * n * n,
      dispatches: 1 + 3 * Math.ceil(n / wantedWidth(n, d)),
    }),
    'row block': ([n, d]) => ({ flops: 5 * n * n * d, exps: 1.5 * n * n, dispatches: 2 }),
  },
};

/**
 * How to go through the pairs of a loss, with one shift for every exponential. Asked without a gradient, too: blocks are part of
 * the sums' bits, which are the same whoever wants one.
 */
export function scheduleOf(problem: PairProblem): PairSchedule {
  const { context, kernels, views } = problem;
  const { n, d } = extentsOf(views);
  const form = productForm(context, { rows: n, columns: n, depth: d }, kernels.forms);
  if (form.by === 'fragments' && kernels.matrixUnits) return matrixUnits(problem, form, kernels.matrixUnits);
  const among = schedulesFor(problem, form);
  const chosen = among.length > 1 ? context.choose(SCHEDULE, [n, d], among) : null;
  const tile = tileOf(context, 'pairs', n, n, d);
  const tuning = withReason(tile.tuning, form);
  const reasoned: Tile = { ...tile, tuning: chosen ? because(tuning, chosen) : tuning };
  return SCHEDULES[chosen?.option ?? 'panels'](problem, reasoned, form);
}

/** The schedules that there are: a triangle has to fit in 4 n d floats, and a row's features among its block's accumulators. */
function schedulesFor({ context, views }: PairProblem, form: Form): Name[] {
  const { n, d } = extentsOf(views);
  const among: Name[] = n <= 8 * d ? ['cached triangle', 'panels'] : ['panels'];
  // On a software adapter workgroup memory costs more than the panels.
  const blocks = form.by === 'tile' && d <= WIDEST_ROW_BLOCK && !context.info.software;
  return blocks ? [...among, 'row block'] : among;
}
