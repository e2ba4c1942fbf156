import * as check from '../core/check.ts';
import { part } from '../core/chunks.ts';
import type { Engine } from '../core/engine.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import {
  contrast_gradient,
  contrast_panel,
  contrast_panel_running,
  contrast_rows,
  scale_rows,
} from '../gpu/kernels.generated.ts';
import { launchProduct } from '../launch/product.ts';
import { launchSum } from '../launch/reduce.ts';
import { gapPositives, makeOffset, offsetColumns } from '../launch/sideOffset.ts';
import { roundUp, rowTuning, tileOf, WIDEST } from '../launch/tile.ts';
import { launchUnits, makeTurn, makeUnits, type Units, unitsBackward } from '../launch/unitRows.ts';
import { canShift, temperatureGradient } from './temperature.ts';

// Columns a panel at the least; a multiple of 64, since those begin where a binding may.
const LEAST_PANEL = 64;

/** `[N, D]` of a query that can be swept: itself and a panel of its scores have to be bound. */
export function checkQuery(op: string, query: Tensor): [rows: number, columns: number] {
  const { engine } = query;
  const [n, d] = check.matrix(op, 'query', query);
  check.bindableInput(op, engine, 'query', query);
  const most = Math.floor(engine.info.limits.maxStorageBufferBindingSize / 4 / LEAST_PANEL / 4) * 4;
  if (n > most) check.fail(op, `query has ${n} rows, expected at most ${most} on this adapter.`);
  return [n, d];
}

/** What the rows of a query choose from; normalised inside, and constant: no gradient goes there. */
export interface Choice {
  /** [N, D]: the positive of each row */
  readonly own: Tensor | Storage;
  /** [count, D]: the columns of all rows */
  readonly columns: Tensor | Storage;
  readonly count: number;
  /** [N], u32: the column that is a row's own, and so no rival of its; from `count` on where it is not among them. */
  readonly positives: Tensor | Storage;
  /** One temperature (and the number, where it is known here), or one for each column. */
  readonly temperature: { readonly of: Tensor | Storage; readonly count: number; readonly known?: number };
}

/** Per row: the logits of all columns but its own, as in lib/merge_rows.wgsl, and what they pull: sum_j w_ij u_j. */
interface Sweep {
  readonly tops: Storage;
  readonly sums: Storage;
  readonly weighteds: Storage;
  /** [N, row stride] */
  readonly gathered: Storage | null;
}

/**
 * loss = scale / N * sum_i log(1 + sum_{j != own} exp(l_ij - l_i,own)), l_ij = cos(query_i, column_j) / temperature_j.
 *
 * One pass for loss and gradient (4 N M D): a panel of columns at a time is turned into e_ij, and gathers e_ij u_j beside
 * its sums, as attention does. With a temperature known to be safe the shift 1 / temperature serves all; else a running
 * maximum does, and what was gathered falls with it. Scratch memory: a panel of scores and of unit columns, so it does
 * not grow with a queue past 65,536 rows.
 * @param inputs the op's inputs for the tape: the query, constants, a live temperature last
 */
