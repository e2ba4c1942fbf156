import * as reference from '../../test/reference/losses/teaching.ts';
import { lossOutputs } from './contrastive.ts';
import { type Case, exact, mapped, type Size } from './work.ts';

const [STUDENT, TEACHER] = [0.1, 0.07];

/** Rows whose logits are a few temperatures apart. */
function heads({ n, k, d }: Size) {
  const some = (rows: number, seed: number) => mapped([rows, d], seed, (x) => (0.4 * x) / Math.sqrt(d));
  return { student: some(n, 1), teacher: some(n, 2), studentPrototypes: some(k, 3), teacherPrototypes: some(k, 4) };
}

/** Losses of a student that predicts a teacher's assignments: a crop, or masked patches. */
export const TEACHING: readonly Case[] = (['dino', 'ibot'] as const).map((name) => ({
  name,
  axes: ['n', 'k', 'd'],
  sizes: [{ n: 1024, k: 8192, d: 64 }],
  quick: { n: 128, k: 512, d: 64 },
  flops: ({ n, k, d }) => 8 * n * k * d + 8 * n * k * d,
  bytes: ({ n, k, d }) => 4 * (3 * n * d + 3 * k * d),
  exps: ({ n, k }) => 5 * n * k,
  schedule: '8 n k d of the student, 8 n k d of the teacher (its targets made twice)',
  make: (size) => {
    const inputs = heads(size);
    const live = ['student', 'studentPrototypes'];
    const how = { studentTemperature: STUDENT, teacherTemperature: TEACHER };
    const given = ['student', 'teacher', 'studentPrototypes', 'teacherPrototypes'] as const;
    return {
      inputs,
      differentiated: live,
      options: how,
      reference: () => {
        const weights = new Float64Array(size.n).fill(1 / size.n);
        const result = reference.ibot(
          given.map((one) => exact(inputs[one])),
          weights,
          how,
        );
        const [student, , studentPrototypes] = result.gradients;
        return lossOutputs({ value: result.value, gradients: [student, studentPrototypes] }, live);
      },
    };
  },
}));
