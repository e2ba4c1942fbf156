import type { LossResult } from '../../test/reference/losses/result.ts';
import { sinkhornDivergence, swav } from '../../test/reference/losses/transport.ts';
import { logSumExp, type Matrix, matrix, normalize, row } from '../../test/reference/matrix.ts';
import { addGradients, entropicOT, sinkhorn } from '../../test/reference/transport.ts';
import type { Expected } from '../contender.ts';
import { lossOutputs } from './contrastive.ts';
import { SAMPLED, sampledRows } from './exact.ts';
import { type Case, exact, mapped, normal, type Size, secondView, some } from './work.ts';

function unitRows(k: number, d: number, seed: number) {
  const made = normal([k, d], seed);
  const { u } = normalize(exact(made));
  return { shape: made.shape, data: Float32Array.from(u.data) };
}

/** Entropic OT with a fixed number of updates: the dual value, and the gradient by the envelope theorem. */
function transportOf(x: Matrix, y: Matrix, epsilon: number, iterations: number): LossResult {
  const { value, plan } = entropicOT(x, y, epsilon, { iterations });
  const gradients = [matrix(x.rows, x.columns), matrix(y.rows, y.columns)];
  addGradients(plan, x, y, 1, gradients[0], gradients[1]);
  return { value, gradients };
}

/** SwAV with the gradient of some rows and prototypes: all scores once. */
function someOfSwav(
  views: readonly Matrix[],
  c: Matrix,
  tau: number,
  epsilon: number,
  iterations: number,
): Record<string, Expected> {
  const [n, k, d] = [views[0].rows, c.rows, c.columns];
  const sides = views.map((view) => {
    const unit = normalize(view);
    const s = matrix(n, k);
    for (let i = 0; i < n; i++) {
      const u = row(unit.u, i);
      for (let j = 0; j < k; j++) {
        let total = 0;
        for (let t = 0, at = j * d; t < d; t++, at++) total += u[t] * c.data[at];
        s.data[i * k + j] = total;
      }
    }
    const lse = Float64Array.from({ length: n }, (_, i) => logSumExp(row(s, i).map((x) => x / tau)));
    return { view, unit, s, lse, codes: sinkhorn(s, epsilon, iterations) };
  });
  let value = 0;
  // d loss / d s of view v: its predictions against the other view's codes.
  const slope = (v: number, i: number, j: number): number =>
    (Math.exp(sides[v].s.data[i * k + j] / tau - sides[v].lse[i]) - sides[1 - v].codes.data[i * k + j]) / (2 * n * tau);
  sides.forEach(({ s, lse }, v) => {
    const { codes } = sides[1 - v];
    for (let t = 0; t < n * k; t++) value += (codes.data[t] * (lse[Math.floor(t / k)] - s.data[t] / tau)) / (2 * n);
  });
  const [rows, chosen] = [some(SAMPLED, n), some(SAMPLED, k)];
  const gradients = sides.map(({ view, unit }, v) => {
    const du = matrix(n, d);
    for (const i of rows)
      for (let j = 0; j < k; j++) {
        const g = slope(v, i, j);
        for (let t = 0; t < d; t++) du.data[i * d + t] += g * c.data[j * d + t];
      }
    const dz = unit.back(du);
    return sampledRows(
      rows,
      view.columns,
      rows.map((i) => row(dz, i)),
    );
  });
  const dc = chosen.map((j) => {
    const line = new Float64Array(d);
    sides.forEach(({ unit }, v) => {
      for (let i = 0; i < n; i++) {
        const g = slope(v, i, j);
        for (let t = 0; t < d; t++) line[t] += g * unit.u.data[i * d + t];
      }
    });
    return line;
  });
  return {
    value: { values: [value], scale: Math.max(0.1, Math.abs(value)) },
    d_z0: gradients[0],
    d_z1: gradients[1],
    d_prototypes: sampledRows(chosen, d, dc),
  };
}

/** Points whose cost has a spread of some epsilons: a plan that is neither uniform nor a permutation. */
function clouds({ n, m, d }: Size) {
  return { x: normal([n, d], 1), y: mapped([m, d], 2, (x) => 0.8 * x + 0.2) };
}

const pointBytes = ({ n, m, d }: Size): number => 4 * 2 * (n + m) * d;
const ITERATIONS = 10;
const CONVERGED = 30; // averaged updates halve what is left each time

