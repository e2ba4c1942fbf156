import type { Engine } from '../core/engine.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import {
  cross_merge,
  cross_near,
  cross_pass,
  cross_pass_kept,
  cross_rows,
  cross_weights,
  row_dots,
} from '../gpu/kernels.generated.ts';
import { findCancelling, launchNear } from '../launch/near.ts';
import { weighPairs } from '../launch/pairPanels.ts';
import { makePoints, type Points, type Pulled, panelWidth, startPull } from '../launch/points.ts';
import { launchSum } from '../launch/reduce.ts';
import { roundUp, tileOf } from '../launch/tile.ts';
import { unitsBackward } from '../launch/units.ts';
import { mul } from '../ops/arithmetic.ts';
import { reshape } from '../ops/reshape.ts';

/**
 * CLIP's core: row i of `a` and row i of `b` are positives of each other, all other pairs of an a and a b negatives.
 * loss = mean over the 2 N rows of both sides of log(1 + sum_{j != i} exp(scale (s_ij - s_ii))), s = cosine.
 *
 * Forward: one evaluation of each tile gives the sums of its rows and of its columns. Backward: a panel of rows at a time,
 * recomputed, or kept from the forward while all pairs fit in 4 D floats for each of the 2 N rows (N <= 8 D).
 */
export function crossContrast(op: string, a: Tensor, b: Tensor, scale: Tensor): Tensor {
  const { engine } = a;
  const [n, d] = a.shape;
  const left = makePoints(engine, op, 'a', a, 'cosine', 'own');
  const right = makePoints(engine, op, 'b', b, 'cosine', left);
  const side = right.paddedRows;
  const fits = 4 * n * side <= engine.info.limits.maxStorageBufferBindingSize;
  const kept = engine.needsGrad(a, b, scale) && n <= 8 * d && fits ? engine.scratch(n * side, op) : null;
  const { tops: log2Z, sums: miss } = sweep(engine, op, left, right, scale, kept);
  const losses = engine.scratch(2 * n, op);
  engine.run(cross_rows, {
    params: { n, row_stride4: left.rowStride / 4, side },
    buffers: { tops: log2Z, sums: miss, a: left.rows, b: right.rows, logit_scale: scale, losses },
    groups: Math.ceil(n / 64),
    work: n * (d + 64),
  });
  const loss = engine.empty([], op);
  launchSum(engine, losses, loss, { outer: 1, reduced: 2 * n, inner: 1, scale: 1 / (2 * n) });
  losses.release();
  const release = (): void => {
    for (const held of [left, right, log2Z, miss, kept]) held?.release();
  };
  return engine.record(op, [a, b, scale], loss, {
    saved: [scale],
    release,
    backward: (dy, [multiplier]) => {
      // The scale's gradient is <G, S>, and sum_j g_ij s_ij is what row i's gradient has along row i.
      const toA = a.requiresGrad || scale.requiresGrad ? startPull(engine, op, left) : null;
      const toB = b.requiresGrad ? startPull(engine, op, right) : null;
      weighPairs(
        engine,
        op,
        left,
        right,
        ({ of, first, count, stride }) => {
          engine.run(cross_weights, {
            params: { n, first, count, width4: stride / 4, side4: side / 4 },
            buffers: { log2_z: log2Z, miss, logit_scale: multiplier, weights: of },
            groups: Math.ceil((Math.ceil(count / 8) * stride) / 256),
            work: 8 * count * stride,
          });
        },
        { toA, toB, kept, scale: 1 / (2 * n) },
      );
      const dScale =
        toA && scale.requiresGrad ? scaleGradient(engine, op, left, toA.into.of as Storage, dy, scale) : null;
      const near = (to: Pulled | null, others: Points, at: readonly [number, number]): void => {
        if (!to) return;
        const gathered = { ...to.points, g: to.into.of as Storage };
        const factor = 1 / (2 * n);
        const cancels = findCancelling(engine, op, gathered, { of: miss, at: at[0], scale: factor });
        launchNear(engine, cross_near, gathered, cancels, {
          others: n,
          scale: factor,
          at,
          buffers: { others: others.rows, log2_z: log2Z, miss, logit_scale: multiplier },
        });
        cancels.release();
      };
      near(toA, right, [0, side]);
      near(toB, left, [side, 0]);
      const slope = mul(dy, multiplier);
      const [da, db] = ([toA, toB] as const).map((to) => {
        if (!to?.points.units) return null;
        const gradient = to.into.of as Storage;
        return unitsBackward(engine, op, to.points.units, [n], gradient, { dy: slope })[0];
      });
      for (const to of [toA, toB]) (to?.into.of as Storage | undefined)?.release();
      return [da, db, dScale];
    },
  });
}

