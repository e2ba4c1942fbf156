import type { Matrix } from '../matrix.ts';
import { Tape, type Variable } from '../tape.ts';
import type { LossResult } from './result.ts';

type Direction = 'queryToDocument' | 'queryToQuery' | 'documentToQuery' | 'documentToDocument';

export interface Tuples {
  readonly scale: number;
  readonly metric?: 'cosine' | 'dot';
  readonly directions?: readonly Direction[];
  readonly perDirection?: boolean;
  /** What is added to the scale of in-batch negatives, and of the own hard ones, in the value alone. */
  readonly harder?: { readonly inBatch: number; readonly hard: number };
}

/** mean_i [ log sum exp over the candidates of tuple i - scale s(q_i, d_i) ], block by block as they are written. */
export function multipleNegatives(inputs: readonly Matrix[], how: Tuples, at = inputs): LossResult {
  const tape = new Tape();
  const [variables, constants] = [inputs, at].map((list) => list.map((input) => tape.of(input)));
  return tape.result(tuples(tape, variables, how, constants), variables);
}

/** The sum over the widths, of which each is normalised anew. */
export function matryoshka(
  inputs: readonly Matrix[],
  dims: readonly number[],
  weights: readonly number[],
  how: Tuples,
): LossResult {
  const tape = new Tape();
  const variables = inputs.map((input) => tape.of(input));
  const terms = dims.map((count, m) => {
    const cut = variables.map((variable) => tape.columns(variable, 0, count));
    return tape.scale(tuples(tape, cut, how, cut), weights[m]);
  });
  return tape.result(
    terms.reduce((a, b) => tape.add(a, b)),
    variables,
  );
}

function tuples(
  tape: Tape,
  variables: readonly Variable[],
  { scale, metric = 'cosine', directions = ['queryToDocument'], perDirection = false, harder }: Tuples,
  constants: readonly Variable[],
): Variable {
  const rowsOf = (list: readonly Variable[]): readonly Variable[] =>
    metric === 'dot' ? list : list.map((variable) => tape.unit(variable));
  const [queries, ...sets] = rowsOf(variables);
  const [fixed, ...fixedSets] = rowsOf(constants);
  const n = queries.rows;
  const documents = tape.stack(...sets);
  const logits = (a: Variable, b: Variable): Variable => tape.scale(tape.products(a, b), scale);
  // What alpha adds counts as a constant.
  const alpha = (i: number, j: number): number =>
    j % n !== i ? (harder?.inBatch ?? 0) : j === i ? 0 : (harder?.hard ?? 0);
  const added = (): Variable => {
    const scores = tape.products(fixed, tape.stack(...fixedSets));
    const data = scores.data.map((s, t) => alpha(Math.floor(t / scores.columns), t % scores.columns) * s);
    return tape.of({ ...scores, data });
  };
  const blocks: Record<Direction, () => { of: Variable; admits: (i: number, j: number) => boolean }> = {
    queryToDocument: () => ({
      of: tape.add(logits(queries, documents), added()),
      admits: () => true,
    }),
    queryToQuery: () => ({ of: logits(queries, queries), admits: (i, j) => j !== i }),
    documentToQuery: () => ({ of: logits(sets[0], queries), admits: () => true }),
    documentToDocument: () => ({ of: logits(sets[0], documents), admits: (i, j) => j % n !== i }),
  };
  const all = directions.map((direction) => blocks[direction]());
  const positives = tape.scale(tape.rowSums(tape.mul(queries, sets[0])), scale);
  if (perDirection) {
    const means = all.map(({ of, admits }) => tape.mean(tape.sub(tape.logSumExp(of, admits), positives)));
    return tape.scale(
      means.reduce((a, b) => tape.add(a, b)),
      1 / means.length,
    );
  }
  // Side by side: a row of all candidates of an anchor.
  const together = tape.transpose(tape.stack(...all.map(({ of }) => tape.transpose(of))));
  const starts = [0];
  for (const { of } of all) starts.push(starts[starts.length - 1] + of.columns);
  const admits = (i: number, j: number): boolean => {
    const block = starts.findIndex((start) => start > j) - 1;
    return all[block].admits(i, j - starts[block]);
  };
  return tape.mean(tape.sub(tape.logSumExp(together, admits), positives));
}

/** mean_i [ relu(positive - s_ii) + relu(max_j s_ij - negative) ] */
export function megaBatch([a, b]: readonly Matrix[]): LossResult {
  const tape = new Tape();
  const inputs = [a, b].map((input) => tape.of(input));
  const [u, v] = inputs.map((input) => tape.unit(input));
  const scores = tape.products(u, v);
  const hardest = Array.from({ length: a.rows }, (_, i) => {
    const own = scores.data.subarray(i * a.rows, (i + 1) * a.rows);
    return own.reduce((best, s, j) => (j !== i && (best < 0 || s > own[best]) ? j : best), -1);
  });
  const side = (admits: (i: number, j: number) => boolean, factor: number, add: number): Variable =>
    tape.relu(
      tape.map(
        tape.rowSums(tape.only(scores, admits)),
        (s) => factor * s + add,
        () => factor,
      ),
    );
  const pull = side((i, j) => i === j, -1, 0.8);
  const push = side((i, j) => hardest[i] === j, 1, -0.3);
  return tape.result(tape.mean(tape.add(pull, push)), inputs);
}

/** log(1 + sum over score_i < score_j of e^(v_i - v_j)) of v = scale cos(a_i, b_i), or AnglE's */
export function ranked(
  [a, b]: readonly Matrix[],
  scores: ArrayLike<number>,
  scale: number,
  by: 'cosine' | 'angle',
): LossResult {
  const tape = new Tape();
  const inputs = [a, b].map((input) => tape.of(input));
  const [u, v] = inputs.map((input) => tape.unit(input));
  const values = by === 'cosine' ? tape.rowSums(tape.mul(u, v)) : quotients(tape, u, v);
  const scaled = tape.scale(values, scale);
  const ones = tape.of({ rows: a.rows, columns: a.rows, data: new Float64Array(a.rows ** 2).fill(1) });
  const spread = tape.mul(ones, scaled); // v_i along row i
  const differences = tape.sub(spread, tape.transpose(spread));
  const lse = tape.logSumExp(differences, (i, j) => scores[i] < scores[j]);
  const row = tape.transpose(lse);
  const counts = (_: number, j: number): boolean => row.data[j] !== Number.NEGATIVE_INFINITY;
  return tape.result(tape.logSumExp(row, counts, 0), inputs);
}

/** |sum of the real and imaginary parts of u / v| over complex rows of length 1 */
function quotients(tape: Tape, u: Variable, v: Variable): Variable {
  const half = Math.ceil(u.columns / 2);
  const zero = tape.of({ rows: u.rows, columns: 1, data: new Float64Array(u.rows) });
  const imaginary = (x: Variable): Variable => {
    if (half === x.columns) return zero;
    const own = tape.columns(x, half, x.columns);
    return own.columns === half ? own : tape.transpose(tape.stack(tape.transpose(own), tape.transpose(zero)));
  };
  const [re, im, c, d] = [tape.columns(u, 0, half), imaginary(u), tape.columns(v, 0, half), imaginary(v)];
  const terms = tape.add(tape.mul(re, tape.sub(c, d)), tape.mul(im, tape.add(c, d)));
  return tape.map(tape.rowSums(terms), Math.abs, Math.sign);
}
