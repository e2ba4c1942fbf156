// The losses as their users write them, forward only: what a library's own autodiff is given. Codes and potentials are
// constants to it, as in the papers' code.
import type { Work } from '../contender.ts';
import { type Algebra, centred, costs, type Inputs, unit } from './algebra.ts';
import { positivesOf } from './labels.ts';

export type Formula = <T>(a: Algebra<T>, inputs: Inputs<T>, work: Work) => T;

export const FORMULAS: Readonly<Record<string, Formula>> = {
  ntXent(a, { z0, z1 }, { inputs, options: { temperature = 0.5 } }) {
    const n = inputs.z0.shape[0];
    const u = unit(a, a.stack([z0, z1]));
    const s = a.add(a.scale(a.matmul(u, u, 'right'), 1 / temperature), a.diagonal(2 * n, -1e9));
    const positives = a.total(a.mul(a.rows(u, 0, n), a.rows(u, n, 2 * n)));
    return a.sub(a.scale(a.total(a.logSumExp(s, 1)), 0.5 / n), a.scale(positives, 1 / (n * temperature)));
  },

  supCon(a, views, work) {
    const { temperature = 0.1 } = work.options;
    const { n, share, anchors } = positivesOf(work);
    const u = unit(a, a.stack(Object.values(views)));
    const s = a.add(a.scale(a.matmul(u, u, 'right'), 1 / temperature), a.diagonal(n, -1e9));
    const lse = a.total(a.mul(a.logSumExp(s, 1), a.constant('anchors', n, 1, anchors)));
    return a.scale(a.sub(lse, a.total(a.mul(s, a.constant('share', n, n, share)))), 1 / n);
  },

  infoNCE(a, { query, key, queue }, { inputs, options: { temperature = 0.07 } }) {
    const q = unit(a, query);
    const own = a.scale(a.sum(a.mul(q, unit(a, key)), 1), 1 / temperature);
    const others = a.scale(a.matmul(q, unit(a, queue), 'right'), 1 / temperature);
    const terms = a.sub(a.logSumExp(a.beside([own, others]), 1), own);
    return a.scale(a.total(terms), 1 / inputs.query.shape[0]);
  },

  clip(a, inputs, work) {
    const { logitScale = 1 / 0.07 } = work.options;
    const n = work.inputs.a.shape[0];
    const [u, v] = [unit(a, inputs.a), unit(a, inputs.b)];
    const s = a.scale(a.matmul(u, v, 'right'), logitScale);
    const lse = a.add(a.total(a.logSumExp(s, 1)), a.total(a.logSumExp(s, 0)));
    return a.sub(a.scale(lse, 0.5 / n), a.scale(a.total(a.mul(u, v)), logitScale / n));
  },

  barlowTwins(a, { z0, z1 }, { inputs, options: { lambda = 0.0051, epsilon = 1e-5 } }) {
    const [n, d] = inputs.z0.shape;
    const standard = (z: typeof z0): typeof z0 => {
      const x = centred(a, z, n);
      return a.div(x, a.sqrt(a.shift(a.scale(a.sum(a.square(x), 0), 1 / n), epsilon)));
    };
    const [x, y] = [standard(z0), standard(z1)];
    const off = a.sub(a.scale(a.matmul(x, y, 'left'), 1 / n), a.diagonal(d, 1));
    const onDiagonal = a.shift(a.scale(a.sum(a.mul(x, y), 0), 1 / n), -1);
    return a.add(
      a.scale(a.total(a.square(off)), lambda),
      a.scale(a.total(a.square(onDiagonal)), 1 - lambda), // the diagonal is among the above already
    );
  },

  vicReg(a, { z0, z1 }, { inputs, options }) {
    const { invariance = 25, variance = 25, covariance = 1, epsilon = 1e-4 } = options;
    const [n, d] = inputs.z0.shape;
    const terms = [z0, z1].map((z) => {
      const x = centred(a, z, n);
      const c = a.scale(a.matmul(x, x, 'left'), 1 / (n - 1));
      const spread = a.scale(a.sum(a.square(x), 0), 1 / (n - 1));
      const hinges = a.relu(a.shift(a.scale(a.sqrt(a.shift(spread, epsilon)), -1), 1));
      const off = a.sub(a.total(a.square(c)), a.total(a.square(spread)));
      return a.add(a.scale(a.total(hinges), variance / (2 * d)), a.scale(off, covariance / d));
    });
    const apart = a.scale(a.total(a.square(a.sub(z0, z1))), invariance / (n * d));
    return a.add(apart, a.add(terms[0], terms[1]));
  },

  sinkhorn(a, { scores }, { inputs, options: { epsilon = 0.05, iterations = 3 } }) {
    const [n, k] = inputs.scores.shape;
    return codes(a, scores, n, k, epsilon, iterations);
  },

  swav(a, { prototypes, ...views }, { inputs, options }) {
    const { temperature = 0.1, epsilon = 0.05, iterations = 3 } = options;
    const n = inputs.z0.shape[0];
    const k = inputs.prototypes.shape[0];
    const scores = Object.values(views).map((z) => a.matmul(unit(a, z), prototypes, 'right'));
    const terms = scores.map((s, v) => {
      const q = a.detach(() => codes(a, scores[1 - v], n, k, epsilon, iterations));
      const logits = a.scale(s, 1 / temperature);
      return a.total(a.mul(q, a.sub(logits, a.logSumExp(logits, 1))));
    });
    return a.scale(a.add(terms[0], terms[1]), -0.5 / n);
  },

  entropicOT(a, { x, y }, { inputs, options: { epsilon = 0.05, iterations = 100 } }) {
    const [n, m] = [inputs.x.shape[0], inputs.y.shape[0]];
    const c = costs(a, x, y);
    const potentials = a.detach(() => {
      const s = a.scale(c, -1 / epsilon);
      let [f, g]: (typeof x | undefined)[] = [];
      for (let t = 0; t < iterations; t++) {
        f = a.scale(a.shift(a.logSumExp(g ? a.add(s, g) : s, 1), -Math.log(m)), -1);
        g = a.scale(a.shift(a.logSumExp(a.add(s, f), 0), -Math.log(n)), -1);
      }
      return a.scale(a.stack([f, a.transpose(g as typeof x)] as (typeof x)[]), epsilon);
    });
    const [f, g] = [a.rows(potentials, 0, n), a.rows(potentials, n, n + m)];
    const plan = a.exp(a.scale(a.sub(a.add(f, a.transpose(g)), c), 1 / epsilon));
    const mass = a.scale(a.total(plan), 1 / (n * m));
    const dual = a.add(a.scale(a.total(f), 1 / n), a.scale(a.total(g), 1 / m));
    return a.sub(dual, a.scale(a.shift(mass, -1), epsilon));
  },

  matmul(a, inputs) {
    return a.matmul(inputs.a, inputs.b);
  },
};

/** SwAV's codes as its code has them: columns and rows are divided by their sums in turn. */
function codes<T>(a: Algebra<T>, scores: T, n: number, k: number, epsilon: number, iterations: number): T {
  let q = a.exp(a.scale(a.sub(scores, a.max(scores)), 1 / epsilon));
  for (let t = 0; t < iterations; t++) {
    q = a.div(q, a.scale(a.sum(q, 0), k));
    q = a.div(q, a.scale(a.sum(q, 1), n));
  }
  return a.scale(q, n);
}
