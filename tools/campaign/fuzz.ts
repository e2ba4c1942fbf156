// npm run fuzz -- [--minutes 5] [--seed 1] [--case N] [--only NAME]: losses and ops on odd shapes and numbers against f64, and
// on what they must refuse, until time is up. Every case follows from the seed and its number; one that fails is printed
// with the line that runs it again. Exit code 1 where one did.
import { parseArgs } from 'node:util';
import { createRandom, type Random } from '../../src/core/random.ts';
import * as gramian from '../../src/index.ts';
import { createEngine, type Engine, GramianError, type Tensor } from '../../src/index.ts';
import { VALUES, type Values, values } from '../../test/cases.ts';
import { distance, largest } from '../../test/compare.ts';
import { allowedBeside, errorsOf, evaluate, tensorsOf } from '../../test/losses/evaluate.ts';
import { agreeing, peculiar } from '../../test/losses/peculiar.ts';
import type { LossRow } from '../../test/losses/row.ts';
import { LOSSES } from '../../test/losses/table.ts';
import { OPS, type OpRow } from '../../test/ops/table.ts';
import { lossesInSingle } from '../../test/reference/single.ts';
import { table } from './table.ts';

const BUDGET = 1e-5;
const TINY = 2 ** -118; // terms below 2^-126 may be flushed to zero

const { values: given } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    seed: { type: 'string', default: '1' },
    case: { type: 'string' },
    only: { type: 'string' },
  },
});
const minutes = Number(given.minutes);
const seed = Number(given.seed);
const alone = given.case === undefined ? null : Number(given.case);
if (!(minutes > 0) || !Number.isSafeInteger(seed) || (alone !== null && !Number.isSafeInteger(alone))) {
  console.error('fuzz: expected a number above 0 for --minutes, and integers for --seed and --case.');
  process.exit(2);
}

/** What a case found: a complaint, and how near its worst error came to what is allowed. */
interface Found {
  readonly complaint: string | null;
  readonly share?: number;
}

/** One case, and what it is on. */
interface Case {
  readonly on: string;
  readonly run: () => Promise<Found>;
}

const below = (random: Random, n: number): number => Math.floor(n * random.uniform());
const pick = <T>(random: Random, list: readonly T[]): T => list[below(random, list.length)];
/** Mostly small, now and then large, and often beside the sizes of vectors and tiles. */
function extent(random: Random, most: number): number {
  const size = 1 + Math.floor(most * random.uniform() ** 3);
  return random.uniform() < 0.3 ? Math.max(1, pick(random, [16, 32, 64, 128, 256]) + below(random, 3) - 1) : size;
}

const isSentence = (error: unknown): boolean =>
  error instanceof GramianError && /^[\w.-]+: [^\n]{1,600}[.?]$/.test(error.message);

/** Thrown by the test's own code, which asks a tensor for its shape before the library sees it. */
const ofTheTest = (error: unknown): boolean => {
  const first = (error as Error).stack?.split('\n').find((line) => line.trimStart().startsWith('at '));
  return /[/\\](test|tools)[/\\]/.test(first ?? '');
};

// Right numbers ------------------------------------------------------------------------------------------------------

const single = await lossesInSingle();
const engine = await createEngine({ tune: 'off' });

function lossCase(random: Random): Case {
  const at = below(random, LOSSES.length);
  const loss = LOSSES[at];
  let [n, d] = [extent(random, 200), extent(random, 150)];
  for (let draw = 0; draw < 50 && loss.accepts && !loss.accepts(n, d); draw++)
    [n, d] = [2 + extent(random, 60), 1 + extent(random, 60)];
  const kind = pick(random, loss.kinds ?? (['normal', 'outlier', 'x1e4', 'unit', 'x1e-20'] as const));
  const temperature = pick(random, loss.temperatures);
  const near = kind === 'normal' && loss.peaked === undefined && random.uniform() < 0.2;
  const odd = kind === 'normal' && !near && loss.coincide === true && random.uniform() < 0.2;
  const draw = below(random, 1e6);
  const on = `${loss.name}, [${n}, ${d}], ${kind}${near ? ', views that nearly agree' : odd ? ', peculiar rows' : ''}, ${temperature}`;
  return {
    on,
    run: async () => {
      const drawn = loss.inputs(n, d, kind, draw);
      // Centroids' temperatures and the like stay as they are.
      const inputs = near ? agreeing(drawn) : odd ? drawn.map((x) => (x.columns === d ? peculiar(x) : x)) : drawn;
      const wanted = loss.reference(inputs, temperature);
      const came = await evaluate(engine, loss, inputs, temperature);
      const errors = errorsOf(came, wanted);
      const allowed = allowedBeside(single[at], inputs, temperature, wanted);
      const slack = loss.slack ?? 1;
      const shares = (['value', 'gradient'] as const).map((of) => errors[of] / Math.max(BUDGET * slack, allowed[of]));
      const share = Math.max(...shares);
      const said = `value ${errors.value.toExponential(1)}, gradient ${errors.gradient.toExponential(1)}`;
      return { complaint: share <= 1 ? null : `off by ${said}, ${share.toFixed(1)} of what is allowed`, share };
    },
  };
}

