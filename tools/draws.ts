// The inputs that tools/accuracy.ts draws for a loss: ordinary ones, and those of each kind that has its own way to lose digits.
import type { Random } from '../src/core/random.ts';
import { agreeing } from '../test/losses/peculiar.ts';
import type { LossRow } from '../test/losses/row.ts';
import { type Matrix, matrix } from '../test/reference/matrix.ts';

// Below, the error grows with 1 / temperature, and so does the budget of the tests.
const COLDEST = 0.05;
const TALLEST = 130_000;

/** How a draw is unlike an ordinary one. */
type Kind = 'ordinary' | 'agreeing' | 'one direction' | 'hot' | 'huge' | 'tall';
const TURNS: readonly Kind[] = ['ordinary', 'one direction', 'agreeing', 'hot', 'huge'];

/** Losses whose work is that of their rows: the only ones that can have very many. */
const LINEAR = /^(byol|simSiam|alignment|vicReg|varianceTerm|covarianceTerm|barlowTwins|clusterLoss|swav)$/;

export interface Draw {
  readonly kind: Kind;
  readonly inputs: readonly Matrix[];
  readonly temperature: number;
}

/** `count` draws of a loss, the kinds in turn, and one of very many rows where it takes them. */
export function* drawsOf(loss: LossRow, count: number, random: Random): Generator<Draw> {
  const kinds = Array.from({ length: count }, (_, draw) => TURNS[draw % TURNS.length]);
  if (LINEAR.test(loss.name)) kinds.push('tall');
  for (const kind of kinds) {
    let draw = null;
    for (let tries = 0; tries < 20 && !draw; tries++) draw = drawn(loss, kind, random); // some shapes a loss does not take
    if (draw) yield { kind, ...draw };
  }
}

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
  const hottest = ({ name }: LossRow): number =>
    /entropicOT|sinkhorn/.test(name) ? 1000 : name === 'alignment' ? 100 : 300;
  const tall = kind === 'tall';
  const n = tall ? Math.floor(TALLEST * (0.5 + 0.5 * random.uniform())) : 2 + Math.floor(300 * random.uniform() ** 2);
  const d = 2 + Math.floor((tall ? 6 : 250) * random.uniform() ** 2);
  const usual = loss.temperatures.filter((each) => each >= COLDEST);
  const one = usual[Math.floor(random.uniform() * usual.length)] ?? loss.temperatures[0];
  const seed = 1000 + Math.floor(1e6 * random.uniform());
  if (loss.accepts && !loss.accepts(n, d)) return null;
  const inputs = loss.inputs(n, d, 'normal', seed);
  switch (kind) {
    case 'agreeing':
      return (loss.peaked ?? true) ? { inputs: agreeing(inputs), temperature: one } : { inputs, temperature: one };
    case 'one direction':
      return { inputs: aligned(inputs, random), temperature: one };
    case 'hot':
      return { inputs, temperature: loss.temperatures.length > 1 ? warm(loss, hottest(loss), random) : one };
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
