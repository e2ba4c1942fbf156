// SwAV and the entropic transport losses in plain f64, with their analytic gradients.
import { addScaled, dot, logSumExp, type Matrix, matrix, normalize, row, rowsOf, stack } from '../matrix.ts';
import { addGradients, entropicOT, sinkhorn } from '../transport.ts';
import type { LossResult } from './result.ts';

/** What a SwAV reference is made of: V views, K prototypes, and queues for both sources or none. */
export interface SwAVInputs {
  readonly views: readonly Matrix[];
  readonly prototypes: Matrix;
  readonly queues?: readonly Matrix[];
}

function scoresOf(u: Matrix, c: Matrix): Matrix {
  const s = matrix(u.rows, c.rows);
  const [us, cs] = [rowsOf(u), rowsOf(c)];
  for (let i = 0; i < u.rows; i++) for (let k = 0; k < c.rows; k++) s.data[i * c.rows + k] = dot(us[i], cs[k]);
  return s;
}

/** Codes of a source: the last N rows, where the queue's are stacked before them. */
function swavCodes(
  { views, prototypes, queues }: SwAVInputs,
  source: number,
  epsilon: number,
  iterations: number,
): Matrix {
  const { u } = normalize(queues ? stack(queues[source], views[source]) : views[source]);
  const all = sinkhorn(scoresOf(u, prototypes), epsilon, iterations);
  const [n, k] = [views[source].rows, prototypes.rows];
  return matrix(n, k, all.data.subarray((u.rows - n) * k));
}

/** L = 1/2 sum_a 1/(V-1) sum_{v != a} mean_n -sum_k Q_a log P_v; the codes, constants, are those of `at`. */
export function swav(
  inputs: SwAVInputs,
  tau: number,
  { epsilon = 0.05, iterations = 3, at = inputs }: { epsilon?: number; iterations?: number; at?: SwAVInputs } = {},
): LossResult {
  const { views, prototypes, queues = [] } = inputs;
  const [n, k, v] = [views[0].rows, prototypes.rows, views.length];
  const codes = [0, 1].map((a) => swavCodes(at, a, epsilon, iterations));
  const dc = matrix(k, prototypes.columns);
  const [centres, ofCentres] = [rowsOf(prototypes), rowsOf(dc)];
  let value = 0;
  const dViews = views.map((view, index) => {
    const { u, back } = normalize(view);
    const du = matrix(n, view.columns);
    const s = scoresOf(u, prototypes);
    const [units, gradients] = [rowsOf(u), rowsOf(du)];
    for (let i = 0; i < n; i++) {
      const logits = row(s, i).map((x) => x / tau);
      const lse = logSumExp(logits);
      codes.forEach((q, a) => {
        if (a === index) return;
        const code = row(q, i);
        for (let j = 0; j < k; j++) {
          value += (code[j] * (lse - logits[j])) / (2 * (v - 1) * n);
          const g = (Math.exp(logits[j] - lse) - code[j]) / (2 * (v - 1) * n * tau);
          addScaled(gradients[i], g, centres[j]);
          addScaled(ofCentres[j], g, units[i]);
        }
      });
    }
    return back(du);
  });
  const gradients = [...dViews, dc, ...queues.map((queue) => matrix(queue.rows, queue.columns))];
  return { value, gradients };
}

/** The converged value of OT_epsilon and its gradient, by the envelope theorem. */
export function transport(x: Matrix, y: Matrix, epsilon: number, rho?: number): LossResult {
  const { value, plan } = entropicOT(x, y, epsilon, { rho });
  const gradients = [matrix(x.rows, x.columns), matrix(y.rows, y.columns)];
  addGradients(plan, x, y, 1, gradients[0], gradients[1]);
  return { value, gradients };
}

/** OT(x, y) - OT(x, x) / 2 - OT(y, y) / 2, converged. */
export function sinkhornDivergence(x: Matrix, y: Matrix, epsilon: number): LossResult {
  const result = transport(x, y, epsilon);
  [x, y].forEach((z, i) => {
    const own = entropicOT(z, z, epsilon);
    addGradients(own.plan, z, z, -0.5, result.gradients[i], result.gradients[i]);
    result.value -= own.value / 2;
  });
  return result;
}
