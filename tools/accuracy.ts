// npm run accuracy -- [--draws N] [--seed N] [--loss NAME]: every loss, and ops of long sums, on shapes and numbers that no test contains.
// Prints for each the worst error of value (relative to max(|value|, 0.1)), of gradient (relative to its largest entry) and
// of the gradient of a live temperature (relative to itself) against f64, and where it was; fails where one is above 1e-5
// and above what naive f32 allows: twice its own error, and what WGSL leaves to exp and log. Draws are ordinary, or with
// views that nearly agree, of rows of one direction, at temperatures, t and epsilons far above the usual, of huge numbers,
// or, once for each loss that is linear in its rows, of up to 130,000 of them.
import { parseArgs } from 'node:util';
import { createRandom, type Random } from '../src/core/random.ts';
import { createEngine } from '../src/index.ts';
import { allowedBeside, type Errors, errorsOf, evaluate, outcomeOf } from '../test/losses/evaluate.ts';
import { agreeing } from '../test/losses/peculiar.ts';
import type { LossRow } from '../test/losses/row.ts';
import { LOSSES } from '../test/losses.table.ts';
import { type Matrix, matrix } from '../test/reference/matrix.ts';
import { lossesInSingle } from '../test/reference/single.ts';
import { LONG_SUMS } from './longSums.ts';

const BUDGET = 1e-5;
// Below, the error grows with 1 / temperature, and so does the budget of the tests.
const COLDEST = 0.05;
const TALLEST = 130_000;

const { values: given } = parseArgs({
  options: {
    draws: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    loss: { type: 'string', multiple: true },
  },
});

type Of = keyof Errors | 'temperature';
const PARTS: readonly Of[] = ['value', 'gradient', 'temperature'];

interface Worst {
  error: number;
  /** Of what is allowed. */
  share: number;
  where: string;
}

/** How a draw is unlike an ordinary one. */
type Kind = 'ordinary' | 'near' | 'one direction' | 'hot' | 'huge' | 'tall';
const TURNS: readonly Kind[] = ['ordinary', 'one direction', 'near', 'hot', 'huge'];

/** Losses whose work is that of their rows: the only ones that can have very many. */
const LINEAR = /^(byol|simSiam|alignment|vicReg|varianceTerm|covarianceTerm|barlowTwins|clusterLoss|swav)$/;

/** All rows get one direction in common, and keep their lengths; how much of it is drawn. */
function aligned(inputs: readonly Matrix[], random: Random): Matrix[] {
  const size = 10 ** (2 * random.uniform());
  const common = Array.from({ length: Math.max(...inputs.map(({ columns }) => columns)) }, () => random.gaussian());
  return inputs.map(({ rows, columns, data }) => {
    const moved = matrix(
      rows,
      columns,
      data.map((x, t) => x + size * common[t % columns]),
    );
    const length = (of: Float64Array, i: number): number => Math.hypot(...of.subarray(i * columns, (i + 1) * columns));
    const shrink = Array.from({ length: rows }, (_, i) => length(data, i) / length(moved.data, i));
    return matrix(
      rows,
      columns,
      moved.data.map((x, t) => Math.fround(x * shrink[Math.floor(t / columns)])),
    );
  });
}

function scaled(inputs: readonly Matrix[], random: Random): Matrix[] {
  const size = 10 ** (8 * random.uniform());
  return inputs.map(({ rows, columns, data }) =>
    matrix(
      rows,
      columns,
      data.map((x) => Math.fround(size * x)),
    ),
  );
}

/** A temperature, t, or multiple of the cost for epsilon, from the row's first to `most`. */
function warm({ temperatures }: LossRow, most: number, random: Random): number {
  const from = temperatures[0];
  return Math.fround(from * (most / from) ** random.uniform());
}

function drawn(loss: LossRow, kind: Kind, random: Random): { inputs: Matrix[]; temperature: number } | null {
  const transport = /entropicOT|sinkhorn/.test(loss.name);
  const tall = kind === 'tall';
  const n = tall ? Math.floor(TALLEST * (0.5 + 0.5 * random.uniform())) : 2 + Math.floor(300 * random.uniform() ** 2);
  const d = 2 + Math.floor((tall ? 6 : 250) * random.uniform() ** 2);
  const usual = loss.temperatures.filter((each) => each >= COLDEST);
  const one = usual[Math.floor(random.uniform() * usual.length)] ?? loss.temperatures[0];
  const seed = 1000 + Math.floor(1e6 * random.uniform());
  if (loss.accepts && !loss.accepts(n, d)) return null;
  const inputs = loss.inputs(n, d, 'normal', seed);
  switch (kind) {
    case 'near':
      return (loss.peaked ?? true) ? { inputs: agreeing(inputs), temperature: one } : { inputs, temperature: one };
    case 'one direction':
      return { inputs: aligned(inputs, random), temperature: one };
    case 'hot':
      return { inputs, temperature: loss.temperatures.length > 1 ? warm(loss, transport ? 1000 : 300, random) : one };
    case 'huge':
      return loss.invariances.includes('row scale')
        ? { inputs: scaled(inputs, random), temperature: one }
        : { inputs, temperature: one };
    case 'tall':
      return { inputs: tallOf(loss, inputs), temperature: one };
    default:
      return { inputs, temperature: one };
  }
}