export const TRANSPORT: readonly Case[] = [
  {
    name: 'sinkhorn',
    axes: ['n', 'k'],
    sizes: [
      { n: 1024, k: 3000 },
      { n: 4096, k: 3000 },
    ],
    quick: { n: 256, k: 300 },
    flops: ({ n, k }) => 4 * 3 * n * k,
    bytes: ({ n, k }) => 20 * n * k,
    exps: ({ n, k }) => 4 * n * k,
    schedule: '20 n k bytes (three iterations in four passes over the scores, one write)',
    make: ({ n, k }) => {
      const scores = mapped([n, k], 1, (x) => Math.tanh(0.3 * x)); // cosines
      const [epsilon, iterations] = [0.05, 3];
      return {
        inputs: { scores },
        options: { epsilon, iterations },
        reference: () => ({ value: sinkhorn(exact(scores), epsilon, iterations).data }),
      };
    },
  },
  {
    name: 'swav',
    axes: ['n', 'k', 'd'],
    sizes: [
      { n: 256, k: 3000, d: 128 },
      { n: 1024, k: 3000, d: 128 },
    ],
    quick: { n: 128, k: 300, d: 64 },
    flops: ({ n, k, d }) => 12 * n * k * d,
    bytes: ({ n, k, d }) => 4 * (4 * n * d + 2 * k * d),
    exps: ({ n, k }) => 4 * n * k,
    schedule: '12 n k d (scores, and the gradients of views and prototypes, of two views)',
    make: ({ n, k, d }) => {
      const z0 = normal([n, d], 1);
      const inputs = { z0, z1: secondView(z0, 2), prototypes: unitRows(k, d, 3) };
      const views = [exact(inputs.z0), exact(inputs.z1)];
      const prototypes = exact(inputs.prototypes);
      const [temperature, epsilon, iterations] = [0.1, 0.05, 3];
      return {
        inputs,
        differentiated: ['z0', 'z1', 'prototypes'],
        options: { temperature, epsilon, iterations },
        reference: () =>
          lossOutputs(swav({ views, prototypes }, temperature, { epsilon, iterations }), ['z0', 'z1', 'prototypes']),
        ...(n * k > 2 ** 17 && { expected: () => someOfSwav(views, prototypes, temperature, epsilon, iterations) }),
      };
    },
  },
  {
    name: 'entropicOT',
    axes: ['n', 'm', 'd'],
    sizes: [
      { n: 512, m: 512, d: 64 },
      { n: 2048, m: 2048, d: 64 },
    ],
    quick: { n: 256, m: 256, d: 64 },
    flops: ({ n, m, d }) => (4 * ITERATIONS + 4) * n * m * d,
    bytes: pointBytes,
    exps: ({ n, m }) => (2 * ITERATIONS + 1) * n * m,
    schedule: `(4 iterations + 4) n m d without the cost matrix, ${ITERATIONS} iterations`,
    make: (size) => {
      const inputs = clouds(size);
      const [epsilon, iterations] = [size.d / 4, ITERATIONS];
      return {
        inputs,
        differentiated: ['x', 'y'],
        options: { epsilon, iterations },
        reference: () => lossOutputs(transportOf(exact(inputs.x), exact(inputs.y), epsilon, iterations), ['x', 'y']),
      };
    },
  },
  {
    name: 'sinkhornDivergence',
    axes: ['n', 'm', 'd'],
    sizes: [{ n: 512, m: 512, d: 64 }],
    quick: { n: 128, m: 128, d: 64 },
    flops: ({ n, m, d }) => CONVERGED * d * (4 * n * m + n * n + m * m) + d * (4 * n * m + 2 * n * n + 2 * m * m),
    bytes: pointBytes,
    exps: ({ n, m }) => CONVERGED * (2 * n * m + (n * n + m * m) / 2),
    schedule: `iterations (4 n m + n^2 + m^2) d and the gradient, ${CONVERGED} iterations`,
    make: (size) => {
      const inputs = clouds(size);
      const [epsilon, iterations] = [size.d / 2, CONVERGED];
      return {
        inputs,
        differentiated: ['x', 'y'],
        options: { epsilon, iterations },
        reference: () => lossOutputs(sinkhornDivergence(exact(inputs.x), exact(inputs.y), epsilon), ['x', 'y']),
      };
    },
  },
];
