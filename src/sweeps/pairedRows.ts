import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { fill } from '../core/fills.ts';
import { rowName } from '../core/inspect.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { paired_rows } from '../gpu/kernels.generated.ts';
import { launchSum } from '../launch/reduce.ts';
import { rowTuning } from '../launch/tile.ts';
import { mul } from '../ops/arithmetic.ts';
import { withMatrices } from '../ops/reshape.ts';

/** What is made of the distance of paired unit rows: loss = offset + scale * mean_i |u_i - v_i|^alpha. */
export interface PairedRows {
  readonly offset?: number;
  readonly scale?: number;
  readonly alpha?: number;
  /** `'cosine'`: |u - v|^2 means 2 - 2 cos, zero rows included. `'distance'`: what it says, and gradients to both sides. */
  readonly of: 'cosine' | 'distance';
}

/** A loss of rows in pairs, each normalised inside: value and gradient in one pass over both, memory of one gradient. */
export function pairedRows(op: string, sides: Readonly<Record<string, Tensor>>, how: PairedRows): Tensor {
  const context = check.contextOf(op, sides);
  const [[nameX, x], [nameY, y]] = Object.entries(sides);
  check.rows(op, nameX, x);
  check.sameShape(op, nameX, x, nameY, y);
  check.bindableInput(op, context, nameX, x);
  return withMatrices([x, y], (a, b) => meanOfPairs(op, { [nameX]: a, [nameY]: b }, how));
}

function meanOfPairs(
  op: string,
  sides: Readonly<Record<string, Tensor>>,
  { offset = 0, scale = 1, alpha = 2, of }: PairedRows,
): Tensor {
  const [[nameX, x], [nameY, y]] = Object.entries(sides);
  const { context } = x;
  const [n] = x.shape;
  const losses = context.scratch(n, op);
  const launch = (name: string, own: Tensor, other: Tensor, into: Storage, value = into): Tensor =>
    launchPairs(context, op, name, own, other, into, value, { scale: scale / n, alpha, distance: of === 'distance' });
  const dx = launch(nameX, x, y, losses);
  const wanted = of === 'distance' && (context.needsGrad(y) || context.check);
  // Seen from y, losses differ in their last bits: the value is always that seen from x, whoever wants a gradient.
  const seenFromY = wanted ? context.scratch(n, op) : null;
  const dy = seenFromY && launch(nameY, y, x, seenFromY, losses);
  seenFromY?.release();
  const mean = context.empty([], op);
  fill(context, mean.storage, 1, offset);
  launchSum(context, losses, mean, { outer: 1, reduced: n, inner: 1, scale: scale / n, accumulating: true });
  losses.release();
  return context.record(op, [x, y], mean, {
    release: () => {
      dx.dispose();
      dy?.dispose();
    },
    backward: (upstream) => [mul(dx, upstream), dy && mul(dy, upstream)],
  });
}

function launchPairs(
  context: Context,
  op: string,
  name: string,
  x: Tensor,
  y: Tensor,
  losses: Storage,
  value: Storage,
  { scale, alpha, distance }: { scale: number; alpha: number; distance: boolean },
): Tensor {
  const [rows, columns] = x.shape;
  const { tuning, rowsPerGroup } = rowTuning(context);
  const { leading } = x;
  const dx = context.unscoped(() => context.empty([rows, columns], op));
  const inverseNorms = context.scratch(rows, op);
  context.run(paired_rows, {
    params: { rows, columns, distance: distance ? 1 : 0, alpha, scale },
    buffers: { x, y, losses, inverse_norms: inverseNorms, dx },
    groups: Math.ceil(rows / rowsPerGroup),
    work: 8 * rows * columns,
    tuning,
  });
  context.inspectDirections(op, (row) => rowName(name, { leading }, row), inverseNorms, rows, value);
  inverseNorms.release();
  return dx;
}
