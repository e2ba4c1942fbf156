import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { cluster_balance, cluster_balance_grad } from '../gpu/kernels.generated.ts';
import { launchSum } from '../launch/reduce.ts';

/** log K - H(p), p_k the mean over the batch of cluster k's assignments [K, N]; 0 where all clusters are equally full. */
export function balance(context: Context, op: string, assignments: Tensor): Tensor {
  const [clusters, rows] = assignments.shape;
  const [shares, terms, levels] = [0, 1, 2].map((): Storage => context.scratch(clusters, op));
  launchSum(context, assignments, shares, { outer: clusters, reduced: rows, inner: 1, scale: 1 / rows });
  context.run(cluster_balance, {
    params: { clusters },
    buffers: { shares, terms, levels },
    groups: Math.ceil(clusters / 64),
    work: 10 * clusters,
  });
  const value = context.empty([], op);
  launchSum(context, terms, value, { outer: 1, reduced: clusters, inner: 1 });
  shares.release();
  terms.release();
  return context.record(op, [assignments], value, {
    saved: [value],
    release: () => levels.release(),
    backward: (dy, [level]) => {
      const out = context.empty([clusters, rows], op);
      context.run(cluster_balance_grad, {
        params: { clusters, rows },
        buffers: { dy, value: level, levels, out },
        groups: Math.ceil((clusters * rows) / 256),
        work: 2 * clusters * rows,
      });
      return [out];
    },
  });
}
