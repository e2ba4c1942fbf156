import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import { characteristic_grad, characteristic_slices, characteristic_terms } from '../gpu/kernels.generated.ts';
import { rowCells, rowSlices } from '../launch/features.ts';
import { launchSum } from '../launch/reduce.ts';

export const MOST_KNOTS = 65; // kernels/features/characteristic.wgsl holds those above 0

/**
 * The mean over the columns of x of the Epps-Pulley test: how far each column's characteristic function is from a standard
 * normal's, at `knots` evenly spaced from 0 to `range`, times the rows. What the tape keeps beside x is columns x knots.
 * @param x [N, S]
 */
export function eppsPulley(op: string, context: Context, x: Tensor, knots: number, range: number): Tensor {
  const [rows, columns] = x.shape;
  const step = range / (knots - 1);
  const spread = { rows, columns, knots: knots - 1, step }; // at 0 both functions are 1
  const { slices, ...slice } = rowSlices(rows, columns);
  const size = 2 * columns * spread.knots;
  const sums = context.scratch(slices * size, op);
  context.run(characteristic_slices, {
    params: { ...spread, ...slice },
    buffers: { x, out: sums },
    groups: slices * slice.strips,
    work: rows * columns * (20 + 6 * knots),
  });
  const means = context.scratch(size, op);
  launchSum(context, sums, means, { outer: 1, reduced: slices, inner: size, scale: 1 / rows });
  sums.release();
  const terms = context.scratch(columns, op);
  const slopes = context.scratch(size, op);
  context.run(characteristic_terms, {
    params: spread,
    buffers: { means, terms, slopes },
    groups: Math.ceil(columns / 64),
    work: 10 * size,
  });
  means.release();
  const loss = context.empty([], op);
  launchSum(context, terms, loss, { outer: 1, reduced: columns, inner: 1, scale: 1 / columns });
  terms.release();
  return context.record(op, [x], loss, {
    saved: [x],
    release: () => slopes.release(),
    backward: (dy, [entries]) => {
      const dx = context.empty([rows, columns], op);
      const { groups, cells } = rowCells(rows, columns);
      context.run(characteristic_grad, {
        params: { ...spread, ...cells, factor: 2 / columns },
        buffers: { x: entries, slopes, dy, dx },
        groups,
        work: rows * columns * (20 + 8 * knots),
      });
      return [dx];
    },
  });
}
