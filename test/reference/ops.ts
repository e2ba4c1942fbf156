// Each op in plain f64 with its gradient: what the kernels are measured against, and what documents them. `round` makes
// the naive f32 twin out of it: Math.fround after each addition of a sum.

export interface Numbers {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export interface Evaluated {
  readonly value: Numbers;
  /** Gradients in the order of the inputs. */
  backward(dy: Float64Array): Float64Array[];
}

export type Round = (x: number) => number;
export type Reference = (inputs: readonly Numbers[], round?: Round) => Evaluated;

const exact: Round = (x) => x;

export function numbers(shape: readonly number[], data: ArrayLike<number> | ((i: number) => number)): Numbers {
  if (typeof data !== 'function') return { shape, data: new Float64Array(data) };
  const list = new Float64Array(shape.reduce((a, b) => a * b, 1));
  for (let i = 0; i < list.length; i++) list[i] = data(i);
  return { shape, data: list };
}

/** y = f(x), dx = slope(x, y) dy */
export function unary(f: (x: number) => number, slope: (x: number, y: number) => number): Reference {
  return ([x]) => {
    const value = numbers(x.shape, x.data.map(f));
    return { value, backward: (dy) => [dy.map((d, i) => d * slope(x.data[i], value.data[i]))] };
  };
}

/** Coordinates of `shape`'s element i, used to index `operand` stretched over it. */
function stretched(operand: Numbers, shape: readonly number[], i: number): number {
  let at = 0;
  let stride = 1;
  let rest = i;
  for (let k = 1; k <= shape.length; k++) {
    const extent = shape[shape.length - k];
    const own = operand.shape[operand.shape.length - k] ?? 1;
    if (own > 1) at += (rest % extent) * stride;
    stride *= own;
    rest = Math.floor(rest / extent);
  }
  return at;
}

/** y = f(a, b) with NumPy's stretching; slopes for a and b. */
export function binary(
  f: (a: number, b: number) => number,
  slopeA: (a: number, b: number) => number,
  slopeB: (a: number, b: number) => number,
): Reference {
  return ([a, b]) => {
    const rank = Math.max(a.shape.length, b.shape.length);
    const extent = (x: Numbers, k: number): number => x.shape[k - rank + x.shape.length] ?? 1;
    const shape = Array.from({ length: rank }, (_, k) => Math.max(extent(a, k), extent(b, k)));
    const value = numbers(shape, (i) => f(a.data[stretched(a, shape, i)], b.data[stretched(b, shape, i)]));
    const backward = (dy: Float64Array): Float64Array[] => {
      const [da, db] = [new Float64Array(a.data.length), new Float64Array(b.data.length)];
      dy.forEach((d, i) => {
        const [p, q] = [stretched(a, shape, i), stretched(b, shape, i)];
        da[p] += d * slopeA(a.data[p], b.data[q]);
        db[q] += d * slopeB(a.data[p], b.data[q]);
      });
      return [da, db];
    };
    return { value, backward };
  };
}

export function matmul(transposeA: boolean, transposeB: boolean): Reference {
  return ([a, b], round = exact) => {
    const [m, depth] = transposeA ? [a.shape[1], a.shape[0]] : a.shape;
    const n = transposeB ? b.shape[0] : b.shape[1];
    // a_ik lies at i * rowA + k * stepA, b_kj at k * stepB + j * columnB.
    const [rowA, stepA] = transposeA ? [1, m] : [depth, 1];
    const [stepB, columnB] = transposeB ? [1, depth] : [n, 1];
    const value = numbers([m, n], (t) => {
      const [from, beside] = [Math.floor(t / n) * rowA, (t % n) * columnB];
      let sum = 0;
      for (let k = 0; k < depth; k++) sum = round(sum + round(a.data[from + k * stepA] * b.data[beside + k * stepB]));
      return sum;
    });
    const backward = (dy: Float64Array): Float64Array[] => {
      const [da, db] = [new Float64Array(a.data.length), new Float64Array(b.data.length)];
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n; j++) {
          const g = dy[i * n + j];
          for (let k = 0; k < depth; k++) {
            const p = i * rowA + k * stepA;
            const q = k * stepB + j * columnB;
            da[p] += g * b.data[q];
            db[q] += g * a.data[p];
          }
        }
      return [da, db];
    };
    return { value, backward };
  };
}

export const transpose: Reference = ([x]) => {
  const [rows, columns] = x.shape;
  const turn = (from: Float64Array, n: number, m: number): Float64Array =>
    Float64Array.from({ length: n * m }, (_, t) => from[(t % n) * m + Math.floor(t / n)]);
  return { value: numbers([columns, rows], turn(x.data, rows, columns)), backward: (dy) => [turn(dy, columns, rows)] };
};

/** Where along `axis` (all without one) things lie: outer blocks of reduced times inner numbers. */
function around(
  x: Numbers,
  axis: number | undefined,
): { outer: number; reduced: number; inner: number; shape: number[] } {
  const product = (extents: readonly number[]): number => extents.reduce((a, b) => a * b, 1);
  if (axis === undefined) return { outer: 1, reduced: x.data.length, inner: 1, shape: [] };
  const shape = x.shape.filter((_, k) => k !== axis);
  return {
    outer: product(x.shape.slice(0, axis)),
    reduced: x.shape[axis],
    inner: product(x.shape.slice(axis + 1)),
    shape,
  };
}

