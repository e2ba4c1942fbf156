import { logSumExp, type Matrix, matrix } from '../matrix.ts';
import { Tape, type Variable } from '../tape.ts';
import type { LossResult } from './result.ts';

export interface Teaching {
  readonly studentTemperature: number;
  readonly teacherTemperature: number;
  readonly center?: ArrayLike<number>;
  /** Sinkhorn's iterations, in place of a centre. */
  readonly iterations?: number;
  readonly skipSame?: boolean;
}

/** softmax((t.w - center) / tau), or Sinkhorn's assignments of all rows together: columns to 1 / K, rows to 1 / N, times N. */
function targets(rows: Matrix, prototypes: Matrix, { teacherTemperature, center, iterations }: Teaching): Matrix {
  const tape = new Tape();
  const logits = tape.scale(tape.products(tape.of(rows), tape.of(prototypes)), 1 / teacherTemperature);
  const [n, k] = [rows.rows, prototypes.rows];
  const shifts = Array.from({ length: k }, (_, j) => -(center?.[j] ?? 0) / teacherTemperature);
  const own = new Float64Array(n);
  for (let step = 0; step < (iterations ?? 0); step++) {
    for (let j = 0; j < k; j++) shifts[j] = -Math.log(k) - logSumExp(own.map((u, i) => u + logits.data[i * k + j]));
    for (let i = 0; i < n; i++) own[i] = -Math.log(n) - logSumExp(shifts.map((v, j) => v + logits.data[i * k + j]));
  }
  const moved = logits.data.map((value, t) => value + shifts[t % k]);
  const assigned = Array.from({ length: n }, (_, i) => {
    const mine = moved.subarray(i * k, (i + 1) * k);
    const lse = logSumExp(mine);
    return Array.from(mine, (value) => Math.exp(value - lse));
  });
  return matrix(n, k, assigned.flat());
}

/** sum_i weight_i (lse_i - sum_k t_ik s_ik) of logits s */
function crossEntropies(
  tape: Tape,
  rows: Variable,
  prototypes: Variable,
  t: Matrix,
  weights: ArrayLike<number>,
  tau: number,
): Variable {
  const logits = tape.scale(tape.products(rows, prototypes), 1 / tau);
  const right = tape.rowSums(tape.mul(logits, tape.of(t)));
  const each = tape.sub(tape.logSumExp(logits), right);
  return tape.sum(tape.mul(each, tape.of(matrix(rows.rows, 1, weights))));
}

/** Students, then teachers, then the prototypes of both. */
export function dino(inputs: readonly Matrix[], students: number, how: Teaching): LossResult {
  const tape = new Tape();
  const crops = inputs.slice(0, students).map((crop) => tape.of(crop));
  const teachers = inputs.slice(students, -2);
  const [prototypes, theirs] = inputs.slice(-2);
  const own = tape.of(prototypes);
  const n = crops[0].rows;
  const all = matrix(
    teachers.length * n,
    crops[0].columns,
    teachers.flatMap(({ data }) => [...data]),
  );
  const assigned = targets(all, theirs, how);
  const pairs = crops.flatMap((_, v) =>
    teachers.flatMap((__, t) => (how.skipSame !== false && t === v ? [] : [[t, v]])),
  );
  const terms = pairs.map(([t, v]) => {
    const codes = matrix(n, theirs.rows, assigned.data.subarray(t * n * theirs.rows, (t + 1) * n * theirs.rows));
    const weights = new Float64Array(n).fill(1 / (pairs.length * n));
    return crossEntropies(tape, crops[v], own, codes, weights, how.studentTemperature);
  });
  const { value, gradients } = tape.result(
    terms.reduce((a, b) => tape.add(a, b)),
    [...crops, own],
  );
  const zeros = ({ rows, columns }: Matrix): Matrix => matrix(rows, columns);
  return { value, gradients: [...gradients.slice(0, -1), ...teachers.map(zeros), gradients[students], zeros(theirs)] };
}

/** A student, a teacher, and the prototypes of both. */
export function ibot(
  [student, teacher, prototypes, theirs]: readonly Matrix[],
  weights: ArrayLike<number>,
  how: Teaching,
): LossResult {
  const tape = new Tape();
  const [rows, own] = [student, prototypes].map((input) => tape.of(input));
  const loss = crossEntropies(tape, rows, own, targets(teacher, theirs, how), weights, how.studentTemperature);
  const { value, gradients } = tape.result(loss, [rows, own]);
  const zeros = ({ rows: count, columns }: Matrix): Matrix => matrix(count, columns);
  return { value, gradients: [gradients[0], zeros(teacher), gradients[1], zeros(theirs)] };
}
