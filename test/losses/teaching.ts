import { dino, ibot, type Tensor } from '../../src/index.ts';
import { values } from '../cases.ts';
import * as reference from '../reference/losses/teaching.ts';
import { type Matrix, matrix } from '../reference/matrix.ts';
import { type LossRow, rowsOf } from './row.ts';
import { few } from './tuples.ts';

const PROTOTYPES = 11;
const CENTER = Array.from({ length: PROTOTYPES }, (_, k) => 0.1 * Math.cos(k));
const weightsOf = (n: number): number[] => Array.from({ length: n }, (_, i) => 1 / (n + (i % 3)));

/** Crops, small enough that logits stay some tens, and the prototypes of student and teacher. */
function inputs(crops: number): LossRow['inputs'] {
  return (n, d, kind, seed) => {
    const some = (rows: number, i: number, of: typeof kind): Matrix =>
      matrix(
        rows,
        d,
        values(of, [rows, d], 10 * seed + i).data.map((x) => Math.fround(x / Math.sqrt(4 * d))),
      );
    return [
      ...Array.from({ length: crops }, (_, i) => some(n, i, kind)),
      some(PROTOTYPES, crops, 'normal'),
      some(PROTOTYPES, crops + 1, 'normal'),
    ];
  };
}

/** Runs with a vector of constants, which goes again. */
function withVector(like: Tensor, numbers: readonly number[], run: (vector: Tensor) => Tensor): Tensor {
  using vector = like.context.tensor(Float32Array.from(numbers));
  return run(vector);
}

const COMMON = { accepts: few, composed: true, invariances: [], peaked: false, kinds: ['normal', 'unit'] } as const;

/** Losses of a student that predicts a teacher's assignments to prototypes. */
export const TEACHING: readonly LossRow[] = [
  {
    name: 'dino',
    ...COMMON,
    composed: false,
    inputs: inputs(5),
    stopped: [3, 4, 6],
    temperatures: [0.1, 0.5],
    run: ([a, b, c, s, t, studentPrototypes, teacherPrototypes], temperature) =>
      withVector(a, CENTER, (center) =>
        dino([a, b, c], [s, t], {
          studentPrototypes,
          teacherPrototypes,
          center,
          studentTemperature: Number(temperature),
          teacherTemperature: 0.07,
        }),
      ),
    reference: (given, studentTemperature) =>
      reference.dino(given, 3, { studentTemperature, teacherTemperature: 0.07, center: CENTER }),
  },
  {
    name: 'dino, Sinkhorn',
    ...COMMON,
    inputs: inputs(3),
    stopped: [1, 2, 4],
    temperatures: [0.1],
    run: ([a, s, t, studentPrototypes, teacherPrototypes]) =>
      dino([a], [s, t], { studentPrototypes, teacherPrototypes, codes: 'sinkhorn', skipSame: false }),
    reference: (given) =>
      reference.dino(given, 1, { studentTemperature: 0.1, teacherTemperature: 0.04, iterations: 3, skipSame: false }),
    exponent: () => 25,
  },
  {
    name: 'ibot',
    ...COMMON,
    inputs: inputs(2),
    stopped: [1, 3],
    temperatures: [0.1],
    run: ([student, teacher, studentPrototypes, teacherPrototypes]) =>
      withVector(student, weightsOf(rowsOf(student)), (weights) =>
        ibot(student, teacher, { studentPrototypes, teacherPrototypes, weights }),
      ),
    reference: (given) =>
      reference.ibot(given, weightsOf(given[0].rows), { studentTemperature: 0.1, teacherTemperature: 0.04 }),
    exponent: () => 25,
  },
];
