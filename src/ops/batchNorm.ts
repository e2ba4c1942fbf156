import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Tuning } from '../gpu/kernel.ts';
import {
  batch_norm_apply,
  batch_norm_channels,
  batch_norm_grad,
  batch_norm_grad_sums,
  batch_norm_moments,
  batch_norm_totals,
} from '../gpu/kernels.generated.ts';
import { inFours, lanesFor } from '../launch/tile.ts';

/** What a batch-norm layer owns: all of shape [C]. The running ones are updated in place while training. */
export interface BatchNormState {
  /** Scale, often called gamma. */
  readonly weight: Tensor;
  /** Shift, often called beta. */
  readonly bias: Tensor;
  readonly runningMean: Tensor;
  /** Unbiased, as PyTorch keeps it; the batch itself is normalised by the biased variance. */
  readonly runningVariance: Tensor;
}

export interface BatchNormOptions {
  /** Use the batch's moments and update the running ones (true, default), or use the running ones (false). */
  training?: boolean;
  /** Share of the batch in the running moments. Default 0.1, as PyTorch has it; a larger one forgets earlier batches sooner. */
  momentum?: number;
  /** Added to the variance. Default 1e-5, as PyTorch has it; a larger one scales channels of little variance up less. */
  epsilon?: number;
  /** max(y, 0) in the same pass. Default false. */
  relu?: boolean;
}

const STATE = {
  weight: undefined,
  bias: undefined,
  runningMean: undefined,
  runningVariance: undefined,
} as unknown as BatchNormState;

interface Layout {
  readonly images: number;
  readonly channels: number;
  readonly pixels: number;
  /** Floats of an image, and numbers: what a lane owns. */
  readonly width: number;
  readonly numbers: number;
  readonly tuning: Tuning;
  readonly slices: number;
  readonly imagesPerSlice: number;
  readonly strips: number;
}

// Workgroups, and images of a slice at least: fewer would leave more to merge than they spare.
const OF_FLOATS = { groups: 256, images: 8 };
const OF_FOURS = { groups: 256, images: 16 };

function layoutOf(context: Context, x: Tensor): Layout {
  const [images, channels, ...rest] = x.shape;
  const pixels = rest.reduce((a, b) => a * b, 1);
  const width = channels * pixels;
  const { tuning, numbers } = inFours(context, width);
  const wanted = tuning.FOURS ? OF_FOURS : OF_FLOATS;
  const strips = Math.ceil(numbers / 64);
  const imagesPerSlice = Math.max(wanted.images, Math.ceil(images / Math.ceil(wanted.groups / strips)));
  const slices = Math.ceil(images / imagesPerSlice);
  return { images, channels, pixels, width, numbers, tuning, slices, imagesPerSlice, strips };
}

/**
 * Batch normalisation (Ioffe & Szegedy 2015, arXiv 1502.03167) over all but the channel dimension.
 * @param x [N, C] or [N, C, H, W]
 * @returns x's shape; gradients flow to x, weight and bias
 */
export function batchNorm(x: Tensor, state: BatchNormState, options?: BatchNormOptions): Tensor {
  const op = 'batchNorm';
  const { weight, bias, runningMean, runningVariance } = check.options(op, state, STATE, 'state');
  const context = check.contextOf(op, { x, weight, bias, runningMean, runningVariance });
  for (const [name, tensor] of Object.entries({ runningMean, runningVariance })) check.writable(op, name, tensor);
  if (runningMean.memory === runningVariance.memory)
    check.fail(op, 'runningVariance is the same tensor as runningMean, expected another, as both are written.');
  if (x.shape.length !== 2 && x.shape.length !== 4)
    check.fail(op, `x is [${x.shape.join(', ')}], expected [N, C] or [N, C, H, W].`);
  const layout = layoutOf(context, x);
  for (const [name, tensor] of Object.entries({ weight, bias, runningMean, runningVariance }))
    if (tensor.size !== layout.channels)
      check.fail(op, `${name} has ${tensor.size} numbers, expected ${layout.channels}, one for each channel of x.`);
  const { training, momentum, epsilon, relu } = check.options(op, options, {
    training: true,
    momentum: 0.1,
    epsilon: 1e-5,
    relu: false,
  });
  check.positive(op, 'epsilon', epsilon);
  check.within(op, 'momentum', momentum, 0, 1);
  if (training && layout.images * layout.pixels < 2)
    check.fail(op, 'x has 1 value a channel, expected at least 2 to take a variance.');

  const mean = context.empty([layout.channels], op);
  const inverseStd = context.empty([layout.channels], op);
  if (training) batchMoments(context, op, layout, x, mean, inverseStd, state, epsilon, momentum);
  else runningMoments(context, layout, mean, inverseStd, state, epsilon);

  const y = context.empty(x.shape, op);
  context.run(batch_norm_apply, {
    params: paramsOf(layout, 0),
    buffers: { x, mean, inverse_std: inverseStd, weight, bias, y },
    groups: layout.slices * layout.strips,
    work: 2 * x.size,
    tuning: { ...layout.tuning, RELU: relu ? 1 : 0 },
  });
  const result = context.record(op, [x, weight, bias], y, {
    saved: [x, weight, bias, mean, inverseStd],
    backward: (dy, saved) => gradients(context, op, layout, dy, saved, training, relu),
  });
  mean.dispose();
  inverseStd.dispose();
  return result;
}

