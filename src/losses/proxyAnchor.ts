import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { add, div } from '../ops/arithmetic.ts';
import type { Labels } from '../ops/labels.ts';
import { withMatrices } from '../ops/reshape.ts';
import { mean, sum } from '../ops/sum.ts';
import {
  atLeastOne,
  checkClasses,
  classNumbers,
  countPositive,
  labelsOfRows,
  reduceClassPairs,
  softplus,
} from '../sweeps/classPairs.ts';

export interface ProxyAnchorOptions {
  /** Cosines of the own class are to be above it, those of others below its negative. Default 0.1. */
  margin?: number;
  /** Sharpness, above 0. Default 32; a larger one looks at the hardest rows of each class. */
  alpha?: number;
}

/**
 * Proxy anchor (Kim et al. 2020, arXiv 2003.13911): a proxy a class, each against the whole batch.
 *
 * L = 1/|C+| sum_(c in C+) log(1 + sum_(y_i = c) e^(-alpha (s_ic - margin))) + 1/C sum_c log(1 + sum_(y_i != c) e^(alpha (s_ic + margin)))
 * over cosines s of rows and proxies; C+ are the classes that the batch holds.
 * @param z [N, D] or [..., D] raw embeddings (normalised inside)
 * @param proxies [C, D], normalised inside
 * @param labels N integers in [0, C): an Int32Array, or a tensor of i32 or u32
 * @returns one number; gradients flow to z and the proxies
 */
export function proxyAnchor(z: Tensor, proxies: Tensor, labels: Labels, options?: ProxyAnchorOptions): Tensor {
  const op = 'proxyAnchor';
  const context = check.contextOf(op, { z, proxies });
  const { margin, alpha } = check.options(op, options, { margin: 0.1, alpha: 32 });
  check.within(op, 'margin', margin, -10, 10);
  check.logits(op, 'alpha', check.positive(op, 'alpha', alpha));
  const classes = checkClasses(op, z, 'proxies', proxies);
  const core = (rows: Tensor, numbers: Tensor): Tensor => {
    const own = { name: 'z', rows, labels: numbers };
    const side = (of: 'same' | 'different'): Tensor =>
      reduceClassPairs(
        op,
        context,
        { name: 'proxies', rows: proxies, labels: classNumbers(context, op, classes) },
        own,
        {
          metric: 'cosine',
          reduce: 'logsumexp',
          value: 'slope * (s - base)',
          derivative: 'slope',
          of,
          parameters: of === 'same' ? { slope: -alpha, base: margin } : { slope: alpha, base: -margin },
        },
      );
    const near = side('same');
    const present = context.noGrad(() => countPositive(add(near, 1e29))); // a class without rows is at -1e30
    return add(div(sum(softplus(near)), atLeastOne(present)), mean(softplus(side('different'))));
  };
  return context.scope(() => {
    const numbers = labelsOfRows(op, 'labels', labels, z, classes);
    return withMatrices([z], (rows) => core(rows, numbers));
  });
}
