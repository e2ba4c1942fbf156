import { arcFace, circle, contrastive, cosFace, multiSimilarity, proxyAnchor, proxyNCA } from '../../src/index.ts';
import { values } from '../cases.ts';
import * as reference from '../reference/losses/classes.ts';
import { matrix } from '../reference/matrix.ts';
import { type LossRow, rowsOf, views } from './row.ts';
import { few } from './tuples.ts';

const CLASSES_OF = 4;
/** Classes of several rows, and a lonely row where there are enough. */
const labelsOf = (n: number): number[] => Array.from({ length: n }, (_, i) => (i === 5 ? 9 : Math.floor(i / 2) % 5));
/** Numbers of classes that the weights have. */
const classesOf = (n: number): number[] => labelsOf(n).map((label) => label % CLASSES_OF);

/** Rows, and a matrix of a row a class. */
const withClasses: LossRow['inputs'] = (n, d, kind, seed) => [
  ...views(1)(n, d, kind, seed),
  matrix(CLASSES_OF, d, values('normal', [CLASSES_OF, d], seed + 3).data),
];

const COMMON = {
  accepts: few,
  composed: true,
  temperatures: [1],
  invariances: ['row scale', 'radial gradient'],
} as const;

/** Losses of rows and their classes. */
export const CLASSES: readonly LossRow[] = [
  {
    name: 'multiSimilarity',
    ...COMMON,
    peaked: false,
    inputs: views(1),
    run: ([z]) => multiSimilarity(z, Int32Array.from(labelsOf(rowsOf(z)))),
    reference: (inputs) => reference.multiSimilarity(inputs, labelsOf(inputs[0].rows)),
    exponent: () => 100,
  },
  {
    name: 'multiSimilarity, of a reference',
    ...COMMON,
    peaked: false,
    inputs: views(2),
    run: ([z, other]) => {
      const labels = Int32Array.from(labelsOf(rowsOf(z)));
      return multiSimilarity(z, labels, { reference: other, referenceLabels: labels, alpha: 3, beta: 20, base: 0.4 });
    },
    reference: (inputs) =>
      reference.multiSimilarity(inputs, labelsOf(inputs[0].rows), undefined, { alpha: 3, beta: 20, base: 0.4 }),
    exponent: () => 40,
  },
  {
    name: 'circle',
    ...COMMON,
    peaked: false,
    inputs: views(1),
    temperatures: [80, 20],
    run: ([z], gamma) => circle(z, Int32Array.from(labelsOf(rowsOf(z))), { gamma: Number(gamma) }),
    reference: (inputs, gamma, at) => reference.circle(inputs, labelsOf(inputs[0].rows), { margin: 0.4, gamma }, at),
    exponent: (gamma) => 4 * gamma,
  },
  {
    name: 'contrastive',
    ...COMMON,
    peaked: false,
    inputs: views(1),
    run: ([z]) => contrastive(z, Int32Array.from(labelsOf(rowsOf(z))), { negativeMargin: 0.9 }), // a zero row is at 1 from all
    reference: (inputs) => reference.contrastive(inputs, labelsOf(inputs[0].rows), 0, 0.9),
  },
  {
    name: 'arcFace',
    ...COMMON,
    peaked: false,
    inputs: withClasses,
    run: ([z, w]) => arcFace(z, w, Int32Array.from(classesOf(rowsOf(z)))),
    reference: (inputs) =>
      reference.marginSoftmax(inputs, classesOf(inputs[0].rows), 64, { angle: (28.6 * Math.PI) / 180 }),
    exponent: () => 128,
  },
  {
    name: 'cosFace',
    ...COMMON,
    peaked: false,
    inputs: withClasses,
    run: ([z, w]) => cosFace(z, w, Int32Array.from(classesOf(rowsOf(z))), { scale: 16 }),
    reference: (inputs) => reference.marginSoftmax(inputs, classesOf(inputs[0].rows), 16, { cosine: 0.35 }),
    exponent: () => 32,
  },
  {
    name: 'proxyNCA',
    ...COMMON,
    peaked: false,
    inputs: withClasses,
    temperatures: [1, 0.25],
    run: ([z, w], temperature) =>
      proxyNCA(z, w, Int32Array.from(classesOf(rowsOf(z))), { scale: 1 / Number(temperature) }),
    reference: (inputs, temperature) =>
      reference.marginSoftmax(inputs, classesOf(inputs[0].rows), 2 / temperature, { cosine: 0 }),
  },
  {
    name: 'proxyAnchor',
    ...COMMON,
    peaked: false,
    inputs: withClasses,
    run: ([z, w]) => proxyAnchor(z, w, Int32Array.from(classesOf(rowsOf(z)))),
    reference: (inputs) => reference.proxyAnchor(inputs, classesOf(inputs[0].rows), 0.1, 32),
    exponent: () => 64,
  },
];
