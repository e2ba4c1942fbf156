import type { Context } from '../core/context.ts';
import type { MatrixShape } from '../gpu/deviceInfo.ts';
import type { Tuning } from '../gpu/kernel.ts';
import { type Answer, because, type Choice } from '../tuning/choices.ts';
import type { Family } from '../tuning/families.ts';

/** How a product is computed: what its operands are stored in, and by which kernels. */
export type Form = (
  | /** f32 in registers. */ { readonly by: 'tile' }
  /** Operands rounded to f16 (`split`: each as two of them), sums in f32 registers. */
  | { readonly by: 'halves'; readonly split: boolean }
  /** Matrix units of `shape`. */
  | { readonly by: 'fragments'; readonly shape: MatrixShape; readonly split: boolean; readonly emulated: boolean }
) & {
  /** Why, where there was a choice. */
  readonly chosen?: Answer;
};

/** rows x columns sums of `depth` products each. */
export interface ProductSize {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

type By = Form['by'];

// What packing adds: each operand is read twice and written once, in four launches.
const packing = ([rows, columns, depth]: readonly number[]) => ({
  bytes: 10 * (rows + columns) * depth,
  dispatches: 5,
});
const flopsOf = ([rows, columns, depth]: readonly number[]): number => 2 * rows * columns * depth;

const FAMILY: Choice<By> = {
  name: 'product family',
  options: {
    tile: (sizes) => ({ flops: flopsOf(sizes) }),
    // Measured on lavapipe: converting halves costs more than the smaller operands save. On GPUs loads bound the loop.
    halves: (sizes, { name }) => ({ flops: flopsOf(sizes), ...packing(sizes), eta: name === 'gpu' ? 0.7 : 0.4 }),
    fragments: (sizes) => ({ flops: flopsOf(sizes), ...packing(sizes), eta: 4 }),
  },
};

/**
 * How a product of this size is computed here. The one place where that is decided.
 * @param among the forms that the caller has kernels for
 */
export function productForm(
  context: Context,
  { rows, columns, depth }: ProductSize,
  among: readonly By[] = ['tile', 'halves', 'fragments'],
): Form {
  const offered = among.filter((by) => offers(context, by));
  if (offered.length === 1 || context.choice.forced) return formOf(context, offered.at(-1) as By);
  const chosen = context.choose(FAMILY, [rows, columns, depth], offered);
  return { ...formOf(context, chosen.option), chosen };
}

function offers(context: Context, by: By): boolean {
  if (by === 'halves') return uses(context, 'f16');
  if (by === 'fragments') return uses(context, 'subgroup-matrix') && context.choice.matrix !== null;
  return true;
}

function formOf({ choice: { matrix, precision, emulated = false } }: Context, by: By): Form {
  if (by === 'fragments' && matrix)
    return { by, shape: matrix, split: matrix.of === 'f16' && precision !== 'medium', emulated };
  return by === 'halves' ? { by, split: false } : { by: 'tile' };
}

/** Constants of a launch that say why its form is what it is. */
export function withReason(tuning: Tuning, { chosen }: Form): Tuning {
  return chosen ? because(tuning, chosen) : tuning;
}

/** The constants of fragment kernels, and the rows and columns that one workgroup covers. */
export function fragmentTuning(
  context: Context,
  form: Extract<Form, { by: 'fragments' }>,
): { tuning: Tuning; rows: number; columns: number } {
  const { shape, split, emulated } = form;
  const { m, n, k, of } = shape;
  const { size = 32, pinned = false } = context.info.subgroup ?? {};
  const SM = emulated ? 2 : 4;
  const SN = emulated ? 1 : 32 / n;
  const lanes: Tuning = emulated ? { SUBGROUP: 64 } : { SUBGROUP: size, PINNED: pinned ? 1 : 0 };
  const tuning = { FM: m, FN: n, FK: k, SM, SN, SPLIT: split ? 1 : 0, ...lanes, ...(of === 'f16' ? { F16: 1 } : {}) };
  return { tuning: withReason(tuning, form), rows: 2 * SM * m, columns: 2 * SN * n };
}

/** How many lanes of a tile's row at most can broadcast the left operand: those of a subgroup, or 0. */
export function shuffleWidth(context: Context): number {
  const { size = 0, pinned = true } = context.info.subgroup ?? {};
  return uses(context, 'subgroups') && !pinned ? size : 0;
}

/** Lanes that share a row without workgroup memory, where the adapter has them: at most `most`. */
export function laneSubgroups(
  context: Context,
  most: number,
): { LANES: number; SUBGROUP: number; PINNED: number } | null {
  const { subgroup } = context.info;
  if (!uses(context, 'subgroups') || !subgroup || subgroup.size > 64) return null;
  return { LANES: Math.min(subgroup.size, most), SUBGROUP: subgroup.size, PINNED: subgroup.pinned ? 1 : 0 };
}

function uses(context: Context, family: Family): boolean {
  return context.choice.families.includes(family);
}