export function rowContrast(
  op: string,
  inputs: readonly Tensor[],
  choice: Choice,
  { scale, live }: { scale: number; live: Tensor | null },
): Tensor {
  const [query] = inputs;
  const { engine } = query;
  const [n, d] = query.shape;
  const wanted = engine.needsGrad(query);
  const turn = makeTurn(engine, op, part(choice.own, { first: 0, count: 1 }, d), d);
  const units = makeUnits(engine, op, { query }, 4, turn);
  turn.release();
  const { known } = choice.temperature;
  const own = engine.scratch(n * d + 1, op);
  const [inverseNorms, nothing] = [n, 1].map((count) => engine.scratch(count, op));
  const centred = isCentred(choice);
  const ownUnits = (rows: Storage, less: boolean): void =>
    launchUnits(engine, choice.own, { ...units, rows, transposed: nothing, inverseNorms, rowStride: d }, n, {
      first: 0,
      blank: 0,
      centred: less,
      rowsOnly: true,
    });
  ownUnits(own, centred);
  const results = engine.scratch(4 * n, op);
  let offset: Storage | null = null;
  if (live) {
    // With the very bits of the columns: what is left of the axis once it is back is rounded otherwise.
    const plain = engine.scratch(n * d, op);
    ownUnits(plain, false);
    const [a, b] = [
      { of: units.rows, stride: units.rowStride },
      { of: plain, stride: d },
    ];
    offset = makeOffset(engine, op, a, b, n, d);
    gapPositives(engine, offset, a, b, { rows: n, columns: d }, results, { both: false, at: 2 * n });
    plain.release();
  }
  const sweep =
    known !== undefined && canShift(known)
      ? shiftedSweep(engine, op, units, choice, known, wanted)
      : runningSweep(engine, op, units, choice, { wanted, offset });
  const { tuning, rowsPerGroup } = rowTuning(engine);
  engine.run(contrast_rows, {
    params: { rows: n, columns: d, stride: units.rowStride, temperatures: choice.temperature.count },
    buffers: {
      units: units.rows,
      own,
      temperature: choice.temperature.of,
      positives: choice.positives,
      tops: sweep.tops,
      sums: sweep.sums,
      weighteds: sweep.weighteds,
      results,
    },
    groups: Math.ceil(n / rowsPerGroup),
    work: n * d,
    tuning: { ...tuning, CENTRED: centred ? 1 : 0, GAP: live ? 1 : 0 },
  });
  const loss = engine.empty([], op);
  launchSum(engine, results, loss, { outer: 1, reduced: n, inner: 1, scale: scale / n });
  const { gathered } = sweep;
  if (gathered)
    engine.run(contrast_gradient, {
      params: { rows: n, columns: d, stride: units.rowStride, scale: scale / n },
      buffers: { results, own, g: gathered },
      groups: Math.ceil((n * d) / 64),
      work: 4 * n * d,
    });
  for (const storage of [sweep.tops, sweep.sums, sweep.weighteds, own, inverseNorms, nothing, offset])
    storage?.release();
  units.transposed.release();
  return engine.record(op, inputs, loss, {
    saved: live ? [live] : [],
    release: () => {
      for (const storage of [units.rows, units.inverseNorms, units.turn, results, gathered]) storage?.release();
    },
    backward: (dy, [tau]) => {
      const dq = gathered && unitsBackward(engine, op, units, [n], gathered, { dy })[0];
      const slopes = { of: results, at: 3 * n };
      const dTau = live?.requiresGrad ? temperatureGradient(op, slopes, n, scale / n, dy, tau) : null;
      return inputs.map((input, i) => (i === 0 ? dq : input === live ? dTau : null));
    },
  });
}

/** With one temperature what pulls on a row adds up to 0: rows of columns are kept less an axis, see `launchUnits`. */
function isCentred({ temperature }: Choice): boolean {
  return temperature.count === 1;
}

/** Every exponential relative to the largest logit that there can be, 1 / temperature. */
function shiftedSweep(engine: Engine, op: string, units: Units, choice: Choice, known: number, wanted: boolean): Sweep {
  const { columns, count, positives, temperature } = choice;
  const { count: n, columns: d, paddedRows: width } = units;
  const { tuning, rows: tileRows, columns: tileColumns } = tileOf(engine, 'pairs', count, n, d);
  const [tops, sums, weighteds] = [0, 1, 2].map(() => engine.scratch(width, op));
  engine.fill(tops, n, Math.LOG2E / known);
  engine.fill(weighteds, n, 0); // of use to a live temperature alone
  const strips = Math.ceil(width / tileColumns);
  const panel = panelOf(engine, op, units, choice);
  const slots = roundUp(panel.width, tileRows) / tuning.TM;
  const partial = engine.scratch(slots * width, op);
  const gathered = wanted ? engine.scratch(width * units.rowStride, op) : null;
  panel.each(columns, (weights, keys, first, own) => {
    engine.run(contrast_panel, {
      params: {
        rows: n,
        columns: own,
        depth: d,
        lhs_stride4: keys.paddedRows / 4,
        rhs_stride4: width / 4,
        first,
        width4: width / 4,
        strips,
      },
      buffers: {
        lhs: keys.transposed,
        rhs: units.transposed,
        temperature: temperature.of,
        positives,
        weights,
        partial,
      },
      groups: Math.ceil(own / tileRows) * strips,
      work: own * width * (d + 16),
      tuning,
    });
    const reduced = roundUp(own, tileRows) / tuning.TM;
    launchSum(engine, partial, sums, { outer: 1, reduced, inner: width, accumulating: first > 0 });
    if (gathered) gather(engine, units, weights, keys, own, gathered, first > 0);
  });
  partial.release();
  return { tops, sums, weighteds, gathered };
}

/**
 * For temperatures that one shift cannot serve, that only the GPU knows, or that differ by column.
 * @param offset logits are made of differences of rows less it, for the gradient of a live temperature: see lib/gap_scores.wgsl
 */
