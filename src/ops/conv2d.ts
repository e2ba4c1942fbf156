import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { conv2d_pack, conv2d as kernel } from '../gpu/kernels.generated.ts';
import { placedWeights } from '../launch/operands.ts';
import { roundUp, shrunk, type Tile, tileOf } from '../launch/tile.ts';
import { type ConvolutionSizes, gatheredSteps, launchWeightGrad } from '../launch/weightGrad.ts';

export interface Conv2dOptions {
  /** Step between output positions, both ways. Default 1. */
  stride?: number;
  /** Zeros around the image, on every side. Default 0. */
  padding?: number;
}

/**
 * 2-D convolution (cross-correlation, as the field says it).
 * @param x [N, C, H, W]
 * @param weight [O, C, KH, KW]
 * @returns [N, O, (H + 2 padding - KH) / stride + 1, (W + 2 padding - KW) / stride + 1], rounded down
 */
export function conv2d(x: Tensor, weight: Tensor, options?: Conv2dOptions): Tensor {
  const op = 'conv2d';
  const context = check.contextOf(op, { x, weight });
  const sizes = measure(op, x, weight, options);
  const outShape = [sizes.images, sizes.outChannels, sizes.outHeight, sizes.outWidth];
  check.bindable(op, context, outShape, 'use a smaller batch');
  const y = context.empty(outShape, op);
  correlate(context, op, sizes, weight, x, y);
  return context.record(op, [x, weight], y, {
    saved: [x, weight],
    backward: (dy, [savedX, savedWeight]) => [
      x.requiresGrad ? inputGradient(context, op, sizes, savedWeight, dy) : null,
      weight.requiresGrad ? weightGradient(context, op, sizes, savedX, dy) : null,
    ],
  });
}

function measure(op: string, x: Tensor, weight: Tensor, options: Conv2dOptions | undefined): ConvolutionSizes {
  if (x.shape.length !== 4) check.fail(op, `x is [${x.shape.join(', ')}], expected [N, C, H, W].`);
  if (weight.shape.length !== 4) check.fail(op, `weight is [${weight.shape.join(', ')}], expected [O, C, KH, KW].`);
  const { stride, padding } = check.options(op, options, { stride: 1, padding: 0 });
  check.integer(op, 'stride', stride, 1, 1024);
  check.integer(op, 'padding', padding, 0, 1024);
  const [images, channels, height, width] = x.shape;
  const [outChannels, wanted, kernelHeight, kernelWidth] = weight.shape;
  if (wanted !== channels)
    check.fail(op, `weight has ${wanted} channels, expected ${channels} to match x [${x.shape.join(', ')}].`);
  const outHeight = Math.floor((height + 2 * padding - kernelHeight) / stride) + 1;
  const outWidth = Math.floor((width + 2 * padding - kernelWidth) / stride) + 1;
  if (outHeight < 1 || outWidth < 1)
    check.fail(
      op,
      `weight is ${kernelHeight} x ${kernelWidth}, expected at most ${height + 2 * padding} x ${width + 2 * padding} (x with its padding).`,
    );
  return {
    images,
    channels,
    height,
    width,
    outChannels,
    kernelHeight,
    kernelWidth,
    outHeight,
    outWidth,
    stride,
    padding,
  };
}

const TEXTURE_ROW = 64; // floats: rows of a buffer that can be copied to a texture are multiples of it apart

/** The weights as product tiles read them: [taps, inner, outer padded]. */
function pack(context: Context, op: string, s: ConvolutionSizes, weight: Tensor, swapped: boolean, tile: Tile) {
  const outer = swapped ? s.channels : s.outChannels;
  const inner = swapped ? s.outChannels : s.channels;
  const taps = s.kernelHeight * s.kernelWidth;
  const stride = roundUp(outer, context.info.textures > 0 ? TEXTURE_ROW : tile.rows);
  const storage: Storage = context.scratch(taps * inner * stride, op);
  context.run(conv2d_pack, {
    params: { out_channels: s.outChannels, channels: s.channels, taps, stride, swapped: swapped ? 1 : 0 },
    buffers: { w: weight, out: storage },
    groups: taps * inner,
    work: taps * inner * stride,
  });
  return { storage, stride, source: { of: storage, at: 0, stride, width: stride, rows: taps * inner } };
}