function opCase(random: Random): Case {
  const op: OpRow = pick(random, OPS);
  const shape = { rows: extent(random, 200), columns: extent(random, 150), others: extent(random, 150) };
  const kind: Values = pick(random, op.kinds ?? VALUES);
  const draw = below(random, 1e6);
  return {
    on: `${op.name}, [${shape.rows}, ${shape.columns}] (${shape.others}), ${kind}`,
    run: async () => {
      const inputs = op.inputs(shape, kind, draw);
      const { value, backward } = op.reference(inputs);
      const dy = values('normal', value.shape, draw + 50);
      const tensors = inputs.map((x) => engine.tensor(Float32Array.from(x.data), x.shape, { requiresGrad: true }));
      const [y, loss] = engine.scope(() => {
        const result = op.run(...tensors);
        const weights = engine.tensor(Float32Array.from(dy.data), dy.shape.length > 0 ? dy.shape : [1]);
        return [result, gramian.sum(gramian.mul(result, weights))];
      });
      loss.backward();
      const [came, ...gradients] = await Promise.all([y, ...tensors.map((x) => x.grad as Tensor)].map((x) => x.data()));
      for (const tensor of [...tensors, y, loss]) tensor.dispose();
      const wanted = backward(dy.data);
      const budget = op.budget(inputs);
      const size = op.magnitude?.(inputs, dy.data) ?? { value: largest(value.data), gradients: wanted.map(largest) };
      const share = Math.max(
        distance(came, value.data) / (Math.max(BUDGET, budget.value) * size.value + TINY),
        ...gradients.map(
          (each, i) => distance(each, wanted[i]) / (Math.max(BUDGET, budget.gradient) * size.gradients[i] + TINY),
        ),
      );
      return { complaint: share <= 1 ? null : `${share.toFixed(1)} of what is allowed`, share };
    },
  };
}

// What is no number --------------------------------------------------------------------------------------------------

/** NaN or Infinity somewhere in the inputs of a loss, NaN in those of an op: what comes out is no number either. */
function nonFiniteCase(random: Random): Case {
  const loss = pick(random, LOSSES);
  const value = pick(random, [Number.NaN, Number.POSITIVE_INFINITY]);
  let [n, d] = [4 + below(random, 60), 2 + below(random, 60)];
  while (loss.accepts && !loss.accepts(n, d)) [n, d] = [4 + below(random, 60), 2 + below(random, 60)];
  const draw = below(random, 1e6);
  const [side, place] = [random.uniform(), random.uniform()];
  const temperature = loss.temperatures[0];
  return {
    on: `${loss.name}, [${n}, ${d}] with a ${value}`,
    run: async () => {
      const inputs = loss.inputs(n, d, 'normal', draw);
      // Centroids' temperatures and the like are not the kernels' to judge.
      const rows = inputs.filter(({ columns }) => columns === d);
      const { data } = rows[Math.floor(side * rows.length)];
      data[Math.floor(place * data.length)] = value;
      const came = await attempt(() => {
        const tensors = tensorsOf(engine, inputs);
        return engine.scope(() => loss.run(tensors, temperature));
      });
      if (came.error) return { complaint: isSentence(came.error) ? null : `throws ${came.error.stack}` };
      const [number] = came.numbers;
      if (!Number.isFinite(number)) return { complaint: null };
      // A centroid that is no row's and no negative has no part in it.
      return { complaint: Number.isFinite(loss.reference(inputs, temperature).value) ? null : `gives ${number}` };
    },
  };
}

interface Attempt {
  readonly numbers: readonly number[];
  readonly error: Error | null;
}

/** Runs it, reads what it gave, and frees all that it made. */
async function attempt(fn: () => unknown): Promise<Attempt> {
  try {
    const result = engine.scope(fn) as Tensor | undefined;
    const numbers = [...((await result?.data?.()) ?? [])];
    result?.dispose?.();
    return { numbers, error: null };
  } catch (error) {
    return { numbers: [], error: error as Error };
  }
}

// Bad arguments ------------------------------------------------------------------------------------------------------

let spare: Engine | null = null; // whose tensors are on another device

