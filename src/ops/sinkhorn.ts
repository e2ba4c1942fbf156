import * as check from '../core/check.ts';
import { part, ranges } from '../core/ranges.ts';
import type { Tensor } from '../core/tensor.ts';
import { sinkhorn_columns, sinkhorn_rows } from '../gpu/kernels.generated.ts';
import { launchScalingUpdate, startScaling, startState } from '../launch/scaling.ts';
import { rowTuning } from '../launch/tile.ts';

export interface SinkhornOptions {
  /** Entropic regularisation, a number above 0. Default 0.05. */
  epsilon?: number;
  /** An integer in [1, 1000]. Default 3. */
  iterations?: number;
}

/**
 * SwAV's codes of given scores (Caron et al. 2020, arXiv 2006.09882): exp(scores / epsilon), `iterations` times scaled to
 * equal column sums and then to row sums of 1. Only the rows, scaled last, are exact.
 *
 * Right at any range of scores: the scaling factors carry their exponents apart. Scores of any size that memory holds.
 * @param scores [N, K]; rows of a queue stacked by the caller count, too
 * @returns [N, K], rows sum to 1; a constant: no gradient flows through codes
 */
export function sinkhorn(scores: Tensor, options?: SinkhornOptions): Tensor {
  const op = 'sinkhorn';
  const engine = check.engineOf(op, { scores });
  const [rows, columns] = check.matrix(op, 'scores', scores);
  const given = check.options(op, options, { epsilon: 0.05, iterations: 3 });
  const exact = Math.LOG2E / check.positive(op, 'epsilon', given.epsilon);
  const scale = upperBits(exact);
  const rest = exact - scale;
  const iterations = check.integer(op, 'iterations', given.iterations, 1, 1000);
  const codes = engine.empty([rows, columns], op);
  const cut = ranges(engine, rows, columns);
  const u = startScaling(engine, op, rows);
  const w = startScaling(engine, op, columns);
  const state = startState(engine, op);
  const excess = engine.scratch(columns, op);
  const strips = Math.ceil(columns / 64);
  // Slices enough to fill the machine, few enough that their partial sums stay O(K).
  const most = Math.min(32, Math.max(1, Math.ceil((engine.info.software ? 16 : 1024) / strips / cut.length)));
  const slicesOf = (count: number): number => Math.min(most, Math.ceil(count / 64));
  const parts = cut.reduce((total, { count }) => total + slicesOf(count), 0);
  const partial = engine.scratch(2 * parts * columns, op);
  const { tuning, rowsPerGroup } = rowTuning(engine);
  for (let t = 1; t <= iterations; t++) {
    let firstSlice = 0;
    for (const range of cut) {
      const slices = slicesOf(range.count);
      engine.run(sinkhorn_columns, {
        params: {
          rows: range.count,
          columns,
          slices,
          slice_rows: Math.ceil(range.count / slices),
          first_slice: firstSlice,
          scale,
          rest,
        },
        buffers: { scores: part(scores, range, columns), u: part(u, range, 2), w, partial },
        groups: strips * slices,
        work: 16 * range.count * columns,
      });
      firstSlice += slices;
    }
    launchScalingUpdate(engine, partial, w, { rows: columns, columns: rows, parts }, { state, excess });
    for (const range of cut)
      engine.run(sinkhorn_rows, {
        params: { rows: range.count, columns, scale, rest },
        buffers: {
          scores: part(scores, range, columns),
          w,
          u: part(u, range, 2),
          codes: part(codes, range, columns),
        },
        groups: Math.ceil(range.count / rowsPerGroup),
        work: 24 * range.count * columns,
        tuning: { ...tuning, LAST: t === iterations ? 1 : 0 },
      });
  }
  for (const storage of [u, w, state, excess, partial]) storage.release();
  engine.opEnded();
  return codes;
}

/** Its first 12 bits: products of two such numbers are exact in f32. */
function upperBits(value: number): number {
  const unit = 2 ** (Math.floor(Math.log2(value)) - 11);
  return Math.floor(value / unit) * unit;
}
