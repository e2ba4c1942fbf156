// npm run accuracy -- [--draws N] [--seed N or N..M] [--loss NAME]: every loss, and ops of long sums, on shapes and numbers that no
// test contains.
// Prints for each the worst error of value (relative to max(|value|, 0.1)), of gradient (relative to its largest entry) and
// of the gradient of a live temperature (relative to itself) against f64, and where it was; then what came of each seed. Fails
// where an error is above 1e-5 and above what naive f32 allows: twice its own error, and what WGSL leaves to exp and log.
// Draws are ordinary, or with views that nearly agree, of rows of one direction, at temperatures, t and epsilons far above
// the usual, of huge numbers, or, once for each loss that is linear in its rows, of up to 130,000 of them.
import { parseArgs } from 'node:util';
import { createRandom } from '../src/core/random.ts';
import { createEngine } from '../src/index.ts';
import { allowedAnyway, allowedBeside, type Errors, errorsOf, evaluate, outcomeOf } from '../test/losses/evaluate.ts';
import type { LossRow } from '../test/losses/row.ts';
import { LOSSES } from '../test/losses/table.ts';
import type { LossResult } from '../test/reference/losses/result.ts';
import { lossesInSingle } from '../test/reference/single.ts';
import { table, whole } from './campaign/table.ts';
import { type Draw, drawsOf } from './draws.ts';
import { LONG_SUMS } from './longSums.ts';

const BUDGET = 1e-5;

const { values: given } = parseArgs({
  options: {
    draws: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    loss: { type: 'string', multiple: true },
  },
});
const draws = whole('draws', given.draws);
const [first, last = first] = given.seed.split('..').map((text) => whole('seed', text));
const seeds = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => first + i);

type Of = keyof Errors | 'temperature';
const PARTS: readonly Of[] = ['value', 'gradient', 'temperature'];

interface Met {
  readonly seed: number;
  readonly of: Of;
  readonly error: number;
  /** Of what is allowed. */
  readonly share: number;
  readonly where: string;
}

interface Outcome {
  readonly value: number;
  readonly gradients: readonly ArrayLike<number>[];
  readonly temperature?: number;
}

function errors(got: Outcome, wanted: LossResult): Record<Of, number> {
  const slope = wanted.temperature;
  const temperature =
    slope === undefined ? 0 : Math.abs((got.temperature ?? Number.NaN) - slope) / Math.abs(slope || 1);
  return { ...errorsOf(got, wanted), temperature };
}

/** What naive f32 allows on that draw. */
function beside(naive: LossRow, { inputs, temperature }: Draw, wanted: LossResult): Record<Of, number> {
  const lost = naive.reference(inputs, temperature);
  const slope = errors({ ...outcomeOf(lost), temperature: lost.temperature }, wanted).temperature;
  return { ...allowedBeside(naive, inputs, temperature, wanted), temperature: 2 * slope };
}

async function met(loss: LossRow, naive: LossRow, draw: Draw, seed: number): Promise<Met[]> {
  const { inputs, temperature, kind } = draw;
  const live = loss.live === true && kind !== 'tall';
  const wanted = loss.reference(inputs, temperature);
  const got = errors(await evaluate(engine, loss, inputs, temperature, live), wanted);
  const shareOf = (of: Of, allowed: number): number =>
    got[of] / Math.max(BUDGET, Number.isNaN(allowed) ? Number.POSITIVE_INFINITY : allowed);
  const anyway = { ...allowedAnyway(naive, temperature, wanted), temperature: 0 };
  // The naive version takes longer than all the rest: it is asked where it decides.
  const decides = PARTS.some((of) => (of !== 'temperature' || live) && !(shareOf(of, anyway[of]) <= 1));
  const allowed = decides ? beside(naive, draw, wanted) : anyway;
  const where = `[${inputs[0].rows}, ${inputs[0].columns}], temperature ${temperature}, ${kind}`;
  return PARTS.filter((of) => of !== 'temperature' || live).map((of) => {
    return { seed, of, error: got[of], share: shareOf(of, allowed[of]), where };
  });
}

const single = await lossesInSingle();
const engine = await createEngine();
console.log(`${engine.info.description}; ${draws} draws a loss, seed ${given.seed}`);
const all: (Met & { readonly name: string })[] = [];

const worst = <M extends Met>(list: readonly M[]): M | undefined =>
  list.reduce<M | undefined>((top, each) => (top && each.share <= top.share ? top : each), undefined);
const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

function report(name: string, list: readonly Met[]): void {
  const above = list.filter(({ share }) => !(share <= 1));
  const shown = above.length > 0 ? above : PARTS.flatMap((of) => worst(list.filter((each) => each.of === of)) ?? []);
  const told = shown.map(
    ({ of, error, share, where, seed }) =>
      `${of} ${error.toExponential(1)}, ${percent(share)} of what is allowed, at ${where}, seed ${seed}`,
  );
  console.log(`${above.length > 0 ? 'ABOVE' : 'ok   '} ${name}: ${told.join('; ')}`);
  all.push(...list.map((each) => ({ ...each, name })));
}

const asked = (name: string): boolean => !given.loss || given.loss.some((part) => name.includes(part));
// Loss by loss, all seeds of one after another: their kernels are compiled once.
for (const [i, loss] of LOSSES.entries()) {
  if (!asked(loss.name)) continue;
  const list: Met[] = [];
  for (const seed of seeds) {
    const random = createRandom(seed, i); // its own, so that one alone draws the same
    for (const draw of drawsOf(loss, draws, random)) list.push(...(await met(loss, single[i], draw, seed)));
  }
  report(loss.name, list);
}
for (const sums of LONG_SUMS) {
  if (!asked(sums.name)) continue;
  const list: Met[] = [];
  for (const seed of seeds) {
    const random = createRandom(seed, sums.name.length);
    for (let draw = 0; draw < draws; draw++) {
      const { where, error, naive } = await sums.draw(engine, random);
      list.push({ seed, of: 'value', error, share: error / Math.max(BUDGET, 2 * naive), where });
    }
  }
  report(sums.name, list);
}
const rows = seeds.map((seed) => {
  const own = all.filter((each) => each.seed === seed);
  const top = worst(own);
  const above = own.filter(({ share }) => !(share <= 1)).length;
  return [seed, own.length, above, top ? percent(top.share) : '', top ? `${top.name}: ${top.of}, ${top.where}` : ''];
});
console.log(`\n${table(['seed', 'errors', 'above', 'worst share', 'of'], rows)}\n`);
const passed = rows.filter(([, , above]) => above === 0).length;
console.log(`${passed} of ${seeds.length} seeds without an error above ${BUDGET} and above what naive f32 allows`);
process.exit(passed === seeds.length ? 0 : 1);
