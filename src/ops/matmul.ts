import * as check from '../core/checkTensor.ts';
import { part, ranges } from '../core/chunks.ts';
import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import { leftRows, packedRows, packedTranspose } from '../launch/pack.ts';
import { launchProduct } from '../launch/product.ts';

export interface MatmulOptions {
  /** Uses a's transpose: a is [K, M]. Default false. */
  transposeA?: boolean;
  /** Uses b's transpose: b is [N, K]. Default false. */
  transposeB?: boolean;
}

/**
 * The matrix product a b.
 * @param a [M, K], or [K, M] with `transposeA`
 * @param b [K, N], or [N, K] with `transposeB`
 * @returns [M, N]; gradients flow to both
 */
export function matmul(a: Tensor, b: Tensor, options?: MatmulOptions): Tensor {
  const op = 'matmul';
  const context = check.contextOf(op, { a, b });
  const { transposeA, transposeB } = check.options(op, options, { transposeA: false, transposeB: false });
  const [aRows, aColumns] = check.matrix(op, 'a', a);
  const [bRows, bColumns] = check.matrix(op, 'b', b);
  const [m, depth] = transposeA ? [aColumns, aRows] : [aRows, aColumns];
  const [bDepth, n] = transposeB ? [bColumns, bRows] : [bRows, bColumns];
  if (bDepth !== depth)
    check.fail(
      op,
      `b [${b.shape.join(', ')}]${transposeB ? ' transposed' : ''} has ${bDepth} rows, expected ${depth} to match ` +
        `a [${a.shape.join(', ')}]${transposeA ? ' transposed' : ''}.`,
    );
  check.elements(op, [m, n]);
  const out = context.empty([m, n], op);
  launchMatmul(context, op, a, b, out, { transposeA, transposeB });
  return context.record(op, [a, b], out, {
    saved: [a, b],
    backward: (dy, [x, y]) => {
      const product = (l: Tensor, r: Tensor, tl: boolean, tr: boolean, like: Tensor): Tensor => {
        const d = context.empty(like.shape, op);
        launchMatmul(context, op, l, r, d, { transposeA: tl, transposeB: tr });
        return d;
      };
      const da = !a.requiresGrad
        ? null
        : transposeA
          ? product(y, dy, transposeB, true, x)
          : product(dy, y, false, !transposeB, x);
      const db = !b.requiresGrad
        ? null
        : transposeB
          ? product(dy, x, true, transposeA, y)
          : product(x, dy, !transposeA, false, y);
      return [da, db];
    },
  });
}

/** out = op(a) op(b); rows of out beyond what one binding holds go in several launches. */
function launchMatmul(
  context: Context,
  op: string,
  a: Tensor,
  b: Tensor,
  out: Tensor,
  { transposeA, transposeB }: { transposeA: boolean; transposeB: boolean },
): void {
  const [rows, columns] = out.shape;
  const depth = transposeA ? a.shape[0] : a.shape[1];
  check.bindableInput(op, context, 'b', b);
  if (transposeA) check.bindableInput(op, context, 'a', a);
  const whole = { of: b, rows: b.shape[0], columns: b.shape[1] };
  const rhs = transposeB ? packedTranspose(context, op, whole) : packedRows(context, op, whole);
  const across = transposeA ? packedRows(context, op, { of: a, rows: depth, columns: rows }) : null;
  for (const range of ranges(context, rows, Math.max(columns, transposeA ? 1 : depth))) {
    const { first, count } = range;
    const size = { rows: count, columns, depth };
    const to = { of: part(out, range, columns), at: 0, stride: columns };
    if (across) {
      launchProduct(context, size, { ...across, at: first, along: 'columns' }, rhs, to);
      continue;
    }
    const { along, operand } = leftRows(
      context,
      op,
      { of: part(a, range, depth), rows: count, columns: depth },
      columns,
    );
    launchProduct(context, size, { ...operand, along }, rhs, to);
    operand.release();
  }
  across?.release();
  rhs.release();
}
