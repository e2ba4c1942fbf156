import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { copyInto } from '../core/fills.ts';
import { Tensor } from '../core/tensor.ts';
import type { KernelPart, KernelSource, Tuning } from '../gpu/kernel.ts';
import { pair_row_pass, pair_sum, pair_weights, row_lse } from '../gpu/kernels.generated.ts';
import { gradientInPanels } from '../launch/panels.ts';
import { featuresOf, METRICS, type Metric, makePoints, type Points } from '../launch/points.ts';
import { launchSum } from '../launch/reduce.ts';
import { EMPTY, launchRowPass, SKIP, sliceWidth } from '../launch/rowPass.ts';
import { tileOf } from '../launch/tile.ts';
import { checkLabelTensor, type Labels } from './labels.ts';

export interface PairReductionOptions {
  /** What the score s is: `'cosine'` (default; rows are normalised inside), `'dot'`, or `'sqeuclidean'`: +|a_i - b_j|^2. */
  metric?: Metric;
  /** f, one WGSL expression of type f32 in `s`, `label_i`, `label_j` (i32) and the names of `parameters`: `'exp(s / tau)'`. */
  value: string;
  /** df/ds, in the same names: `'exp(s / tau) / tau'`. */
  derivative: string;
  /** `'sum'`: sum_j f. `'logsumexp'`: log sum_j exp(f), where an f of -1e30 or less does not count. */
  reduce: 'sum' | 'logsumexp';
  /** `'self'`: leaves out j = i. */
  exclude?: 'self';
  /** One integer a row of a (and of b, where there is b): Int32Arrays, or tensors of i32 or u32. */
  labels?: { a: Labels; b?: Labels };
  /** Numbers, or one-element Tensors, by the names that the expressions use; no gradient flows to them. */
  parameters?: Readonly<Record<string, number | Tensor>>;
}

const MOST_PARAMETERS = 16;
const EXPRESSION = 'kernels/pairs/pair_expression.wgsl';
const TAKEN = ['s', 'label_i', 'label_j', 'numbers', 'labels'];

/**
 * A reduction of your own over all pairs: f(s_ij) summed (or log-sum-exp'd) over the rows j of `b` for every row i of `a`, in
 * the tiles that the losses run in. The matrix of scores is never stored; memory stays linear in N and M.
 *
 * The two expressions enter a shader, so they are trusted as code is: never take them from a stranger. One that does not
 * compile rejects the next read, with its place in the expression.
 * @param a [N, D]
 * @param b [M, D]; without it, `a` against itself
 * @returns [N]; gradients flow to a and b. A row without any j is 0 (`'sum'`) or -1e30 (`'logsumexp'`), with gradient 0
 */
export function pairReduction(a: Tensor, b: Tensor | undefined, options: PairReductionOptions): Tensor {
  const op = 'pairReduction';
  const alone = b === undefined;
  const context = check.contextOf(op, alone ? { a } : { a, b });
  const given = check.options(op, options, {
    metric: 'cosine' as Metric,
    value: undefined as string | undefined,
    derivative: undefined as string | undefined,
    reduce: undefined as 'sum' | 'logsumexp' | undefined,
    exclude: undefined as 'self' | undefined,
    labels: undefined as PairReductionOptions['labels'],
    parameters: {} as NonNullable<PairReductionOptions['parameters']>,
  });
  check.oneOf(op, 'metric', given.metric, METRICS);
  const reduce = check.oneOf(op, 'reduce', given.reduce, ['sum', 'logsumexp']);
  if (given.exclude !== undefined) check.oneOf(op, 'exclude', given.exclude, ['self']);
  const value = checkExpression(op, 'value', given.value);
  const derivative = checkExpression(op, 'derivative', given.derivative);
  checkParameters(op, given.parameters);
  const [n] = check.matrix(op, 'a', a);
  if (!alone) check.sameColumns(op, 'a', a, 'b', b);
  const m = (b ?? a).shape[0];
  if (given.exclude && m !== n)
    check.fail(op, `b has ${m} rows, expected ${n} to match a, since exclude = "self" pairs them.`);
  const ofRows = labelsOf(op, context, given.labels, n, m, alone);

  return reducePairs(op, context, { a, b }, { ...given, reduce, value, derivative, labels: ofRows });
}

/** What `pairReduction` checked, and what losses made of it know to be right. */
export interface PairTerms {
  readonly metric: Metric;
  readonly value: string;
  readonly derivative: string;
  readonly reduce: 'sum' | 'logsumexp';
  readonly exclude?: 'self';
  /** Of the rows of a and, where there is one, of b, i32: [N] or [N + M]; disposed of with the result. */
  readonly labels: Tensor | null;
  readonly parameters: Readonly<Record<string, number | Tensor>>;
}

