import type { Engine } from '../core/engine.ts';
import type { Tensor } from '../core/tensor.ts';
import { barlow_diagonal } from '../gpu/kernels.generated.ts';
import { makeFeatures, standardBackward } from './features.ts';
import { crossOffDiagonal } from './offDiagonal.ts';
import { launchTerms } from './reduce.ts';

/**
 * sum_d (C_dd - 1)^2 + lambda sum_{d != e} C_de^2 over the cross-correlation C of two views, features standardised.
 * What the off-diagonal pulls comes with the value: the tape keeps it in the tensors that become the gradients.
 */
export function redundancy(
  engine: Engine,
  op: string,
  z0: Tensor,
  z1: Tensor,
  { lambda, epsilon }: { lambda: number; epsilon: number },
): Tensor {
  const [rows, columns] = z0.shape;
  const views = [makeFeatures(engine, op, 'z0', z0, epsilon), makeFeatures(engine, op, 'z1', z1, epsilon)] as const;
  const off = crossOffDiagonal(engine, op, views, 1 / rows, engine.needsGrad(z0, z1));
  const factor = (2 * lambda) / rows;
  const [misses, squares, own] = [0, 1, 2].map(() => engine.scratch(columns, op));
  engine.run(barlow_diagonal, {
    params: { columns, pull: 2 / rows, extra: off.whole ? factor : 0 },
    buffers: { diagonal: off.diagonal, misses, squares, own },
    groups: Math.ceil(columns / 64),
    work: 4 * columns,
  });
  const loss = engine.empty([], op);
  launchTerms(engine, loss, [
    ...off.squares.map((term) => ({ ...term, scale: lambda })),
    ...(off.whole ? [{ of: squares, count: columns, scale: -lambda }] : []),
    { of: misses, count: columns },
  ]);
  for (const storage of [off, misses, squares]) storage.release();
  const result = engine.record(op, [z0, z1], loss, {
    saved: [z0, z1, ...off.pulls],
    release: () => {
      for (const storage of [...views, own]) storage.release();
    },
    backward: (dy, [x0, x1, ...pulls]) => {
      const kept = [x0, x1].map((z, v) => ({ ...views[v], z }));
      return pulls.map((pull, v) => {
        const g = engine.alias(pull, pull.shape, false); // in place: nobody reads what was kept again
        standardBackward(engine, op, kept[v], kept[1 - v], { g, own, factor, dy });
        return g;
      });
    },
  });
  for (const pull of off.pulls) pull.dispose();
  return result;
}
