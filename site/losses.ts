// What the playground offers: each loss with inputs of any size, and the matrix that it is usually written with.
import type { Tensor } from '../src/core/tensor.ts';
import { barlowTwins } from '../src/losses/barlowTwins.ts';
import { clip } from '../src/losses/clip.ts';
import { dcl } from '../src/losses/dcl.ts';
import { infoNCE } from '../src/losses/infoNCE.ts';
import { koLeo } from '../src/losses/koLeo.ts';
import { ntXent } from '../src/losses/ntXent.ts';
import { sigLip } from '../src/losses/sigLip.ts';
import { sinkhornDivergence } from '../src/losses/sinkhornDivergence.ts';
import { supCon } from '../src/losses/supCon.ts';
import { swav } from '../src/losses/swav.ts';
import { uniformity } from '../src/losses/uniformity.ts';
import { vicReg } from '../src/losses/vicReg.ts';

export interface Extent {
  readonly n: number;
  readonly d: number;
}

export interface PlayedLoss {
  readonly title: string;
  /** What is compared with what, in half a sentence. */
  readonly says: string;
  /** Rows and columns of what is usually stored, and how many of them. */
  readonly matrix: (size: Extent) => { readonly shape: readonly [number, number]; readonly count: number };
  /** Rows and columns of each input; all get a gradient. */
  readonly inputs: (size: Extent) => readonly (readonly [number, number])[];
  readonly value: (inputs: readonly Tensor[], size: Extent) => Tensor;
  /** What its sliders begin at. */
  readonly start: Extent;
}

const PROTOTYPES = 3000;
const CLASSES = 26;

const pair = ({ n, d }: Extent) => [[n, d] as const, [n, d] as const];
const alone = ({ n, d }: Extent) => [[n, d] as const];
const square = (rows: number, count = 1) => ({ shape: [rows, rows] as const, count });
const rows: Extent = { n: 2048, d: 128 };
const features: Extent = { n: 256, d: 2048 };

/** By the name that the package exports, and that its page has. */
export const PLAYED: Readonly<Record<string, PlayedLoss>> = {
  ntXent: {
    title: 'NT-Xent (SimCLR)',
    says: 'every view with every other view of the batch',
    matrix: ({ n }) => square(2 * n),
    inputs: pair,
    value: ([z0, z1]) => ntXent(z0, z1),
    start: rows,
  },
  supCon: {
    title: 'SupCon',
    says: 'every view with every other, positives by class',
    matrix: ({ n }) => square(2 * n),
    inputs: pair,
    value: (views, { n }) =>
      supCon(
        [...views],
        Int32Array.from({ length: n }, (_, i) => i % CLASSES),
      ),
    start: rows,
  },
  clip: {
    title: 'CLIP',
    says: 'every image with every text',
    matrix: ({ n }) => square(n),
    inputs: pair,
    value: ([a, b]) => clip(a, b),
    start: rows,
  },
  sigLip: {
    title: 'SigLIP',
    says: 'every image with every text',
    matrix: ({ n }) => square(n),
    inputs: pair,
    value: ([a, b]) => sigLip(a, b),
    start: rows,
  },
  infoNCE: {
    title: 'InfoNCE (MoCo)',
    says: 'every query with every key of the batch',
    matrix: ({ n }) => square(n),
    inputs: pair,
    value: ([query, key]) => infoNCE(query, key),
    start: rows,
  },
  dcl: {
    title: 'DCL',
    says: 'as NT-Xent, without the positive in the denominator',
    matrix: ({ n }) => square(2 * n),
    inputs: pair,
    value: ([z0, z1]) => dcl(z0, z1),
    start: rows,
  },
  uniformity: {
    title: 'Uniformity',
    says: 'distances between all rows',
    matrix: ({ n }) => square(n),
    inputs: alone,
    value: ([z]) => uniformity(z),
    start: rows,
  },
  koLeo: {
    title: 'KoLeo',
    says: 'every row with its nearest of all others',
    matrix: ({ n }) => square(n),
    inputs: alone,
    value: ([z]) => koLeo(z),
    start: rows,
  },
  barlowTwins: {
    title: 'Barlow Twins',
    says: 'every feature of one view with every feature of the other',
    matrix: ({ d }) => square(d),
    inputs: pair,
    value: ([z0, z1]) => barlowTwins(z0, z1),
    start: features,
  },
  vicReg: {
    title: 'VICReg',
    says: 'every feature with every other, in both views',
    matrix: ({ d }) => square(d, 2),
    inputs: pair,
    value: ([z0, z1]) => vicReg(z0, z1),
    start: features,
  },
  swav: {
    title: 'SwAV',
    says: `every view with ${PROTOTYPES.toLocaleString('en')} prototypes`,
    matrix: ({ n }) => ({ shape: [n, PROTOTYPES], count: 2 }),
    inputs: (size) => [...pair(size), [PROTOTYPES, size.d]],
    value: ([z0, z1, prototypes]) => swav([z0, z1], prototypes),
    start: { n: 1024, d: 128 },
  },
  sinkhornDivergence: {
    title: 'Sinkhorn divergence',
    says: 'every point of two clouds with every point of both',
    matrix: ({ n }) => square(n, 3),
    inputs: pair,
    value: ([x, y], { d }) => sinkhornDivergence(x, y, { epsilon: d / 2, iterations: 20 }),
    start: { n: 1024, d: 64 },
  },
};

/** Bytes of what is usually stored, in f32. */
export function matrixBytes({ matrix }: PlayedLoss, size: Extent): number {
  const { shape, count } = matrix(size);
  return 4 * shape[0] * shape[1] * count;
}
