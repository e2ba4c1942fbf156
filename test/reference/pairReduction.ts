// A reduction of f(s_ij) over the rows j of b, in plain f64 with its gradient.
import { logSumExp } from './matrix.ts';
import { type Metric, type Numbers, numbers, type Reference, similarity } from './ops.ts';

export interface Pairwise {
  readonly metric: Metric;
  readonly reduce: 'sum' | 'logsumexp';
  readonly f: (s: number, i: number, j: number) => number;
  readonly slope: (s: number, i: number, j: number) => number;
  readonly exclude: boolean;
}

/** d y_i / d s_ij, row-major, and y. */
export function weights(inputs: readonly Numbers[], { metric, reduce, f, slope, exclude }: Pairwise) {
  const s = similarity(metric, 1)(inputs);
  const [n, m] = s.value.shape;
  const y = new Float64Array(n);
  const w = new Float64Array(n * m);
  for (let i = 0; i < n; i++) {
    const uses = (j: number): boolean => !(exclude && j === i);
    const values = Array.from({ length: m }, (_, j) => f(s.value.data[i * m + j], i, j));
    const lse = logSumExp(values, uses);
    y[i] =
      reduce === 'sum'
        ? values.reduce((total, v, j) => total + (uses(j) ? v : 0), 0)
        : lse > -1e29
          ? lse
          : Math.fround(-1e30);
    for (let j = 0; j < m; j++)
      if (uses(j) && !(reduce === 'logsumexp' && values[j] <= -1e30))
        w[i * m + j] = slope(s.value.data[i * m + j], i, j) * (reduce === 'sum' ? 1 : Math.exp(values[j] - lse));
  }
  return { s, y, w, n, m };
}

export function pairReduction(how: Pairwise): Reference {
  return (inputs) => {
    const { s, y, w, n, m } = weights(inputs, how);
    return {
      value: numbers([n], y),
      backward: (dy) => s.backward(w.map((each, t) => each * dy[Math.floor(t / m)])),
    };
  };
}
