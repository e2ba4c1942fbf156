import * as check from '../core/check.ts';
import { createRandom } from '../core/random.ts';
import { type Augmentation, NO_AUGMENTATION } from './augmentations.ts';

/** Floats of draws an image: the kernels augment_geometry and augment_appearance say what they are. */
export const DRAW = 40;

/** Views of one step have a stream of random numbers each. */
export const MAX_VIEWS = 16;

const LUMA = [0.299, 0.587, 0.114]; // ITU-R BT.601
const STROKE_GAIN = 2;
const MOST_STRENGTH = 1e4; // products of a few such stay within f32

/** What the draws need to know of the images. */
export interface Drawn {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** [count], in [0, 1]: what a change of contrast turns around. */
  readonly greyMeans: Float32Array;
}

type Settings = Required<Omit<Augmentation, 'size'>>;

/** A number as a message has it. */
function said(value: unknown): string {
  return typeof value === 'number' ? String(value) : check.say(value);
}

/** `augmentation` with what it leaves out, checked. */
export function settingsOf(op: string, augmentation: Augmentation | undefined): Settings & Pick<Augmentation, 'size'> {
  const all = check.options(op, augmentation, NO_AUGMENTATION);
  const range = (
    name: string,
    value: unknown,
    above = Number.NEGATIVE_INFINITY,
    top = Number.POSITIVE_INFINITY,
  ): void => {
    const [low, high] = Array.isArray(value) && value.length === 2 ? value : [];
    const held = (end: unknown): boolean => Number.isFinite(end) && Math.abs(end as number) <= MOST_STRENGTH;
    const least = above === 0 ? 1 / MOST_STRENGTH : above;
    if (!(held(low) && held(high) && low >= least && low <= high && high <= top))
      check.fail(
        op,
        `${name} = [${[value].flat().map(said).join(', ')}], expected [low, high]${above === 0 ? ' above 0' : ''}${top === 1 ? ' up to 1' : ''}.`,
      );
  };
  range('area', all.area, 0, 1);
  range('aspect', all.aspect, 0);
  range('scale', all.scale, 0);
  range('strokes', all.strokes);
  const blur = check.options(
    op,
    all.blur,
    { probability: undefined, sigma: undefined } as Partial<typeof all.blur>,
    'blur',
  );
  range('blur.sigma', blur.sigma, 0);
  const { flip, jitter, grey, invert, solarize, rotation, shear, translation, warp } = all;
  const { brightness, contrast, saturation, hue, noise } = all;
  const chances = { flip, jitter, grey, invert, solarize, 'blur.probability': blur.probability };
  for (const [name, value] of Object.entries(chances))
    if (typeof value !== 'number' || !(value >= 0 && value <= 1))
      check.fail(op, `${check.came(name, value)}, expected a probability in [0, 1].`);
  for (const [name, value] of Object.entries({
    rotation,
    shear,
    translation,
    warp,
    brightness,
    contrast,
    saturation,
    hue,
    noise,
  }))
    if (!(check.finite(op, name, value) >= 0 && value <= MOST_STRENGTH))
      check.fail(op, `${name} = ${value}, expected a finite number from 0${value < 0 ? '' : ` to ${MOST_STRENGTH}`}.`);
  if (all.size !== undefined) check.integer(op, 'size', all.size, 1, 4096);
  return all;
}

/**
 * All random choices of one view of a batch. They depend on the seed, the step, the view and the place in the batch
 * alone, and each is drawn whether it is used or not, so that changing one setting moves no other choice.
 * @returns [indices, DRAW]
 */
export function drawView(
  images: Drawn,
  indices: ArrayLike<number>,
  { seed, step, view }: { seed: number; step: number; view: number },
  settings: Settings & Pick<Augmentation, 'size'>,
): Float32Array<ArrayBuffer> {
  const random = createRandom(seed, step * MAX_VIEWS + view);
  const draws = new Float32Array(indices.length * DRAW);
  for (let i = 0; i < indices.length; i++) {
    const between = (low: number, high: number): number => low + (high - low) * random.uniform();
    const chance = (probability: number): boolean => random.uniform() < probability;
    const own = draws.subarray(i * DRAW, (i + 1) * DRAW);
    own.set(geometry(images, settings, between, chance));
    own[3] = indices[i];
    own.set(appearance(settings, between, chance), 8);
    own[13] = random.bits() >>> 8; // 24 bits: a whole number that f32 holds
    own.set(colours(images, images.greyMeans[indices[i]], settings, between, chance), 16);
    own.set(waves(images, settings, between), 28);
    own[14] = chance(settings.solarize) ? 1 : 0;
  }
  return draws;
}

type Between = (low: number, high: number) => number;
type Chance = (probability: number) => boolean;