export function sum(axis: number | undefined, average: boolean): Reference {
  return ([x], round = exact) => {
    const { outer, reduced, inner, shape } = around(x, axis);
    const scale = average ? 1 / reduced : 1;
    const value = new Float64Array(outer * inner);
    const target = (t: number): number => Math.floor(t / (reduced * inner)) * inner + (t % inner);
    x.data.forEach((entry, t) => {
      value[target(t)] = round(value[target(t)] + entry);
    });
    return {
      value: numbers(
        shape,
        value.map((total) => total * scale),
      ),
      backward: (dy) => [Float64Array.from(x.data, (_, t) => dy[target(t)] * scale)],
    };
  };
}

export function logSumExp(axis: number): Reference {
  return ([x]) => {
    const { outer, reduced, inner, shape } = around(x, axis);
    const target = (t: number): number => Math.floor(t / (reduced * inner)) * inner + (t % inner);
    const top = new Float64Array(outer * inner).fill(Number.NEGATIVE_INFINITY);
    const total = new Float64Array(outer * inner);
    x.data.forEach((entry, t) => {
      top[target(t)] = Math.max(top[target(t)], entry);
    });
    x.data.forEach((entry, t) => {
      total[target(t)] += Math.exp(entry - top[target(t)]);
    });
    const value = numbers(
      shape,
      top.map((m, i) => m + Math.log(total[i])),
    );
    const backward = (dy: Float64Array): Float64Array[] => [
      x.data.map((entry, t) => dy[target(t)] * Math.exp(entry - value.data[target(t)])),
    ];
    return { value, backward };
  };
}

export const normalize: Reference = ([x]) => {
  const [rows, columns] = x.shape;
  const norms = Array.from({ length: rows }, (_, i) => Math.hypot(...x.data.subarray(i * columns, (i + 1) * columns)));
  const value = numbers(x.shape, (t) => x.data[t] / Math.max(norms[Math.floor(t / columns)], 1e-12));
  const backward = (dy: Float64Array): Float64Array[] => {
    const dx = new Float64Array(x.data.length);
    norms.forEach((norm, i) => {
      if (norm === 0) return;
      let radial = 0;
      if (norm > 1e-12) for (let t = i * columns; t < (i + 1) * columns; t++) radial += dy[t] * value.data[t];
      for (let t = i * columns; t < (i + 1) * columns; t++)
        dx[t] = (dy[t] - radial * value.data[t]) / Math.max(norm, 1e-12);
    });
    return [dx];
  };
  return { value, backward };
};

export type Metric = 'cosine' | 'dot' | 'sqeuclidean';

/** scale * s_ij of rows a_i and b_j (b missing: a again). */
export function similarity(metric: Metric, scale: number): Reference {
  return (inputs, round = exact) => {
    const raw = inputs.length === 1 ? [inputs[0], inputs[0]] : inputs;
    const units = metric === 'cosine' ? raw.map((x) => normalize([x])) : null;
    const [a, b] = units ? units.map((unit) => unit.value) : raw;
    const [n, d] = a.shape;
    const m = b.shape[0];
    const apart = metric === 'sqeuclidean';
    const rounded = apart ? (x: number, y: number) => round(x - y) ** 2 : (x: number, y: number) => x * y;
    // Without calls where round rounds nothing: this loop is most of the time that the reference takes.
    const product =
      round === exact
        ? (i: number, j: number): number => {
            let s = 0;
            if (apart) for (let k = 0; k < d; k++) s += (a.data[i + k] - b.data[j + k]) ** 2;
            else for (let k = 0; k < d; k++) s += a.data[i + k] * b.data[j + k];
            return s;
          }
        : (i: number, j: number): number => {
            let s = 0;
            for (let k = 0; k < d; k++) s = round(s + round(rounded(a.data[i + k], b.data[j + k])));
            return s;
          };
    const value = numbers([n, m], (t) => {
      const s = product(Math.floor(t / m) * d, (t % m) * d);
      return s * scale;
    });
    const backward = (dy: Float64Array): Float64Array[] => {
      const [da, db] = [new Float64Array(n * d), new Float64Array(m * d)];
      for (let i = 0; i < n; i++)
        for (let j = 0; j < m; j++) {
          const g = dy[i * m + j] * scale;
          if (g === 0) continue;
          for (let p = i * d, q = j * d; p < (i + 1) * d; p++, q++) {
            const x = a.data[p];
            const y = b.data[q];
            da[p] += apart ? 2 * g * (x - y) : g * y;
            db[q] += apart ? 2 * g * (y - x) : g * x;
          }
        }
      const [ga, gb] = units ? [units[0].backward(da)[0], units[1].backward(db)[0]] : [da, db];
      return inputs.length === 1 ? [ga.map((g, t) => g + gb[t])] : [ga, gb];
    };
    return { value, backward };
  };
}

export function similarityLogSumExp(metric: Metric, scale: number, excludeSelf: boolean): Reference {
  return (inputs) => {
    const s = similarity(metric, scale)(inputs);
    const [n, m] = s.value.shape;
    const skip = (t: number): boolean => excludeSelf && Math.floor(t / m) === t % m;
    const value = numbers([n], (i) => {
      const used = s.value.data.subarray(i * m, (i + 1) * m).filter((_, j) => !skip(i * m + j));
      if (used.length === 0) return Math.fround(-1e30); // the kernels' floor
      const top = used.reduce((x, y) => Math.max(x, y));
      return top + Math.log(used.reduce((total, l) => total + Math.exp(l - top), 0));
    });
    const backward = (dy: Float64Array): Float64Array[] =>
      s.backward(
        s.value.data.map((l, t) => (skip(t) ? 0 : dy[Math.floor(t / m)] * Math.exp(l - value.data[Math.floor(t / m)]))),
      );
    return { value, backward };
  };
}
