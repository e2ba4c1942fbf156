// npm run numerics: what docs/numerics.md shows. Errors of NT-Xent's gradient, relative to its largest entry in f64, over rows that
// share a direction more and more: of a naive version in f32, and of the kernels on this adapter.
import { createRandom } from '../src/core/random.ts';
import { createEngine } from '../src/index.ts';
import { errorsOf, evaluate, outcomeOf } from '../test/losses/evaluate.ts';
import { LOSSES } from '../test/losses/table.ts';
import { type Matrix, matrix } from '../test/reference/matrix.ts';
import { lossesInSingle } from '../test/reference/single.ts';

const [ROWS, COLUMNS, TEMPERATURE] = [64, 32, 0.5];

/** Two views of rows c + spread e of length about 1, with one c for all and e normal. */
function views(spread: number): Matrix[] {
  const random = createRandom(3);
  const common = Array.from({ length: COLUMNS }, () => random.gaussian());
  const length = Math.hypot(...common);
  return [0, 1].map(() =>
    matrix(
      ROWS,
      COLUMNS,
      Array.from({ length: ROWS * COLUMNS }, (_, t) =>
        Math.fround(common[t % COLUMNS] / length + spread * random.gaussian()),
      ),
    ),
  );
}

const at = LOSSES.findIndex(({ name }) => name === 'ntXent');
const naive = (await lossesInSingle())[at];
const engine = await createEngine();
console.log(`NT-Xent [${ROWS}, ${COLUMNS}], temperature ${TEMPERATURE}, on ${engine.info.description}`);
console.log('spread    naive f32    kernels');
for (const spread of [1, 0.1, 0.01, 0.001, 0.0001]) {
  const inputs = views(spread);
  const wanted = LOSSES[at].reference(inputs, TEMPERATURE);
  const plain = errorsOf(outcomeOf(naive.reference(inputs, TEMPERATURE)), wanted);
  const ours = errorsOf(await evaluate(engine, LOSSES[at], inputs, TEMPERATURE), wanted);
  console.log(`${String(spread).padEnd(10)}${plain.gradient.toExponential(1)}      ${ours.gradient.toExponential(1)}`);
}
engine.destroy();
