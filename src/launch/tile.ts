import type { Context } from '../core/context.ts';
import type { Tuning } from '../gpu/kernel.ts';
import { type Answer, because, type Choice } from '../tuning/choices.ts';
import { tileEta } from '../tuning/costModel.ts';
import { laneSubgroups, shuffleWidth } from './productForm.ts';

/** Shape of the register tile that every product kernel is built from. */
export interface Tile {
  readonly tuning: Tuning;
  /** Rows and columns that one workgroup covers; the columns are a multiple of the rows. */
  readonly rows: number;
  readonly columns: number;
}

function tile(TM: number, TV: number, WX: number, WY: number, steps: Tuning = {}): Tile {
  return { tuning: { TM, TV, WX, WY, ...steps }, rows: TM * WY, columns: 4 * TV * WX };
}

/**
 * The shapes to choose from, by their rows x columns an invocation and their invocations. Software adapters run a
 * workgroup as one vector loop: loads are dear, so a tall tile per invocation pays, and one row of invocations (WY = 1)
 * has kernels without barriers. GPUs hide loads behind many invocations instead. KU and REGISTERS: see kernels/lib/tile_shape.wgsl;
 * of lavapipe's, sums in memory are 1.4 times as fast and compile in a fraction of the time, of SwiftShader's those in registers.
 */
const SOFTWARE = {
  '32x4 8x1': tile(32, 1, 8, 1, { KU: 4, REGISTERS: 0 }),
  '16x8 8x1': tile(16, 2, 8, 1, { KU: 2, REGISTERS: 0 }),
  '8x8 8x1': tile(8, 2, 8, 1, { KU: 2, REGISTERS: 1 }),
  '16x4 8x1': tile(16, 1, 8, 1, { KU: 4, REGISTERS: 0 }),
};
const HARDWARE = {
  '8x4 16x4': tile(8, 1, 16, 4),
  '8x8 16x4': tile(8, 2, 16, 4),
  '4x4 16x4': tile(4, 1, 16, 4),
  '16x4 16x4': tile(16, 1, 16, 4),
};
const SHAPES = { ...SOFTWARE, ...HARDWARE };
type Shape = keyof typeof SHAPES;

/** A shape, and whether its lanes read the left operand themselves or broadcast it by shuffles. */
type TileName = Shape | `${Shape} shuffled`;
interface TileOption {
  readonly tile: Tile;
  readonly shuffled: boolean;
  readonly software: boolean;
}
const OPTIONS = Object.fromEntries(
  Object.entries(SHAPES).flatMap(([shape, of]): [string, TileOption][] => {
    const own = { tile: of, software: shape in SOFTWARE };
    return [
      [shape, { ...own, shuffled: false }],
      [`${shape} shuffled`, { ...own, tile: own.software ? of : everyLaneLoads(of), shuffled: true }],
    ];
  }),
) as Record<TileName, TileOption>;
const NAMES = Object.keys(OPTIONS) as TileName[];

/** With so many steps at a time that each lane of a row has a load of the left operand to broadcast. */
function everyLaneLoads({ tuning, ...size }: Tile): Tile {
  return { ...size, tuning: { ...tuning, KU: (4 * tuning.WX) / tuning.TM } };
}

/** Every tile that may be chosen. */
export const TILES: readonly Tile[] = Object.values(SHAPES);

/** No tile is wider: operands that are read past their end have that much room behind them. */
export const WIDEST = Math.max(...TILES.map(({ columns }) => columns));

/**
 * Padding and a machine half filled are left out of the prediction: a tile of its own for every size would have every
 * kernel compiled again, for seconds on a software adapter. The tuner finds where it pays.
 */
function tileChoice(name: string): Choice<TileName> {
  const cost =
    ({ tile: { tuning }, shuffled }: TileOption): Choice['options'][string] =>
    ([rows, columns, depth], kind) => ({
      flops: 2 * rows * columns * depth,
      eta: tileEta(tuning.TM, 4 * tuning.TV, tuning.WX * tuning.WY, shuffled ? tuning.WX : 1, kind),
    });
  const options = NAMES.map((of) => [of, cost(OPTIONS[of])]);
  return { name: `${name} tile`, options: Object.fromEntries(options) };
}

