import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { channels_last, conv2d_weight_grad, conv2d_weight_grad_packed } from '../gpu/kernels.generated.ts';
import { because, type Choice } from '../tuning/choices.ts';
import { placed } from './operands.ts';
import { launchSum } from './reduce.ts';
import { roundUp, shrunk, type Tile, tileOf } from './tile.ts';

/** Steps together at most: of more than two, a CPU's registers do not hold what is gathered number by number. */
export function gatheredSteps(context: Context, steps: number): number {
  return context.info.software ? Math.min(2, steps) : steps;
}

export interface ConvolutionSizes {
  readonly images: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly outChannels: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly stride: number;
  readonly padding: number;
}

const GROUPS_WANTED = 64; // enough for the software adapters' threads and a small GPU alike
const PACKED_BYTES = 2 ** 23; // scratch memory of both packed operands: as many images as that holds go together
const FEWEST_CHANNELS = 3; // fewer are mostly padding when they are packed in fours

// Where loads are dear, and four numbers in one load take half the time of four loads, packing both operands first pays.
const OPERANDS: Choice<'gathered' | 'packed'> = {
  name: 'weight gradient operands',
  options: {
    gathered: ([rows, columns, depth], { name }) => ({
      flops: 2 * rows * columns * depth,
      eta: name === 'gpu' ? 0.5 : 0.2,
    }),
    packed: ([rows, columns, depth, packed]) => ({
      flops: 2 * rows * columns * depth,
      bytes: 8 * packed,
      dispatches: 3,
    }),
  },
};

/** How `channels_last` packs one operand of a convolution: sizes of an image, in vec4s from a pixel and a line to the next. */
interface PackedImage {
  readonly height: number;
  readonly width: number;
  readonly stride4: number;
  readonly line4: number;
  /** Floats. */
  readonly size: number;
}

/** Both operands; of x the part of the padded image that is met. Lines of dy end with zeros, up to whole steps of a tile. */
function packedSizes(context: Context, s: ConvolutionSizes, tile: Tile): { x: PackedImage; dy: PackedImage } {
  const image = (height: number, width: number, stride4: number): PackedImage => {
    const line4 = roundUp(width * stride4, context.info.textures > 0 ? 16 : 1); // as copies to textures want it
    return { height, width, stride4, line4, size: 4 * height * line4 };
  };
  const columns = roundUp(s.outWidth, tile.tuning.KU ?? 1);
  const met = {
    height: (s.outHeight - 1) * s.stride + s.kernelHeight,
    width: (columns - 1) * s.stride + s.kernelWidth,
  };
  return {
    x: image(met.height, met.width, Math.ceil(s.channels / 4)),
    dy: image(s.outHeight, columns, roundUp(s.outChannels, tile.rows) / 4),
  };
}

/** How the sum over images and positions is cut up. */
interface Cut {
  readonly tile: Tile;
  readonly rowGroups: number;
  readonly strips: number;
  readonly imagesPerSlice: number;
  readonly slices: number;
  /** Positions whose products are one sum. */
  readonly span: number;
}

function cutUp(s: ConvolutionSizes, whole: Tile, columns: number, steps: number): Cut {
  const tile = shrunk(whole, { rows: s.outChannels, columns, steps });
  const rowGroups = Math.ceil(s.outChannels / tile.rows);
  const strips = Math.ceil(columns / tile.columns);
  const wanted = Math.ceil(GROUPS_WANTED / (rowGroups * strips));
  const imagesPerSlice = Math.ceil(s.images / Math.min(s.images, wanted));
  const span = Math.max(128, Math.ceil(Math.sqrt(imagesPerSlice * s.outHeight * s.outWidth)));
  return { tile, rowGroups, strips, imagesPerSlice, slices: Math.ceil(s.images / imagesPerSlice), span };
}

/**
 * dw[co, c, tap] = sum over images and positions of dy * what the tap meets in x
 * @param most bytes of scratch memory for packed operands
 */
export function launchWeightGrad(
  context: Context,
  op: string,
  s: ConvolutionSizes,
  x: Tensor,
  dy: Tensor,
  dw: Tensor,
  most = PACKED_BYTES,
): void {
  const taps = s.kernelHeight * s.kernelWidth;
  const outputs = s.channels * taps;
  const positions = s.images * s.outHeight * s.outWidth;
  const whole = tileOf(context, 'convolution', s.outChannels, outputs, positions);
  const cutPacked = cutUp(s, whole, taps * roundUp(s.channels, 4), s.outWidth);
  const packed = packedSizes(context, s, cutPacked.tile);
  const numbers = packed.x.size + packed.dy.size;
  const sliceBytes = 4 * cutPacked.imagesPerSlice * numbers;
  const chosen =
    s.channels >= FEWEST_CHANNELS && sliceBytes <= most
      ? context.choose(OPERANDS, [s.outChannels, outputs, positions, s.images * numbers])
      : null;
  const cut = chosen?.option === 'packed' ? cutPacked : cutUp(s, whole, outputs, gatheredSteps(context, s.outWidth));
  const { tile, slices } = cut;
  const partial = slices > 1 ? context.scratch(slices * s.outChannels * outputs, op) : dw;
  const tuning = chosen ? because(tile.tuning, chosen) : tile.tuning;
  const own = { ...cut, tile: { ...tile, tuning } };
  if (chosen?.option === 'packed') {
    const slicesTogether = Math.min(slices, Math.floor(most / sliceBytes));
    launchPacked(context, op, s, own, slicesTogether, x, dy, partial);
  } else launchGathered(context, s, own, x, dy, partial);
  if (partial === dw) return;
  launchSum(context, partial, dw, { outer: 1, reduced: slices, inner: s.outChannels * outputs });
  (partial as Storage).release();
}

