import type { Storage } from '../../gpu/buffers.ts';
import type { KernelSource } from '../../gpu/kernel.ts';
import { launchRowPass, launchShortfalls, type RowStatistics, type Skip } from '../../launch/rowPass.ts';
import { tileOf } from '../../launch/tile.ts';
import { makeUnits } from '../../launch/unitRows.ts';
import { pairGradientInPanels } from './panels.ts';
import { extentsOf, type PairGradient, type PairProblem } from './problem.ts';

/** A kernel on lib/row_pass.wgsl, and what its pairs are logits times. */
export interface RowPass {
  readonly kernel: KernelSource;
  readonly scale: number;
  /** Whether its logits are made of differences of rows, as lib/gap_scores.wgsl has them. */
  readonly gaps: boolean;
}

/** Of each pass one number a row each, see `RowStatistics`. */
export interface Passes {
  readonly passes: readonly RowStatistics[];
  /** What rows are short of length 1, and more, where logits are made of differences of rows: see `launchShortfalls`. */
  readonly shortfalls: Storage | null;
  release(): void;
}

/** A way to go through all pairs, each ordered one once, with a maximum for each row. */
export interface RunningMaximum extends PairGradient {
  /** One pass over all pairs for each of `skips`, which leaves those out. */
  statistics(skips: readonly Skip[]): Passes;
}

/**
 * For temperatures that one shift for all exponentials cannot serve, or that only the GPU knows. Nothing is kept; the gradient
 * is that of `panels`.
 */
export function runningMaximum(problem: PairProblem, { kernel, scale, gaps }: RowPass): RunningMaximum {
  const { op, context, views, buffers } = problem;
  const { n, d } = extentsOf(views);
  const tile = tileOf(context, 'pairs', n, n, d);
  const units = makeUnits(context, op, views, tile.columns);
  const columns = { of: units.transposed, stride: units.paddedRows, rows: n };
  return {
    units,
    statistics: (skips) => {
      const shortfalls = gaps ? context.scratch(3 * n, op) : null;
      const list = Object.values(views);
      const partner = list.length > 1 ? list[0].shape[0] : 0; // a positive, of the next view
      if (shortfalls) launchShortfalls(context, columns, d, shortfalls, partner);
      const using = { kernel, buffers: { ...buffers, ...(shortfalls ? { shortfalls } : {}) } };
      const passes = skips.map((skip) =>
        launchRowPass(context, op, columns, columns, d, { skip, scale, temperature: problem.temperature, using }),
      );
      const release = (): void => {
        for (const held of [...passes, shortfalls]) held?.release();
      };
      return { passes, shortfalls, release };
    },
    gradient: (temperature, rows) =>
      pairGradientInPanels(problem, tile, units, { of: units.transposed, tuning: {} }, temperature, rows),
    release: () => units.release(),
  };
}
