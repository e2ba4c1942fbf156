import type { Engine } from '../core/engine.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import type { Tuning } from '../gpu/kernel.ts';
import { distances, matmul as product, matmul_rows as productRows } from '../gpu/kernels.generated.ts';
import { laneSubgroups, productForm, tileSubgroups } from './families.ts';
import { launchPacked } from './halves.ts';

/** Shape of the register tile that every product kernel is built from. */
export interface Tile {
  readonly tuning: Tuning;
  /** Rows and columns that one workgroup covers. */
  readonly rows: number;
  readonly columns: number;
}

function tile(TM: number, TV: number, WX: number, WY: number): Tile {
  return { tuning: { TM, TV, WX, WY }, rows: TM * WY, columns: 4 * TV * WX };
}

// Software adapters run a workgroup as one vector loop: loads cost 18 multiply-adds, so a tall tile per invocation pays.
// GPUs hide loads behind many invocations instead.
const SOFTWARE = tile(16, 2, 8, 1);
const HARDWARE = tile(8, 1, 16, 4);

export function tileOf(engine: Engine): Tile {
  return inFamily(engine, engine.info.software ? SOFTWARE : HARDWARE);
}

function inFamily(engine: Engine, tile: Tile): Tile {
  return { ...tile, tuning: { ...tile.tuning, ...tileSubgroups(engine, tile.tuning.WX) } };
}

/** Lanes that share a row in row kernels: one where barriers are dear (software), a subgroup or two on a GPU. */
export function rowTuning(engine: Engine): { tuning: Tuning; rowsPerGroup: number } {
  if (engine.info.software && !engine.choice.forced) return { tuning: { LANES: 1 }, rowsPerGroup: 64 };
  const tuning = laneSubgroups(engine, 64) ?? { LANES: engine.info.software ? 1 : 64 };
  return { tuning, rowsPerGroup: 64 / tuning.LANES };
}

/** Lanes a result for `results` reductions of `reduced` numbers: many where results are few, one where they are many. */
export function lanesFor(engine: Engine, results: number, reduced: number): { tuning: Tuning; lanes: number } {
  const few = results < 1024 && reduced >= 64;
  // 64 lanes need workgroup memory, which costs lavapipe 20 times what 8 lanes that shuffle cost.
  const tuning = few ? (engine.info.software && laneSubgroups(engine, 8)) || { LANES: 64 } : { LANES: 1 };
  return { tuning, lanes: tuning.LANES };
}

export function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

/** One operand of a product: vec4-aligned memory, with its start and row stride in floats. */
export interface Operand {
  readonly of: Storage | Tensor;
  readonly at: number;
  readonly stride: number;
}

/**
 * out[rows, columns] = scale * lhs * rhs (+ out); with `pairs: 'distances'`, of k-major operands, squared distances.
 * @param lhs k-major ([depth, rows]) or, with `along: 'rows'`, row-major ([rows, depth rounded up to 4])
 * @param rhs k-major: [depth, columns]
 */
export function launchProduct(
  engine: Engine,
  size: { rows: number; columns: number; depth: number },
  lhs: Operand & { along: 'columns' | 'rows' },
  rhs: Operand,
  out: Operand,
  {
    scale = 1,
    accumulating = false,
    pairs = 'products',
  }: { scale?: number; accumulating?: boolean; pairs?: 'products' | 'distances' } = {},
): void {
  const form = productForm(engine, size);
  if (form.by !== 'tile' && pairs === 'products') {
    // Halves have kernels for k-major left operands alone.
    if (form.by === 'fragments' || lhs.along === 'columns')
      return launchPacked(engine, form, tileOf(engine), size, lhs, rhs, out, { scale, accumulating });
  }
  const { tuning, rows: tileRows, columns: tileColumns } = tileOf(engine);
  const strips = Math.ceil(size.columns / tileColumns);
  const kernel = lhs.along === 'rows' ? productRows : pairs === 'distances' ? distances : product;
  engine.run(kernel, {
    params: {
      rows: size.rows,
      columns: size.columns,
      depth: lhs.along === 'rows' ? roundUp(size.depth, 4) : size.depth,
      strips,
      lhs_at4: lhs.at / 4,
      lhs_stride4: lhs.stride / 4,
      rhs_at4: rhs.at / 4,
      rhs_stride4: rhs.stride / 4,
      out_at: out.at,
      out_stride: out.stride,
      scale,
      accumulating: accumulating ? 1 : 0,
    },
    buffers: { lhs: lhs.of, rhs: rhs.of, out: out.of },
    groups: Math.ceil(size.rows / tileRows) * strips,
    work: (pairs === 'distances' ? 2 : 1) * size.rows * size.columns * size.depth,
    tuning,
  });
}

/** The tile for a product with few rows or columns: no larger than they need, so that less work goes to padding. */
export function tileFor(engine: Engine, rows: number, columns = Number.POSITIVE_INFINITY): Tile {
  const { TM, TV, WX, WY } = tileOf(engine).tuning;
  let height = TM;
  while (height > 4 && height / 2 >= rows) height /= 2;
  return inFamily(engine, tile(height, columns <= 4 * WX ? 1 : TV, WX, height < TM ? 1 : WY));
}