/** The same for a loss under its own name, its sides by the caller's: `b` undefined means a against itself. */
export function reducePairs(
  op: string,
  context: Context,
  sides: Readonly<Record<string, Tensor | undefined>>,
  { metric, value, derivative, reduce, exclude, labels: ofRows, parameters }: PairTerms,
): Tensor {
  const [[nameA, first], [nameB, b]] = Object.entries(sides);
  const a = first as Tensor;
  const names = Object.keys(parameters);
  const tensors = Object.values(parameters).filter((parameter) => parameter instanceof Tensor);
  const [n] = a.shape;
  const numbers = context.unscoped(() => packNumbers(context, Object.values(parameters)));
  const labels = ofRows ?? context.unscoped(() => context.tensor(new Int32Array(1)));
  const pointsOf = (rows: Tensor, others: Tensor | undefined): { left: Points; right: Points; release(): void } => {
    const left = makePoints(context, op, nameA, rows, metric, 'own');
    const right = others ? makePoints(context, op, nameB, others, metric, left) : left;
    const release = (): void => {
      left.release();
      if (others) right.release();
    };
    return { left, right, release };
  };
  const { left, right, release: releasePoints } = pointsOf(a, b);
  const part = expressionPart(names, value, derivative);
  const using = (kernel: KernelSource) => ({
    kernel: withExpression(kernel, part, `${names}; ${value}; ${derivative}`),
    buffers: { numbers, labels },
    tuning: { DISTANCE: metric === 'sqeuclidean' ? 1 : 0, LABELS: ofRows ? 1 : 0 },
  });
  const skip = exclude ?? 'none';
  const y = context.empty([n], op);
  const pass =
    reduce === 'sum'
      ? null
      : launchRowPass(context, op, featuresOf(left), featuresOf(right), left.columns, {
          skip,
          temperature: context.constant(1),
          using: using(pair_row_pass),
        });
  if (!pass) launchPairSum(context, op, left, right, y, using(pair_sum), SKIP[skip]);
  else
    context.run(row_lse, {
      params: { rows: n, scale: 1, none: EMPTY.floor },
      buffers: { tops: pass.top, sums: pass.sum, lse: y },
      groups: Math.ceil(n / 64),
      work: 4 * n,
    });
  // Made again for the gradient: a loss of many blocks would hold several copies of its rows for each of them.
  releasePoints();
  return context.record(op, [a, ...(b ? [b] : []), ...tensors], y, {
    saved: [a, ...(b ? [b] : [])],
    release: () => {
      pass?.release();
      numbers.dispose();
      labels.dispose();
    },
    backward: (dy, [rows, others]) => {
      const { kernel, buffers, tuning } = using(pair_weights);
      const points = pointsOf(rows, others);
      const gradients = gradientInPanels(context, op, points.left, points.right, 1, {
        kernel,
        buffers: { ...buffers, tops: pass?.top ?? dy, sums: pass?.sum ?? dy, dy },
        tuning: { ...tuning, SKIP: SKIP[skip], REDUCE: pass ? 1 : 0 },
        most: { rows: 8, columns: 32 }, // unrolled, the expressions stand in it four times an entry: a large tile compiles for ever
      });
      points.release();
      return [...gradients, ...tensors.map(() => null)];
    },
  });
}

/** y[i] = sum_j f(s_ij), each invocation's own part first. */
function launchPairSum(
  context: Context,
  op: string,
  left: Points,
  right: Points,
  y: Tensor,
  { kernel, buffers, tuning: own }: { kernel: KernelSource; buffers: Record<string, Tensor>; tuning: Tuning },
  skip: number,
): void {
  const {
    tuning,
    rows: tileRows,
    columns: tileColumns,
  } = tileOf(context, 'row pass', left.count, right.count, left.columns);
  const strips = Math.ceil(left.count / tileRows);
  const width = sliceWidth(context, strips, right.count, (3 * left.columns) / tuning.WX, tileColumns);
  const slices = Math.ceil(right.count / width);
  const parts = slices * tuning.WX;
  const partial = context.scratch(parts * left.count, op);
  context.run(kernel, {
    params: {
      rows: left.count,
      columns: right.count,
      depth: left.columns,
      lhs_stride4: left.paddedRows / 4,
      rhs_stride4: right.paddedRows / 4,
      slices,
      slice_columns: width,
    },
    buffers: { lhs: left.transposed, rhs: right.transposed, partial, ...buffers },
    groups: strips * slices,
    work: left.count * right.count * (left.columns + 16),
    tuning: { ...tuning, ...own, SKIP: skip },
  });
  launchSum(context, partial, y, { outer: 1, reduced: parts, inner: left.count });
  partial.release();
}

// The caller's text -----------------------------------------------------------------------------------------------------

