import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { mul, sub } from '../ops/arithmetic.ts';
import type { Labels } from '../ops/labels.ts';
import { withMatrices } from '../ops/reshape.ts';
import { mean } from '../ops/sum.ts';
import { checkClasses, classNumbers, labelsOfRows, reduceClassPairs, softplus } from './classPairs.ts';

/** What the own class's cosine c becomes: c cosine - sqrt(1 - c^2) sine - margin, or c - below - margin from `edge` down. */
export interface Margin {
  readonly cosine: number;
  readonly sine: number;
  readonly edge: number;
  readonly below: number;
  readonly margin: number;
}

/** The cosine less a margin. */
export function onCosine(margin: number): Margin {
  return { cosine: 1, sine: 0, edge: -2, below: 0, margin };
}

const LEAST = 1e-7; // of 1 - c^2: the slope of the sine is infinite at c = 1
const SINE = `sqrt(max(1.0 - s * s, ${LEAST}))`;

/**
 * Softmax cross-entropy over cosines with the rows of a class matrix, a margin on the own class's. The N x C matrix is never
 * stored. The own class stays out of the sum and comes back as log(1 + e^(others - own)), which keeps the digits of a loss near 0.
 */
export function marginSoftmax(
  op: string,
  z: Tensor,
  sides: Readonly<Record<string, Tensor>>,
  labels: Labels,
  scale: number,
  parameters: Margin,
): Tensor {
  const context = check.contextOf(op, { z, ...sides });
  const [[name, weights]] = Object.entries(sides);
  const classes = checkClasses(op, z, name, weights);
  const core = (rows: Tensor, numbers: Tensor): Tensor => {
    const own = { name: 'z', rows, labels: numbers };
    const columns = { name, rows: weights, labels: classNumbers(context, op, classes) };
    const others = reduceClassPairs(op, context, own, columns, {
      metric: 'cosine',
      reduce: 'logsumexp',
      value: 'slope * (s - base)',
      derivative: 'slope',
      of: 'different',
      parameters: { slope: scale, base: 0 },
    });
    const target = reduceClassPairs(op, context, own, columns, {
      metric: 'cosine',
      reduce: 'sum',
      value: `select(s - below, s * cosine - sine * ${SINE}, s > edge) - margin`,
      derivative: `select(1.0, cosine + sine * s / ${SINE}, s > edge)`,
      of: 'same',
      parameters: { ...parameters },
    });
    return mean(softplus(sub(others, mul(target, scale))));
  };
  return context.scope(() => {
    const numbers = labelsOfRows(op, 'labels', labels, z, classes);
    return withMatrices([z], (rows) => core(rows, numbers));
  });
}
