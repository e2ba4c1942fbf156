import type { Engine } from '../core/engine.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import type { Tuning } from '../gpu/kernel.ts';
import { class_lifts, nt_xent_weights_cached, triangle_product } from '../gpu/kernels.generated.ts';
import { findCancelling, launchNear, nearRows, pullPartners } from '../launch/cancellation.ts';
import { launchProduct } from '../launch/product.ts';
import { tileOf } from '../launch/tile.ts';
import { unitsBackward } from '../launch/unitRows.ts';
import { pullByFragments } from './pairFragments.ts';
import { PARTNERS, type Pairs } from './pairKernels.ts';
import { type Sweep, type Views, widthOfPanels } from './pairSweep.ts';
import { type Slopes, temperatureGradient } from './temperature.ts';

/** What a loss over all pairs leaves for its gradient, but for the rows that it pulls on. */
export interface Pull {
  readonly pairs: Pairs;
  readonly sweep: Sweep;
  /** Per-row numbers that the weights are made of, by WGSL name: released with the tape. */
  readonly rows: Readonly<Record<string, Storage>>;
  /** Per row: what pulls one way at the least, see kernels/lib/row_cancel.wgsl; of partners 1 - p of the positive. */
  readonly reaches: Storage;
  /** Per row: R / Z, where rows may have several positives. */
  readonly misses?: Storage;
  /** Where the temperature may be live. */
  readonly slopes: Slopes | null;
  /** What the sum over the rows is multiplied by. */
  readonly factor: number;
}

/** Records a loss over all pairs whose gradient w.r.t. the unit rows is factor / temperature * sum_j w_ij u_j. */
export function recordPull(op: string, views: Views, temperature: Tensor, loss: Tensor, pull: Pull): Tensor {
  const { engine } = loss;
  const { sweep, rows, reaches, misses, slopes, factor } = pull;
  const release = (): void => {
    sweep.units.release();
    sweep.cache?.release();
    sweep.packed?.release();
    slopes?.of.release();
    reaches.release();
    misses?.release();
    for (const storage of Object.values(rows)) storage.release();
  };
  const list = Object.values(views);
  return engine.record(op, [...list, temperature], loss, {
    saved: [temperature],
    release,
    backward: (dy, [tau]) => {
      const gradient = pulled(engine, op, tau, pull);
      pullApart(engine, op, tau, pull, gradient);
      const lengths = list.map(({ shape }) => shape[0]);
      const gradients = unitsBackward(engine, op, sweep.units, lengths, gradient, { dy, factor, temperature: tau });
      gradient.release();
      const live = slopes && temperature.requiresGrad;
      return [...gradients, live ? temperatureGradient(op, slopes, sweep.units.count, factor, dy, tau) : null];
    },
  });
}

