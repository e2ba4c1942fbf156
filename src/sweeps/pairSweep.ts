import type { Engine } from '../core/engine.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { row_pass, row_pass_class, row_pass_gap, row_pass_gap_class } from '../gpu/kernels.generated.ts';
import { type Halves, toHalves } from '../launch/halves.ts';
import { productForm, withReason } from '../launch/productForm.ts';
import { launchRowPass, launchShortfalls, type RowStatistics, type Skip } from '../launch/rowPass.ts';
import { type Tile, tileOf } from '../launch/tile.ts';
import { makeUnits, type Units } from '../launch/unitRows.ts';
import { because, type Choice } from '../tuning/choices.ts';
import {
  type FragmentKernels,
  type Fragments,
  fragmentEdge,
  MAX_EDGE,
  packUnits,
  sumByFragments,
} from './pairFragments.ts';
import type { Pairs } from './pairKernels.ts';

// exp(-2/tau) must stay a normal f32 for one constant shift of 1/tau to serve every entry.
const SMALLEST_SHIFTED_TEMPERATURE = 2 / 87;

// The magnitude for which kernels/halves.wgsl multiplies by 1.
const UNLIFTED = 16384;

/**
 * How a sweep with a gradient goes on: from the kept triangle of e_ij, with the weights computed again a panel of columns at
 * a time, or in one launch whose workgroups own rows, and compute their weights again for themselves. Sizes are n and d.
 */
const SCHEDULE: Choice<'cached triangle' | 'panels' | 'row owner'> = {
  name: 'pair sweep',
  options: {
    'cached triangle': ([n, d]) => ({ flops: 3 * n * n * d, bytes: 8 * n * n, exps: n ** 2 / 2, dispatches: 3 }),
    panels: ([n, d]) => ({
      flops: 4 * n * n * d,
      bytes: 6 * n * n,
      exps: 1.5 * n * n,
      dispatches: 1 + 3 * Math.ceil(n / widthOfPanels(n, d)),
    }),
    'row owner': ([n, d]) => ({ flops: 5 * n * n * d, exps: 1.5 * n * n, dispatches: 2 }),
  },
};

type Schedule = keyof typeof SCHEDULE.options;

/** Features of the rows that a workgroup owns, at most: two vec4s for each of its 16 columns of lanes. */
const WIDEST_OWNED = 128;

export type Views = Readonly<Record<string, Tensor>>;

/** The unit rows, and what was kept of their pairs. */
export interface Sweep {
  readonly units: Units;
  /** e_ij over the triangle, where it is kept. */
  readonly cache: Storage | null;
  /** Whether the gradient's workgroups own rows. */
  readonly owner: boolean;
  readonly edge: number;
  /** Of the kernels that evaluate pairs. */
  readonly tile: Tile;
  readonly partial: PartialSums | null;
  /** The transposed unit rows in half precision or for matrix units, where the sweep reads them so. */
  readonly packed: (Halves & { readonly form: Fragments | 'halves'; release(): void }) | null;
}

/** Sums of e_ij = exp((s_ij - 1) / tau) for each row, in parts: see lib/partial_sum.wgsl. */
export interface PartialSums {
  readonly of: Storage;
  /** Where the sums of positives start. */
  readonly behind: number;
  readonly layout: { blocks: number; edge: number; slots: number; partial_stride: number };
}

/**
 * How exponentials are kept in range: by one shift for all, by a maximum for each row, or by a maximum of logits that are
 * made of differences of rows. Those cost half as much again, and have digits enough for the gradient of a live temperature,
 * which is a sum of differences of scores: where rows share a direction, products leave it none.
 */
export type Exponentials = 'shift' | 'maximum' | 'gaps';

/** Of a temperature that is a number or lives on the GPU. */
export function exponentials(temperature: number | Tensor): Exponentials {
  if (typeof temperature !== 'number') return 'gaps';
  return canShift(temperature) ? 'shift' : 'maximum';
}

/** The statistics of all rows of one set against each other; with `'gaps'` of logits as lib/gap_scores.wgsl has them. */
export function rowPassOf(
  op: string,
  units: Units,
  temperature: Tensor,
  { skip, by, classes, shortfalls }: { skip: Skip; by: Exponentials; classes?: Tensor; shortfalls?: Storage },
): RowStatistics {
  const { engine } = temperature;
  const columns = { of: units.transposed, stride: units.paddedRows, rows: units.count };
  const gaps = by === 'gaps';
  const short = gaps ? (shortfalls?.retain() ?? engine.scratch(units.count, op)) : null;
  if (short && !shortfalls) launchShortfalls(engine, columns, units.columns, short);
  const kernel = classes ? (gaps ? row_pass_gap_class : row_pass_class) : gaps ? row_pass_gap : row_pass;
  const statistics = launchRowPass(engine, op, columns, columns, units.columns, {
    skip,
    scale: gaps ? -1 : 1,
    temperature,
    using: { kernel, buffers: { ...(classes ? { classes } : {}), ...(short ? { shortfalls: short } : {}) } },
  });
  short?.release();
  return statistics;
}

/** Whether one constant shift serves every entry at this temperature. */
export function canShift(temperature: number): boolean {
  return temperature >= SMALLEST_SHIFTED_TEMPERATURE;
}

/** The unit rows alone, for sweeps that keep a maximum for each row. */
export function unitsOf(engine: Engine, op: string, views: Views): Sweep {
  const { n, d } = sizesOf(views);
  const tile = tileOf(engine, 'pairs', n, n, d);
  const edge = tile.columns;
  return {
    units: makeUnits(engine, op, views, edge),
    cache: null,
    owner: false,
    edge,
    tile,
    partial: null,
    packed: null,
  };
}

