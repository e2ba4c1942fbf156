/** Two ends between which a number is drawn, each value as likely as the others. */
export type Range = readonly [low: number, high: number];

/** What may happen to an image on its way into a batch; what is left out does not happen. */
export interface Augmentation {
  /** Height and width of the views; default: those of the images. */
  size?: number;
  /** Random resized crop: the part of the area that is kept, in (0, 1]. */
  area?: Range;
  /** Width to height of the crop, its logarithm evenly drawn; crops are cut off at the image's edges. */
  aspect?: Range;
  /** Degrees either way. */
  rotation?: number;
  /** Sideways slant either way: columns a row. */
  shear?: number;
  /** Factor of size, drawn for x and y apart. */
  scale?: Range;
  /** Shift either way, in parts of the side, drawn for x and y apart. */
  translation?: number;
  /** Warps by two waves, each of half a cycle to two over the image, that shift pixels by up to this part of the side. */
  warp?: number;
  /** Probability of a mirror image. */
  flip?: number;
  /** Probability of a Gaussian blur (5 x 5, so that sigmas above 1.2 pixels act as less), and the range of its sigma. */
  blur?: { probability: number; sigma: Range };
  /** Thins or thickens: v becomes 1/2 + 2 (v - level), cut to [0, 1], with a level from this range; blur strengthens it. */
  strokes?: Range;
  /** Probability that brightness, contrast, saturation and hue change at all; default 1. */
  jitter?: number;
  /** Brightness, contrast and saturation are multiplied by a factor from [1 - value, 1 + value]. */
  brightness?: number;
  contrast?: number;
  saturation?: number;
  /** Turn of the colour circle either way, in full turns. */
  hue?: number;
  /** Probability that colours go. */
  grey?: number;
  /** Probability of a negative. */
  invert?: number;
  /** Probability that values from 1/2 on become their negatives (BYOL). */
  solarize?: number;
  /** Standard deviation of Gaussian noise, drawn from [0, value]. */
  noise?: number;
}

/** Nothing happens. */
export const NO_AUGMENTATION: Required<Omit<Augmentation, 'size'>> & Pick<Augmentation, 'size'> = Object.freeze({
  size: undefined,
  area: [1, 1],
  aspect: [1, 1],
  rotation: 0,
  shear: 0,
  scale: [1, 1],
  translation: 0,
  warp: 0,
  flip: 0,
  blur: { probability: 0, sigma: [1, 1] },
  strokes: [0.5, 0.5],
  jitter: 1,
  brightness: 0,
  contrast: 0,
  saturation: 0,
  hue: 0,
  grey: 0,
  invert: 0,
  solarize: 0,
  noise: 0,
} as const);

const photos = {
  area: [0.2, 1],
  aspect: [3 / 4, 4 / 3],
  flip: 0.5,
  jitter: 0.8,
  brightness: 0.4,
  contrast: 0.4,
  saturation: 0.4,
  hue: 0.1,
  grey: 0.2,
} as const satisfies Augmentation;

/** BYOL's jitter; its blur of 0.1 to 2 pixels of 224 is one of 0.1 to 0.6 here, where a view is some 32 to 64 wide. */
const byol = { ...photos, saturation: 0.2 } as const;

/**
 * Settings that work: strong for letters, as much as digits bear, SimCLR's of CIFAR-10 for photos; and the pair of BYOL,
 * which Barlow Twins and VICReg share: one view is always blurred, the other seldom, and sometimes solarised.
 */
export const augmentations = {
  letters: {
    area: [0.75, 1],
    aspect: [0.85, 1.18],
    rotation: 18,
    shear: 0.25,
    scale: [0.75, 1.2],
    translation: 0.1,
    blur: { probability: 0.5, sigma: [0.4, 1.2] },
    strokes: [0.25, 0.45],
    jitter: 0.8,
    brightness: 0.3,
    contrast: 0.4,
    noise: 0.1,
  },
  digits: {
    area: [0.8, 1],
    aspect: [0.8, 1.25],
    rotation: 20,
    shear: 0.3,
    scale: [0.75, 1.2],
    translation: 0.08,
    warp: 0.02,
    blur: { probability: 0.3, sigma: [0.4, 1] },
    strokes: [0.25, 0.5],
    jitter: 0.8,
    brightness: 0.2,
    contrast: 0.3,
    noise: 0.05,
  },
  photos,
  asymmetric: [
    { ...byol, blur: { probability: 1, sigma: [0.1, 0.6] } },
    { ...byol, blur: { probability: 0.1, sigma: [0.1, 0.6] }, solarize: 0.2 },
  ],
} as const satisfies Record<string, Augmentation | readonly Augmentation[]>;

/** What may have happened to test images that nobody trained for: turned, blurred, faint and noisy. */
export const CORRUPTION: Augmentation = {
  rotation: 30,
  translation: 0.1,
  blur: { probability: 1, sigma: [0.8, 1.6] },
  brightness: 0.4,
  contrast: 0.4,
  noise: 0.4,
};
