import type { Engine } from '../core/engine.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import {
  loss_scale,
  nt_xent_panel,
  nt_xent_rows,
  nt_xent_rows_running,
  nt_xent_sums,
  nt_xent_sums_cached,
  nt_xent_sums_lanes,
  nt_xent_sums_lanes_cached,
  nt_xent_weights_cached,
  temperature_grad,
  triangle_product,
} from '../gpu/kernels.generated.ts';
import { launchSum } from './reduce.ts';
import { launchRowPass } from './rowPass.ts';
import { launchProduct, tileOf } from './tile.ts';
import { makeUnits, type Units, unitsBackward } from './units.ts';

// exp(-2/tau) must stay a normal f32 for one constant shift of 1/tau to serve every entry.
const SMALLEST_SHIFTED_TEMPERATURE = 2 / 87;
// A software adapter keeps a partial sum for each lane, where a barrier would cost more; a GPU reduces in workgroup memory.
const LANES = { sums: nt_xent_sums_lanes, cached: nt_xent_sums_lanes_cached, maxEdge: 2048 };
const WORKGROUP = { sums: nt_xent_sums, cached: nt_xent_sums_cached, maxEdge: 512 };

/** Per-row results of the forward sweep, and what the gradient is computed from. */
interface Sweep {
  readonly units: Units;
  readonly log2Z: Storage;
  readonly miss: Storage;
  /** e_ij over the triangle, where it is kept. */
  readonly cache: Storage | null;
  /** d loss_i / d log(1 / temperature), from the running-maximum sweep alone. */
  readonly slopes: Storage | null;
  readonly edge: number;
}

/**
 * NT-Xent's core: rows i and i + n/2 of the stacked views are positives of each other, all others negatives.
 * loss = factor * mean_i log(1 + sum_{j not in {i, positive}} exp((s_ij - s_positive) / tau)), s = cosine.
 *
 * Forward: every unordered pair once (triangle). Backward: A = G + G^T needs one product; the triangle is kept while it
 * fits in 4 n d floats (n <= 8 d), else recomputed in panels. Neither ever stores the n x n matrix.
 */
export function pairContrast(
  op: string,
  z0: Tensor,
  z1: Tensor,
  temperature: Tensor,
  { shifted, factor }: { shifted: boolean; factor: number },
): Tensor {
  const { engine } = z0;
  const wanted = engine.needsGrad(z0, z1, temperature);
  const sweep = shifted
    ? shiftedForward(engine, op, z0, z1, temperature, wanted)
    : runningForward(engine, op, z0, z1, temperature);
  const n = sweep.units.count;
  const loss = engine.empty([], op);
  launchSum(engine, sweep.losses, loss, { outer: 1, reduced: n, inner: 1, scale: factor / n });
  sweep.losses.release();
  const release = (): void => {
    sweep.units.release();
    for (const storage of [sweep.log2Z, sweep.miss, sweep.cache, sweep.slopes]) storage?.release();
  };
  if (!wanted) {
    release();
    return loss;
  }
  return engine.record(op, [z0, z1, temperature], loss, {
    saved: [temperature],
    release,
    backward: (dy, [tau]) => {
      const gradient = backward(engine, op, sweep, tau);
      const scale = engine.scratch(1, op);
      engine.run(loss_scale, {
        params: { factor: factor / n },
        buffers: { dy, temperature: tau, out: scale },
        groups: 1,
        work: 1,
      });
      const [dz0, dz1] = unitsBackward(engine, op, sweep.units, [z0.shape[0], z1.shape[0]], gradient, scale);
      gradient.release();
      scale.release();
      const { slopes } = sweep;
      const live = slopes && temperature.requiresGrad;
      return [dz0, dz1, live ? temperatureGradient(engine, op, slopes, n, factor, dy, tau) : null];
    },
  });
}

function temperatureGradient(
  engine: Engine,
  op: string,
  slopes: Storage,
  n: number,
  factor: number,
  dy: Tensor,
  temperature: Tensor,
): Tensor {
  const slope = engine.scratch(1, op);
  launchSum(engine, slopes, slope, { outer: 1, reduced: n, inner: 1 });
  const out = engine.empty(temperature.shape, op);
  engine.run(temperature_grad, {
    params: { factor: -factor / n },
    buffers: { dy, slope, temperature, out },
    groups: 1,
    work: 1,
  });
  slope.release();
  return out;
}

/** For temperatures whose range one shift cannot cover, or that only the GPU knows: all pairs, a maximum for each row. */
function runningForward(
  engine: Engine,
  op: string,
  z0: Tensor,
  z1: Tensor,
  temperature: Tensor,
): Sweep & { losses: Storage } {
  const edge = tileOf(engine).columns;
  const units = makeUnits(engine, op, { z0, z1 }, edge);
  const n = units.count;
  const columns = { of: units.transposed, stride: units.paddedRows, rows: n };
  const { top, sum, weighted } = launchRowPass(engine, op, columns, columns, units.columns, {
    skip: 'pair',
    temperature,
  });
  const [losses, log2Z, miss] = [0, 1, 2].map(() => engine.scratch(n, op));
  engine.run(nt_xent_rows_running, {
    params: { n, row_stride4: units.rowStride / 4 },
    buffers: {
      tops: top,
      sums: sum,
      weighteds: weighted,
      units: units.rows,
      temperature,
      losses,
      log2_z: log2Z,
      miss,
    },
    groups: Math.ceil(n / 64),
    work: n * units.columns,
  });
  top.release();
  weighted.release();
  return { units, losses, log2Z, miss, cache: null, slopes: sum, edge };
}