function paramsOf(layout: Layout, batchShare: number): Record<string, number> {
  const { images, numbers, pixels, imagesPerSlice, strips } = layout;
  return { images, width: numbers, pixels, images_per_slice: imagesPerSlice, strips, batch_share: batchShare };
}

function batchMoments(
  context: Context,
  op: string,
  layout: Layout,
  x: Tensor,
  mean: Tensor,
  inverseStd: Tensor,
  { runningMean, runningVariance }: BatchNormState,
  epsilon: number,
  momentum: number,
): void {
  const { images, width, numbers, channels, pixels, slices, imagesPerSlice, strips } = layout;
  const means = context.scratch(slices * width, op);
  const spreads = context.scratch(slices * width, op);
  context.run(batch_norm_moments, {
    params: { images, width: numbers, images_per_slice: imagesPerSlice, strips },
    buffers: { x, means, spreads },
    groups: slices * strips,
    work: 3 * images * width,
    tuning: layout.tuning,
  });
  const { tuning, lanes } = lanesFor(context, channels, pixels);
  context.run(batch_norm_channels, {
    params: {
      channels,
      pixels,
      slices,
      images,
      images_per_slice: imagesPerSlice,
      epsilon,
      momentum,
      keep: 1 - momentum,
    },
    buffers: {
      means,
      spreads,
      mean,
      inverse_std: inverseStd,
      running_mean: runningMean,
      running_variance: runningVariance,
    },
    groups: Math.ceil((channels * lanes) / 64),
    work: 4 * slices * width,
    tuning,
  });
  means.release();
  spreads.release();
}

/** The running moments in the batch's place: merging one image's moments (count 1) leaves them as they are. */
function runningMoments(
  context: Context,
  { channels }: Layout,
  mean: Tensor,
  inverseStd: Tensor,
  { runningMean, runningVariance }: BatchNormState,
  epsilon: number,
): void {
  const unused = [context.scratch(channels, 'batchNorm'), context.scratch(channels, 'batchNorm')];
  context.run(batch_norm_channels, {
    params: { channels, pixels: 1, slices: 1, images: 1, images_per_slice: 1, epsilon, momentum: 0, keep: 1 },
    buffers: {
      means: runningMean,
      spreads: runningVariance,
      mean,
      inverse_std: inverseStd,
      running_mean: unused[0],
      running_variance: unused[1],
    },
    groups: Math.ceil(channels / 64),
    work: channels,
    tuning: { LANES: 1 },
  });
  for (const storage of unused) storage.release();
}

function gradients(
  context: Context,
  op: string,
  layout: Layout,
  dy: Tensor,
  [x, weight, bias, mean, inverseStd]: readonly Tensor[],
  training: boolean,
  relu: boolean,
): readonly Tensor[] {
  const { images, channels, pixels, width, slices, strips } = layout;
  const tuning = { ...layout.tuning, RELU: relu ? 1 : 0 };
  const shared = { x, dy, mean, inverse_std: inverseStd, weight, bias };
  const partial = context.scratch(2 * slices * width, op);
  context.run(batch_norm_grad_sums, {
    params: paramsOf(layout, 0),
    buffers: { ...shared, sums: partial },
    groups: slices * strips,
    work: 4 * images * width,
    tuning,
  });
  const sums = context.scratch(2 * channels, op);
  const dbias = context.empty(bias.shape, op);
  const dweight = context.empty(weight.shape, op);
  const shares = lanesFor(context, channels, pixels);
  context.run(batch_norm_totals, {
    params: { channels, pixels, slices },
    buffers: { partial, sums, dbias, dweight },
    groups: Math.ceil((channels * shares.lanes) / 64),
    work: 2 * slices * width,
    tuning: shares.tuning,
  });
  partial.release();
  const dx = context.empty(x.shape, op);
  context.run(batch_norm_grad, {
    params: paramsOf(layout, training ? 1 / (images * pixels) : 0),
    buffers: { ...shared, dx, sums },
    groups: slices * strips,
    work: 4 * images * width,
    tuning,
  });
  sums.release();
  return [dx, dweight, dbias];
}
