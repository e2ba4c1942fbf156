// Losses between two sides, each of which has a direction that all its rows share, or both the same tight clusters: terms
// that all but cancel. Errors are within 1e-5 of the largest entry, or twice those of the naive version in f32.
import { describe, expect, test } from 'vitest';
import { lossesInSingle } from '../reference/single.ts';
import { watchedEngine } from '../watch.ts';
import { allowedBeside, errorsOf, evaluate } from './evaluate.ts';
import { coinciding, sided } from './peculiar.ts';
import { LOSSES } from './table.ts';

const engine = watchedEngine();
const single = await lossesInSingle();
const NAMES = ['clip', 'sigLip', 'infoNCE', 'infoNCE with a queue', 'mocoV3', 'swav'];

describe.each(NAMES)('%s', (name) => {
  const at = LOSSES.findIndex((each) => each.name === name);
  const loss = LOSSES[at];

  test.each([0.001, 0.01, 0.1])('each side within %d of a direction of its own', async (noise) => {
    for (const [n, d, temperature] of [
      [37, 16, 0.1],
      [59, 24, 0.05],
      [90, 100, 0.07],
      [150, 33, 0.5],
    ] as const) {
      // prettier-ignore
      const inputs = sided(loss.inputs(n, d, 'normal', n), noise);
      const wanted = loss.reference(inputs, temperature);
      const { value, gradient } = allowedBeside(single[at], inputs, temperature, wanted);
      for (const live of loss.live ? [false, true] : [false]) {
        const errors = errorsOf(await evaluate(engine(), loss, inputs, temperature, live), wanted);
        const what = `[${n}, ${d}], temperature ${temperature}${live ? ', live' : ''}: error of the`;
        expect(errors.value, `${what} value`).toBeLessThanOrEqual(Math.max(1e-5, value));
        expect(errors.gradient, `${what} gradients`).toBeLessThanOrEqual(Math.max(1e-5, gradient));
      }
    }
  });

  // A queue's rows are there a panel at a time, and their weighted sum is not gathered by differences.
  test.skipIf(name === 'infoNCE with a queue')('tight clusters', async () => {
    for (const [n, d, size, noise, temperature] of [
      [188, 64, 20, 0.003, 0.07],
      [37, 16, 8, 0.001, 0.1],
      [44, 100, 3, 0.003, 0.07],
    ] as const) {
      // prettier-ignore
      const inputs = coinciding(loss, n, d, size, noise);
      const wanted = loss.reference(inputs, temperature);
      const { gradient } = errorsOf(await evaluate(engine(), loss, inputs, temperature), wanted);
      const allowed = allowedBeside(single[at], inputs, temperature, wanted).gradient;
      expect(gradient, `[${n}, ${d}]: error of the gradients`).toBeLessThanOrEqual(Math.max(1e-5, allowed));
    }
  });
});
