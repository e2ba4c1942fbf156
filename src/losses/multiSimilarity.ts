import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { add, mul } from '../ops/arithmetic.ts';
import type { Labels } from '../ops/labels.ts';
import { withMatrices } from '../ops/reshape.ts';
import { mean } from '../ops/sum.ts';
import { type Labelled, labelsOfRows, reduceClassPairs, softplus } from '../sweeps/classPairs.ts';

export interface MultiSimilarityOptions {
  /** Sharpness of the positives, above 0. Default 2; a larger one looks at the furthest. */
  alpha?: number;
  /** Sharpness of the negatives, above 0. Default 50; a larger one looks at the nearest. */
  beta?: number;
  /** The cosine that negatives are to stay below and positives above. Default 0.5. */
  base?: number;
  /** [M, D] rows to compare with in place of the batch itself, such as a memory's; with `referenceLabels`. */
  reference?: Tensor;
  /** M integers. */
  referenceLabels?: Labels;
}

/**
 * Multi-similarity (Wang et al. 2019, arXiv 1904.06627), as the pytorch-metric-learning library has it.
 *
 * L = mean_i [ 1/alpha log(1 + sum_p e^(-alpha (s_ip - base))) + 1/beta log(1 + sum_n e^(beta (s_in - base))) ] over the other
 * rows p of i's label and the rows n of other labels; s are cosines. A row without p (or n) has 0 in its place.
 * @param z [N, D] or [..., D] raw embeddings (normalised inside)
 * @param labels N integers in [0, 2^31): an Int32Array, or a tensor of i32 or u32
 * @returns one number; gradients flow to z and to the reference
 */
export function multiSimilarity(z: Tensor, labels: Labels, options?: MultiSimilarityOptions): Tensor {
  const op = 'multiSimilarity';
  const context = check.contextOf(op, { z });
  check.rows(op, 'z', z);
  const { alpha, beta, base, ...others } = check.options(op, options, {
    alpha: 2,
    beta: 50,
    base: 0.5,
    reference: undefined as Tensor | undefined,
    referenceLabels: undefined as Labels | undefined,
  });
  for (const [name, value] of Object.entries({ alpha, beta })) check.logits(op, name, check.positive(op, name, value));
  check.logits(op, 'base', base);
  checkReference(op, z, others);
  const { reference, referenceLabels } = others;
  const core = ([rows, theirs]: readonly Tensor[], own: Tensor, referenced: Tensor | undefined): Tensor => {
    const batch: Labelled = { name: 'z', rows, labels: own };
    const them = referenced && { name: 'reference', rows: theirs, labels: referenced };
    const pull = (of: 'same' | 'different', sharpness: number): Tensor => {
      const slope = of === 'same' ? -sharpness : sharpness;
      const top = reduceClassPairs(op, context, batch, them, {
        metric: 'cosine',
        reduce: 'logsumexp',
        value: 'slope * (s - base)',
        derivative: 'slope',
        of,
        parameters: { slope, base },
      });
      return mul(softplus(top), 1 / sharpness);
    };
    return mean(add(pull('same', alpha), pull('different', beta)));
  };
  return context.scope(() => {
    const own = labelsOfRows(op, 'labels', labels, z);
    const referenced = reference && labelsOfRows(op, 'referenceLabels', referenceLabels as Labels, reference);
    return withMatrices(reference ? [z, reference] : [z], (...matrices) => core(matrices, own, referenced));
  });
}

/** A reference and its labels come together, in rows as long as z's. */
export function checkReference(
  op: string,
  z: Tensor,
  { reference, referenceLabels }: { reference?: Tensor; referenceLabels?: Labels },
): void {
  if (reference === undefined && referenceLabels === undefined) return;
  if (reference === undefined || referenceLabels === undefined) {
    const [has, lacks] = reference === undefined ? ['referenceLabels', 'reference'] : ['reference', 'referenceLabels'];
    check.fail(op, `${has} came without ${lacks}, expected both or neither.`);
  }
  check.contextOf(op, { z, reference });
  const [, columns] = check.rows(op, 'z', z);
  const [, theirs] = check.rows(op, 'reference', reference);
  if (theirs !== columns) check.fail(op, `reference has ${theirs} columns, expected ${columns} to match z.`);
}