function sizesOf(views: Views): { n: number; d: number } {
  const list = Object.values(views);
  return { n: list.reduce((total, view) => total + view.shape[0], 0), d: list[0].shape[1] };
}

/** Every unordered pair once. With a gradient to come, the triangle may be kept if it fits in 4 n d floats (n <= 8 d). */
export function sweepTriangle(
  engine: Engine,
  op: string,
  views: Views,
  temperature: Tensor,
  { kernels, buffers }: Pairs,
  wanted: boolean,
): Sweep {
  const { n, d } = sizesOf(views);
  const products = kernels.fragments ? (['tile', 'halves', 'fragments'] as const) : (['tile', 'halves'] as const);
  const among = kernels.distances ? (['tile'] as const) : products;
  const form = productForm(engine, { rows: n, columns: n, depth: d }, among);
  if (form.by === 'fragments' && kernels.fragments)
    return sweepByFragments(engine, op, views, temperature, form, kernels.fragments);
  // Asked without a gradient, too: blocks are part of the sums' bits, which are the same whoever wants one.
  const schedules = schedulesFor(engine, n, d, form.by === 'tile');
  const schedule = schedules.length > 1 ? engine.choose(SCHEDULE, [n, d], schedules) : null;
  const cached = schedule?.option === 'cached triangle';
  const plain = tileOf(engine, 'pairs', n, n, d);
  const reasoned = withReason(plain.tuning, form);
  const tile = { ...plain, tuning: schedule ? because(reasoned, schedule) : reasoned };
  const { tuning, columns: tileEdge } = tile;
  const family = tuning.WY === 1 ? kernels.lanes : kernels.workgroup;
  const slots = family === kernels.lanes ? tuning.WX : 1;
  // Blocks grow with n, so that the partial sums stay within 2 n d floats.
  let edge = tileEdge;
  while (!cached && edge < family.maxEdge && kernels.sums * slots * Math.ceil(n / edge) > 2 * d) edge *= 2;
  const units = makeUnits(engine, op, views, edge);
  const blocks = units.paddedRows / edge;
  const triangle = (blocks * (blocks + 1)) / 2;
  const behind = blocks * slots * units.paddedRows;
  const partial = engine.scratch(kernels.sums * behind, op);
  const cache = cached && wanted ? engine.scratch(triangle * edge * edge, op) : null;
  const packed = form.by === 'halves' && !form.split ? halvesOf(engine, op, units) : null;
  const operand = packed?.of ?? units.transposed;
  engine.run(cache ? family.cached : family.sums, {
    params: { n, columns: d, stride4: units.paddedRows / 4, edge },
    buffers: {
      lhs: operand,
      rhs: operand,
      temperature,
      partial,
      ...buffers,
      ...(cache ? { cache } : {}),
    },
    groups: triangle,
    work: triangle * edge * edge * (d + 16),
    tuning: {
      ...tuning,
      ...(family === kernels.lanes ? { MAX_EDGE: laneRoom(edge) } : {}),
      ...(packed ? { F16: 1 } : {}),
    },
  });
  const layout = { blocks, edge, slots, partial_stride: units.paddedRows };
  const owner = schedule?.option === 'row owner';
  return { units, cache, owner, edge, tile, partial: { of: partial, behind, layout }, packed };
}

/** The schedules that there are: a triangle has to fit, and a row's features among the accumulators of its lanes. */
function schedulesFor(engine: Engine, n: number, d: number, plain: boolean): Schedule[] {
  const schedules: Schedule[] = n <= 8 * d ? ['cached triangle', 'panels'] : ['panels'];
  // On a software adapter workgroup memory costs more than the panels.
  return plain && d <= WIDEST_OWNED && !engine.info.software ? [...schedules, 'row owner'] : schedules;
}

/** The transposed unit rows rounded to f16, as they are: f16 has digits enough for what adds to a product of unit rows. */
function halvesOf(engine: Engine, op: string, { transposed: of, paddedRows, columns }: Units): Sweep['packed'] {
  const source = { of, at: 0, stride: paddedRows, rows: columns, columns: paddedRows };
  const top = engine.constant(UNLIFTED);
  const form = { by: 'halves', split: false } as const;
  return { ...toHalves(engine, op, form, source, { rows: columns, stride: paddedRows }, top), form: 'halves' };
}

/** As above, on matrix units; nothing is kept, since they make the pairs again faster than memory brings them. */
function sweepByFragments(
  engine: Engine,
  op: string,
  views: Views,
  temperature: Tensor,
  form: Fragments,
  kernels: FragmentKernels,
): Sweep {
  const { n, d } = sizesOf(views);
  let edge = fragmentEdge(engine, form);
  while (edge < MAX_EDGE && Math.ceil(n / edge) > 2 * d) edge *= 2;
  const units = makeUnits(engine, op, views, edge);
  const blocks = units.paddedRows / edge;
  const behind = blocks * units.paddedRows;
  const of = engine.scratch(behind, op);
  const packed = packUnits(engine, op, form, units);
  sumByFragments(engine, form, kernels, units, packed, temperature, { partial: of, edge });
  const layout = { blocks, edge, slots: 1, partial_stride: units.paddedRows };
  const tile = tileOf(engine, 'pairs', n, n, d);
  return { units, cache: null, owner: false, edge, tile, partial: { of, behind, layout }, packed: { ...packed, form } };
}

/** Row sums that a lane has room for. No more than it needs: lavapipe compiles 2,048 in 13 s, 64 in 1. */
function laneRoom(edge: number): number {
  return [64, 256].find((room) => room >= edge) ?? 2048;
}

export function widthOfPanels(n: number, columns: number): number {
  return Math.min(Math.max(n / 8, 128), 1024, 4 * columns);
}