function correlate(context: Context, op: string, s: ConvolutionSizes, weight: Tensor, x: Tensor, y: Tensor): void {
  const positions = s.images * s.outHeight * s.outWidth;
  const depth = s.channels * s.kernelHeight * s.kernelWidth;
  const whole = tileOf(context, 'convolution', s.outChannels, positions, depth);
  const tile = shrunk(whole, { rows: s.outChannels, steps: gatheredSteps(context, s.channels) });
  const packed = pack(context, op, s, weight, false, tile);
  const strips = Math.ceil(positions / tile.columns);
  const size = { rows: s.outChannels, columns: positions, depth };
  context.run(kernel, {
    params: {
      channels: s.channels,
      height: s.height,
      width: s.width,
      out_channels: s.outChannels,
      out_height: s.outHeight,
      out_width: s.outWidth,
      rows: s.outHeight,
      columns: s.outWidth,
      positions,
      strips,
      taps_y: s.kernelHeight,
      taps_x: s.kernelWidth,
      first_tap: 0,
      tap_step_y: s.kernelWidth,
      tap_step_x: 1,
      weight_stride4: packed.stride / 4,
      step: s.stride,
      base_y: -s.padding,
      base_x: -s.padding,
      direction: 1,
      spread: 1,
      shift_y: 0,
      shift_x: 0,
    },
    buffers: { lhs: packed.storage, src: x, out: y },
    groups: Math.ceil(s.outChannels / tile.rows) * strips,
    work: positions * s.outChannels * s.channels * s.kernelHeight * s.kernelWidth,
    ...placedWeights(context, size, s.channels, tile.tuning, packed.source),
  });
  packed.storage.release();
}

/**
 * dx: pixels whose coordinates leave the same remainder by the stride (a phase) meet the same taps, every stride-th one,
 * so each phase is a correlation of stride 1 with its own taps and no multiplication by an inserted zero.
 */
function inputGradient(context: Context, op: string, s: ConvolutionSizes, weight: Tensor, dy: Tensor): Tensor {
  const dx = context.empty([s.images, s.channels, s.height, s.width], op);
  const depth = s.outChannels * s.kernelHeight * s.kernelWidth;
  const pixels = s.images * s.height * s.width;
  const whole = tileOf(context, 'convolution', s.channels, pixels, depth);
  const tile = shrunk(whole, { rows: s.channels, steps: gatheredSteps(context, s.outChannels) });
  const packed = pack(context, op, s, weight, true, tile);
  const size = { rows: s.channels, columns: pixels, depth };
  const placed = placedWeights(context, size, s.outChannels, tile.tuning, packed.source);
  for (let phaseY = 0; phaseY < Math.min(s.stride, s.height); phaseY++) {
    for (let phaseX = 0; phaseX < Math.min(s.stride, s.width); phaseX++) {
      const firstY = (phaseY + s.padding) % s.stride;
      const firstX = (phaseX + s.padding) % s.stride;
      const rows = Math.ceil((s.height - phaseY) / s.stride);
      const columns = Math.ceil((s.width - phaseX) / s.stride);
      const positions = s.images * rows * columns;
      const strips = Math.ceil(positions / tile.columns);
      const tapsY = Math.max(0, Math.ceil((s.kernelHeight - firstY) / s.stride));
      const tapsX = Math.max(0, Math.ceil((s.kernelWidth - firstX) / s.stride));
      context.run(kernel, {
        params: {
          channels: s.outChannels,
          height: s.outHeight,
          width: s.outWidth,
          out_channels: s.channels,
          out_height: s.height,
          out_width: s.width,
          rows,
          columns,
          positions,
          strips,
          taps_y: tapsY,
          taps_x: tapsX,
          first_tap: firstY * s.kernelWidth + firstX,
          tap_step_y: s.stride * s.kernelWidth,
          tap_step_x: s.stride,
          weight_stride4: packed.stride / 4,
          step: 1,
          base_y: (phaseY + s.padding - firstY) / s.stride,
          base_x: (phaseX + s.padding - firstX) / s.stride,
          direction: -1,
          spread: s.stride,
          shift_y: phaseY,
          shift_x: phaseX,
        },
        buffers: { lhs: packed.storage, src: dy, out: dx },
        groups: Math.ceil(s.channels / tile.rows) * strips,
        work: positions * s.outChannels * s.channels * Math.max(1, tapsY * tapsX),
        ...placed,
      });
    }
  }
  packed.storage.release();
  return dx;
}

function weightGradient(context: Context, op: string, s: ConvolutionSizes, x: Tensor, dy: Tensor): Tensor {
  const dw = context.empty([s.outChannels, s.channels, s.kernelHeight, s.kernelWidth], op);
  launchWeightGrad(context, op, s, x, dy, dw);
  return dw;
}
