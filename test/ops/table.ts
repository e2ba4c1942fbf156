import type { Tensor } from '../../src/index.ts';
import * as gramian from '../../src/index.ts';
import type { Shape, Values } from '../cases.ts';
import { VALUES, values } from '../cases.ts';
import { largest } from '../compare.ts';
import type { Numbers, Reference } from '../reference/ops.ts';
import * as reference from '../reference/ops.ts';
import { concatRows, pairReductionRows } from './pairReduction.ts';
import { SECOND_ORDER_OPS } from './secondOrder.ts';

const EPSILON = 2 ** -23;

export interface OpRow {
  readonly name: string;
  /** Inputs of that shape and kind. */
  readonly inputs: (shape: Shape, kind: Values, seed: number) => Numbers[];
  readonly run: (...tensors: Tensor[]) => Tensor;
  readonly reference: Reference;
  /** Allowed error, value and gradient, relative to the largest entry of `magnitude` or else of the reference. */
  readonly budget: (inputs: readonly Numbers[]) => { value: number; gradient: number };
  /** What errors are relative to where terms cancel: the value's and the gradients'. */
  readonly magnitude?: (inputs: readonly Numbers[], dy: Float64Array) => { value: number; gradients: number[] };
  /** Kinds of values that it takes; default: all. */
  readonly kinds?: readonly Values[];
  /** The reference takes a rounding: then no error may be beyond twice that of naive f32. */
  readonly naive?: boolean;
  /** Works on tensors that cannot be bound at once. */
  readonly chunks?: boolean;
}

const one = ({ rows, columns }: Shape, kind: Values, seed: number): Numbers[] => [values(kind, [rows, columns], seed)];

function mapped(f: (x: number) => number) {
  return (shape: Shape, kind: Values, seed: number): Numbers[] =>
    one(shape, kind, seed).map((x) => ({ ...x, data: x.data.map((v) => Math.fround(f(v))) }));
}

const fixed =
  (value: number, gradient = value) =>
  () => ({ value, gradient });
const MODERATE = VALUES.filter((kind) => kind !== 'x1e4');

/** Terms that add up without cancelling: the reference on absolute values. */
function absolute(on: Reference) {
  return (inputs: readonly Numbers[], dy: Float64Array) => {
    const twin = on(inputs.map((x) => ({ ...x, data: x.data.map(Math.abs) })));
    return { value: largest(twin.value.data), gradients: twin.backward(dy.map(Math.abs)).map(largest) };
  };
}

function unary(name: string, run: (x: Tensor) => Tensor, row: Partial<OpRow> & Pick<OpRow, 'reference'>): OpRow {
  return { name, run, inputs: one, budget: fixed(3e-7), chunks: true, ...row };
}

const awayFromZero = (x: number): number => (x < 0 ? x - 0.5 : x + 0.5);

const arithmetic = {
  add: { run: gramian.add, f: (a: number, b: number) => a + b, da: () => 1, db: () => 1 },
  sub: { run: gramian.sub, f: (a: number, b: number) => a - b, da: () => 1, db: () => -1 },
  mul: { run: gramian.mul, f: (a: number, b: number) => a * b, da: (_: number, b: number) => b, db: (a: number) => a },
  div: {
    run: gramian.div,
    f: (a: number, b: number) => a / b,
    da: (_: number, b: number) => 1 / b,
    db: (a: number, b: number) => -a / b ** 2,
  },
};

/** Shapes that stretch in every way, made of a case's extents. */
const PAIRS: Record<string, (shape: Shape) => [number[], number[]]> = {
  equal: ({ rows, columns }) => [
    [rows, columns],
    [rows, columns],
  ],
  row: ({ rows, columns }) => [[rows, columns], [columns]],
  outer: ({ rows, columns }) => [
    [rows, 1],
    [1, columns],
  ],
  'one number': ({ rows, columns }) => [[1], [rows, columns]],
  'four dimensions': ({ rows }) => [
    [2, 1, 3, (rows % 7) + 1],
    [4, 1, (rows % 7) + 1],
  ],
};