/** sum_j w_ij u_j for every row: the gradient w.r.t. the unit rows, but for its factor. */
function pulled(engine: Engine, op: string, temperature: Tensor, { pairs, sweep, rows }: Pull): Storage {
  const { units, cache, owner, edge, tile, packed } = sweep;
  const { kernels } = pairs;
  const { paddedRows, rowStride, count: n, columns } = units;
  const gradient = engine.scratch(paddedRows * rowStride, op);
  if (cache) {
    const blocks = paddedRows / edge;
    const triangle = (blocks * (blocks + 1)) / 2;
    engine.run(kernels.weights, {
      params: { n, edge },
      buffers: { ...rows, cache, ...(kernels.weights === nt_xent_weights_cached ? { temperature } : {}) },
      groups: (triangle * edge * edge) / (16 * 64), // 4 x 4 entries an invocation
      work: 8 * triangle * edge * edge,
    });
    const { tuning, ...product } = tileOf(engine, 'triangle product', n, columns, n);
    const strips = Math.ceil(columns / product.columns);
    engine.run(triangle_product, {
      params: { edge, blocks, row_stride4: rowStride / 4, columns, strips },
      buffers: { lhs: cache, rhs: units.rows, g: gradient },
      groups: (paddedRows / product.rows) * strips,
      work: paddedRows * paddedRows * columns,
      tuning,
    });
    return gradient;
  }
  if (owner) {
    engine.run(kernels.owner, {
      params: { n, columns, stride4: paddedRows / 4, row_stride4: rowStride / 4 },
      buffers: { lhs: units.transposed, rhs: units.transposed, ...rows, temperature, rows: units.rows, g: gradient },
      groups: paddedRows / tile.rows,
      work: 2 * paddedRows * paddedRows * (columns + 16),
      tuning: { ...tile.tuning, FV: Math.ceil(columns / (4 * tile.tuning.WX)) },
    });
    return gradient;
  }
  if (packed && packed.form !== 'halves' && kernels.fragments) {
    const panel = panelWidth(engine, n, columns, paddedRows, edge);
    pullByFragments(engine, op, packed.form, kernels.fragments, units, packed, rows, temperature, panel, gradient);
    return gradient;
  }
  const panel = panelWidth(engine, n, columns, paddedRows, tile.columns);
  const operand = packed?.of ?? units.transposed;
  const product = tileOf(engine, 'product', n, columns, panel);
  const weights = engine.scratch(panel * paddedRows, op);
  for (let first = 0; first < paddedRows; first += panel) {
    const here = Math.min(panel, paddedRows - first);
    const width = paddedRows - first;
    const strips = Math.ceil(width / tile.columns);
    engine.run(kernels.panel, {
      params: { n, columns, stride4: paddedRows / 4, first, width4: width / 4, strips },
      buffers: { lhs: operand, rhs: operand, ...rows, temperature, weights },
      groups: Math.ceil(here / tile.rows) * strips,
      work: here * width * (columns + 32),
      tuning: { ...tile.tuning, ...(packed ? { F16: 1 } : {}) },
    });
    // Rows from the panel on gather from its columns; rows before it have gathered from theirs, and the panel from them.
    launchProduct(
      engine,
      { rows: width, columns, depth: here },
      { of: weights, at: 0, stride: width, along: 'columns' },
      { of: units.rows, at: first * rowStride, stride: rowStride },
      { of: gradient, at: first * rowStride, stride: rowStride },
      { accumulating: first > 0, tile: product },
    );
    if (width > here)
      launchProduct(
        engine,
        { rows: here, columns, depth: width - here },
        { of: weights, at: here, stride: width, along: 'rows' },
        { of: units.rows, at: (first + here) * rowStride, stride: rowStride },
        { of: gradient, at: first * rowStride, stride: rowStride },
        { accumulating: true, tile: product },
      );
  }
  weights.release();
  return gradient;
}

/**
 * What the products leave out: partners. And once more, by differences, the rows whose pulls all but cancel: the rounding of
 * the products is as large there.
 */
function pullApart(
  engine: Engine,
  op: string,
  temperature: Tensor,
  { pairs, sweep, rows, reaches, misses }: Pull,
  g: Storage,
): void {
  const { count: n, columns, rowStride } = sweep.units;
  const gathered = { ...sweep.units, g };
  const distances: Tuning = { DISTANCES: pairs.kernels.distances ? 1 : 0 };
  const cancels =
    pairs === PARTNERS
      ? pullPartners(engine, op, gathered, sweep.units.inverseNorms, reaches)
      : findCancelling(engine, op, gathered, { of: reaches }, distances);
  const lifts = misses ? engine.scratch(2 * n, op) : null;
  if (misses && lifts)
    engine.run(class_lifts, {
      params: { n, columns, row_stride: rowStride },
      buffers: {
        units: sweep.units.rows,
        cancels,
        temperature,
        classes: rows.classes,
        pulls: rows.pulls,
        misses,
        lifts,
      },
      groups: Math.ceil(n / nearRows(engine)),
      work: 2 * n * n * columns,
      maybe: true,
      tuning: { ROWS: nearRows(engine) },
    });
  launchNear(engine, pairs.kernels.near, gathered, cancels, {
    others: n,
    buffers: { temperature, ...rows, ...(lifts ? { lifts } : pairs === PARTNERS ? { miss: reaches } : {}) },
    tuning: distances,
  });
  cancels.release();
  lifts?.release();
}

/** Columns a panel: wide enough to keep launches few, at most 4 d so that its n x width weights stay within 4 n d. */
function panelWidth(engine: Engine, n: number, columns: number, paddedRows: number, step: number): number {
  const bindable = engine.info.limits.maxStorageBufferBindingSize / (4 * paddedRows);
  return Math.max(step, Math.floor(Math.min(widthOfPanels(n, columns), bindable) / step) * step);
}
