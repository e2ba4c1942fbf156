import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import { add, mul } from '../ops/arithmetic.ts';
import { concat } from '../ops/concat.ts';
import { withConstants } from '../ops/constants.ts';
import { withMatrices } from '../ops/reshape.ts';
import { similarityLogSumExp } from '../ops/similarityLogSumExp.ts';
import { slice } from '../ops/slice.ts';
import { sum } from '../ops/sum.ts';
import { sinkhornBias, softTargets } from '../sweeps/softTargets.ts';

export interface TeachingOptions {
  /** [K, D] the student's last layer; logits are rows times its transpose. */
  studentPrototypes: Tensor;
  /** [K, D] the teacher's; a constant. */
  teacherPrototypes: Tensor;
  /** [K] what is taken off the teacher's logits, as a moving average of them; a constant. Default: nothing. Not with `'sinkhorn'`. */
  center?: Tensor;
  /** A number above 0. Default 0.1; a larger one asks for less decided students. */
  studentTemperature?: number;
  /** A number above 0. Default 0.04; a larger one makes softer targets. */
  teacherTemperature?: number;
  /** `'center'` (default): the teacher's softmax. `'sinkhorn'`: assignments in which all prototypes have equal shares. */
  codes?: 'center' | 'sinkhorn';
  /** Sinkhorn's steps, 1 to 100. Default 3; more fill the prototypes more evenly. */
  iterations?: number;
}

export interface DINOOptions extends TeachingOptions {
  /** Leaves out the pairs of a crop with itself: student v and teacher v. Default true. */
  skipSame?: boolean;
}

/**
 * DINO (Caron et al. 2021, arXiv 2104.14294; with Sinkhorn: DINOv2, arXiv 2304.07193): students predict a teacher's soft
 * assignments to many prototypes.
 *
 * L = mean over pairs (t, v) of a teacher's and another crop, and over the batch, of - sum_k p_t log softmax_k(s_v.w_k / tau_s), p_t
 * = softmax((t.w'_k - center_k) / tau_t). The N x K logits are never stored.
 * @param students crops [N, D] or [..., D], the global ones first, in the order of the teachers
 * @param teachers global crops of the same shape; constants
 * @returns one number; gradients flow to the students and their prototypes. Nothing is normalised inside
 */
export function dino(students: readonly Tensor[], teachers: readonly Tensor[], options: DINOOptions): Tensor {
  const op = 'dino';
  const named = { ...check.tensorList(op, 'students', students), ...check.tensorList(op, 'teachers', teachers) };
  const context = check.contextOf(op, named);
  for (const [name, crop] of Object.entries(named)) {
    check.rows(op, name, crop);
    check.sameShape(op, 'students[0]', students[0], name, crop);
  }
  const { skipSame, ...others } = check.options(op, options, { ...TEACHING_DEFAULTS, skipSame: true });
  const how = checkTeaching(op, { 'students[0]': students[0] }, others);
  const pairsOf = (v: number): number[] => teachers.flatMap((_, t) => (skipSame && t === v ? [] : [t]));
  const pairs = students.reduce((count, _, v) => count + pairsOf(v).length, 0);
  if (pairs === 0) check.fail(op, 'one student and one teacher are the same crop, expected another student.');
  const core = (...crops: Tensor[]): Tensor => {
    const [n] = crops[0].shape;
    const predictions = concat(crops.slice(0, students.length));
    const targets = targetsOf(op, context, concat(crops.slice(students.length)), how);
    const taught = teachers.map((_, t) => slice(targets, t * n, (t + 1) * n));
    const sums = students.map((_, v) =>
      pairsOf(v).length === 0
        ? context.full(taught[0].shape, 0)
        : pairsOf(v)
            .map((t) => taught[t])
            .reduce(add),
    );
    const counts = concat(students.map((_, v) => context.full([n], pairsOf(v).length)));
    return mul(crossEntropies(predictions, concat(sums), counts, how), 1 / (pairs * n));
  };
  return context.scope(() =>
    withConstants(op, withMatrices([...students, ...teachers], core), [...teachers, ...teacherSide(how)]),
  );
}

export const TEACHING_DEFAULTS: Required<Omit<TeachingOptions, 'center'>> & Pick<TeachingOptions, 'center'> = {
  studentPrototypes: check.REQUIRED as Tensor,
  teacherPrototypes: check.REQUIRED as Tensor,
  center: undefined,
  studentTemperature: 0.1,
  teacherTemperature: 0.04,
  codes: 'center',
  iterations: 3,
};

type Teaching = typeof TEACHING_DEFAULTS;

/** Options that fit each other and the rows. */
export function checkTeaching(op: string, rows: Readonly<Record<string, Tensor>>, how: Teaching): Teaching {
  const { studentPrototypes, teacherPrototypes, center } = how;
  check.contextOf(op, { ...rows, studentPrototypes, teacherPrototypes, ...(center === undefined ? {} : { center }) });
  const [[name, first]] = Object.entries(rows);
  const [, columns] = check.rows(op, name, first);
  const [prototypes, theirs] = check.matrix(op, 'studentPrototypes', studentPrototypes);
  if (theirs !== columns)
    check.fail(op, `studentPrototypes has ${theirs} columns, expected ${columns} to match ${name}.`);
  check.sameShape(op, 'studentPrototypes', studentPrototypes, 'teacherPrototypes', teacherPrototypes);
  if (center && (center.shape.length !== 1 || center.size !== prototypes))
    check.fail(op, `center is [${center.shape.join(', ')}], expected [${prototypes}], one number a prototype.`);
  check.divisor(op, 'studentTemperature', how.studentTemperature);
  check.divisor(op, 'teacherTemperature', how.teacherTemperature);
  check.oneOf(op, 'codes', how.codes, ['center', 'sinkhorn']);
  check.integer(op, 'iterations', how.iterations, 1, 100);
  if (center && how.codes === 'sinkhorn') check.fail(op, 'center came with codes = "sinkhorn", expected one of them.');
  return how;
}

/** What the students' prototypes are, weighed by the teachers' assignments: [N, D]. */
export function targetsOf(op: string, context: Context, rows: Tensor, how: Teaching): Tensor {
  const { teacherPrototypes: prototypes, teacherTemperature: temperature, center, codes, iterations } = how;
  const assigned = { rows, prototypes, temperature };
  const bias = context.noGrad(() =>
    codes === 'sinkhorn'
      ? sinkhornBias(op, assigned, iterations)
      : center
        ? mul(center, -1 / temperature)
        : context.full([prototypes.shape[0]], 0),
  );
  return softTargets(op, context, { ...assigned, bias }, how.studentPrototypes);
}

/** sum_i [ weight_i log sum_k exp(s_i.w_k / tau) - s_i.target_i / tau ], targets weighed already */
export function crossEntropies(rows: Tensor, targets: Tensor, weights: Tensor, how: Teaching): Tensor {
  const scale = 1 / how.studentTemperature;
  const tops = similarityLogSumExp(rows, how.studentPrototypes, { metric: 'dot', scale });
  // In this order the tape lets go of the students' prototypes before the targets are made again.
  return add(mul(sum(mul(rows, targets)), -scale), sum(mul(tops, weights)));
}

/** Inputs that get no gradient. */
export function teacherSide({ teacherPrototypes, center }: Teaching): Tensor[] {
  return [teacherPrototypes, ...(center ? [center] : [])];
}
