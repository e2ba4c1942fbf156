import type { Engine } from '../core/engine.ts';
import type { Family } from '../core/families.ts';
import type { MatrixShape } from '../gpu/device.ts';
import type { Tuning } from '../gpu/kernel.ts';

/** How a product is computed: what its operands are stored in, and by which kernels. */
export type Form =
  /** f32 in registers. */
  | { readonly by: 'tile' }
  /** Operands rounded to f16 (`split`: each as two of them), sums in f32 registers. */
  | { readonly by: 'halves'; readonly split: boolean }
  /** Matrix units of `shape`. */
  | { readonly by: 'fragments'; readonly shape: MatrixShape; readonly split: boolean; readonly emulated: boolean };

const TILE: Form = { by: 'tile' };

/** Rows, columns and depth of a product below which matrix units would wait for their operands to be packed. */
const LEAST = { rows: 128, columns: 64, depth: 64 };

/** rows x columns sums of `depth` products each. */
export interface Size {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

/** How a product of this size is computed here. The one place where that is decided. */
export function productForm(engine: Engine, { rows, columns, depth }: Size): Form {
  const { families, forced } = engine.choice;
  const large = rows >= LEAST.rows && columns >= LEAST.columns && depth >= LEAST.depth;
  if (families.includes('subgroup-matrix') && (forced || large)) return fragmentForm(engine);
  // Measured on lavapipe: packing costs what the smaller operands save; a software adapter has it only when asked.
  if (families.includes('f16') && (forced || (large && !engine.info.software))) return { by: 'halves', split: false };
  return TILE;
}

/** How a sweep over all pairs of `rows` unit rows of `depth` features is computed here. */
export function sweepForm(engine: Engine, { rows, depth }: Pick<Size, 'rows' | 'depth'>): Form {
  return productForm(engine, { rows, columns: rows, depth });
}

function fragmentForm({ choice: { matrix, precision, emulated = false } }: Engine): Form {
  if (!matrix) return TILE;
  return { by: 'fragments', shape: matrix, split: matrix.of === 'f16' && precision !== 'medium', emulated };
}

/** The constants of fragment kernels, and the rows and columns that one workgroup covers. */
export function fragmentTuning(
  engine: Engine,
  { shape, split, emulated }: Extract<Form, { by: 'fragments' }>,
): { tuning: Tuning; rows: number; columns: number } {
  const { m, n, k, of } = shape;
  const { size = 32, pinned = false } = engine.info.subgroup ?? {};
  const SM = emulated ? 2 : 4;
  const SN = emulated ? 1 : 32 / n;
  const lanes: Tuning = emulated ? { SUBGROUP: 64 } : { SUBGROUP: size, PINNED: pinned ? 1 : 0, MATRIX: 1 };
  const tuning = { FM: m, FN: n, FK: k, SM, SN, SPLIT: split ? 1 : 0, ...lanes, ...(of === 'f16' ? { F16: 1 } : {}) };
  return { tuning, rows: 2 * SM * m, columns: 2 * SN * n };
}

/** Whether the lanes of a tile's rows hand the left operand round, WX of them in one subgroup. */
export function tileSubgroups(engine: Engine, WX: number): Tuning {
  const { size = 0, pinned = true } = engine.info.subgroup ?? {};
  if (!uses(engine, 'subgroups') || pinned || size < WX) return {};
  // lavapipe: 12 to 27 % faster, the same bits. On GPUs a load that all lanes share may cost less than a shuffle.
  return engine.info.software || engine.choice.forced ? { SUBGROUP: size } : {};
}

/** Lanes that share a row without workgroup memory, where the adapter has them: at most `most`. */
export function laneSubgroups(
  engine: Engine,
  most: number,
): { LANES: number; SUBGROUP: number; PINNED: number } | null {
  const { subgroup } = engine.info;
  if (!uses(engine, 'subgroups') || !subgroup || subgroup.size > 64) return null;
  return { LANES: Math.min(subgroup.size, most), SUBGROUP: subgroup.size, PINNED: subgroup.pinned ? 1 : 0 };
}

function uses(engine: Engine, family: Family): boolean {
  return engine.choice.families.includes(family);
}