/** dy * sum_i u_i . gradient_i, in the shape of `scale`: what the gradient of unit rows says of a factor of their products. */
export function scaleGradient(
  engine: Engine,
  op: string,
  { rows, rowStride, count, columns }: Points,
  gradient: Storage,
  dy: Tensor,
  scale: Tensor,
): Tensor {
  const dots = engine.scratch(count, op);
  engine.run(row_dots, {
    params: { rows: count, columns, stride: rowStride },
    buffers: { x: rows, y: gradient, out: dots },
    groups: Math.ceil(count / 64),
    work: count * columns,
  });
  const total = engine.empty([], op);
  launchSum(engine, dots, total, { outer: 1, reduced: count, inner: 1 });
  dots.release();
  return reshape(mul(dy, total), [...scale.shape]);
}

/** Tops and sums of all rows, and from `paddedRows` on of all columns, without their positives. */
function sweep(
  engine: Engine,
  op: string,
  a: Points,
  b: Points,
  scale: Tensor,
  kept: Storage | null,
): { tops: Storage; sums: Storage } {
  const { count: n, columns: depth } = a;
  const { tuning, rows: tileRows, columns: tileColumns } = tileOf(engine, 'row pass', n, n, depth);
  const side = b.paddedRows;
  const panel = kept ? n : panelWidth(engine, b, n);
  const groups = engine.info.software ? 16 : 1024;
  const strips = Math.ceil(panel / tileRows);
  // Slices enough that a few rows fill the machine too, their parts within N D floats.
  const affordable = Math.floor((n * depth) / (2 * tuning.WX * panel));
  const slices = Math.max(1, Math.min(Math.ceil(groups / strips), affordable));
  const width = roundUp(Math.ceil(n / slices), tileColumns);
  const cut = Math.ceil(n / width);
  const rowParts = engine.scratch(cut * tuning.WX * 2 * panel, op);
  const columnParts = engine.scratch((roundUp(panel, tileRows) / tuning.TM) * 2 * side, op);
  const [tops, sums] = [0, 1].map(() => engine.scratch(2 * side, op));
  for (let first = 0; first < n; first += panel) {
    const count = Math.min(panel, n - first);
    engine.run(kept ? cross_pass_kept : cross_pass, {
      params: {
        n,
        depth,
        lhs_stride4: a.paddedRows / 4,
        rhs_stride4: b.paddedRows / 4,
        first,
        count,
        slices: cut,
        slice_columns: width,
        width4: side / 4,
      },
      buffers: {
        lhs: a.transposed,
        rhs: b.transposed,
        logit_scale: scale,
        row_parts: rowParts,
        column_parts: columnParts,
        ...(kept ? { products: kept } : {}),
      },
      groups: Math.ceil(count / tileRows) * cut,
      work: count * n * (depth + 32),
      tuning,
    });
    const merge = (from: Storage, entries: number, parts: number, stride: number, at: number, more: boolean): void =>
      engine.run(cross_merge, {
        params: { count: entries, parts, stride, at, more: more ? 1 : 0 },
        buffers: { parts: from, tops, sums },
        groups: Math.ceil(entries / 64),
        work: 8 * entries * parts,
      });
    merge(rowParts, count, cut * tuning.WX, count, first, false);
    merge(columnParts, n, Math.ceil(count / tuning.TM), side, side, first > 0);
  }
  rowParts.release();
  columnParts.release();
  return { tops, sums };
}