function arithmeticRows(): OpRow[] {
  return Object.entries(arithmetic).flatMap(([name, { run, f, da, db }]) => {
    const on = reference.binary(f, da, db);
    const magnitude = absolute(name === 'sub' ? reference.binary(arithmetic.add.f, da, () => 1) : on);
    const rows = Object.entries(PAIRS).map(
      ([how, shapes]): OpRow => ({
        name: `${name}, ${how}`,
        inputs: (shape, kind, seed) => {
          const [a, b] = shapes(shape).map((extents, i) => values(kind, extents, seed + i));
          return [a, name === 'div' ? { ...b, data: b.data.map((x) => Math.fround(awayFromZero(x))) } : b];
        },
        run,
        reference: on,
        budget: fixed(1e-6),
        magnitude,
        chunks: how === 'equal' || how === 'row',
      }),
    );
    const numbersBeside: OpRow[] = [
      unary(`${name}, a number behind`, (x) => run(x, -2.5), {
        reference: reference.unary(
          (x) => f(x, -2.5),
          (x) => da(x, -2.5),
        ),
      }),
      unary(`${name}, a number before`, (x) => run(3, x), {
        reference: reference.unary(
          (x) => f(3, x),
          (x) => db(3, x),
        ),
        inputs: name === 'div' ? mapped(awayFromZero) : one,
      }),
    ];
    return [...rows, ...numbersBeside];
  });
}

function matmulRows(): OpRow[] {
  return [0, 1, 2, 3].map((bits): OpRow => {
    const [transposeA, transposeB] = [(bits & 1) > 0, (bits & 2) > 0];
    const on = reference.matmul(transposeA, transposeB);
    return {
      name: `matmul${transposeA ? ', transposeA' : ''}${transposeB ? ', transposeB' : ''}`,
      inputs: ({ rows, columns, others }, kind, seed) => [
        values(kind, transposeA ? [columns, rows] : [rows, columns], seed),
        values(kind, transposeB ? [others, columns] : [columns, others], seed + 1),
      ],
      run: (a, b) => gramian.matmul(a, b, { transposeA, transposeB }),
      reference: on,
      budget: fixed(2e-6),
      magnitude: absolute(on),
      naive: true,
    };
  });
}

function sumRows(): OpRow[] {
  return [undefined, 0, 1].flatMap((axis) =>
    [false, true].map((average): OpRow => {
      const on = reference.sum(axis, average);
      const run = average ? gramian.mean : gramian.sum;
      const name = `${average ? 'mean' : 'sum'}${axis === undefined ? '' : `, axis ${axis}`}`;
      const magnitude = absolute(on);
      return {
        name,
        inputs: one,
        run: (x) => run(x, axis),
        reference: on,
        budget: fixed(4e-7),
        magnitude,
        naive: true,
        chunks: true,
      };
    }),
  );
}

function norms(x: Numbers): number[] {
  const columns = x.shape.at(-1) ?? 1;
  return Array.from({ length: x.data.length / columns }, (_, i) =>
    Math.hypot(...x.data.subarray(i * columns, (i + 1) * columns)),
  );
}

/** Gradients through rows of length 1 are what is left of a projection: errors are relative to what was projected. */
function projected(on: Reference) {
  return (inputs: readonly Numbers[], dy: Float64Array) => {
    const evaluated = on(inputs.map((x) => reference.normalize([x]).value));
    const gradients = evaluated.backward(dy).map((gradient, i) => {
      const columns = inputs[i].shape[1];
      const lengths = norms(inputs[i]).map((norm) => (norm === 0 ? Number.POSITIVE_INFINITY : Math.max(norm, 1e-12)));
      return largest(gradient.map((g, t) => g / lengths[Math.floor(t / columns)]));
    });
    return { value: largest(evaluated.value.data), gradients };
  };
}

const identity: Reference = ([x]) => ({ value: x, backward: (dy) => [dy] });

function pairInputs(alone: boolean, square: boolean) {
  return ({ rows, columns, others }: Shape, kind: Values, seed: number): Numbers[] =>
    alone
      ? [values(kind, [rows, columns], seed)]
      : [values(kind, [rows, columns], seed), values(kind, [square ? rows : others, columns], seed + 1)];
}

function similarityRows(): OpRow[] {
  return (['cosine', 'dot', 'sqeuclidean'] as const).flatMap((metric) =>
    [false, true].map((alone): OpRow => {
      const scale = -1.75;
      const on = reference.similarity(metric, scale);
      const inner = reference.similarity('dot', scale);
      return {
        name: `similarity, ${metric}${alone ? ', alone' : ''}`,
        inputs: pairInputs(alone, false),
        run: (a, b?: Tensor) => gramian.similarity(a, b, { metric, scale }),
        reference: on,
        budget: fixed(1e-6, 2e-6),
        naive: metric !== 'cosine',
        ...(metric === 'cosine' ? { magnitude: projected(absoluteReference(inner)) } : {}),
        ...(metric === 'dot' ? { magnitude: absolute(on) } : {}),
      };
    }),
  );
}

/** The reference with its value and gradients on absolute numbers. */
function absoluteReference(on: Reference): Reference {
  return (inputs) => {
    const twin = on(inputs.map((x) => ({ ...x, data: x.data.map(Math.abs) })));
    return { value: twin.value, backward: (dy) => twin.backward(dy.map(Math.abs)) };
  };
}

