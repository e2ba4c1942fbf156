import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import { augment_appearance, augment_geometry } from '../gpu/kernels.generated.ts';
import type { Augmentation } from './augmentations.ts';
import { checkIndices, checkSet, type ImageSet } from './dataset.ts';
import { DRAW, type Drawn, drawView, MAX_VIEWS, settingsOf } from './draws.ts';
import { statistics } from './statistics.ts';

export { type Augmentation, augmentations, CORRUPTION } from './augmentations.ts';

export interface UploadOptions {
  /** Of each channel, in [0, 1]; default: those of the set itself. A test set wants those of its training set. */
  mean?: readonly number[];
  /** Standard deviation of each channel, likewise. */
  deviation?: readonly number[];
}

export interface ViewOptions {
  /** With the step, decides the batch to the bit; any safe integer. */
  seed: number;
  /** The number of the batch; any safe integer. */
  step: number;
  /** Of all views, or a list: one for each view, in turns. */
  augmentation?: Augmentation | readonly Augmentation[];
}

/** Images that stay on the GPU, a byte a value; batches of views are made there. */
export interface ResidentImages {
  readonly count: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  /** Of each channel, in [0, 1]: what batches are standardised with. */
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
  /** One augmented, standardised view of the images at `indices`: [indices, channels, height, width]. */
  batch(indices: ArrayLike<number>, options: ViewOptions & { view?: number }): Tensor;
  /** `views` of them (default 2), one after the other in one tensor: view 0 of all images, then view 1, ... */
  views(indices: ArrayLike<number>, options: ViewOptions & { views?: number }): Tensor;
  /** The images as they are, standardised: for evaluation. */
  plain(indices: ArrayLike<number>): Tensor;
  /** The images as they are, in [0, 1]. */
  raw(indices: ArrayLike<number>): Tensor;
  dispose(): void;
}

const VIEW: ViewOptions = { seed: check.REQUIRED as number, step: check.REQUIRED as number, augmentation: undefined };
const MAX_IMAGES = 2 ** 24; // image numbers travel as f32

/** Puts a set on the GPU. */
export function uploadImages(context: Context, set: ImageSet, options?: UploadOptions): ResidentImages {
  const op = 'uploadImages';
  check.context(op, context);
  checkSet(op, set);
  const given = check.options(op, options, {
    mean: undefined as readonly number[] | undefined,
    deviation: undefined as readonly number[] | undefined,
  });
  const { count, channels, height, width } = set;
  if (channels !== 1 && channels !== 3) check.fail(op, `set.channels = ${channels}, expected 1 or 3.`);
  check.integer(op, 'set.count', count, 1, MAX_IMAGES);
  const own = statistics(set);
  const mean = perChannel(op, 'mean', given.mean === undefined ? own.mean : given.mean, channels);
  const deviation = perChannel(
    op,
    'deviation',
    given.deviation === undefined ? own.deviation : given.deviation,
    channels,
  );
  for (const value of deviation) check.positive(op, 'deviation', value);
  const words = asWords(set.images);
  check.bindable(op, context, [words.length]);
  const pixels = context.unscoped(() => context.tensor(words));
  const drawn: Drawn = { height, width, channels, greyMeans: own.greyMeans };
  const at = (list: readonly number[], channel: number): number => list[channel] ?? list[0];

  const make = (
    what: string,
    indices: ArrayLike<number>,
    views: readonly number[],
    { seed, step, augmentation }: ViewOptions,
  ): Tensor => {
    if (pixels.disposed) check.fail(what, 'the images were disposed, expected live ones.');
    if (checkIndices(what, indices, count) === 0)
      check.fail(what, `${check.came('indices', indices, 'are')}, expected at least one number of an image.`);
    check.safeInteger(what, 'seed', seed);
    check.integer(what, 'step', step, 0, 2 ** 32 / MAX_VIEWS - 1);
    const list = Array.isArray(augmentation) ? augmentation : [augmentation];
    if (list.length === 0) check.fail(what, 'augmentation is an empty list, expected at least one for the views.');
    const settings = Array.from(list, (one) => settingsOf(what, one));
    const [{ size }] = settings;
    if (settings.some((one) => one.size !== size))
      check.fail(what, 'the augmentations give views of several sizes, expected the same size of all.');
    const images = views.length * indices.length;
    const draws = new Float32Array(images * DRAW);
    views.forEach((view, v) => {
      draws.set(
        drawView(drawn, indices, { seed, step, view }, settings[view % settings.length]),
        v * indices.length * DRAW,
      );
    });
    return render(context, what, pixels, drawn, draws, {
      side: [size ?? height, size ?? width],
      mean: what === 'raw' ? null : [0, 1, 2].map((channel) => at(mean, channel)),
      scale: [0, 1, 2].map((channel) => 1 / at(deviation, channel)),
    });
  };

  return {
    count,
    channels,
    height,
    width,
    mean,
    deviation,
    batch: (indices, options) => {
      const { view, ...rest } = check.options('batch', options, { ...VIEW, view: 0 });
      return make('batch', indices, [check.integer('batch', 'view', view, 0, MAX_VIEWS - 1)], rest);
    },
    views: (indices, options) => {
      const { views, ...rest } = check.options('views', options, { ...VIEW, views: 2 });
      return make('views', indices, [...Array(check.integer('views', 'views', views, 1, MAX_VIEWS)).keys()], rest);
    },
    plain: (indices) => make('plain', indices, [0], { seed: 0, step: 0 }),
    raw: (indices) => make('raw', indices, [0], { seed: 0, step: 0 }),
    dispose: () => pixels.dispose(),
  };
}