/** Of very many rows: no more than a few prototypes, and columns that are no longer than those. */
function tallOf({ name }: LossRow, inputs: readonly Matrix[]): Matrix[] {
  if (name !== 'swav') return [...inputs];
  const [z0, z1, { columns, data }] = inputs;
  return [z0, z1, matrix(3, columns, data.slice(0, 3 * columns))];
}

interface Outcome {
  readonly value: number;
  readonly gradients: readonly ArrayLike<number>[];
  readonly temperature?: number;
}

function errors(got: Outcome, wanted: ReturnType<LossRow['reference']>): Record<Of, number> {
  const slope = wanted.temperature;
  const temperature =
    slope === undefined ? 0 : Math.abs((got.temperature ?? Number.NaN) - slope) / Math.abs(slope || 1);
  return { ...errorsOf(got, wanted), temperature };
}

/** 1e-5, or where naive f32 loses more than half of that, twice what it loses; and what WGSL leaves to exp and log. */
function allowances(row: LossRow, naive: LossRow, inputs: readonly Matrix[], temperature: number): Record<Of, number> {
  const wanted = row.reference(inputs, temperature);
  const lost = naive.reference(inputs, temperature);
  const slope = errors({ ...outcomeOf(lost), temperature: lost.temperature }, wanted).temperature;
  const most = (error: number): number => Math.max(BUDGET, Number.isFinite(error) ? error : Number.POSITIVE_INFINITY);
  const { value, gradient } = allowedBeside(naive, inputs, temperature, wanted);
  return { value: most(value), gradient: most(gradient), temperature: most(2 * slope) };
}

const single = await lossesInSingle();
const engine = await createEngine();
console.log(`${engine.info.description}; ${given.draws} draws a loss, seed ${given.seed}`);
let above = 0;

function report(name: string, worst: Partial<Record<Of, Worst>>): void {
  const bad = Object.values(worst).some(({ share }) => !(share <= 1));
  if (bad) above++;
  const told = Object.entries(worst).map(
    ([of, { error, share, where }]) =>
      `${of} ${error.toExponential(1)}, ${(100 * share).toFixed(0)} % of what is allowed, at ${where}`,
  );
  console.log(`${bad ? 'ABOVE' : 'ok   '} ${name}: ${told.join('; ')}`);
}

const asked = (name: string): boolean => !given.loss || given.loss.some((part) => name.includes(part));
for (const [i, loss] of LOSSES.entries()) {
  if (!asked(loss.name)) continue;
  const random = createRandom(Number(given.seed), i); // its own, so that one alone draws the same
  const worst: Partial<Record<Of, Worst>> = {};
  const draws = Number(given.draws);
  const kinds = Array.from({ length: draws }, (_, draw) => TURNS[draw % TURNS.length]);
  if (LINEAR.test(loss.name)) kinds.push('tall');
  for (const kind of kinds) {
    let draw = null;
    for (let tries = 0; tries < 20 && !draw; tries++) draw = drawn(loss, kind, random); // some shapes a loss does not take
    if (!draw) continue;
    const { inputs, temperature } = draw;
    const live = loss.live === true && kind !== 'tall';
    const wanted = loss.reference(inputs, temperature);
    const got = errors(await evaluate(engine, loss, inputs, temperature, live), wanted);
    const allowed = allowances(loss, single[i], inputs, temperature);
    const where = `[${inputs[0].rows}, ${inputs[0].columns}], temperature ${temperature}, ${kind}`;
    for (const of of PARTS) {
      if (of === 'temperature' && !live) continue;
      const share = got[of] / allowed[of];
      if (!(share <= (worst[of]?.share ?? -1))) worst[of] = { error: got[of], share, where };
    }
  }
  report(loss.name, worst);
}
for (const sums of LONG_SUMS) {
  if (!asked(sums.name)) continue;
  const random = createRandom(Number(given.seed), sums.name.length);
  const worst: Partial<Record<Of, Worst>> = {};
  for (let draw = 0; draw < Number(given.draws); draw++) {
    const { where, error, naive } = await sums.draw(engine, random);
    const share = error / Math.max(BUDGET, 2 * naive);
    if (!(share <= (worst.value?.share ?? -1))) worst.value = { error, share, where };
  }
  report(sums.name, worst);
}
console.log(`${above} above ${BUDGET} and above what naive f32 allows`);
process.exit(above > 0 ? 1 : 0);
