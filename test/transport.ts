// What tests of optimal transport share: clouds of points, and where their numbers are read.
import type { Engine, Tensor } from '../src/index.ts';
import { values } from './cases.ts';
import { type Matrix, matrix, row } from './reference/matrix.ts';

export const normal = (n: number, d: number, seed: number): Matrix => matrix(n, d, values('normal', [n, d], seed).data);
export const unit = (n: number, d: number, seed: number): Matrix => matrix(n, d, values('unit', [n, d], seed).data);
export const add = (list: ArrayLike<number>): number => Array.from(list).reduce((a, b) => a + b, 0);

/** Sums over the rows of a matrix. */
export const marginal = (m: Matrix): number[] => Array.from({ length: m.rows }, (_, i) => add(row(m, i)));

export function transportOn(engine: () => Engine) {
  const onGpu = ({ data, rows, columns }: Matrix, requiresGrad = false): Tensor =>
    engine().tensor(Float32Array.from(data), [rows, columns], { requiresGrad });

  /** Runs `fn` in a scope, reads what it returns, and frees it. */
  async function read<T extends Tensor[]>(fn: () => [...T]): Promise<Float32Array[]> {
    const tensors = engine().scope(fn);
    const result = await Promise.all(tensors.map((tensor) => tensor.data()));
    for (const tensor of tensors) tensor.dispose();
    return result;
  }

  /** Tiles, slices and passes as a GPU or a software adapter has them, until disposed. */
  function tiles(software: boolean): Disposable {
    const info = engine().info as { software: boolean };
    const own = info.software;
    info.software = software;
    return {
      [Symbol.dispose]() {
        info.software = own;
      },
    };
  }

  return { onGpu, read, tiles };
}