function runningSweep(
  engine: Engine,
  op: string,
  units: Units,
  choice: Choice,
  { wanted, offset }: { wanted: boolean; offset: Storage | null },
): Sweep {
  const { columns, positives, temperature } = choice;
  const { count: n, columns: d, paddedRows: width, rowStride } = units;
  const { tuning, rowsPerGroup } = rowTuning(engine);
  const [tops, sums, weighteds, falls] = [0, 1, 2, 3].map(() => engine.scratch(n, op));
  const panel = panelOf(engine, op, units, choice);
  const gathered = wanted ? engine.scratch(width * rowStride, op) : null;
  const gaps = offset !== null;
  const shortfalls = gaps ? engine.scratch(panel.width, op) : null;
  if (offset) {
    const ofRows = { of: units.transposed, stride: width, rows: n };
    const terms = engine.scratch(n, op); // the same for all columns
    offsetColumns(engine, offset, ofRows, d, terms, { side: 'a' });
    terms.release();
  }
  panel.each(columns, (weights, keys, first, own) => {
    const ofKeys = { of: keys.transposed, stride: keys.paddedRows, rows: own };
    if (offset && shortfalls) offsetColumns(engine, offset, ofKeys, d, shortfalls, { side: 'b' });
    launchProduct(
      engine,
      { rows: own, columns: n, depth: d },
      { of: keys.transposed, at: 0, stride: keys.paddedRows, along: 'columns' },
      { of: units.transposed, at: 0, stride: width },
      { of: weights, at: 0, stride: width },
      { pairs: gaps ? 'distances' : 'products' },
    );
    engine.run(contrast_panel_running, {
      params: { rows: n, columns: own, stride: width, first, temperatures: temperature.count },
      buffers: {
        temperature: temperature.of,
        positives,
        weights,
        tops,
        sums,
        weighteds,
        falls,
        shortfalls: shortfalls ?? temperature.of, // without gaps nothing is read from it
      },
      groups: Math.ceil(n / rowsPerGroup),
      work: 32 * n * own,
      tuning: { ...tuning, GAP: gaps ? 1 : 0 },
    });
    if (!gathered) return;
    if (first > 0)
      engine.run(scale_rows, {
        params: { rows: n, columns: d, stride: rowStride },
        buffers: { factors: falls, x: gathered },
        groups: Math.ceil((n * d) / 64),
        work: n * d,
      });
    gather(engine, units, weights, keys, own, gathered, first > 0);
  });
  falls.release();
  shortfalls?.release();
  return { tops, sums, weighteds, gathered };
}

/** gathered_i (+)= sum over the panel's columns j of w_ji u_j */
function gather(
  engine: Engine,
  { count, columns, paddedRows, rowStride }: Units,
  weights: Storage,
  keys: Omit<Units, 'release'>,
  own: number,
  gathered: Storage,
  accumulating: boolean,
): void {
  launchProduct(
    engine,
    { rows: count, columns, depth: own },
    { of: weights, at: 0, stride: paddedRows, along: 'columns' },
    { of: keys.rows, at: 0, stride: rowStride },
    { of: gathered, at: 0, stride: rowStride },
    { accumulating },
  );
}

/** What is done with one panel: its scores' place [own, width], its unit columns, and where and how many they are. */
type EachPanel = (weights: Storage, keys: Omit<Units, 'release'>, first: number, own: number) => void;

/**
 * Scratch for a panel of columns. It is wide enough to keep launches few, and takes 2 D (N + M) floats at most; M is cut
 * in any case where more could not be bound.
 */
function panelOf(engine: Engine, op: string, units: Units, choice: Choice) {
  const { count } = choice;
  const { count: n, columns, paddedRows, rowStride, turn } = units;
  const fitting = (2 * columns * (n + count)) / (n + 2 * columns);
  const bindable = engine.info.limits.maxStorageBufferBindingSize / 4 / Math.max(paddedRows, rowStride + 1);
  const wanted = Math.min(Math.max(count / 16, 128), 4096, fitting, bindable);
  const width = Math.min(roundUp(count, 4), Math.max(LEAST_PANEL, Math.floor(wanted / LEAST_PANEL) * LEAST_PANEL));
  const keys = {
    rows: engine.scratch(width * rowStride + WIDEST, op), // see makeUnits
    transposed: engine.scratch(columns * width, op),
    inverseNorms: engine.scratch(width, op),
    turn,
    count: width,
    columns,
    paddedRows: width,
    rowStride,
  };
  const weights = engine.scratch(width * paddedRows, op);
  const each = (of: Tensor | Storage, then: EachPanel): void => {
    for (let first = 0; first < count; first += width) {
      const own = Math.min(width, count - first);
      launchUnits(engine, part(of, { first, count: own }, columns), keys, own, {
        first: 0,
        blank: width - own,
        centred: isCentred(choice),
      });
      then(weights, keys, first, own);
    }
    for (const storage of [keys.rows, keys.transposed, keys.inverseNorms, weights]) storage.release();
  };
  return { width, each };
}