function similarityLogSumExpRows(): OpRow[] {
  return (['cosine', 'dot', 'sqeuclidean'] as const).flatMap((metric) =>
    [false, true].flatMap((alone) =>
      [false, true].map((exclude): OpRow => {
        const scale = metric === 'cosine' ? 8 : metric === 'dot' ? 0.5 : -0.25;
        const on = reference.similarityLogSumExp(metric, scale, exclude);
        return {
          name: `similarityLogSumExp, ${metric}${alone ? ', alone' : ''}${exclude ? ', without self' : ''}`,
          inputs: pairInputs(alone, exclude),
          run: (a, b?: Tensor) =>
            gramian.similarityLogSumExp(a, b, { metric, scale, ...(exclude ? { exclude: 'self' } : {}) }),
          reference: on,
          budget: (inputs) => logitBudget(inputs, metric, scale),
          magnitude: (inputs, dy) => {
            const { value, backward } = on(inputs);
            const positive = dy.map(Math.abs); // terms of both signs cancel
            const cosine = projected(reference.similarityLogSumExp('dot', scale, exclude));
            const gradients =
              metric === 'cosine' ? cosine(inputs, positive).gradients : backward(positive).map(largest);
            const finite = value.data.filter((v) => v > -1e29);
            return { value: Math.max(1, largest(finite)), gradients };
          },
          // Logits of 1e9 keep no digit behind the point: which entry is largest, and with it the gradient, is chance.
          kinds: metric === 'cosine' ? VALUES : MODERATE,
        };
      }),
    ),
  );
}

/** A softmax turns an absolute error of its logits into a relative one of its weights. */
function logitBudget(
  inputs: readonly Numbers[],
  metric: reference.Metric,
  scale: number,
): { value: number; gradient: number } {
  const top = metric === 'cosine' ? 1 : Math.max(...inputs.flatMap(norms)) ** 2 * (metric === 'dot' ? 1 : 4);
  const rounding = EPSILON * Math.abs(scale) * top; // of a logit, which a value near 0 has, too
  return { value: 1e-6 + rounding / 4, gradient: 4e-6 + 4 * rounding };
}

export const OPS: readonly OpRow[] = [
  ...arithmeticRows(),
  unary('neg', gramian.neg, {
    reference: reference.unary(
      (x) => -x,
      () => -1,
    ),
    budget: fixed(0),
  }),
  unary('exp', gramian.exp, {
    reference: reference.unary(Math.exp, (_, y) => y),
    kinds: MODERATE,
    inputs: mapped((x) => x / 4),
    budget: fixed(2e-6),
  }),
  unary('log', gramian.log, {
    reference: reference.unary(Math.log, (x) => 1 / x),
    inputs: mapped((x) => Math.abs(x) + 1e-30),
    budget: fixed(6e-7),
  }),
  unary('sqrt', gramian.sqrt, {
    reference: reference.unary(Math.sqrt, (_, y) => (y === 0 ? 0 : 0.5 / y)),
    inputs: mapped(Math.abs),
    budget: fixed(6e-7),
  }),
  unary('square', gramian.square, {
    reference: reference.unary(
      (x) => x * x,
      (x) => 2 * x,
    ),
  }),
  unary('relu', gramian.relu, {
    reference: reference.unary(
      (x) => Math.max(x, 0),
      (x) => (x > 0 ? 1 : 0),
    ),
    budget: fixed(0),
  }),
  {
    name: 'reshape',
    inputs: one,
    run: (x) => gramian.reshape(x, [x.size]),
    reference: ([x]) => ({ value: reference.numbers([x.data.length], x.data), backward: (dy) => [dy] }),
    budget: fixed(0),
  },
  { name: 'transpose', inputs: one, run: gramian.transpose, reference: reference.transpose, budget: fixed(0) },
  ...sumRows(),
  ...matmulRows(),
  {
    name: 'normalize',
    inputs: one,
    run: gramian.normalize,
    reference: reference.normalize,
    budget: fixed(4e-7, 1e-6),
    magnitude: projected(identity),
    chunks: true,
  },
  ...[0, 1].map(
    (axis): OpRow => ({
      name: `logSumExp, axis ${axis}`,
      inputs: one,
      run: (x) => gramian.logSumExp(x, axis),
      reference: reference.logSumExp(axis),
      budget: fixed(1e-6, 4e-6),
      magnitude: (inputs, dy) => {
        const { value } = reference.logSumExp(axis)(inputs);
        return { value: Math.max(1, largest(value.data)), gradients: [largest(dy)] };
      },
      chunks: axis === 1,
    }),
  ),
  ...similarityRows(),
  ...similarityLogSumExpRows(),
  ...SECOND_ORDER_OPS,
  ...concatRows(),
  ...pairReductionRows(),
];
