import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { fill } from '../core/fills.ts';
import type { Tensor } from '../core/tensor.ts';
import { type Features, featureRows, makeFeatures, standardBackward } from '../launch/features.ts';
import { launchGram } from '../launch/gram.ts';
import { leftRows, packedRows, packedTranspose } from '../launch/pack.ts';
import { launchProduct } from '../launch/product.ts';

const EPSILON = 1e-5; // of the variance that crossCorrelation divides by

/**
 * The covariance of the features, unbiased: Xc^T Xc / (N - 1), Xc the centred rows.
 * @param z [N, D], N >= 2
 * @returns [D, D]; the gradient flows to z
 */
export function covariance(z: Tensor): Tensor {
  const op = 'covariance';
  const context = check.contextOf(op, { z });
  const [rows, columns] = check.matrix(op, 'z', z);
  check.bindable(op, context, [columns, columns], 'use covarianceTerm, which does not store it');
  const features = makeFeatures(context, op, 'z', z);
  const scale = 1 / (rows - 1);
  const c = launchProducts(context, op, [features], scale);
  return context.record(op, [z], c, {
    saved: [z],
    release: features.release,
    backward: (dc, [x]) => {
      const dz = context.empty([rows, columns], op);
      const saved = { ...features, z: x };
      addToGradient(context, op, saved, dc, dz, { scale, transposed: false, accumulating: false });
      addToGradient(context, op, saved, dc, dz, { scale, transposed: true, accumulating: true });
      return [dz];
    },
  });
}

/**
 * The cross-correlation of the features of two views: X0^T X1 / N, each feature standardised over the batch by its biased
 * variance + 1e-5.
 * @param z0 [N, D], N >= 2
 * @param z1 [N, D]
 * @returns [D, D], row d of z0's features, column e of z1's; gradients flow to both
 */
export function crossCorrelation(z0: Tensor, z1: Tensor): Tensor {
  const op = 'crossCorrelation';
  const context = check.contextOf(op, { z0, z1 });
  const [rows, columns] = check.matrix(op, 'z0', z0);
  check.sameShape(op, 'z0', z0, 'z1', z1);
  check.bindable(op, context, [columns, columns], 'use barlowTwins, which does not store it');
  const f0 = makeFeatures(context, op, 'z0', z0, EPSILON);
  const f1 = makeFeatures(context, op, 'z1', z1, EPSILON);
  const scale = 1 / rows;
  const c = launchProducts(context, op, [f0, f1], scale);
  return context.record(op, [z0, z1], c, {
    saved: [z0, z1],
    release: () => {
      f0.release();
      f1.release();
    },
    backward: (dc, [x0, x1]) => {
      const own = context.scratch(columns, op);
      fill(context, own, columns, 0); // the diagonal has no gradient beside what dc says
      const one = context.constant(1);
      const [s0, s1] = [
        { ...f0, z: x0 },
        { ...f1, z: x1 },
      ];
      const gradients = [s1, s0].map((other, v) => {
        const g = context.empty([rows, columns], op);
        addToGradient(context, op, other, dc, g, { scale, transposed: v === 0, accumulating: false });
        standardBackward(context, op, [s0, s1][v], other, { g, own, factor: 1, dy: one });
        return g;
      });
      own.release();
      return gradients;
    },
  });
}

/** scale * X0^T X1 of two views, or of one with itself. */
function launchProducts(context: Context, op: string, views: readonly Features[], scale: number): Tensor {
  const { rows, columns } = views[0];
  const packed = views.map((view) => featureRows(context, op, view));
  const out = context.empty([columns, columns], op);
  const to = { of: out, at: 0, stride: columns };
  launchGram(context, op, columns, rows, packed[0], packed[packed.length - 1], to, { scale });
  for (const { release } of packed) release();
  return out;
}

/** out = scale * X dc (+ out), or of dc's transpose. */
function addToGradient(
  context: Context,
  op: string,
  features: Features,
  dc: Tensor,
  out: Tensor,
  { scale, transposed, accumulating }: { scale: number; transposed: boolean; accumulating: boolean },
): void {
  const { rows, columns } = features;
  const packed = featureRows(context, op, features);
  const { of, stride } = packed;
  const { along, operand } = leftRows(context, op, { of, rows, columns, stride }, columns);
  const source = { of: dc, rows: columns, columns };
  const rhs = transposed ? packedTranspose(context, op, source) : packedRows(context, op, source);
  const size = { rows, columns, depth: columns };
  const to = { of: out, at: 0, stride: columns };
  launchProduct(context, size, { ...operand, along }, rhs, to, { scale, accumulating });
  for (const { release } of [operand, packed, rhs]) release();
}
