import * as check from '../core/checkTensor.ts';
import type { Tensor } from '../core/tensor.ts';
import { pool2d, pool2d_grad } from '../gpu/kernels.generated.ts';

/**
 * Mean over non-overlapping windows.
 * @param x [N, C, H, W]
 * @param size edge of the window, and the step; pixels past the last whole window do not count
 * @returns [N, C, H / size, W / size], rounded down
 */
export function averagePool2d(x: Tensor, size: number): Tensor {
  return pool('averagePool2d', x, size, 0);
}

/** Maximum over non-overlapping windows; shapes as `averagePool2d`. The gradient goes to a window's first maximum. */
export function maxPool2d(x: Tensor, size: number): Tensor {
  return pool('maxPool2d', x, size, 1);
}

function pool(op: string, x: Tensor, size: number, maximum: 0 | 1): Tensor {
  const context = check.contextOf(op, { x });
  if (x.shape.length !== 4) check.fail(op, `x is [${x.shape.join(', ')}], expected [N, C, H, W].`);
  const [images, channels, height, width] = x.shape;
  check.integer(op, 'size', size, 1, Math.min(height, width));
  const rows = Math.floor(height / size);
  const columns = Math.floor(width / size);
  const planes = images * channels;
  const params = { planes, height, width, rows, columns, size };
  const tuning = { MAXIMUM: maximum };
  const y = context.empty([images, channels, rows, columns], op);
  context.run(pool2d, { params, buffers: { x, y }, groups: Math.ceil(y.size / 64), work: x.size, tuning });
  return context.record(op, [x], y, {
    saved: [x],
    backward: (dy, [saved]) => {
      const dx = context.empty(x.shape, op);
      context.run(pool2d_grad, {
        params,
        buffers: { x: saved, dy, dx },
        groups: Math.ceil(dx.size / 64),
        work: dx.size * size * size,
        tuning,
      });
      return [dx];
    },
  });
}
