import * as gramian from '../../src/index.ts';
import { type Shape, type Values, values } from '../cases.ts';
import * as reference from '../reference/secondOrder.ts';
import type { OpRow } from './table.ts';

// Two standardised rows are 1 and -1 but for epsilon: at x1e4 f64 keeps no digits of that gradient.
const views =
  (count: number, least: number) =>
  ({ rows, columns }: Shape, kind: Values, seed: number) =>
    Array.from({ length: count }, (_, i) => values(kind, [Math.max(rows, least), columns], seed + i));

/** Second-order statistics of the features. */
export const SECOND_ORDER_OPS: readonly OpRow[] = [
  {
    name: 'covariance',
    inputs: views(1, 2),
    run: gramian.covariance,
    reference: reference.covariance,
    budget: () => ({ value: 2e-6, gradient: 4e-6 }),
  },
  {
    name: 'crossCorrelation',
    inputs: views(2, 3),
    run: gramian.crossCorrelation,
    reference: reference.crossCorrelation,
    budget: () => ({ value: 2e-6, gradient: 1e-5 }),
  },
];
