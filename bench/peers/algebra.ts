/**
 * What the formulas and the derivatives are written in, so that every library is asked for the same; each maps it to its
 * own best calls. All values are matrices, but for the scalars of `total` and `max`; sums along an axis keep it with
 * length 1, and the four operations stretch such operands.
 */
export interface Algebra<T> {
  /** Numbers known beforehand; made once, and then on the GPU. */
  constant(name: string, rows: number, columns: number, make: () => Float32Array<ArrayBuffer>): T;
  /** [n, n]: `on` on the diagonal, `off` elsewhere. */
  diagonal(n: number, on: number, off?: number): T;
  /** a b, or with one of the two transposed. */
  matmul(a: T, b: T, transposed?: 'left' | 'right'): T;
  transpose(a: T): T;
  add(a: T, b: T): T;
  sub(a: T, b: T): T;
  mul(a: T, b: T): T;
  div(a: T, b: T): T;
  scale(a: T, factor: number): T;
  shift(a: T, term: number): T;
  square(a: T): T;
  sqrt(a: T): T;
  exp(a: T): T;
  log(a: T): T;
  relu(a: T): T;
  /** 1 above 0, else 0; of numbers that are not negative. */
  step(a: T): T;
  inverse(a: T): T;
  /** Axis 0 sums over rows: [1, columns]. */
  sum(a: T, axis: 0 | 1): T;
  /** Any size of entry is right: the maximum is taken off first. */
  logSumExp(a: T, axis: 0 | 1): T;
  total(a: T): T;
  max(a: T): T;
  /** One below the other. */
  stack(parts: readonly T[]): T;
  /** Side by side. */
  beside(parts: readonly T[]): T;
  rows(a: T, first: number, end: number): T;
  /** What `make` returns, as a constant: no gradient flows through it. */
  detach(make: () => T): T;
}

export type Inputs<T> = Readonly<Record<string, T>>;

/** z / |z| by rows. */
export function unit<T>(a: Algebra<T>, z: T): T {
  return a.div(z, a.sqrt(a.sum(a.square(z), 1)));
}

/** z - its mean over the rows. */
export function centred<T>(a: Algebra<T>, z: T, n: number): T {
  return a.sub(z, a.scale(a.sum(z, 0), 1 / n));
}

/** |x_i - y_j|^2 / 2 */
export function costs<T>(a: Algebra<T>, x: T, y: T): T {
  const half = (z: T): T => a.scale(a.sum(a.square(z), 1), 0.5);
  return a.sub(a.add(half(x), a.transpose(half(y))), a.matmul(x, y, 'right'));
}
