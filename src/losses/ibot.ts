import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { mul } from '../ops/arithmetic.ts';
import { withConstants } from '../ops/constants.ts';
import { reshape, withMatrices } from '../ops/reshape.ts';
import {
  checkTeaching,
  crossEntropies,
  TEACHING_DEFAULTS,
  type TeachingOptions,
  targetsOf,
  teacherSide,
} from './dino.ts';

export interface IBOTOptions extends TeachingOptions {
  /**
   * [N] what each masked patch counts, a constant. Default: 1 / N each. The authors' code takes 1 / (masked patches of its image)
   * / images.
   */
  weights?: Tensor;
}

/**
 * iBOT (Zhou et al. 2021, arXiv 2111.07832): masked patches of a student predict what a teacher sees in them, as `dino` does
 * for whole crops.
 *
 * L = sum_i weight_i (- sum_k p_ik log softmax_k(s_i.w_k / tau_s)), p = softmax((t.w'_k - center_k) / tau_t) over the masked patches i.
 * @param student [N, D] or [..., D] the masked patches
 * @param teacher the same patches, seen; a constant
 * @returns one number; gradients flow to the student and its prototypes. Nothing is normalised inside
 */
export function ibot(student: Tensor, teacher: Tensor, options: IBOTOptions): Tensor {
  const op = 'ibot';
  const context = check.contextOf(op, { student, teacher });
  const [n] = check.rows(op, 'student', student);
  check.sameShape(op, 'student', student, 'teacher', teacher);
  const { weights, ...others } = check.options(op, options, {
    ...TEACHING_DEFAULTS,
    weights: undefined as Tensor | undefined,
  });
  const how = checkTeaching(op, { student }, others);
  if (weights !== undefined) {
    check.contextOf(op, { student, weights });
    if (weights.size !== n)
      check.fail(op, `weights is [${weights.shape.join(', ')}], expected [${n}], one number a patch.`);
  }
  const core = (rows: Tensor, seen: Tensor): Tensor => {
    const each = weights ? reshape(weights, [n]) : context.tensor(new Float32Array(n).fill(1 / n));
    const constants = context.noGrad(() => mul(each, 1));
    const targets = mul(targetsOf(op, context, seen, how), reshape(constants, [n, 1]));
    return crossEntropies(rows, targets, constants, how);
  };
  return context.scope(() =>
    withConstants(op, withMatrices([student, teacher], core), [
      teacher,
      ...teacherSide(how),
      ...(weights ? [weights] : []),
    ]),
  );
}
