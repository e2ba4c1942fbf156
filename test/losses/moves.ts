import { createRandom } from '../../src/core/random.ts';
import { dot, type Matrix, matrix, row } from '../reference/matrix.ts';
import type { Invariance } from './row.ts';

interface Move {
  /** Other inputs with the same loss. */
  readonly moved: Matrix[];
  /** Gradients of the moved inputs, from those of the first. */
  readonly back: (gradients: Matrix[]) => Matrix[];
}

function byRow(m: Matrix, to: (i: number) => ArrayLike<number>): Matrix {
  return matrix(m.rows, m.columns, Array.from({ length: m.rows }, (_, i) => Array.from(to(i))).flat());
}

export const MOVES: Record<Invariance, (inputs: Matrix[]) => Move> = {
  permutation: (inputs) => {
    const n = inputs[0].rows;
    const moved = (m: Matrix): Matrix => byRow(m, (i) => row(m, (i * (n - 1) + 3) % n)); // reversed, and shifted by 3
    return { moved: inputs.map(moved), back: (gradients) => gradients.map(moved) };
  },
  'row scale': (inputs) => {
    const factor = (i: number): number => 2 ** ((i % 9) - 4) * 3;
    return {
      moved: inputs.map((m) => byRow(m, (i) => row(m, i).map((x) => Math.fround(x * factor(i))))),
      back: (gradients) => gradients.map((m) => byRow(m, (i) => row(m, i).map((x) => x / factor(i)))),
    };
  },
  rotation: (inputs) => {
    const axes = rotation(inputs[0].columns);
    const moved = (m: Matrix): Matrix => byRow(m, (i) => axes.map((axis) => Math.fround(dot(axis, row(m, i)))));
    return { moved: inputs.map(moved), back: (gradients) => gradients.map(moved) };
  },
  // Of the first view alone: each feature of it has a scale and an origin of its own.
  'feature scale and shift': ([z, ...others]) => {
    const factor = (k: number): number => 2 ** ((k % 5) - 2) * 1.5;
    return {
      moved: [byRow(z, (i) => row(z, i).map((x, k) => Math.fround(x * factor(k) + (k % 3)))), ...others],
      back: ([first, ...rest]) => [byRow(first, (i) => row(first, i).map((g, k) => g / factor(k))), ...rest],
    };
  },
  'common shift': (inputs) => ({
    moved: inputs.map((m) => byRow(m, (i) => row(m, i).map((x, k) => Math.fround(x + (k % 4))))),
    back: (gradients) => gradients,
  }),
  'swapped views': (inputs) => ({ moved: [...inputs].reverse(), back: (gradients) => [...gradients].reverse() }),
  // A step along its own row changes no cosine: what the gradient says of it is that it is 0.
  'radial gradient': (inputs) => ({
    moved: inputs,
    back: (gradients) =>
      gradients.map((gradient, k) => {
        const z = inputs[k];
        return byRow(gradient, (i) => {
          const along = dot(row(gradient, i), row(z, i)) / dot(row(z, i), row(z, i));
          return row(gradient, i).map((g, t) => g - along * row(z, i)[t]);
        });
      }),
  }),
};

/** The axes of an orthogonal basis with no axis in common with the usual one. */
function rotation(d: number): Float64Array[] {
  const random = createRandom(99);
  const axes: Float64Array[] = [];
  while (axes.length < d) {
    let axis = Float64Array.from({ length: d }, () => random.gaussian());
    for (const other of axes) {
      const along = dot(axis, other);
      axis = axis.map((x, t) => x - along * other[t]);
    }
    const norm = Math.sqrt(dot(axis, axis));
    if (norm > 1e-3) axes.push(axis.map((x) => x / norm));
  }
  return axes;
}
