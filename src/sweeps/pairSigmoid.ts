import type { Context } from '../core/context.ts';
import { fill } from '../core/fills.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { row_dots, sig_lip, sig_lip_recompute } from '../gpu/kernels.generated.ts';
import { findCancelling, recompute } from '../launch/cancellation.ts';
import { countPanels, weighPairs } from '../launch/pairPanels.ts';
import { makePoints, type Points, startGradient } from '../launch/points.ts';
import { launchSum, launchTotal } from '../launch/reduce.ts';
import { unitsBackward } from '../launch/unitRows.ts';
import { mul } from '../ops/arithmetic.ts';
import { reshape } from '../ops/reshape.ts';

/**
 * SigLIP's core: loss = (1/N) sum_ij log(1 + exp(-y_ij (scale s_ij + bias))), s = cosine, y = 1 for i = j, else -1.
 *
 * No statistic of a row is needed, so each pair is evaluated once: its share of the loss, and its weight in the gradient,
 * which two products gather panel by panel. The backward only multiplies by dy.
 */
export function pairSigmoid(op: string, a: Tensor, b: Tensor, scale: Tensor, bias: Tensor): Tensor {
  const { context } = a;
  const [n] = a.shape;
  const left = makePoints(context, op, 'a', a, 'cosine', 'own');
  const right = makePoints(context, op, 'b', b, 'cosine', left);
  const wanted = context.needsGrad(a, b, scale, bias);
  const toA = wanted && (a.requiresGrad || scale.requiresGrad) ? startGradient(context, op, left) : null;
  const toB = wanted && b.requiresGrad ? startGradient(context, op, right) : null;
  const panels = countPanels(context, left, right);
  // One total a panel, each where it can be bound.
  const totals = { losses: context.scratch(64 * panels, op), slopes: context.scratch(64 * panels, op) };
  for (const total of Object.values(totals)) fill(context, total, 64 * panels, 0);
  let done = 0;
  weighPairs(
    context,
    op,
    left,
    right,
    ({ of, first, count, stride }) => {
      const parts = Math.ceil(count / 8) * (stride / 4);
      const [losses, slopes] = [0, 1].map(() => context.scratch(parts, op));
      context.run(sig_lip, {
        params: { n, first, count, width4: stride / 4 },
        buffers: { logit_scale: scale, bias, weights: of, losses, slopes },
        groups: Math.ceil(parts / 64),
        work: 16 * count * stride,
      });
      launchTotal(context, losses, totals.losses.range(256 * done, 4), parts);
      launchTotal(context, slopes, totals.slopes.range(256 * done, 4), parts);
      losses.release();
      slopes.release();
      done++;
    },
    { toA, toB, scale: 1 / n },
  );
  const all = { outer: 1, reduced: 64 * panels, inner: 1, scale: 1 / n };
  const loss = context.empty([], op);
  launchSum(context, totals.losses, loss, all);
  totals.losses.release();
  const slopeSum = context.scratch(1, op);
  launchSum(context, totals.slopes, slopeSum, all);
  totals.slopes.release();
  const gradients = [toA, toB].map((to) => (to?.into.of ?? null) as Storage | null);
  const release = (): void => {
    for (const held of [left, right, slopeSum, ...gradients]) held?.release();
  };
  return context.record(op, [a, b, scale, bias], loss, {
    saved: [scale, bias],
    release,
    backward: (dy, [multiplier, offset]) => {
      const [towards] = gradients;
      const dScale = towards && scale.requiresGrad ? scaleGradient(context, op, left, towards, dy, scale) : null;
      const sides = [left, right];
      sides.forEach((points, i) => {
        const g = gradients[i];
        if (!g) return;
        const gathered = { ...points, g };
        const cancels = findCancelling(context, op, gathered, { of: multiplier, scale: 0 });
        recompute(context, sig_lip_recompute, gathered, cancels, {
          others: n,
          scale: 1 / n,
          buffers: { others: sides[1 - i].rows, logit_scale: multiplier, bias: offset },
        });
        cancels.release();
      });
      const slope = mul(dy, multiplier);
      const [da, db] = [left, right].map(({ units }, i) => {
        const gradient = gradients[i];
        return units && gradient ? unitsBackward(context, op, units, [n], gradient, { dy: slope })[0] : null;
      });
      if (!bias.requiresGrad) return [da, db, dScale, null];
      const dBias = context.empty(bias.shape, op);
      launchSum(context, slopeSum, dBias, { outer: 1, reduced: 1, inner: 1 });
      return [da, db, dScale, reshape(mul(dBias, dy), [...bias.shape])];
    },
  });
}

/** dy * sum_i u_i . gradient_i, in the shape of `scale`: what the gradient of unit rows says of a factor of their products. */
function scaleGradient(
  context: Context,
  op: string,
  { rows, rowStride, count, columns }: Points,
  gradient: Storage,
  dy: Tensor,
  scale: Tensor,
): Tensor {
  const dots = context.scratch(count, op);
  context.run(row_dots, {
    params: { rows: count, columns, stride: rowStride },
    buffers: { x: rows, y: gradient, out: dots },
    groups: Math.ceil(count / 64),
    work: count * columns,
  });
  const total = context.empty([], op);
  launchSum(context, dots, total, { outer: 1, reduced: count, inner: 1 });
  dots.release();
  return reshape(mul(dy, total), [...scale.shape]);
}
