// npm run accuracy -- [--draws N] [--seed N] [--loss NAME]: every loss on shapes and numbers that no test contains.
// Prints for each the worst error of value (relative to max(|value|, 0.1)) and of gradient (relative to its largest
// entry) against f64, and where it was; fails where one is above 1e-5. Every third draw has views that nearly agree.
import { parseArgs } from 'node:util';
import { createRandom } from '../src/core/random.ts';
import { createEngine, type Engine, type Tensor } from '../src/index.ts';
import type { LossRow } from '../test/losses/row.ts';
import { LOSSES } from '../test/losses.table.ts';
import { type Matrix, matrix } from '../test/reference/matrix.ts';

const BUDGET = 1e-5;
// Below, the error grows with 1 / temperature, and so does the budget of the tests.
const COLDEST = 0.05;

const { values: given } = parseArgs({
  options: {
    draws: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    loss: { type: 'string', multiple: true },
  },
});

interface Worst {
  error: number;
  where: string;
}

/** The second input is the first up to a little noise: a cosine of about 0.999. */
function agreeing([first, noise, ...others]: Matrix[]): Matrix[] {
  const near = first.data.map((x, t) => Math.fround(x + 0.05 * noise.data[t]));
  return [first, matrix(first.rows, first.columns, near), ...others];
}

const largest = (list: ArrayLike<number>): number => Array.from(list).reduce((top, x) => Math.max(top, Math.abs(x)), 0);

async function errorsOf(
  engine: Engine,
  loss: LossRow,
  inputs: readonly Matrix[],
  temperature: number,
): Promise<{ value: number; gradient: number }> {
  const tensors = inputs.map(({ data, rows, columns }) =>
    engine.tensor(Float32Array.from(data), [rows, columns], { requiresGrad: true }),
  );
  const result = loss.run(tensors, temperature);
  result.backward();
  const wanted = loss.reference(inputs, temperature);
  const value = Math.abs((await result.item()) - wanted.value) / Math.max(Math.abs(wanted.value), 0.1);
  let gradient = 0;
  for (const [i, { data }] of wanted.gradients.entries()) {
    const got = await (tensors[i].grad as Tensor).data();
    const apart = largest(Array.from(data, (x, k) => x - got[k]));
    const top = largest(data);
    gradient = Math.max(gradient, top > 0 ? apart / top : apart);
  }
  for (const tensor of [...tensors, result]) tensor.dispose();
  return { value, gradient };
}

const engine = await createEngine();
console.log(`${engine.info.description}; ${given.draws} draws a loss, seed ${given.seed}`);
let above = 0;
for (const [i, loss] of LOSSES.entries()) {
  if (given.loss && !given.loss.some((part) => loss.name.includes(part))) continue;
  const random = createRandom(Number(given.seed), i); // its own, so that one alone draws the same
  const worst: Record<'value' | 'gradient', Worst> = {
    value: { error: 0, where: '' },
    gradient: { error: 0, where: '' },
  };
  for (let draw = 0; draw < Number(given.draws); draw++) {
    const n = 2 + Math.floor(300 * random.uniform() ** 2);
    const d = 2 + Math.floor(250 * random.uniform() ** 2);
    const warm = loss.temperatures.filter((each) => each >= COLDEST);
    const temperature = warm[Math.floor(random.uniform() * warm.length)] ?? loss.temperatures[0];
    const seed = 1000 + Math.floor(1e6 * random.uniform());
    if (loss.accepts && !loss.accepts(n, d)) continue;
    const near = (loss.peaked ?? true) && draw % 3 === 2;
    const drawn = loss.inputs(n, d, 'normal', seed);
    const errors = await errorsOf(engine, loss, near ? agreeing(drawn) : drawn, temperature);
    const where = `[${n}, ${d}], temperature ${temperature}${near ? ', views that nearly agree' : ''}`;
    for (const of of ['value', 'gradient'] as const)
      if (!(errors[of] <= worst[of].error)) worst[of] = { error: errors[of], where };
  }
  const { value, gradient } = worst;
  const bad = !(Math.max(value.error, gradient.error) <= BUDGET);
  if (bad) above++;
  console.log(
    `${bad ? 'ABOVE' : 'ok   '} ${loss.name}: value ${value.error.toExponential(1)} at ${value.where}; gradient ${gradient.error.toExponential(1)} at ${gradient.where}`,
  );
}
console.log(`${above} above ${BUDGET}`);
process.exit(above > 0 ? 1 : 0);
