import type { Tensor } from '../core/tensor.ts';
import { ko_leo_grad, ko_leo_rows } from '../gpu/kernels.generated.ts';
import { makePoints } from '../launch/points.ts';
import { launchSum } from '../launch/reduce.ts';
import { rowTuning } from '../launch/tile.ts';
import { type Units, unitsBackward } from '../launch/unitRows.ts';
import { launchNearestOne } from '../ops/nearest.ts';

/**
 * KoLeo's core: -mean log(|u_i - u_nn(i)| + 1e-8) over unit rows. One sweep over all pairs finds nn(i), without the matrix;
 * the distances and their gradient take O(N D), and one look at all N indices from each row.
 */
export function neighbourDistance(op: string, z: Tensor): Tensor {
  const { context } = z;
  const [n, d] = z.shape;
  const points = makePoints(context, op, 'z', z, 'cosine');
  const units = points.units as Units;
  const [indices, scores, losses, weights] = [0, 1, 2, 3].map(() => context.scratch(n, op));
  launchNearestOne(context, op, points, points, { indices, scores }, { exclude: 'self', chord: true });
  scores.release();
  context.run(ko_leo_rows, {
    params: { rows: n, columns: d },
    buffers: { z, inverse_norms: units.inverseNorms, nearest: indices, losses, weights },
    groups: Math.ceil(n / 64),
    work: 6 * n * d,
  });
  const loss = context.empty([], op);
  launchSum(context, losses, loss, { outer: 1, reduced: n, inner: 1, scale: 1 / n });
  losses.release();
  const release = (): void => {
    for (const held of [points, indices, weights]) held.release();
  };
  return context.record(op, [z], loss, {
    saved: [z],
    release,
    backward: (dy, [rows]) => {
      const gradient = context.scratch(points.paddedRows * points.rowStride, op);
      const { tuning, rowsPerGroup } = rowTuning(context);
      context.run(ko_leo_grad, {
        params: { rows: n, columns: d, stride: points.rowStride },
        buffers: { z: rows, inverse_norms: units.inverseNorms, nearest: indices, weights, g: gradient },
        groups: Math.ceil(n / rowsPerGroup),
        work: n * (n + 8 * d),
        tuning,
      });
      const dz = unitsBackward(context, op, units, [n], gradient, { dy, factor: 1 / n });
      gradient.release();
      return dz;
    },
  });
}
