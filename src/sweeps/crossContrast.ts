import type { Engine } from '../core/engine.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import {
  cross_merge,
  cross_pass,
  cross_pass_gap,
  cross_pass_gap_kept,
  cross_pass_kept,
  cross_rows,
  cross_weights,
  cross_weights_gap,
  row_dots,
} from '../gpu/kernels.generated.ts';
import { pullCrossNear } from '../launch/crossNear.ts';
import { countPanels, weighPairs } from '../launch/pairPanels.ts';
import { featuresOf, makePoints, type Points, panelWidth, startPull } from '../launch/points.ts';
import { launchSum, launchTotal } from '../launch/reduce.ts';
import { gapPositives, makeOffset, offsetColumns } from '../launch/sideOffset.ts';
import { roundUp, tileOf } from '../launch/tile.ts';
import { unitsBackward } from '../launch/unitRows.ts';
import { mul } from '../ops/arithmetic.ts';
import { reshape } from '../ops/reshape.ts';

/**
 * CLIP's core: row i of `a` and row i of `b` are positives of each other, all other pairs of an a and a b negatives.
 * loss = mean over the 2 N rows of both sides of log(1 + sum_{j != i} exp(scale (s_ij - s_ii))), s = cosine.
 *
 * Forward: one evaluation of each tile gives the sums of its rows and of its columns. Backward: a panel of rows at a time,
 * recomputed, or kept from the forward while all pairs fit in 4 D floats for each of the 2 N rows (N <= 8 D).
 * @param live the scale is a tensor of the caller's: scores are made of differences of rows then (see lib/cross_gaps.wgsl), since
 * its gradient is what little they differ by where rows share a direction
 */
export function crossContrast(op: string, a: Tensor, b: Tensor, scale: Tensor, live: boolean): Tensor {
  const { engine } = a;
  const [n, d] = a.shape;
  const left = makePoints(engine, op, 'a', a, 'cosine', 'own');
  const right = makePoints(engine, op, 'b', b, 'cosine', left);
  const side = right.paddedRows;
  const whole = n <= 8 * d && 4 * n * side <= engine.info.limits.maxStorageBufferBindingSize;
  const kept = whole && engine.needsGrad(a, b, scale) ? engine.scratch(n * side, op) : null;
  const [a_, b_] = [left, right].map(({ rows, rowStride }) => ({ of: rows, stride: rowStride }));
  const offset = live ? makeOffset(engine, op, a_, b_, n, d) : null;
  const shortfalls = offset ? termsOf(engine, op, offset, left, right) : null;
  const { tops: log2Z, sums: miss } = sweep(engine, op, left, right, scale, { whole, kept, shortfalls });
  const losses = engine.scratch(2 * n, op);
  const positives = engine.scratch(side, op);
  if (offset) gapPositives(engine, offset, a_, b_, { rows: n, columns: d }, positives, { both: true });
  engine.run(cross_rows, {
    params: { n, row_stride4: left.rowStride / 4, side },
    buffers: { tops: log2Z, sums: miss, a: left.rows, b: right.rows, logit_scale: scale, losses, positives },
    groups: Math.ceil(n / 64),
    work: n * (d + 64),
    tuning: { GAP: live ? 1 : 0 },
  });
  const loss = engine.empty([], op);
  launchSum(engine, losses, loss, { outer: 1, reduced: 2 * n, inner: 1, scale: 1 / (2 * n) });
  losses.release();
  const release = (): void => {
    for (const held of [left, right, log2Z, miss, kept, offset, shortfalls, positives]) held?.release();
  };
  return engine.record(op, [a, b, scale], loss, {
    saved: [scale],
    release,
    backward: (dy, [multiplier]) => {
      const toA = a.requiresGrad ? startPull(engine, op, left) : null;
      const toB = b.requiresGrad ? startPull(engine, op, right) : null;
      const panels = kept ? 1 : countPanels(engine, left, right);
      const totals = shortfalls ? engine.scratch(64 * panels, op) : null; // one a panel, each where it can be bound
      if (totals) engine.fill(totals, 64 * panels, 0);
      let done = 0;
      weighPairs(
        engine,
        op,
        left,
        right,
        ({ of, first, count, stride }) => {
          const parts = Math.ceil(count / 8) * (stride / 4);
          const size = { groups: Math.ceil(parts / 64), work: 8 * count * stride };
          const params = { n, first, count, width4: stride / 4, side4: side / 4 };
          const buffers = { log2_z: log2Z, miss, logit_scale: multiplier, weights: of };
          if (!shortfalls || !totals) return engine.run(cross_weights, { params, buffers, ...size });
          const slopes = engine.scratch(parts, op);
          const tuning = { SQUARES: kept ? 0 : 1 };
          engine.run(cross_weights_gap, {
            params,
            buffers: { ...buffers, shortfalls, positives, slopes },
            ...size,
            tuning,
          });
          launchTotal(engine, slopes, totals.range(256 * done++, 4), parts);
          slopes.release();
        },
        { toA, toB, kept, scale: 1 / (2 * n), pairs: live ? 'distances' : 'products' },
      );
      let dScale: Tensor | null = null;
      if (totals && scale.requiresGrad) {
        const slope = engine.empty([], op);
        launchSum(engine, totals, slope, { outer: 1, reduced: 64 * panels, inner: 1, scale: 1 / (2 * n) });
        dScale = reshape(mul(dy, slope), [...scale.shape]);
      }
      totals?.release();
      const sides = [
        { points: left, to: toA, at: 0 },
        { points: right, to: toB, at: side },
      ] as const;
      pullCrossNear(engine, op, sides, { log2Z, miss, positives, scale: multiplier }, 1 / (2 * n));
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

/** Shifts both sides; what their scores are less besides, a number a row, those of b from `paddedRows` on, and then what rows are zero. */
function termsOf(engine: Engine, op: string, offset: Storage, a: Points, b: Points): Storage {
  const side = b.paddedRows;
  const out = engine.scratch(4 * side, op);
  offsetColumns(engine, offset, featuresOf(a), a.columns, out, { side: 'a', blankAt: 2 * side });
  offsetColumns(engine, offset, featuresOf(b), b.columns, out, { side: 'b', first: side, blankAt: 3 * side });
  return out;
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
  { whole, kept, shortfalls }: { whole: boolean; kept: Storage | null; shortfalls: Storage | null },
): { tops: Storage; sums: Storage } {
  const { count: n, columns: depth } = a;
  const { tuning, rows: tileRows, columns: tileColumns } = tileOf(engine, 'row pass', n, n, depth);
  const side = b.paddedRows;
  const panel = whole ? n : panelWidth(engine, b, n); // the same, and so are the sums' bits, whoever wants a gradient
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
  const kernel = shortfalls ? (kept ? cross_pass_gap_kept : cross_pass_gap) : kept ? cross_pass_kept : cross_pass;
  for (let first = 0; first < n; first += panel) {
    const count = Math.min(panel, n - first);
    engine.run(kernel, {
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
        ...(shortfalls ? { shortfalls } : {}),
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
