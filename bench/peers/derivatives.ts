// The losses as a library's most careful user writes them: value and gradient in closed form, with the fewest products and
// passes over what has to be materialised. A symmetric weight A = G + G^T needs one product, exponentials take a constant
// shift, statistics of features go by the smaller Gram matrix, and transport iterates on scaling vectors.
import type { Work } from '../contender.ts';
import { type Algebra, centred, costs, type Inputs } from './algebra.ts';
import { positivesOf } from './labels.ts';

export type Derivative = <T>(a: Algebra<T>, inputs: Inputs<T>, work: Work) => Record<string, T>;

/** exp(s - 1/tau) is a normal number for all cosines above this temperature; below it a maximum is taken off. */
const LEAST_TEMPERATURE = 0.03;

export const DERIVATIVES: Readonly<Record<string, Derivative>> = {
  ntXent(a, { z0, z1 }, { inputs, options: { temperature = 0.5 } }) {
    const half = inputs.z0.shape[0];
    const n = 2 * half;
    const { u, back } = units(a, a.stack([z0, z1]));
    const { lse, weightedSum } = pairs(a, u, n, temperature);
    const partners = a.stack([a.rows(u, half, n), a.rows(u, 0, half)]);
    const positives = a.total(a.mul(u, partners));
    const dz = back(a.scale(a.sub(weightedSum, a.scale(partners, 2)), 1 / (n * temperature)));
    return {
      value: a.scale(a.sub(a.total(lse), a.scale(positives, 1 / temperature)), 1 / n),
      d_z0: a.rows(dz, 0, half),
      d_z1: a.rows(dz, half, n),
    };
  },

  supCon(a, views, work) {
    const { temperature = 0.1 } = work.options;
    const { n, classes, anchors, inverseCounts, oneHot } = positivesOf(work);
    const names = Object.keys(views);
    const { u, back } = units(a, a.stack(Object.values(views)));
    const counted = a.constant('anchors', n, 1, anchors);
    const { lse, weightedSum } = pairs(a, u, n, temperature, counted);
    const classOf = a.constant('oneHot', n, classes, oneHot);
    const own = a.sub(a.matmul(classOf, a.matmul(classOf, u, 'left')), u);
    const means = a.mul(own, a.constant('inverseCounts', n, 1, inverseCounts)); // of the positives, without n x n
    const dz = back(a.scale(a.sub(weightedSum, a.scale(means, 2)), 1 / (n * temperature)));
    const agreement = a.scale(a.total(a.mul(u, means)), 1 / temperature);
    const value = a.scale(a.sub(a.total(a.mul(lse, counted)), agreement), 1 / n);
    const rows = n / names.length;
    return {
      value,
      ...Object.fromEntries(names.map((name, v) => [`d_${name}`, a.rows(dz, v * rows, (v + 1) * rows)])),
    };
  },

  infoNCE(a, inputs, work) {
    const { temperature = 0.07 } = work.options;
    const n = work.inputs.query.shape[0];
    const { u: q, back } = units(a, inputs.query);
    const [key, queue] = [units(a, inputs.key).u, units(a, inputs.queue).u];
    const scaled = a.scale(q, 1 / temperature);
    const own = a.sum(a.mul(scaled, key), 1);
    const s = a.matmul(scaled, queue, 'right');
    const shift = -1 / temperature;
    const running = temperature < LEAST_TEMPERATURE;
    const top = running ? a.logSumExp(a.beside([own, a.logSumExp(s, 1)]), 1) : null;
    const [e0, e] = [own, s].map((x) => a.exp(top ? a.sub(x, top) : a.shift(x, shift)));
    const z = a.add(e0, a.sum(e, 1));
    const lse = top ? a.add(top, a.log(z)) : a.shift(a.log(z), -shift);
    const share = a.inverse(z);
    const gathered = a.mul(a.matmul(e, queue), share);
    const dq = a.add(gathered, a.mul(key, a.shift(a.mul(e0, share), -1)));
    return {
      value: a.scale(a.total(a.sub(lse, own)), 1 / n),
      d_query: back(a.scale(dq, 1 / (n * temperature))),
    };
  },

  clip(a, inputs, work) {
    const { logitScale = 1 / 0.07 } = work.options;
    const n = work.inputs.a.shape[0];
    const [left, right] = [units(a, inputs.a), units(a, inputs.b)];
    const [u, v] = [left.u, right.u];
    const scaled = a.scale(u, logitScale);
    const s = a.matmul(scaled, v, 'right');
    let weights: typeof s;
    let lse: typeof s;
    if (1 / logitScale >= LEAST_TEMPERATURE) {
      const e = a.exp(a.shift(s, -logitScale));
      const [byRow, byColumn] = [a.sum(e, 1), a.sum(e, 0)];
      weights = a.mul(e, a.add(a.inverse(byRow), a.inverse(byColumn)));
      lse = a.shift(a.add(a.total(a.log(byRow)), a.total(a.log(byColumn))), 2 * n * logitScale);
    } else {
      const [byRow, byColumn] = [a.logSumExp(s, 1), a.logSumExp(s, 0)];
      weights = a.add(a.exp(a.sub(s, byRow)), a.exp(a.sub(s, byColumn)));
      lse = a.add(a.total(byRow), a.total(byColumn));
    }
    const gradient = (product: typeof s, partner: typeof s): typeof s =>
      a.scale(a.sub(product, a.scale(partner, 2)), logitScale / (2 * n));
    return {
      value: a.scale(a.sub(lse, a.scale(a.total(a.mul(scaled, v)), 2)), 0.5 / n),
      d_a: left.back(gradient(a.matmul(weights, v), v)),
      d_b: right.back(gradient(a.matmul(weights, u, 'left'), u)),
    };
  },

  barlowTwins(a, { z0, z1 }, { inputs, options: { lambda = 0.0051, epsilon = 1e-5 } }) {
    const [n, d] = inputs.z0.shape;
    const standard = (z: typeof z0) => {
      const c = centred(a, z, n);
      const inverse = a.inverse(a.sqrt(a.shift(a.scale(a.sum(a.square(c), 0), 1 / n), epsilon)));
      const x = a.mul(c, inverse);
      const back = (dx: typeof z0): typeof z0 => {
        const along = a.mul(x, a.scale(a.sum(a.mul(dx, x), 0), 1 / n));
        return a.mul(a.sub(centred(a, dx, n), along), inverse);
      };
      return { x, back };
    };
    const [left, right] = [standard(z0), standard(z1)];
    const [x, y] = [left.x, right.x];
    const diagonal = a.scale(a.sum(a.mul(x, y), 0), 1 / n);
    const g = a.scale(a.shift(a.scale(diagonal, 2 - 2 * lambda), -2), 1 / n);
    let squares: typeof x;
    let gradients: readonly [typeof x, typeof x];
    if (n < d) {
      const [k0, k1] = [x, y].map((each) => a.matmul(each, each, 'right'));
      squares = a.scale(a.total(a.mul(k0, k1)), 1 / n ** 2);
      gradients = [a.matmul(k1, x), a.matmul(k0, y)];
    } else {
      const c = a.matmul(x, y, 'left'); // n C
      squares = a.scale(a.total(a.square(c)), 1 / n ** 2);
      gradients = [a.matmul(y, c, 'right'), a.matmul(x, c)];
    }
    const off = a.scale(a.sub(squares, a.total(a.square(diagonal))), lambda);
    const [dx, dy] = gradients.map((gradient, v) =>
      a.add(a.scale(gradient, (2 * lambda) / n ** 2), a.mul([y, x][v], g)),
    );
    return {
      value: a.add(a.total(a.square(a.shift(diagonal, -1))), off),
      d_z0: left.back(dx),
      d_z1: right.back(dy),
    };
  },

  vicReg(a, { z0, z1 }, { inputs, options }) {
    const { invariance = 25, variance = 25, covariance = 1, epsilon = 1e-4 } = options;
    const [n, d] = inputs.z0.shape;
    const apart = a.sub(z0, z1);
    const sides = [z0, z1].map((z, v) => {
      const x = centred(a, z, n);
      const spread = a.scale(a.sum(a.square(x), 0), 1 / (n - 1));
      const s = a.sqrt(a.shift(spread, epsilon));
      const hinges = a.relu(a.shift(a.scale(s, -1), 1));
      const k = n < d ? a.matmul(x, x, 'right') : a.matmul(x, x, 'left');
      const product = n < d ? a.matmul(k, x) : a.matmul(x, k);
      const off = a.sub(a.scale(a.total(a.square(k)), 1 / (n - 1) ** 2), a.total(a.square(spread)));
      const perFeature = a.add(
        a.scale(spread, (4 * covariance) / (d * (n - 1))),
        a.scale(a.div(a.step(hinges), s), variance / (2 * d * (n - 1))),
      );
      const along = a.sub(a.scale(product, (4 * covariance) / (d * (n - 1) ** 2)), a.mul(x, perFeature));
      return {
        value: a.add(a.scale(a.total(hinges), variance / (2 * d)), a.scale(off, covariance / d)),
        gradient: a.add(along, a.scale(apart, ((v === 0 ? 2 : -2) * invariance) / (n * d))),
      };
    });
    const distance = a.scale(a.total(a.square(apart)), invariance / (n * d));
    return {
      value: a.add(distance, a.add(sides[0].value, sides[1].value)),
      d_z0: sides[0].gradient,
      d_z1: sides[1].gradient,
    };
  },

  sinkhorn(a, { scores }, { inputs, options: { epsilon = 0.05, iterations = 3 } }) {
    const [n, k] = inputs.scores.shape;
    return { value: codes(a, scores, n, k, epsilon, iterations) };
  },

  swav(a, { prototypes, ...views }, { inputs, options }) {
    const { temperature = 0.1, epsilon = 0.05, iterations = 3 } = options;
    const n = inputs.z0.shape[0];
    const k = inputs.prototypes.shape[0];
    const sides = Object.entries(views).map(([name, z]) => {
      const { u, back } = units(a, z);
      const s = a.matmul(u, prototypes, 'right');
      return { name, u, back, s, q: codes(a, s, n, k, epsilon, iterations) };
    });
    const results = sides.map(({ name, u, back, s }, v) => {
      const { q } = sides[1 - v];
      const e = a.exp(a.scale(a.sub(s, a.max(s)), 1 / temperature));
      const z = a.sum(e, 1);
      const g = a.sub(a.div(e, z), q);
      // Rows of the codes sum to 1, so that the maximum may be added back to each row's log.
      const lse = a.add(a.total(a.log(z)), a.scale(a.max(s), n / temperature));
      return {
        value: a.sub(lse, a.scale(a.total(a.mul(q, s)), 1 / temperature)),
        name,
        dz: back(a.scale(a.matmul(g, prototypes), 1 / (2 * n * temperature))),
        dc: a.matmul(g, u, 'left'),
      };
    });
    return {
      value: a.scale(a.add(results[0].value, results[1].value), 0.5 / n),
      ...Object.fromEntries(results.map(({ name, dz }) => [`d_${name}`, dz])),
      d_prototypes: a.scale(a.add(results[0].dc, results[1].dc), 1 / (2 * n * temperature)),
    };
  },

  entropicOT(a, { x, y }, { inputs, options: { epsilon = 0.05, iterations = 100 } }) {
    const [n, m] = [inputs.x.shape[0], inputs.y.shape[0]];
    const s = a.scale(costs(a, x, y), -1 / epsilon);
    // The first pair of updates is done in logarithms, and its potentials stay in the matrix: what scaling vectors
    // still have to move is within f32's exponents.
    const f = a.scale(a.shift(a.logSumExp(s, 1), -Math.log(m)), -1);
    const rowwise = a.add(s, f);
    const g = a.scale(a.shift(a.logSumExp(rowwise, 0), -Math.log(n)), -1);
    const e = a.exp(a.add(rowwise, g));
    let [u, w]: (typeof x | undefined)[] = [];
    for (let t = 1; t < iterations; t++) {
      u = a.inverse(a.scale(w ? a.matmul(e, w) : a.sum(e, 1), 1 / m)); // [n, 1]
      w = a.inverse(a.scale(a.matmul(e, u, 'left'), 1 / n)); // [m, 1]
    }
    const logs = (first: typeof x, factor: typeof x | undefined): typeof x =>
      factor ? a.add(first, a.log(factor)) : first;
    const potentials = [
      a.scale(a.total(logs(f, u)), epsilon / n),
      a.scale(a.total(logs(a.transpose(g), w)), epsilon / m),
    ];
    // P = diag(u) E diag(w) / (n m), of which only products are needed; columns are exact, and so is the mass.
    const withU = (z: typeof x): typeof x => (u ? a.mul(z, u) : z);
    const withW = (z: typeof x): typeof x => (w ? a.mul(z, w) : z);
    const rowMass = withU(w ? a.matmul(e, w) : a.sum(e, 1));
    const toX = a.sub(a.mul(x, rowMass), withU(a.matmul(e, withW(y))));
    const toY = a.sub(a.scale(y, n), withW(a.matmul(e, withU(x), 'left')));
    return {
      value: a.add(potentials[0], potentials[1]),
      d_x: a.scale(toX, 1 / (n * m)),
      d_y: a.scale(toY, 1 / (n * m)),
    };
  },

  matmul(a, inputs) {
    return { value: a.matmul(inputs.a, inputs.b) };
  },
};

