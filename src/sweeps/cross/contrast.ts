import type { Tensor } from '../../core/tensor.ts';
import type { Storage } from '../../gpu/buffers.ts';
import { cross_rows } from '../../gpu/kernels.generated.ts';
import { countPanels, weighPairs } from '../../launch/pairPanels.ts';
import { makePoints, startGradient } from '../../launch/points.ts';
import { launchSum } from '../../launch/reduce.ts';
import { unitsBackward } from '../../launch/unitRows.ts';
import { mul } from '../../ops/arithmetic.ts';
import { reshape } from '../../ops/reshape.ts';
import { crossPass } from './pass.ts';
import { recomputeCross } from './recompute.ts';
import { differenceCrossScores, productCrossScores } from './scores.ts';

/**
 * CLIP's core: row i of `a` and row i of `b` are positives of each other, all other pairs of an a and a b negatives.
 * loss = mean over the 2 N rows of both sides of log(1 + sum_{j != i} exp(scale (s_ij - s_ii))), s = cosine.
 *
 * Forward: one evaluation of each tile gives the sums of its rows and of its columns. Backward: a panel of rows at a time,
 * recomputed, or cached by the forward while all pairs fit in 4 D floats for each of the 2 N rows (N <= 8 D).
 * @param live the scale is a tensor of the caller's, which may want a gradient
 */
export function crossContrast(op: string, a: Tensor, b: Tensor, scale: Tensor, live: boolean): Tensor {
  const { context } = a;
  const [n, d] = a.shape;
  const left = makePoints(context, op, 'a', a, 'cosine', 'own');
  const right = makePoints(context, op, 'b', b, 'cosine', left);
  const side = right.paddedRows;
  const whole = n <= 8 * d && 4 * n * side <= context.info.limits.maxStorageBufferBindingSize;
  const cache = whole && context.needsGrad(a, b, scale) ? context.scratch(n * side, op) : null;
  const scores = (live ? differenceCrossScores : productCrossScores)({ op, context, a: left, b: right });
  const { positives } = scores;
  const { tops: log2Z, sums: miss } = crossPass(context, op, left, right, scale, scores, { whole, cache });
  const losses = context.scratch(2 * n, op);
  context.run(cross_rows, {
    params: { n, row_stride4: left.rowStride / 4, side },
    buffers: { tops: log2Z, sums: miss, a: left.rows, b: right.rows, logit_scale: scale, losses, positives },
    groups: Math.ceil(n / 64),
    work: n * (d + 64),
    tuning: { GAP: scores.gap },
  });
  const loss = context.empty([], op);
  launchSum(context, losses, loss, { outer: 1, reduced: 2 * n, inner: 1, scale: 1 / (2 * n) });
  losses.release();
  return context.record(op, [a, b, scale], loss, {
    saved: [scale],
    release: () => {
      for (const held of [left, right, log2Z, miss, cache, scores]) held?.release();
    },
    backward: (dy, [multiplier]) => {
      const toA = a.requiresGrad ? startGradient(context, op, left) : null;
      const toB = b.requiresGrad ? startGradient(context, op, right) : null;
      const panels = cache ? 1 : countPanels(context, left, right);
      const factor = 1 / (2 * n);
      const { weigh, slope } = scores.weights({ log2Z, miss }, multiplier, panels, cache !== null);
      weighPairs(context, op, left, right, weigh, {
        toA,
        toB,
        cached: cache,
        scale: factor,
        pairs: scores.pairs,
        origin: scores.origin,
      });
      const meanSlope = slope(scale.requiresGrad);
      const dScale = meanSlope && reshape(mul(dy, meanSlope), [...scale.shape]);
      const sides = [
        { points: left, to: toA, at: 0 },
        { points: right, to: toB, at: side },
      ] as const;
      recomputeCross(context, op, sides, { log2Z, miss, positives, scale: multiplier }, factor);
      const scaled = mul(dy, multiplier);
      const [da, db] = ([toA, toB] as const).map((to) => {
        if (!to?.points.units) return null;
        const gradient = to.into.of as Storage;
        return unitsBackward(context, op, to.points.units, [n], gradient, { dy: scaled })[0];
      });
      for (const to of [toA, toB]) (to?.into.of as Storage | undefined)?.release();
      return [da, db, dScale];
    },
  });
}