function shiftedForward(
  engine: Engine,
  op: string,
  z0: Tensor,
  z1: Tensor,
  temperature: Tensor,
  wanted: boolean,
): Sweep & { losses: Storage } {
  const n = z0.shape[0] + z1.shape[0];
  const d = z0.shape[1];
  const { tuning, columns: tileEdge } = tileOf(engine);
  const cached = wanted && n <= 8 * d;
  const family = tuning.WY === 1 ? LANES : WORKGROUP;
  const slots = family === LANES ? tuning.WX : 1;
  // Blocks grow with n, so that the partial sums stay within 2 n d floats.
  let edge = tileEdge;
  while (!cached && edge < family.maxEdge && slots * Math.ceil(n / edge) > 2 * d) edge *= 2;
  const units = makeUnits(engine, op, { z0, z1 }, edge);
  const blocks = units.paddedRows / edge;
  const triangle = (blocks * (blocks + 1)) / 2;
  const partial = engine.scratch(blocks * slots * units.paddedRows, op);
  const cache = cached ? engine.scratch(triangle * edge * edge, op) : null;
  engine.run(cache ? family.cached : family.sums, {
    params: { n, columns: d, stride4: units.paddedRows / 4, edge },
    buffers: {
      lhs: units.transposed,
      rhs: units.transposed,
      temperature,
      partial,
      ...(cache ? { cache } : {}),
    },
    groups: triangle,
    work: triangle * edge * edge * (d + 16),
    tuning,
  });
  const losses = engine.scratch(n, op);
  const log2Z = engine.scratch(n, op);
  const miss = engine.scratch(n, op);
  engine.run(nt_xent_rows, {
    params: { n, blocks, edge, slots, partial_stride: units.paddedRows, row_stride4: units.rowStride / 4 },
    buffers: { partial, units: units.rows, temperature, losses, log2_z: log2Z, miss },
    groups: Math.ceil(n / 64),
    work: n * (d + blocks * slots),
  });
  partial.release();
  return { units, losses, log2Z, miss, cache, slopes: null, edge };
}

/** sum_j w_ij u_j for every row: the gradient w.r.t. the unit rows, but for its factor. */
function backward(engine: Engine, op: string, sweep: Sweep, temperature: Tensor): Storage {
  const { units, log2Z, miss, cache, edge } = sweep;
  const { paddedRows, rowStride, count: n, columns } = units;
  const { tuning, rows: tileRows, columns: tileColumns } = tileOf(engine);
  const gradient = engine.scratch(paddedRows * rowStride, op);
  if (cache) {
    const blocks = paddedRows / edge;
    const triangle = (blocks * (blocks + 1)) / 2;
    engine.run(nt_xent_weights_cached, {
      params: { n, edge },
      buffers: { log2_z: log2Z, miss, temperature, cache },
      groups: (triangle * edge * edge) / (4 * 64),
      work: 8 * triangle * edge * edge,
    });
    const strips = Math.ceil(columns / tileColumns);
    engine.run(triangle_product, {
      params: { edge, blocks, row_stride4: rowStride / 4, columns, strips },
      buffers: { lhs: cache, rhs: units.rows, g: gradient },
      groups: (paddedRows / tileRows) * strips,
      work: paddedRows * paddedRows * columns,
      tuning,
    });
    return gradient;
  }
  const panel = panelWidth(engine, n, columns, paddedRows);
  const weights = engine.scratch(panel * paddedRows, op);
  for (let first = 0; first < paddedRows; first += panel) {
    const own = Math.min(panel, paddedRows - first);
    const width = paddedRows - first;
    const strips = Math.ceil(width / tileColumns);
    engine.run(nt_xent_panel, {
      params: { n, columns, stride4: paddedRows / 4, first, width4: width / 4, strips },
      buffers: { lhs: units.transposed, rhs: units.transposed, log2_z: log2Z, miss, temperature, weights },
      groups: Math.ceil(own / tileRows) * strips,
      work: own * width * (columns + 32),
      tuning,
    });
    // Rows from the panel on gather from its columns; rows before it have gathered from theirs, and the panel from them.
    launchProduct(
      engine,
      { rows: width, columns, depth: own },
      { of: weights, at: 0, stride: width, along: 'columns' },
      { of: units.rows, at: first * rowStride, stride: rowStride },
      { of: gradient, at: first * rowStride, stride: rowStride },
      { accumulating: first > 0 },
    );
    if (width > own)
      launchProduct(
        engine,
        { rows: own, columns, depth: width - own },
        { of: weights, at: own, stride: width, along: 'rows' },
        { of: units.rows, at: (first + own) * rowStride, stride: rowStride },
        { of: gradient, at: first * rowStride, stride: rowStride },
        { accumulating: true },
      );
  }
  weights.release();
  return gradient;
}

/** Columns a panel: wide enough to keep launches few, at most 4 d so that its n x width weights stay within 4 n d. */
function panelWidth(engine: Engine, n: number, columns: number, paddedRows: number): number {
  const wanted = Math.min(Math.max(n / 8, 128), 1024, 4 * columns);
  const bindable = engine.info.limits.maxStorageBufferBindingSize / (4 * paddedRows);
  const tile = tileOf(engine).columns;
  return Math.max(tile, Math.floor(Math.min(wanted, bindable) / tile) * tile);
}

/** Whether one constant shift serves every entry at this temperature. */
export function canShift(temperature: number): boolean {
  return temperature >= SMALLEST_SHIFTED_TEMPERATURE;
}
