// Reverse-mode differentiation of plain f64 matrices: losses whose gradient is long to write are references by their formula alone.

import type { LossResult } from './losses/result.ts';
import { dot, type Matrix, matrix, normalize, row } from './matrix.ts';

/** A matrix, what the result loses by each of its entries, and how that goes on to what it was made of. */
export interface Variable {
  readonly rows: number;
  readonly columns: number;
  readonly data: Float64Array;
  readonly slope: Float64Array;
}

/** Which entries count. */
type Admits = (i: number, j: number) => boolean;

const all: Admits = () => true;

/** Makes variables and remembers them in order, which `result` walks backwards. */
export class Tape {
  private readonly steps: (() => void)[] = [];

  of(m: Matrix): Variable {
    return { ...m, slope: new Float64Array(m.data.length) };
  }

  private made(rows: number, columns: number, data: ArrayLike<number>, back: (y: Variable) => void): Variable {
    const y = this.of(matrix(rows, columns, data));
    this.steps.push(() => back(y));
    return y;
  }

  /** f of each entry, df its derivative in terms of the entry. */
  map(x: Variable, f: (value: number) => number, df: (value: number) => number): Variable {
    return this.made(x.rows, x.columns, x.data.map(f), ({ slope }) => {
      for (let t = 0; t < slope.length; t++) x.slope[t] += slope[t] * df(x.data[t]);
    });
  }

  scale(x: Variable, factor: number): Variable {
    return this.map(
      x,
      (value) => factor * value,
      () => factor,
    );
  }

  /** f of two entries in one place; `b` may be one row or one column, or both, that counts for all. */
  combine(
    a: Variable,
    b: Variable,
    f: (x: number, y: number) => number,
    dx: (x: number, y: number) => number,
    dy: (x: number, y: number) => number,
  ): Variable {
    const place = (t: number): number => {
      const [i, j] = [Math.floor(t / a.columns), t % a.columns];
      return (b.rows === 1 ? 0 : i) * b.columns + (b.columns === 1 ? 0 : j);
    };
    const data = a.data.map((value, t) => f(value, b.data[place(t)]));
    return this.made(a.rows, a.columns, data, ({ slope }) => {
      for (let t = 0; t < slope.length; t++) {
        const at = place(t);
        a.slope[t] += slope[t] * dx(a.data[t], b.data[at]);
        b.slope[at] += slope[t] * dy(a.data[t], b.data[at]);
      }
    });
  }

  add(a: Variable, b: Variable): Variable {
    return this.combine(
      a,
      b,
      (x, y) => x + y,
      () => 1,
      () => 1,
    );
  }

  sub(a: Variable, b: Variable): Variable {
    return this.combine(
      a,
      b,
      (x, y) => x - y,
      () => 1,
      () => -1,
    );
  }

  mul(a: Variable, b: Variable): Variable {
    return this.combine(
      a,
      b,
      (x, y) => x * y,
      (_, y) => y,
      (x) => x,
    );
  }

  div(a: Variable, b: Variable): Variable {
    return this.combine(
      a,
      b,
      (x, y) => x / y,
      (_, y) => 1 / y,
      (x, y) => -x / (y * y),
    );
  }

  /** A B^T */
  products(a: Variable, b: Variable): Variable {
    const [left, right] = [a, b].map((m) => Array.from({ length: m.rows }, (_, i) => row(m, i)));
    const data = new Float64Array(a.rows * b.rows);
    left.forEach((x, i) => {
      right.forEach((y, j) => {
        data[i * b.rows + j] = dot(x, y);
      });
    });
    return this.made(a.rows, b.rows, data, ({ slope }) => {
      for (let i = 0; i < a.rows; i++)
        for (let j = 0; j < b.rows; j++) {
          const s = slope[i * b.rows + j];
          if (s === 0) continue;
          for (let k = 0; k < a.columns; k++) {
            a.slope[i * a.columns + k] += s * right[j][k];
            b.slope[j * a.columns + k] += s * left[i][k];
          }
        }
    });
  }

  transpose(x: Variable): Variable {
    const from = (t: number): number => (t % x.rows) * x.columns + Math.floor(t / x.rows);
    return this.made(
      x.columns,
      x.rows,
      x.data.map((_, t) => x.data[from(t)]),
      ({ slope }) => {
        for (let t = 0; t < slope.length; t++) x.slope[from(t)] += slope[t];
      },
    );
  }