/** What is nowhere a tensor of these extents. */
const NO_TENSORS: Readonly<Record<string, (like: readonly number[]) => unknown>> = {
  null: () => null,
  'a number': () => 3,
  'a text': () => 'z',
  'an object': () => ({ shape: [2, 2], data: [] }),
  'a typed array': () => new Float32Array(4),
  'nested numbers': () => [[1, 2]],
  'a Promise': () => Promise.resolve(1),
  'a disposed tensor': (like) => {
    const tensor = engine.tensor(new Float32Array(product(like)), [...like]);
    tensor.dispose();
    return tensor;
  },
  'a tensor of integers': (like) => engine.tensor(new Int32Array(product(like)), [...like]),
  'a tensor of three dimensions': () => engine.tensor(new Float32Array(8), [2, 2, 2]),
  'a tensor on another device': (like) => spare?.tensor(new Float32Array(product(like)), [...like]),
};
const product = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);

function badTensorCase(random: Random): Case {
  const loss: LossRow = pick(random, LOSSES);
  let [n, d] = [3 + below(random, 30), 2 + below(random, 30)];
  while (loss.accepts && !loss.accepts(n, d)) [n, d] = [3 + below(random, 30), 2 + below(random, 30)];
  const draw = below(random, 1e6);
  const [what, make] = pick(random, Object.entries(NO_TENSORS));
  const side = random.uniform();
  const temperature = loss.temperatures[0];
  return {
    on: `${loss.name}, [${n}, ${d}] with ${what} for an input`,
    run: async () => {
      const inputs = loss.inputs(n, d, 'normal', draw);
      const at = Math.floor(side * inputs.length);
      const came = await attempt(() => {
        const tensors: unknown[] = tensorsOf(engine, inputs);
        tensors[at] = make([inputs[at].rows, inputs[at].columns]);
        return loss.run(tensors as Tensor[], temperature);
      });
      if (came.error)
        return { complaint: isSentence(came.error) || ofTheTest(came.error) ? null : `throws ${came.error.stack}` };
      // The only input may live on any engine, and weights are multiplied with what mul() takes.
      const fair =
        what === 'a tensor on another device'
          ? inputs.length === 1
          : what === 'a number' && loss.name.includes('its weights');
      return { complaint: fair ? null : `gives ${came.numbers.slice(0, 3)}` };
    },
  };
}

type Option = 'positive' | 'number' | 'word' | 'flag';
const { POSITIVE_INFINITY, NaN: NOT } = Number;
const NO_NUMBERS = [
  NOT,
  POSITIVE_INFINITY,
  -POSITIVE_INFINITY,
  '0.5',
  null,
  {},
  [],
  true,
  2n,
  () => 1,
  1e300,
  new Date(0),
];
const WRONG: Readonly<Record<Option, readonly unknown[]>> = {
  number: NO_NUMBERS,
  positive: [...NO_NUMBERS, -1, -1e-9, 1e-300],
  word: ['papers', '', 3, null, {}, [], true, '__proto__', 'constructor'],
  flag: ['false', 'yes', 0, 1, null, {}, []],
};
const NO_OPTIONS: Readonly<Record<string, () => unknown>> = {
  'a number': () => 3,
  'a text': () => 'x',
  'a boolean': () => true,
  'an array': () => [],
  'a Map': () => new Map([['temperature', 1]]),
  'a Promise': () => Promise.resolve({}),
  'an instance': () => new (class Options {})(),
  'a function': () => () => ({}),
  'a key misspelt': () => ({ temprature: 1 }),
  'a key of Object.prototype': () => ({ hasOwnProperty: 1 }),
  'a key __proto__': () => JSON.parse('{"__proto__": {"temperature": 1}}'),
};

/** Ops of tensors of one shape, with their options. */
type Optional = readonly [tensors: number, options: Readonly<Record<string, Option>>];
const OPTIONS: Readonly<Record<string, Optional>> = {
  ntXent: [2, { temperature: 'positive', convention: 'word' }],
  infoNCE: [2, { temperature: 'positive' }],
  mocoV3: [2, { temperature: 'positive' }],
  alignment: [2, { alpha: 'positive' }],
  barlowTwins: [2, { lambda: 'number', epsilon: 'positive' }],
  vicReg: [
    2,
    { invariance: 'number', variance: 'number', covariance: 'number', epsilon: 'positive', convention: 'word' },
  ],
  clusterLoss: [2, { temperature: 'positive' }],
  clip: [2, { logitScale: 'number' }],
  sigLip: [2, { logitScale: 'number', bias: 'number' }],
  dcl: [2, { temperature: 'positive' }],
  hcl: [2, { temperature: 'positive', beta: 'number', tauPlus: 'number' }],
  uniformity: [1, { t: 'positive' }],
  sinkhorn: [1, { epsilon: 'positive', iterations: 'positive' }],
  sinkhornDivergence: [2, { epsilon: 'positive', iterations: 'positive', tolerance: 'number' }],
  entropicOT: [2, { epsilon: 'positive', iterations: 'positive', tolerance: 'number', rho: 'positive' }],
  similarity: [2, { metric: 'word', scale: 'number' }],
  similarityLogSumExp: [2, { metric: 'word', scale: 'number', exclude: 'word' }],
  nearest: [2, { k: 'positive', metric: 'word', exclude: 'word' }],
  matmul: [2, { transposeA: 'flag', transposeB: 'flag' }],
};
const EXPORTS = new Map<string, unknown>(Object.entries(gramian));
/** What an op wants besides. */
const NEEDED: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  clip: { logitScale: 10 },
  sigLip: { logitScale: 10, bias: -10 },
  sinkhornDivergence: { epsilon: 0.1 },
  entropicOT: { epsilon: 0.1 },
};