/** What a tile is for: loops of the same kind share an answer. */
const USES = {
  product: tileChoice('product'),
  /** Entries of a matrix between rows, turned into something else where they stand. */
  pairs: tileChoice('pairs'),
  /** Sums or extrema of the rows of such a matrix. */
  'row pass': tileChoice('row pass'),
  'triangle product': tileChoice('triangle product'),
  gram: tileChoice('gram'),
  convolution: tileChoice('convolution'),
};

const lists = new Map<string, readonly TileName[]>(); // asked for at every launch

/** The tiles that an engine has: where families are listed, shuffled ones alone if they can be. */
function tilesOf(context: Context): readonly TileName[] {
  const { software } = context.info;
  const { forced } = context.choice;
  const width = shuffleWidth(context);
  const key = `${software} ${forced} ${width}`;
  let list = lists.get(key);
  if (!list) {
    list = NAMES.filter((name) => {
      const { tile: of, shuffled, software: own } = OPTIONS[name];
      const can = of.tuning.WX <= width;
      return own === software && (shuffled ? can : !(can && forced));
    });
    lists.set(key, list);
  }
  return list;
}

const made = new WeakMap<Context, WeakMap<Answer, Tile>>();

/** The tile for a matrix of rows x columns entries, each a sum of `depth` terms. */
export function tileOf(context: Context, use: keyof typeof USES, rows: number, columns: number, depth: number): Tile {
  const answer = context.choose(USES[use], [rows, columns, depth], tilesOf(context));
  let own = made.get(context);
  if (!own) {
    own = new WeakMap();
    made.set(context, own);
  }
  let chosen = own.get(answer);
  if (!chosen) {
    const { tile: of, shuffled } = OPTIONS[answer.option];
    const lanes: Tuning = shuffled ? { SUBGROUP: shuffleWidth(context) } : {};
    chosen = { ...of, tuning: because({ ...of.tuning, ...lanes }, answer) };
    own.set(answer, chosen);
  }
  return chosen;
}

/** A tile no larger than few rows or columns need, so that less work goes to padding; `steps` along k end together. */
export function shrunk(
  tileOfAll: Tile,
  { rows, columns = Number.POSITIVE_INFINITY, steps = Number.POSITIVE_INFINITY }: Few,
): Tile {
  const { tuning } = tileOfAll;
  const { TM, TV, WX, WY, KU = 1 } = tuning;
  let height = TM;
  while (height > 4 && height / 2 >= rows) height /= 2;
  let together = KU;
  while (together > 1 && together > steps) together /= 2;
  const smaller = tile(height, columns <= 4 * WX ? 1 : TV, WX, height < TM ? 1 : WY);
  return { ...smaller, tuning: { ...tuning, ...smaller.tuning, ...(together < KU ? { KU: together } : {}) } };
}

interface Few {
  readonly rows: number;
  readonly columns?: number;
  readonly steps?: number;
}

/** Four neighbouring floats a lane, where loads are dear and there are whole fours; else one. See kernels/lib/own_number.wgsl. */
export function inFours(context: Context, floats: number): { tuning: Tuning; numbers: number } {
  const fours = context.info.software && !context.choice.forced && floats % 4 === 0;
  return fours ? { tuning: { FOURS: 1 }, numbers: floats / 4 } : { tuning: {}, numbers: floats };
}

/** Lanes that share a row in row kernels: one where barriers are dear (software), a subgroup or two on a GPU. */
export function rowTuning(context: Context): { tuning: Tuning; rowsPerGroup: number } {
  if (context.info.software && !context.choice.forced) return { tuning: { LANES: 1 }, rowsPerGroup: 64 };
  const tuning = laneSubgroups(context, 64) ?? { LANES: context.info.software ? 1 : 64 };
  return { tuning, rowsPerGroup: 64 / tuning.LANES };
}

/** Lanes a result for `results` reductions of `reduced` numbers: many where results are few, one where they are many. */
export function lanesFor(context: Context, results: number, reduced: number): { tuning: Tuning; lanes: number } {
  const few = results < 1024 && reduced >= 64;
  // 64 lanes need workgroup memory, which costs lavapipe 20 times what 8 lanes that shuffle cost.
  const tuning = few ? (context.info.software && laneSubgroups(context, 8)) || { LANES: 64 } : { LANES: 1 };
  return { tuning, lanes: tuning.LANES };
}

export function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}
