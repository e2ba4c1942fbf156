import { mean, mul, sum } from '../../src/index.ts';
import { reweight } from '../../src/ops/batchAttention.ts';
import * as reference from '../reference/losses/batch.ts';
import { type LossRow, views } from './row.ts';

/** What gives the samples of a batch weights. */
export const BATCH: readonly LossRow[] = [
  {
    name: 'batchAttention, its weights',
    inputs: views(2),
    run: ([a, b]) => a.engine.scope(() => sum(mul(reweight(a, mean(a, 1), 'none'), b))),
    reference: ([a, b]) => reference.reweighted(a, b),
    temperatures: [1],
    slack: 2, // a sum of N D numbers of either sign
    golden: {
      temperature: 1,
      value: 2.2502986393,
      norms: [0.82919374, 0.6762481126],
      first: 0.3721002266,
    },
    // A mean of 1e4 is a logit of 1e4: its roundings alone are beyond what is asked of the weights.
    kinds: ['normal', 'outlier', 'x1e-20', 'unit'],
    invariances: ['permutation'],
  },
];
