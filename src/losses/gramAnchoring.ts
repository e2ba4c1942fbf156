import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { add, mul, sub } from '../ops/arithmetic.ts';
import { withConstants } from '../ops/constants.ts';
import { matmul } from '../ops/matmul.ts';
import { normalizeOf } from '../ops/normalize.ts';
import { reshape } from '../ops/reshape.ts';
import { slice } from '../ops/slice.ts';
import { sum } from '../ops/sum.ts';
import { transpose } from '../ops/transpose.ts';
import { square } from '../ops/unary.ts';
import { clampedGram } from '../sweeps/clampedGram.ts';

export interface GramAnchoringOptions {
  /**
   * Products that count as 0 where they are below it: `'both'` the student's and the teacher's, `'teacher'` the teacher's alone,
   * as the authors' `remove_only_teacher_neg` has it. Default: none. With it all P x P products are walked, in blocks of rows.
   */
  clamp?: 'both' | 'teacher';
}

/**
 * Gram anchoring (DINOv3, Simeoni et al. 2025, arXiv 2508.10104): patches of a student are as alike as a teacher's.
 *
 * L = mean of (X X^T - Y Y^T)^2 over the unit rows X of the student and Y of the teacher: of all rows of a matrix, or image by
 * image of [B, P, D]. Of P rows and D features the smaller matrix is made, D x D or P x P.
 * @param student [N, D], or [B, P, D] for B images of P patches
 * @param teacher of the same shape; a constant
 * @returns one number; the gradient flows to the student
 */
export function gramAnchoring(student: Tensor, teacher: Tensor, options?: GramAnchoringOptions): Tensor {
  const op = 'gramAnchoring';
  const context = check.contextOf(op, { student, teacher });
  const [, columns] = check.rows(op, 'student', student);
  if (student.shape.length > 3)
    check.fail(op, `student is [${student.shape.join(', ')}], expected [N, D] or [B, P, D].`);
  check.sameShape(op, 'student', student, 'teacher', teacher);
  const { clamp } = check.options(op, options, { clamp: undefined as 'both' | 'teacher' | undefined });
  if (clamp !== undefined) check.oneOf(op, 'clamp', clamp, ['both', 'teacher']);
  const [images, patches] = student.shape.length === 3 ? student.shape : [1, student.shape[0]];
  return context.scope(() => {
    const [x, y] = Object.entries({ student, teacher }).map(([name, rows]) => {
      const flat = reshape(rows, [images * patches, columns]);
      return name === 'student' ? normalizeOf(op, name, flat) : context.noGrad(() => normalizeOf(op, name, flat));
    });
    const of = (rows: Tensor, image: number): Tensor =>
      images === 1 ? rows : slice(rows, image * patches, (image + 1) * patches);
    const terms = Array.from({ length: images }, (_, image) =>
      clamp ? clampedGram(op, of(x, image), of(y, image), clamp === 'both') : distance(of(x, image), of(y, image)),
    );
    return withConstants(op, mul(terms.reduce(add), 1 / (images * patches ** 2)), [teacher]);
  });
}

/**
 * |X X^T - Y Y^T|_F^2 by the difference A = X - Y and the sum B = X + Y, whose digits last where X is near Y: twice the matrix is
 * A B^T + B A^T, and four times its square 2 <B^T B, A^T A> + 2 <B^T A, (B^T A)^T>.
 */
function distance(x: Tensor, y: Tensor): Tensor {
  const [rows, columns] = x.shape;
  const [apart, both] = [sub(x, y), add(x, y)];
  if (rows <= columns) {
    const half = matmul(apart, both, { transposeB: true });
    return mul(sum(square(add(half, transpose(half)))), 1 / 4);
  }
  const [a, b, mixed] = [
    [apart, apart],
    [both, both],
    [both, apart],
  ].map(([left, right]) => matmul(left, right, { transposeA: true }));
  return mul(add(sum(mul(a, b)), sum(mul(mixed, transpose(mixed)))), 1 / 2);
}
