import { part } from '../../core/chunks.ts';
import type { Storage } from '../../gpu/buffers.ts';
import { swav_slopes } from '../../gpu/kernels.generated.ts';
import { launchCodes } from '../../launch/codes.ts';
import { leftRows } from '../../launch/pack.ts';
import { makePoints, type Points, rowsOf } from '../../launch/points.ts';
import { launchProduct } from '../../launch/product.ts';
import { splitScale } from '../../launch/scaling.ts';
import { rowTuning } from '../../launch/tile.ts';
import type { Units } from '../../launch/unitRows.ts';
import type { Prediction, SwappedProblem } from './problem.ts';

// Floats of scores and codes in memory at a time, as a multiple of the points' own (N + L + K) D.
const STORED = 16;
const DEPTH = 1024; // prototypes whose part of the gradient is one sum: a longer one would gather the roundings of all

/**
 * Sources whose codes are in memory together, and the views that they are swapped into. Of two views each has one source,
 * so that the memory of one matrix of codes serves both in turn; of more, all but two have both.
 */
interface Stage {
  readonly sources: readonly number[];
  readonly views: readonly number[];
}

function stagesOf(views: number): readonly Stage[] {
  if (views === 2)
    return [
      { sources: [0], views: [1] },
      { sources: [1], views: [0] },
    ];
  return [{ sources: [0, 1], views: Array.from({ length: views }, (_, v) => v) }];
}

/** Whether scores and codes may be stored: within 16 times the memory of what they are of, and such that kernels can read them. */
export function scoresFit({ context, prototypes }: SwappedProblem, units: readonly Units[]): boolean {
  const [rows, [count, columns]] = [longest(units), prototypes.shape];
  const matrices = 1 + stagesOf(units.length)[0].sources.length;
  return (
    count % 4 === 0 &&
    matrices * rows * count <= STORED * (rows + count) * columns &&
    4 * rows * count <= context.info.limits.maxStorageBufferBindingSize
  );
}

/** Rows of the longest view with its queue: two queues may differ. */
function longest(units: readonly Units[]): number {
  return Math.max(...units.map(({ count }) => count));
}

/**
 * From scores and codes in memory:
 * d L / d s_v = share (|A(v)| P_v - sum_{a in A(v)} Q_a), in place of the scores.
 */
export const storedPrediction: Prediction = (
  problem,
  units,
  { temperature, epsilon, iterations },
  { losses, gradients, share },
) => {
  const { context, op, rows, stride, toPrototypes } = problem;
  const prototypes = makePoints(context, op, 'prototypes', problem.prototypes, 'dot');
  const { count: columns } = prototypes;
  const { tuning, rowsPerGroup } = rowTuning(context);
  const scores = context.scratch(longest(units) * columns, op);
  for (const { sources, views } of stagesOf(units.length)) {
    const codes = sources.map((source) => {
      const of = context.scratch(units[source].count * columns, op);
      const { count } = units[source];
      score(problem, prototypes, units[source], count, scores);
      const scored = part(scores, { first: 0, count }, columns);
      launchCodes(context, op, { scores: scored, rows: count, columns, epsilon, iterations }, of);
      return { source, of };
    });
    for (const v of views) {
      const own = codes.filter(({ source }) => source !== v).map(({ of }) => of);
      score(problem, prototypes, units[v], rows, scores);
      context.run(swav_slopes, {
        params: { rows, columns4: columns / 4, first_row: v * rows, ...splitScale(1 / temperature) },
        buffers: { codes0: own[0], codes1: own[own.length - 1], scores, losses },
        groups: Math.ceil(rows / rowsPerGroup),
        work: 24 * rows * columns,
        tuning: { ...tuning, SOURCES: own.length },
      });
      if (!toPrototypes) continue;
      for (let first = 0; first < columns; first += DEPTH) {
        const depth = Math.min(DEPTH, columns - first);
        const slopes = { of: scores, rows, columns: depth, at: first, stride: columns };
        const { along, operand } = leftRows(context, op, slopes, prototypes.columns);
        launchProduct(
          context,
          { rows, columns: prototypes.columns, depth },
          { ...operand, along },
          rowsOf(prototypes, first),
          { of: gradients[v], at: 0, stride },
          { scale: share, accumulating: first > 0 },
        );
        operand.release();
      }
      launchProduct(
        context,
        { rows: columns, columns: prototypes.columns, depth: rows },
        { of: scores, at: 0, stride: columns, along: 'columns' },
        { of: units[v].rows, at: 0, stride },
        { of: toPrototypes, at: 0, stride: prototypes.columns },
        { scale: share, accumulating: true }, // begun as zeros
      );
    }
    for (const { of } of codes) of.release();
  }
  scores.release();
  prototypes.release();
};

/** out[n, k] = u_n.c_k for the first `rows` rows. */
function score({ context }: SwappedProblem, prototypes: Points, units: Units, rows: number, out: Storage): void {
  launchProduct(
    context,
    { rows, columns: prototypes.count, depth: prototypes.columns },
    { of: units.transposed, at: 0, stride: units.paddedRows, along: 'columns' },
    { of: prototypes.transposed, at: 0, stride: prototypes.paddedRows },
    { of: out, at: 0, stride: prototypes.count },
  );
}