/** (a, b, c, -), (d, e, f, -): where pixel (x, y) of the view lies in the image. */
function geometry({ height, width }: Drawn, settings: Settings & { size?: number }, between: Between, chance: Chance) {
  const area = between(...settings.area);
  const aspect = Math.exp(between(Math.log(settings.aspect[0]), Math.log(settings.aspect[1])));
  const cropWidth = width * Math.min(1, Math.sqrt(area * aspect));
  const cropHeight = height * Math.min(1, Math.sqrt(area / aspect));
  const middleX = width / 2 + between(-0.5, 0.5) * (width - cropWidth);
  const middleY = height / 2 + between(-0.5, 0.5) * (height - cropHeight);
  const angle = (Math.PI / 180) * between(-settings.rotation, settings.rotation);
  const shear = between(-settings.shear, settings.shear);
  const scaleX = between(...settings.scale);
  const scaleY = between(...settings.scale);
  const shiftX = width * between(-settings.translation, settings.translation);
  const shiftY = height * between(-settings.translation, settings.translation);
  const mirror = chance(settings.flip) ? -1 : 1;

  const outWidth = settings.size ?? width;
  const outHeight = settings.size ?? height;
  // From the view's middle: crop, mirror and scale, slant, turn.
  const stepX = (mirror * cropWidth) / (outWidth * scaleX);
  const stepY = cropHeight / (outHeight * scaleY);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [a, b] = [cos * stepX, (cos * shear - sin) * stepY];
  const [d, e] = [sin * stepX, (sin * shear + cos) * stepY];
  // Pixel x has its middle at x + 1/2, in the view and in the image.
  const c = middleX - shiftX - 0.5 + a * (0.5 - outWidth / 2) + b * (0.5 - outHeight / 2);
  const f = middleY - shiftY - 0.5 + d * (0.5 - outWidth / 2) + e * (0.5 - outHeight / 2);
  return [a, b, c, 0, d, e, f, 0];
}

/**
 * Two waves of (shift x, shift y, cycles a column, cycles a row) and (phase, phase, -, -): shifts in pixels of the image, phases
 * in turns.
 */
function waves({ height, width }: Drawn, settings: Settings & { size?: number }, between: Between): number[] {
  const phases: number[] = [];
  const all = [0, 1].flatMap(() => {
    const strength = between(0, settings.warp);
    const [across, along] = [between(0, 2 * Math.PI), between(0, 2 * Math.PI)];
    const cycles = between(0.5, 2); // over the view's side
    phases.push(between(0, 1));
    return [
      strength * width * Math.cos(across),
      strength * height * Math.sin(across),
      (cycles * Math.cos(along)) / (settings.size ?? width),
      (cycles * Math.sin(along)) / (settings.size ?? height),
    ];
  });
  return [...all, ...phases, 0, 0];
}

/** (blur1, blur2, gain, offset), (noise, -, -, -); the stream of the noise and whether to solarise come to the latter. */
function appearance({ blur, strokes, noise }: Settings, between: Between, chance: Chance): number[] {
  const blurs = chance(blur.probability);
  const sigma = between(...blur.sigma);
  const near = Math.exp(-1 / (2 * sigma * sigma));
  const far = Math.exp(-4 / (2 * sigma * sigma));
  const total = 1 + 2 * (near + far);
  const level = between(...strokes);
  const strength = between(0, noise);
  const changes = strokes[0] !== 0.5 || strokes[1] !== 0.5;
  const gain = changes ? STROKE_GAIN : 1;
  const offset = changes ? 0.5 - STROKE_GAIN * level : 0;
  return [blurs ? near / total : 0, blurs ? far / total : 0, gain, offset, strength, 0, 0, 0];
}

/** Three rows of four: colour' = matrix colour + last column. Grey images use the first number of the first row, and its last. */
function colours({ channels }: Drawn, mean: number, settings: Settings, between: Between, chance: Chance): number[] {
  const jitters = chance(settings.jitter);
  const factor = (value: number): number => Math.max(0, 1 + between(-value, value));
  const brightness = factor(settings.brightness);
  const contrast = factor(settings.contrast);
  const saturation = factor(settings.saturation);
  const hue = 2 * Math.PI * between(-settings.hue, settings.hue);
  const greys = chance(settings.grey);
  const inverts = chance(settings.invert);

  let m = diagonal(1, 0);
  if (jitters) {
    m = diagonal(brightness * contrast, (1 - contrast) * Math.min(1, brightness * mean));
    if (channels === 3) m = after(hueRotation(hue), after(towardsGrey(saturation), m));
  }
  if (greys && channels === 3) m = after(towardsGrey(0), m);
  return inverts ? after(diagonal(-1, 1), m) : m;
}

function diagonal(factor: number, offset: number): number[] {
  return [factor, 0, 0, offset, 0, factor, 0, offset, 0, 0, factor, offset];
}

/** colour' = kept colour + (1 - kept) luma */
function towardsGrey(kept: number): number[] {
  return [0, 1, 2].flatMap((r) => [...LUMA.map((weight, c) => (1 - kept) * weight + (r === c ? kept : 0)), 0]);
}

/** A rotation about the grey axis that keeps luma: YIQ's two colour axes rotate into each other. */
function hueRotation(angle: number): number[] {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const [r, g, b] = LUMA;
  // YIQ to RGB * quarter turn * RGB to YIQ; every row sums to 0, so that greys stay as they are.
  const across = [
    [0.168, 0.33, -0.498],
    [-0.328, 0.035, 0.293],
    [1.25, -1.048, -0.202],
  ];
  return [0, 1, 2].flatMap((row) => [
    ...[r, g, b].map((weight, c) => weight + ((row === c ? 1 : 0) - weight) * cos + across[row][c] * sin),
    0,
  ]);
}

/** The matrix of doing `first`, then `second`. */
function after(second: readonly number[], first: readonly number[]): number[] {
  return [0, 1, 2].flatMap((r) =>
    [0, 1, 2, 3].map((c) => {
      const sum = [0, 1, 2].reduce((total, k) => total + second[4 * r + k] * first[4 * k + c], 0);
      return c === 3 ? sum + second[4 * r + 3] : sum;
    }),
  );
}
