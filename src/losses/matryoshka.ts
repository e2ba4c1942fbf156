import * as check from '../core/checkTensor.ts';
import { Tensor } from '../core/tensor.ts';
import { add, mul } from '../ops/arithmetic.ts';
import { withMatrices } from '../ops/reshape.ts';
import { leadingColumns } from '../ops/slice.ts';
import { checkTuples } from './multipleNegatives.ts';

export interface MatryoshkaOptions {
  /** Numbers of leading columns to train, each once, in any order. The full width is trained where it is among them. */
  dims: readonly number[];
  /** A weight (0 or above) for each of `dims`, in its order. Default: 1 each, so the loss grows with their number. */
  weights?: readonly number[];
}

/** A loss of queries and documents, such as `multipleNegatives`. */
type TupleLoss<Rest extends unknown[]> = (
  queries: Tensor,
  documents: Tensor | readonly Tensor[],
  ...rest: Rest
) => Tensor;

/**
 * Matryoshka representation learning (Kusupati et al. 2022, arXiv 2205.13147): one embedding whose first columns are one, too.
 *
 * L = sum_m w_m loss(queries and documents cut to their first d_m columns). A loss of cosines normalises what was cut again.
 * @param loss called with cut queries and documents, and whatever else it was called with
 * @returns a loss of the same arguments
 */
export function matryoshka<Rest extends unknown[]>(loss: TupleLoss<Rest>, options: MatryoshkaOptions): TupleLoss<Rest> {
  const op = 'matryoshka';
  check.callback(op, 'loss', loss);
  const { dims, weights = dims } = check.options(op, options, {
    dims: check.REQUIRED as readonly number[],
    weights: undefined as readonly number[] | undefined,
  });
  check.integers(op, 'dims', dims, 1, 2 ** 24);
  if (new Set(dims).size !== dims.length)
    check.fail(op, `dims name one twice ([${dims.join(', ')}]), expected each once.`);
  if (!Array.isArray(weights) || weights.length !== dims.length)
    check.fail(
      op,
      `${check.came('weights', weights, 'are')}, expected an array of ${dims.length} numbers, one for each of dims.`,
    );
  const factors =
    options.weights === undefined
      ? dims.map(() => 1)
      : dims.map((_, i) => check.weight(op, `weights[${i}]`, weights[i]));
  const most = Math.max(...dims);
  return (queries, documents, ...rest) => {
    const list = checkTuples(op, queries, documents);
    const { context } = queries;
    const [, columns] = check.rows(op, 'queries', queries);
    if (most > columns) check.fail(op, `dims hold ${most}, expected at most ${columns}, the columns of queries.`);
    return context.scope(() =>
      withMatrices([queries, ...list], (...matrices) =>
        dims
          .map((count, i) => {
            const [q, ...d] = matrices.map((x) => leadingColumns(op, x, count));
            return mul(loss(q, documents instanceof Tensor ? d[0] : d, ...rest), factors[i]);
          })
          .reduce(add),
      ),
    );
  };
}