/** Geometry, then appearance (left out where `mean` is null). */
function render(
  context: Context,
  op: string,
  pixels: Tensor,
  { channels, height, width }: Drawn,
  drawn: Float32Array,
  { side, mean, scale }: { side: [number, number]; mean: readonly number[] | null; scale: readonly number[] },
): Tensor {
  const count = drawn.length / DRAW;
  const [outHeight, outWidth] = side;
  const shape = [count, channels, outHeight, outWidth];
  check.bindable(op, context, shape);
  const draws = context.tensor(drawn);
  const moved = context.empty(shape, op);
  const common = { groups: count, tuning: { CHANNELS: channels } };
  context.run(augment_geometry, {
    params: { height, width, out_height: outHeight, out_width: outWidth },
    buffers: { pixels, draws, out: moved },
    work: 16 * moved.size,
    ...common,
  });
  if (mean) {
    const out = context.empty(shape, op);
    const [mean0, mean1, mean2] = mean;
    const [scale0, scale1, scale2] = scale;
    context.run(augment_appearance, {
      params: { height: outHeight, width: outWidth, mean0, mean1, mean2, scale0, scale1, scale2 },
      buffers: { x: moved, draws, out },
      work: 32 * out.size,
      ...common,
    });
    moved.dispose();
    draws.dispose();
    context.opEnded();
    return out;
  }
  draws.dispose();
  context.opEnded();
  return moved;
}

function perChannel(op: string, name: string, values: readonly number[], channels: number): readonly number[] {
  if (!Array.isArray(values) || values.length !== channels)
    check.fail(op, `${check.came(name, values, 'is')}, expected ${channels} number${channels > 1 ? 's' : ''}.`);
  Array.from(values, (value, i) => check.finite(op, `${name}[${i}]`, value)); // of a hole, too
  return [...values];
}

/** The same bytes as words of four, copied only where they do not lie on a word's boundary. */
function asWords(bytes: Uint8Array): Uint32Array {
  if (bytes.byteOffset % 4 === 0 && bytes.length % 4 === 0)
    return new Uint32Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length / 4);
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return new Uint32Array(padded.buffer);
}
