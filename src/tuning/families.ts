import type { Extras, MatrixShape } from '../gpu/deviceInfo.ts';
import { GramianError } from '../gpu/errors.ts';

/**
 * Kernels that need more than every WebGPU adapter has: `'subgroups'` (lanes exchange numbers without memory), `'f16'`
 * (operands stored in half precision, summed in f32), `'subgroup-matrix'` (matrix units, which GPUs call tensor cores).
 */
export type Family = 'f32' | 'subgroups' | 'f16' | 'subgroup-matrix';

export const FAMILIES: readonly Family[] = ['f32', 'subgroups', 'f16', 'subgroup-matrix'];

/**
 * How exact the products inside ops and losses are, as in PyTorch's `set_float32_matmul_precision`: `'highest'` is f32;
 * `'high'` may take each f32 apart into two f16 (22 of its 24 bits); `'medium'` may round operands to f16 (11 bits).
 * Sums are f32 always.
 */
export type MatmulPrecision = 'highest' | 'high' | 'medium';

export const PRECISIONS: readonly MatmulPrecision[] = ['highest', 'high', 'medium'];

/** Which families an engine may use, and how. */
export interface FamilyChoice {
  readonly families: readonly Family[];
  readonly precision: MatmulPrecision;
  /** The caller has listed them: they run wherever they can, not only where they are known to be faster. */
  readonly forced: boolean;
  /** The matrix unit that `'subgroup-matrix'` stands for. */
  readonly matrix: MatrixShape | null;
  /** For tests: what the matrix unit would do, in plain WGSL. */
  readonly emulated?: boolean;
}

/** The families that an adapter offers at this precision, or those of them that were asked for. */
export function chooseFamilies(extras: Extras, precision: MatmulPrecision, asked?: readonly Family[]): FamilyChoice {
  const offered = FAMILIES.filter((family) => offers(extras, precision, family));
  const matrix = matrixFor(extras.matrices, precision);
  if (asked === undefined) return { families: offered, precision, forced: false, matrix };
  const missing = asked.find((family) => !offered.includes(family));
  if (missing)
    throw new GramianError(
      `createEngine: families has "${missing}", which this adapter does not offer at matmulPrecision "${precision}", ` +
        `expected some of ${offered.join(', ')}.`,
    );
  const families = FAMILIES.filter((family) => family === 'f32' || asked.includes(family));
  return { families, precision, forced: true, matrix };
}

function offers({ subgroup, f16, matrices }: Extras, precision: MatmulPrecision, family: Family): boolean {
  if (family === 'subgroups') return subgroup !== null;
  if (family === 'f16') return f16 && precision === 'medium';
  if (family === 'subgroup-matrix') return matrixFor(matrices, precision) !== null;
  return true;
}

/** The matrix unit for a precision: on f32 where there is one, else on halves where those are exact enough. */
export function matrixFor(matrices: readonly MatrixShape[], precision: MatmulPrecision): MatrixShape | null {
  const fits = matrices.filter(({ m, n, k }) => [m, n, k].every((extent) => extent === 8 || extent === 16));
  const largest = (of: MatrixShape['of']): MatrixShape | null =>
    fits
      .filter((shape) => shape.of === of)
      .reduce<MatrixShape | null>((best, s) => (best && best.m * best.n * best.k >= s.m * s.n * s.k ? best : s), null);
  const wide = largest('f32');
  if (precision === 'highest') return wide;
  const half = largest('f16');
  return precision === 'high' ? (wide ?? half) : (half ?? wide);
}
