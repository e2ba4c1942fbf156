import * as check from './core/checkTensor.ts';
import { createRandom } from './core/random.ts';
import type { Tensor } from './core/tensor.ts';
import type { Engine } from './engine/engine.ts';
import { barlowTwins } from './losses/barlowTwins.ts';
import { clip } from './losses/clip.ts';
import { infoNCE } from './losses/infoNCE.ts';
import { ntXent } from './losses/ntXent.ts';
import { supCon } from './losses/supCon.ts';
import { vicReg } from './losses/vicReg.ts';
import { matmul } from './ops/matmul.ts';

export interface StandardWorkOptions {
  /** Rows a view. Default [256, 1024]. */
  rows?: readonly number[];
  /** Length of an embedding. Default [128]. */
  columns?: readonly number[];
}

/**
 * Loss and gradient at usual sizes, for `engine.tune`: `await engine.tune(standardWork(engine))`. Whoever knows the sizes
 * of his own work measures that instead.
 */
export function standardWork(engine: Engine, options?: StandardWorkOptions): (() => void)[] {
  const op = 'standardWork';
  check.context(op, engine);
  const { rows, columns } = check.options(op, options, {
    rows: [256, 1024] as readonly number[],
    columns: [128] as readonly number[],
  });
  for (const [name, list] of Object.entries({ rows, columns })) check.integers(op, name, list, 2, 2 ** 20);
  const views = (n: number, d: number): [Tensor, Tensor] => [normal(engine, n, d, 1), normal(engine, n, d, 2)];
  const queue = (n: number, d: number): Tensor => normal(engine, 8 * n, d, 3);
  const labels = (n: number): Int32Array => Int32Array.from({ length: n }, (_, i) => i % 10);
  const sizes = rows.flatMap((n) => columns.map((d) => [n, d] as const));
  return sizes.flatMap(([n, d]) => [
    () => ntXent(...views(n, d)).backward(),
    () => supCon(views(n, d), labels(n)).backward(),
    () => infoNCE(...views(n, d), { queue: queue(n, d) }).backward(),
    () => clip(...views(n, d), { logitScale: 10 }).backward(),
    () => barlowTwins(...views(n, 4 * d)).backward(),
    () => vicReg(...views(n, 4 * d)).backward(),
    () => void matmul(...views(n, n)),
  ]);
}

function normal(engine: Engine, rows: number, columns: number, seed: number): Tensor {
  const random = createRandom(seed);
  const numbers = Float32Array.from({ length: rows * columns }, () => random.gaussian());
  return engine.tensor(numbers, [rows, columns], { requiresGrad: true });
}