  /** Columns first .. end - 1. */
  columns(x: Variable, first: number, end: number): Variable {
    const width = end - first;
    const from = (t: number): number => Math.floor(t / width) * x.columns + first + (t % width);
    const data = Array.from({ length: x.rows * width }, (_, t) => x.data[from(t)]);
    return this.made(x.rows, width, data, ({ slope }) => {
      for (let t = 0; t < slope.length; t++) x.slope[from(t)] += slope[t];
    });
  }

  /** One below the other. */
  stack(...parts: readonly Variable[]): Variable {
    const data = parts.flatMap((part) => [...part.data]);
    const rows = parts.reduce((total, part) => total + part.rows, 0);
    return this.made(rows, parts[0].columns, data, ({ slope }) => {
      let at = 0;
      for (const part of parts) for (let t = 0; t < part.slope.length; t++) part.slope[t] += slope[at++];
    });
  }

  /** Sums along each row, [N, 1]. */
  rowSums(x: Variable): Variable {
    const data = Array.from({ length: x.rows }, (_, i) => row(x, i).reduce((sum, value) => sum + value, 0));
    return this.made(x.rows, 1, data, ({ slope }) => {
      for (let t = 0; t < x.slope.length; t++) x.slope[t] += slope[Math.floor(t / x.columns)];
    });
  }

  /** The sum of everything, [1, 1]. */
  sum(x: Variable): Variable {
    return this.rowSums(this.transpose(this.rowSums(x)));
  }

  mean(x: Variable): Variable {
    return this.scale(this.sum(x), 1 / x.data.length);
  }

  /** Rows of length 1; a zero row stays, and gets nothing. */
  unit(x: Variable): Variable {
    const { u, back } = normalize(x);
    return this.made(x.rows, x.columns, u.data, ({ slope }) => {
      back(matrix(x.rows, x.columns, slope)).data.forEach((value, t) => {
        x.slope[t] += value;
      });
    });
  }

  /** log sum exp along each row of the entries that count and, as an entry of its own, of `beside`; [N, 1]. */
  logSumExp(x: Variable, admits: Admits = all, beside = Number.NEGATIVE_INFINITY): Variable {
    const tops = new Float64Array(x.rows).fill(beside);
    const sums = new Float64Array(x.rows);
    for (let i = 0; i < x.rows; i++) {
      for (let j = 0; j < x.columns; j++) if (admits(i, j)) tops[i] = Math.max(tops[i], x.data[i * x.columns + j]);
      if (tops[i] === Number.NEGATIVE_INFINITY) continue;
      sums[i] = Math.exp(beside - tops[i]);
      for (let j = 0; j < x.columns; j++) if (admits(i, j)) sums[i] += Math.exp(x.data[i * x.columns + j] - tops[i]);
    }
    const data = tops.map((top, i) => (sums[i] === 0 ? top : top + Math.log(sums[i])));
    return this.made(x.rows, 1, data, ({ slope }) => {
      for (let i = 0; i < x.rows; i++)
        for (let j = 0; j < x.columns; j++)
          if (admits(i, j) && sums[i] > 0)
            x.slope[i * x.columns + j] += (slope[i] * Math.exp(x.data[i * x.columns + j] - tops[i])) / sums[i];
    });
  }

  /** Entries that count as they are, others 0. */
  only(x: Variable, admits: Admits): Variable {
    const counts = (t: number): boolean => admits(Math.floor(t / x.columns), t % x.columns);
    return this.made(
      x.rows,
      x.columns,
      x.data.map((value, t) => (counts(t) ? value : 0)),
      ({ slope }) => {
        for (let t = 0; t < slope.length; t++) if (counts(t)) x.slope[t] += slope[t];
      },
    );
  }

  relu(x: Variable): Variable {
    return this.map(
      x,
      (value) => Math.max(value, 0),
      (value) => (value > 0 ? 1 : 0),
    );
  }

  /** log(1 + e^x) */
  softplus(x: Variable): Variable {
    return this.map(
      x,
      (value) => Math.max(value, 0) + Math.log1p(Math.exp(-Math.abs(value))),
      (value) => 1 / (1 + Math.exp(-value)),
    );
  }

  /** The loss and its gradients by the inputs. */
  result(loss: Variable, inputs: readonly Variable[]): LossResult {
    loss.slope[0] = 1;
    for (const step of this.steps.reverse()) step();
    const gradients = inputs.map(({ rows, columns, slope }) => matrix(rows, columns, slope));
    return { value: loss.data[0], gradients };
  }
}
