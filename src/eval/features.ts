import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { column_moments, probe_features } from '../gpu/kernels.generated.ts';

const GROUP = 64;

/** Rows of standardised features with a 1 behind them, `stride` floats each. */
export interface DesignMatrix {
  readonly rows: Storage;
  readonly count: number;
}

/** Both sets standardised by the moments of `train`, whose rows come in this order. */
export function standardFeatures(
  context: Context,
  op: string,
  train: Tensor,
  test: Tensor,
  order: Uint32Array<ArrayBuffer>,
  stride: number,
): [DesignMatrix, DesignMatrix] {
  const [rows, columns] = train.shape;
  const mean = context.empty([columns], op);
  const scale = context.empty([columns], op);
  context.run(column_moments, {
    params: { rows, columns },
    buffers: { x: train, mean, scale },
    groups: Math.ceil(columns / GROUP),
    work: 4 * train.size,
  });
  const prepare = (x: Tensor, rowOrder: Uint32Array<ArrayBuffer>): DesignMatrix => {
    const count = x.shape[0];
    const out = context.scratch(count * stride, op);
    context.run(probe_features, {
      params: { rows: count, columns, stride },
      buffers: { x, order: context.tensor(rowOrder), mean, scale, out },
      groups: count,
      work: 4 * count * stride,
    });
    return { rows: out, count };
  };
  return [
    prepare(train, order),
    prepare(
      test,
      Uint32Array.from({ length: test.shape[0] }, (_, i) => i),
    ),
  ];
}
