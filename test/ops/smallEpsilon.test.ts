// entropicOT with an epsilon far below the costs: factors of the plan have exponents that f32 has no integers for.
import { expect, test } from 'vitest';
import { entropicOT } from '../../src/index.ts';
import { values } from '../cases.ts';
import { expectClose } from '../compare.ts';
import { type Matrix, matrix, row } from '../reference/matrix.ts';
import { watchedEngine, withBindingLimit } from '../watch.ts';

const engine = watchedEngine();
const ITERATIONS = 20;
const mean = (list: ArrayLike<number>): number => Array.from(list).reduce((a, b) => a + b, 0) / list.length;

/** The dual value after so many iterations, in log-domain form and f64: epsilon may be as small as wanted. */
function dual(x: Matrix, y: Matrix, epsilon: number): number {
  const [f, g] = [new Float64Array(x.rows), new Float64Array(y.rows)];
  const update = (own: Float64Array, other: Float64Array, a: Matrix, b: Matrix): void =>
    own.forEach((_, i) => {
      const left = Array.from(other, (v, j) => v - 0.5 * Math.hypot(...row(a, i).map((s, t) => s - row(b, j)[t])) ** 2);
      const top = Math.max(...left);
      own[i] = -top - epsilon * Math.log(mean(left.map((v) => Math.exp((v - top) / epsilon))));
    });
  for (let t = 0; t < ITERATIONS; t++) {
    update(f, g, x, y);
    update(g, f, y, x);
  }
  return mean(f) + mean(g);
}

test.each([0.5, 1e-6, 1e-8, 1e-10, 1e-13])(
  'epsilon %d: as f64, costs kept or anew, and as a GPU has them',
  async (epsilon) => {
    const [x, y] = [60, 61].map((n, i) => matrix(n, 4, values('normal', [n, 4], i + 1).data));
    const wanted = dual(x, y, epsilon);
    const info = engine().info as { software: boolean };
    const own = info.software;
    for (const software of [true, false]) {
      info.software = software;
      try {
        for (const limit of [2 ** 27, 8192])
          await withBindingLimit(engine(), limit, async () => {
            const value = await engine().scope(() => {
              const [a, b] = [x, y].map(({ data, rows }) => engine().tensor(Float32Array.from(data), [rows, 4]));
              return entropicOT(a, b, { epsilon, iterations: ITERATIONS }).value;
            });
            expectClose(`value, ${software ? 'software' : 'GPU'} tiles`, [await value.item()], [wanted], 1e-5 * wanted);
            value.dispose();
          });
      } finally {
        info.software = own;
      }
    }
    expect(wanted).toBeGreaterThan(0.1);
  },
);