/** One expression in one line of plain text: nothing that could end it and begin something else. */
function checkExpression(op: string, name: string, given: unknown): string {
  if (typeof given !== 'string') check.fail(op, `${check.came(name, given, 'is')}, expected a WGSL expression of s.`);
  const text = given.trim().replace(/\s+/g, ' ');
  if (text === '') check.fail(op, `${name} is empty, expected a WGSL expression of s.`);
  const odd = /[;{}@"'`]|\/\/|\/\*|[^\x20-\x7e]/.exec(text);
  if (odd)
    check.fail(op, `${name} has ${odd[0]} at column ${odd.index + 1} of "${text}", expected one expression of WGSL.`);
  let depth = 0;
  for (let at = 0; at < text.length && depth >= 0; at++) {
    if ('(['.includes(text[at])) depth++;
    if (')]'.includes(text[at])) depth--;
  }
  if (depth !== 0)
    check.fail(op, `${name} has brackets that do not match in "${text}", expected one expression of WGSL.`);
  return text;
}

function checkParameters(op: string, parameters: Readonly<Record<string, number | Tensor>>): void {
  check.plain(op, 'parameters', parameters);
  const names = Object.keys(parameters);
  if (names.length > MOST_PARAMETERS)
    check.fail(op, `parameters have ${names.length} names, expected at most ${MOST_PARAMETERS}.`);
  for (const [name, value] of Object.entries(parameters)) {
    if (!/^[a-zA-Z][a-zA-Z0-9_]*$/.test(name) || TAKEN.includes(name))
      check.fail(op, `parameters has "${name}", expected a WGSL name other than ${TAKEN.join(', ')}.`);
    if (!(value instanceof Tensor)) check.finite(op, `parameters.${name}`, value);
    else {
      check.contextOf(op, { [`parameters.${name}`]: value });
      if (value.size !== 1) check.fail(op, `parameters.${name} is [${value.shape.join(', ')}], expected one number.`);
    }
  }
}

/** The labels of a's rows, then of b's (of a's again where there is no b). */
function labelsOf(
  op: string,
  context: Context,
  labels: PairReductionOptions['labels'],
  n: number,
  m: number,
  alone: boolean,
): Tensor | null {
  if (labels === undefined) return null;
  const given = check.options(op, labels, { a: undefined, b: undefined } as Partial<typeof labels>, 'labels');
  const sides = { a: given.a, b: alone ? given.a : given.b };
  const counts = { a: n, b: m };
  for (const side of ['a', 'b'] as const) {
    const list = sides[side];
    if (list instanceof Tensor) checkLabelTensor(op, `labels.${side}`, list, context, counts[side]);
    else if (!(list instanceof Int32Array))
      check.fail(op, `${check.came(`labels.${side}`, list, 'is')}, expected an Int32Array, or a Tensor of i32 or u32.`);
    else if (list.length !== counts[side])
      check.fail(op, `labels.${side} has ${list.length} numbers, expected ${counts[side]}, one a row of ${side}.`);
  }
  const [ofA, ofB] = [sides.a, sides.b] as Labels[];
  if (!(ofA instanceof Tensor) && !(ofB instanceof Tensor))
    return context.unscoped(() => context.tensor(Int32Array.from([...ofA, ...ofB])));
  const all = context.unscoped(() => context.empty([n + m], op, 'i32'));
  context.scope(() => {
    const onGPU = (list: Labels): Tensor => (list instanceof Tensor ? list : context.tensor(list));
    copyInto(context, all, onGPU(ofA), 0);
    copyInto(context, all, onGPU(ofB), n);
  });
  return all;
}

function packNumbers(context: Context, parameters: readonly (number | Tensor)[]): Tensor {
  const values = parameters.map((parameter) => (typeof parameter === 'number' ? parameter : 0));
  const numbers = context.tensor(Float32Array.from(values.length > 0 ? values : [0]));
  parameters.forEach((parameter, i) => {
    if (parameter instanceof Tensor) copyInto(context, numbers, parameter, i);
  });
  return numbers;
}

/** kernels/pairs/pair_expression.wgsl with the caller's expressions, each on a line of its own. */
function expressionPart(names: readonly string[], value: string, derivative: string): KernelPart {
  const head = (name: string): string[] => [
    `fn ${name}(s: f32, label_i: i32, label_j: i32) -> f32 {`,
    ...names.map((parameter, i) => `let ${parameter} = numbers[${i}];`),
    'return (',
  ];
  const lines = [...head('pair_value'), value, ');', '}'];
  const valueAt = names.length + 3;
  const valueEnd = lines.length;
  lines.push(...head('pair_slope'), derivative, ');', '}');
  const derivativeAt = valueEnd + names.length + 3;
  const explain = (line: number, column: number, message: string): string => {
    const [name, at, text] = line <= valueEnd ? ['value', valueAt, value] : ['derivative', derivativeAt, derivative];
    const where = line === at ? ` at column ${column} of` : ' in';
    return `pairReduction: ${name}: ${message.split('\n')[0].replace(/\.$/, '')}${where} "${text}".`;
  };
  return { file: EXPRESSION, text: lines.join('\n'), explain };
}

/** `what` tells it from the same kernel with other expressions. */
function withExpression(kernel: KernelSource, part: KernelPart, what: string): KernelSource {
  const parts = kernel.parts.map((own) => (own.file === EXPRESSION ? part : own));
  return { ...kernel, name: `${kernel.name} (${what})`, parts };
}