function badOptionCase(random: Random): Case {
  const [name, [count, options]] = pick(random, Object.entries(OPTIONS));
  const [n, d] = [3 + below(random, 20), 2 + below(random, 20)];
  const key = pick(random, Object.keys(options));
  const bag = random.uniform() < 0.3;
  const [what, make] = pick(random, Object.entries(NO_OPTIONS));
  const wrong = pick(random, WRONG[options[key]]);
  const value = bag ? make() : wrong;
  const shown = typeof wrong === 'bigint' ? `${wrong}n` : typeof wrong === 'string' ? `'${wrong}'` : String(wrong);
  return {
    on: `${name}, [${n}, ${d}], ${bag ? `${what} for options` : `${key} = ${shown}`}`,
    run: async () => {
      const op = EXPORTS.get(name) as (...args: unknown[]) => unknown;
      const came = await attempt(() => {
        const tensors = Array.from({ length: count }, (_, i) =>
          engine.tensor(Float32Array.from(values('normal', [n, d], i + 1).data), [n, d]),
        );
        return op(...tensors, bag ? value : { ...NEEDED[name], [key]: value });
      });
      if (came.error) return { complaint: isSentence(came.error) ? null : `throws ${came.error.stack}` };
      return { complaint: `gives ${came.numbers.slice(0, 3)}` };
    },
  };
}

// The run ------------------------------------------------------------------------------------------------------------

const KINDS: readonly (readonly [what: string, share: number, make: (random: Random) => Case])[] = [
  ['losses, value and gradient', 0.35, lossCase],
  ['ops, value and gradient', 0.25, opCase],
  ['losses of NaN and Infinity', 0.12, nonFiniteCase],
  ['losses of what is no tensor', 0.13, badTensorCase],
  ['options that are wrong', 0.15, badOptionCase],
];

const stray: unknown[] = [];
process.on('unhandledRejection', (error) => void stray.push(error));
spare = await createEngine({ tune: 'off' });
const until = performance.now() + 6e4 * minutes;
const counts = KINDS.map(() => ({ cases: 0, wrong: 0, share: 0, at: '' }));
const failures: string[] = [];
console.log(`${engine.info.description}; seed ${seed}`);
let number = alone ?? 0;
for (; alone === null ? performance.now() < until : number === alone; number++) {
  const random = createRandom(seed, number);
  let which = 0;
  for (let left = random.uniform(); which < KINDS.length - 1 && left >= KINDS[which][1]; which++)
    left -= KINDS[which][1];
  const made = KINDS[which][2](random);
  if (given.only && !made.on.includes(given.only)) continue;
  let found: Found;
  const before = stray.length;
  try {
    found = await made.run();
  } catch (error) {
    found = { complaint: `throws ${(error as Error).stack}` };
  }
  if (stray.length > before) found = { complaint: `an unhandled rejection: ${stray.at(-1)}` };
  const count = counts[which];
  count.cases++;
  const { complaint, share = 0 } = found;
  if (share > count.share) Object.assign(count, { share, at: made.on });
  if (alone !== null)
    console.log(
      `${made.on}: ${complaint ?? `right${share ? `, ${(100 * share).toFixed(0)} % of what is allowed` : ''}`}`,
    );
  if (!complaint) continue;
  count.wrong++;
  if (failures.length < 40)
    failures.push(`FAILED ${made.on}: ${complaint}\n  npm run fuzz -- --seed ${seed} --case ${number}`);
}

console.log(`${number - (alone ?? 0)} cases\n`);
const rows = KINDS.map(([what], i) => {
  const { cases, wrong, share, at } = counts[i];
  return [what, cases, cases - wrong, wrong, share > 0 ? `${(100 * share).toFixed(0)} % (${at})` : ''];
});
console.log(table(['what', 'cases', 'right', 'wrong', 'worst error, of what is allowed'], rows));
for (const failure of failures) console.log(failure);
process.exit(failures.length > 0 ? 1 : 0);