function launchGathered(
  context: Context,
  s: ConvolutionSizes,
  { tile, rowGroups, strips, imagesPerSlice, slices, span }: Cut,
  x: Tensor,
  dy: Tensor,
  partial: Tensor | Storage,
): void {
  context.run(conv2d_weight_grad, {
    params: {
      channels: s.channels,
      height: s.height,
      width: s.width,
      out_channels: s.outChannels,
      rows: s.outHeight,
      columns: s.outWidth,
      kernel_height: s.kernelHeight,
      kernel_width: s.kernelWidth,
      step: s.stride,
      pad: s.padding,
      images: s.images,
      images_per_slice: imagesPerSlice,
      row_groups: rowGroups,
      strips,
      span,
    },
    buffers: { lhs: dy, rhs: x, partial },
    groups: slices * rowGroups * strips,
    work: workOf(s, s.images),
    tuning: tile.tuning,
  });
}

/** As many slices of images at a time as the scratch memory holds. */
function launchPacked(
  context: Context,
  op: string,
  s: ConvolutionSizes,
  { tile, rowGroups, strips, imagesPerSlice, slices, span }: Cut,
  slicesTogether: number,
  x: Tensor,
  dy: Tensor,
  partial: Tensor | Storage,
): void {
  const packed = packedSizes(context, s, tile);
  const area = s.outHeight * s.outWidth;
  const together = slicesTogether * imagesPerSlice;
  const packedX = context.scratch(together * packed.x.size, op);
  const packedDy = context.scratch(together * packed.dy.size, op);
  // Columns of x that some tap meets: what lies past them may be anything.
  const seen = Math.min(s.width, (s.outWidth - 1) * s.stride + s.kernelWidth - s.padding);
  for (let first = 0; first < slices; first += slicesTogether) {
    const firstImage = first * imagesPerSlice;
    const images = Math.min(together, s.images - firstImage);
    const pack = (
      src: Tensor,
      out: Storage,
      [channels, height, width, seenWidth, border]: readonly number[],
      of: PackedImage,
    ): void => {
      const pixels = images * of.height * of.width;
      context.run(channels_last, {
        params: {
          pixels,
          channels,
          height,
          width,
          seen_width: seenWidth,
          out_height: of.height,
          out_width: of.width,
          border,
          stride4: of.stride4,
          line4: of.line4,
          first_image: firstImage,
        },
        buffers: { src, out },
        groups: Math.ceil(pixels / 64),
        work: 4 * pixels * of.stride4,
      });
    };
    pack(x, packedX, [s.channels, s.height, s.width, Math.max(0, seen), s.padding], packed.x);
    pack(dy, packedDy, [s.outChannels, s.outHeight, s.outWidth, s.outWidth, 0], packed.dy);
    const source = (of: Storage, { line4, width, stride4, height }: PackedImage) => ({
      of,
      at: 0,
      stride: 4 * line4,
      width: 4 * width * stride4,
      rows: images * height,
    });
    const size = {
      rows: s.outChannels,
      columns: s.channels * s.kernelHeight * s.kernelWidth,
      depth: images * packed.dy.height * packed.dy.width,
    };
    context.run(conv2d_weight_grad_packed, {
      params: {
        channels: s.channels,
        taps: s.kernelHeight * s.kernelWidth,
        taps_x: s.kernelWidth,
        depth4: packed.x.stride4,
        out_channels: s.outChannels,
        rows: s.outHeight,
        columns: packed.dy.width,
        lhs_stride4: packed.dy.stride4,
        lhs_line4: packed.dy.line4,
        src_height: packed.x.height,
        rhs_line4: packed.x.line4,
        step: s.stride,
        images,
        images_per_slice: imagesPerSlice,
        row_groups: rowGroups,
        strips,
        first_slice: first,
        images_together: Math.max(1, Math.floor(span / area)),
        lines_together: Math.max(1, Math.floor(span / s.outWidth)),
      },
      buffers: { lhs: packedDy, rhs: packedX, partial },
      groups: Math.ceil(images / imagesPerSlice) * rowGroups * strips,
      work: workOf(s, images),
      ...placed(context, size, tile.tuning, source(packedDy, packed.dy), source(packedX, packed.x)),
    });
  }
  packedX.release();
  packedDy.release();
}

function workOf(s: ConvolutionSizes, images: number): number {
  return images * s.outHeight * s.outWidth * s.outChannels * s.channels * s.kernelHeight * s.kernelWidth;
}
