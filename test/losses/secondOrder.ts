import * as gramian from '../../src/index.ts';
import * as reference from '../reference/losses/secondOrder.ts';
import { type LossRow, views } from './row.ts';

const twoRows = (n: number): boolean => n >= 2;
// Of two rows every correlation is 1 or -1 but for epsilon: so small is the gradient that f64 keeps no digits of it at x1e4.
const threeRows = (n: number): boolean => n >= 3;

// Logits that are all but equal make columns that are: their gradient is below rounding then.
const LOGITS = ['normal', 'x1e4', 'unit'] as const;

/** Losses over the features of a batch. */
export const SECOND_ORDER: readonly LossRow[] = [
  {
    name: 'barlowTwins',
    inputs: views(2),
    run: ([z0, z1]) => gramian.barlowTwins(z0, z1),
    reference: ([z0, z1]) => reference.barlowTwins(z0, z1),
    temperatures: [1],
    golden: { temperature: 1, value: 0.0207315124, norms: [0.0205879271, 0.0191227038], first: -0.005537015 },
    invariances: ['permutation', 'swapped views'],
    accepts: threeRows,
  },
  {
    name: 'barlowTwins, no epsilon to speak of',
    inputs: views(2),
    run: ([z0, z1]) => gramian.barlowTwins(z0, z1, { lambda: 1, epsilon: 1e-12 }),
    reference: ([z0, z1]) => reference.barlowTwins(z0, z1, 1, 1e-12),
    temperatures: [1],
    kinds: ['normal', 'x1e4', 'outlier'],
    invariances: ['feature scale and shift'],
    accepts: threeRows,
  },
  {
    name: 'vicReg',
    inputs: views(2),
    run: ([z0, z1]) => gramian.vicReg(z0, z1),
    reference: ([z0, z1]) => reference.vicReg(z0, z1),
    temperatures: [1],
    golden: { temperature: 1, value: 6.7678931651, norms: [3.5031014361, 2.5203241235], first: -1.0268891185 },
    invariances: ['permutation', 'swapped views', 'common shift'],
    accepts: twoRows,
  },
  {
    name: 'vicReg, paper',
    inputs: views(2),
    run: ([z0, z1]) => gramian.vicReg(z0, z1, { convention: 'paper' }),
    reference: ([z0, z1]) => reference.vicReg(z0, z1, true),
    temperatures: [1],
    invariances: [],
    accepts: twoRows,
  },
  {
    name: 'varianceTerm',
    inputs: views(1),
    run: ([z]) => gramian.varianceTerm(z),
    reference: ([z]) => reference.varianceTerm(z),
    temperatures: [1],
    invariances: ['permutation'],
    accepts: twoRows,
    peaked: false,
  },
  {
    name: 'covarianceTerm',
    inputs: views(1),
    run: ([z]) => gramian.covarianceTerm(z),
    reference: ([z]) => reference.covarianceTerm(z),
    temperatures: [1],
    invariances: ['permutation'],
    accepts: twoRows,
    peaked: false,
  },
  {
    name: 'clusterLoss',
    inputs: views(2),
    run: ([logits0, logits1], temperature) => gramian.clusterLoss(logits0, logits1, { temperature }),
    reference: ([logits0, logits1], temperature) => reference.clusterLoss(logits0, logits1, temperature),
    temperatures: [1, 0.5, 0.1],
    live: true,
    golden: { temperature: 1, value: 1.7457055933, norms: [0.071487338, 0.0624320523], first: 0.0111343628 },
    invariances: ['permutation', 'swapped views'],
    kinds: LOGITS,
  },
  {
    name: 'contrastiveClustering',
    inputs: views(4),
    run: ([z0, z1, logits0, logits1], instanceTemperature) =>
      gramian.contrastiveClustering({ instances: [z0, z1], clusters: [logits0, logits1] }, { instanceTemperature }),
    reference: ([z0, z1, logits0, logits1], tau) => reference.contrastiveClustering([z0, z1], [logits0, logits1], tau),
    temperatures: [0.5, 0.1],
    live: true,
    invariances: ['permutation'],
    kinds: LOGITS,
    accepts: (_, d) => d >= 2,
  },
];
