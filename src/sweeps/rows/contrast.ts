import * as check from '../../core/checkTensor.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { Storage } from '../../gpu/buffers.ts';
import { contrast_gradient, contrast_rows } from '../../gpu/kernels.generated.ts';
import { launchSum } from '../../launch/reduce.ts';
import { rowTuning } from '../../launch/tile.ts';
import { launchUnits, makeReflection, makeUnits, unitsBackward } from '../../launch/unitRows.ts';
import { canShift, temperatureGradient } from '../temperature.ts';
import { type Candidates, isCentred, LEAST_PANEL, type RowSweep } from './panel.ts';
import { recomputeCancelling } from './recompute.ts';
import { runningSweep } from './running.ts';
import { differencePanelScores, type PanelScores, productPanelScores } from './scores.ts';
import { shiftedSweep } from './shifted.ts';

/** `[N, D]` of a query that can be swept: itself and a panel of its scores have to be bound. */
export function checkQuery(op: string, query: Tensor): [rows: number, columns: number] {
  const { context } = query;
  const [n, d] = check.matrix(op, 'query', query);
  check.bindableInput(op, context, 'query', query);
  const most = Math.floor(context.info.limits.maxStorageBufferBindingSize / 4 / LEAST_PANEL / 4) * 4;
  if (n > most) check.fail(op, `query has ${n} rows, expected at most ${most} on this adapter.`);
  return [n, d];
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
  candidates: Candidates,
  { scale, live }: { scale: number; live: Tensor | null },
): Tensor {
  const [query] = inputs;
  const { context } = query;
  const [n, d] = query.shape;
  const wanted = context.needsGrad(query);
  const reflection = makeReflection(context, op, candidates.own, n, d);
  const units = makeUnits(context, op, { query }, 4, reflection);
  reflection.release();
  const { known } = candidates.temperature;
  const own = context.scratch(n * d + 1, op);
  const [inverseNorms, nothing] = [n, 1].map((count) => context.scratch(count, op));
  const centred = isCentred(candidates);
  const ownUnits = (rows: Storage, less: boolean): void =>
    launchUnits(context, candidates.own, { ...units, rows, transposed: nothing, inverseNorms, rowStride: d }, n, {
      first: 0,
      blank: 0,
      centred: less,
      rowsOnly: true,
    });
  ownUnits(own, centred);
  const results = context.scratch(4 * n, op);
  const sweep = (): RowSweep => {
    if (known !== undefined && canShift(known)) return shiftedSweep(context, op, units, candidates, known, wanted);
    const scores = live ? differences() : productPanelScores(candidates.temperature.of);
    const swept = runningSweep(context, op, units, candidates, scores, wanted);
    scores.release();
    return swept;
  };
  const differences = (): PanelScores => {
    const plain = context.scratch(n * d, op);
    ownUnits(plain, false);
    const scores = differencePanelScores(context, op, units, { of: plain, stride: d }, results);
    plain.release();
    return scores;
  };
  const { tops, sums, weighteds, gathered } = sweep();
  const { tuning, rowsPerGroup } = rowTuning(context);
  context.run(contrast_rows, {
    params: { rows: n, columns: d, stride: units.rowStride, temperatures: candidates.temperature.count },
    buffers: {
      units: units.rows,
      own,
      temperature: candidates.temperature.of,
      positives: candidates.positives,
      tops,
      sums,
      weighteds,
      results,
    },
    groups: Math.ceil(n / rowsPerGroup),
    work: n * d,
    tuning: { ...tuning, CENTRED: centred ? 1 : 0, GAP: live ? 1 : 0 },
  });
  const loss = context.empty([], op);
  launchSum(context, results, loss, { outer: 1, reduced: n, inner: 1, scale: scale / n });
  if (gathered) {
    context.run(contrast_gradient, {
      params: { rows: n, columns: d, stride: units.rowStride, scale: scale / n },
      buffers: { results, own, g: gathered },
      groups: Math.ceil((n * d) / 64),
      work: 4 * n * d,
    });
    const { columns, temperature } = candidates;
    if (columns === candidates.own && centred)
      recomputeCancelling(context, op, units, { own, results, temperature: temperature.of, g: gathered }, scale / n);
  }
  for (const storage of [tops, sums, weighteds, own, inverseNorms, nothing]) storage.release();
  units.transposed.release();
  return context.record(op, inputs, loss, {
    saved: live ? [live] : [],
    release: () => {
      for (const storage of [units.rows, units.inverseNorms, units.reflection, results, gathered]) storage?.release();
    },
    backward: (dy, [tau]) => {
      const dq = gathered && unitsBackward(context, op, units, [n], gathered, { dy })[0];
      const slopes = { of: results, at: 3 * n };
      const dTau = live?.requiresGrad ? temperatureGradient(op, slopes, n, scale / n, dy, tau) : null;
      return inputs.map((input, i) => (i === 0 ? dq : input === live ? dTau : null));
    },
  });
}
