import {
  cka,
  froSSL,
  gramAnchoring,
  leJEPA,
  orthogonality,
  sigReg,
  spectralContrastive,
  type Tensor,
} from '../../src/index.ts';
import { values } from '../cases.ts';
import * as reference from '../reference/losses/moments.ts';
import { matrix } from '../reference/matrix.ts';
import { type LossRow, views } from './row.ts';
import { few } from './tuples.ts';

/** Also where there are more rows than features, and the other way round. */
const some = (n: number, d: number): boolean => few(n, d) || (n === 3 && d === 129);
const COMMON = { accepts: some, temperatures: [1], composed: true };

function slicesOf(columns: number) {
  return matrix(columns, 7, values('normal', [columns, 7], 55).data);
}

function withSlices(z: Tensor, run: (slices: Tensor) => Tensor): Tensor {
  const { rows, columns, data } = slicesOf(z.shape.at(-1) as number);
  using slices = z.context.tensor(Float32Array.from(data), [rows, columns]);
  return run(slices);
}

/** Losses of the moments of a batch: no pair is walked. */
export const MOMENTS: readonly LossRow[] = [
  {
    name: 'spectralContrastive',
    ...COMMON,
    invariances: ['permutation', 'rotation', 'swapped views'],
    inputs: views(2),
    temperatures: [1, 4],
    run: ([z0, z1], mu) => spectralContrastive(z0, z1, { mu: Number(mu) }),
    reference: (inputs, mu) => reference.spectralContrastive(inputs, mu),
    peaked: { rows: 40 },
  },
  {
    name: 'froSSL',
    ...COMMON,
    invariances: ['permutation', 'swapped views'],
    inputs: views(2),
    run: ([z0, z1]) => froSSL(z0, z1),
    reference: (inputs) => reference.froSSL(inputs),
    peaked: { rows: 40 },
  },
  {
    name: 'orthogonality',
    ...COMMON,
    invariances: ['permutation', 'row scale', 'rotation', 'radial gradient'],
    inputs: views(1),
    run: ([z]) => orthogonality(z),
    reference: (inputs) => reference.orthogonality(inputs),
    peaked: false,
  },
  {
    name: 'cka',
    ...COMMON,
    invariances: ['permutation', 'swapped views', 'common shift'],
    inputs: views(2),
    run: ([x, y]) => cka(x, y),
    reference: (inputs) => reference.cka(inputs, false),
    accepts: (n, d) => some(n, d) && n > 2, // of two rows it is 1
    kinds: ['normal', 'unit', 'x1e4'],
    peaked: false, // near 1, its largest, gradients are what little is left of their terms
  },
  {
    name: 'cka, debiased',
    ...COMMON,
    accepts: (n, d) => some(n, d) && n > 3,
    invariances: ['permutation', 'swapped views'],
    inputs: views(2),
    run: ([x, y]) => cka(x, y, { debiased: true }),
    reference: (inputs) => reference.cka(inputs, true),
    kinds: ['normal', 'unit'],
    peaked: false,
  },
  {
    name: 'gramAnchoring',
    ...COMMON,
    invariances: ['permutation', 'row scale', 'rotation'],
    inputs: views(2),
    stopped: [1],
    images: true,
    run: ([student, teacher]) => gramAnchoring(student, teacher),
    reference: (inputs) => reference.gramAnchoring(inputs),
    peaked: { rows: 40 },
    allEqual: () => 0,
  },
  {
    name: 'gramAnchoring, clamped',
    ...COMMON,
    invariances: ['permutation', 'row scale', 'rotation'],
    inputs: views(2),
    stopped: [1],
    images: true,
    run: ([student, teacher]) => gramAnchoring(student, teacher, { clamp: 'both' }),
    reference: (inputs) => reference.gramAnchoring(inputs, 'both'),
    peaked: { rows: 40 },
  },
  {
    name: 'sigReg',
    ...COMMON,
    composed: false,
    invariances: ['permutation'],
    inputs: views(1),
    run: ([z]) => withSlices(z, (slices) => sigReg(z, slices)),
    reference: (inputs) => reference.sigReg(inputs, slicesOf(inputs[0].columns)),
    kinds: ['normal', 'unit', 'x1e-20', 'outlier'],
    peaked: false,
  },
  {
    name: 'leJEPA',
    ...COMMON,
    invariances: ['permutation'],
    inputs: views(3),
    run: ([a, b, c]) => withSlices(a, (slices) => leJEPA([a, b], [c], slices, { lambda: 0.2 })),
    reference: (inputs) => reference.leJEPA(inputs, 2, slicesOf(inputs[0].columns), 0.2),
    kinds: ['normal', 'unit', 'x1e-20'],
    peaked: { rows: 40 },
  },
];