/** Unit rows, and a gradient's way back through the normalisation. */
function units<T>(a: Algebra<T>, z: T): { u: T; back: (du: T) => T } {
  const inverse = a.inverse(a.sqrt(a.sum(a.square(z), 1)));
  const u = a.mul(z, inverse);
  return { u, back: (du) => a.mul(a.sub(du, a.mul(u, a.sum(a.mul(du, u), 1))), inverse) };
}

/**
 * Row i against all other rows j: log sum_j exp(u_i.u_j / tau), and sum_j (h_i P_ij + h_j P_ji) u_j. The exponentials are
 * symmetric, so that the second needs no transpose: e_ij (h_i / Z_i + h_j / Z_j).
 */
function pairs<T>(a: Algebra<T>, u: T, n: number, tau: number, h?: T): { lse: T; weightedSum: T } {
  const v = a.scale(u, Math.sqrt(1 / tau));
  const s = a.matmul(v, v, 'right');
  if (tau >= LEAST_TEMPERATURE) {
    const e = a.exp(a.add(s, a.diagonal(n, -1e9, -1 / tau)));
    const z = a.sum(e, 1);
    const share = h ? a.div(h, z) : a.inverse(z);
    const weights = a.mul(e, a.add(share, a.transpose(share)));
    return { lse: a.shift(a.log(z), 1 / tau), weightedSum: a.matmul(weights, u) };
  }
  const masked = a.add(s, a.diagonal(n, -1e9));
  const lse = a.logSumExp(masked, 1);
  const weigh = (by: T, side: T | undefined): T => {
    const p = a.exp(a.sub(masked, by));
    return side ? a.mul(p, side) : p;
  };
  const weights = a.add(weigh(lse, h), weigh(a.transpose(lse), h && a.transpose(h)));
  return { lse, weightedSum: a.matmul(weights, u) };
}

/** SwAV's codes by scaling vectors: one exponential of the matrix, then it is only multiplied with vectors. */
function codes<T>(a: Algebra<T>, scores: T, n: number, k: number, epsilon: number, iterations: number): T {
  const e = a.exp(a.scale(a.sub(scores, a.max(scores)), 1 / epsilon));
  let v: T | undefined;
  let u: T | undefined;
  for (let t = 0; t < iterations; t++) {
    u = a.inverse(a.scale(v ? a.matmul(v, e, 'left') : a.sum(e, 0), k)); // [1, k]
    v = a.inverse(a.scale(a.matmul(e, u, 'right'), n)); // [n, 1]
  }
  return u && v ? a.mul(a.mul(e, u), a.scale(v, n)) : a.scale(e, n);
}
