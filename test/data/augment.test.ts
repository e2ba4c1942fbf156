import { beforeAll, describe, expect, test } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import { type Augmentation, augmentations, uploadImages } from '../../src/data/augment.ts';
import type { ImageSet } from '../../src/data/dataset.ts';
import { DRAW, drawView, settingsOf } from '../../src/data/draws.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { sharedEngine } from '../engine.ts';
import { expectNoneLeft, heldBuffers } from '../held.ts';
import { renderView } from '../reference/training.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

/** Smooth images with an edge, so that neighbours differ but not wildly. */
function images(count: number, channels: number, height: number, width: number): ImageSet {
  const random = createRandom(channels);
  const bytes = new Uint8Array(count * channels * height * width);
  for (let plane = 0; plane < count * channels; plane++) {
    const [fx, fy, edge] = [random.uniform(), random.uniform(), random.below(width)];
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++)
        bytes[(plane * height + y) * width + x] = 127 + 80 * Math.sin(fx * x + fy * y) + (x < edge ? 40 : -40);
  }
  return { name: 'waves', images: bytes, labels: null, count, channels, height, width, classes: null };
}

function greyMeans({ images, count, channels, height, width }: ImageSet): Float32Array {
  const luma = channels === 1 ? [1] : [0.299, 0.587, 0.114];
  const area = height * width;
  return Float32Array.from({ length: count }, (_, n) =>
    luma.reduce((total, weight, c) => {
      const plane = images.subarray((n * channels + c) * area, (n * channels + c + 1) * area);
      return total + (weight * plane.reduce((sum, value) => sum + value, 0)) / (255 * area);
    }, 0),
  );
}

const everything: Augmentation = {
  area: [0.3, 1],
  aspect: [0.5, 2],
  rotation: 40,
  shear: 0.3,
  scale: [0.6, 1.4],
  translation: 0.2,
  warp: 0.08,
  flip: 0.5,
  blur: { probability: 0.5, sigma: [0.3, 2] },
  strokes: [0.3, 0.7],
  jitter: 0.8,
  brightness: 0.5,
  contrast: 0.5,
  saturation: 0.5,
  hue: 0.2,
  grey: 0.3,
  invert: 0.3,
  solarize: 0.4,
  noise: 0.2,
};

const cases: [string, ImageSet, Augmentation][] = [
  ['letters', images(9, 1, 28, 28), augmentations.letters],
  ['digits', images(9, 1, 28, 28), augmentations.digits],
  ['photos', images(9, 3, 32, 32), augmentations.photos],
  ['the second of an asymmetric pair', images(9, 3, 32, 32), augmentations.asymmetric[1]],
  ['everything on grey images of odd sides', images(5, 1, 13, 17), everything],
  ['everything on wide colour images', images(5, 3, 9, 70), everything],
  ['everything, smaller views', images(5, 3, 20, 15), { ...everything, size: 12 }],
];

describe.each(cases)('%s', (_, set, augmentation) => {
  const indices = Int32Array.from({ length: 12 }, (_, i) => (5 * i) % set.count);

  test('is what the draws say, as the twin in f64 renders them', async () => {
    const before = await heldBuffers(engine);
    const resident = uploadImages(engine, set);
    const settings = settingsOf('test', augmentation);
    const draws = drawView({ ...set, greyMeans: greyMeans(set) }, indices, { seed: 3, step: 7, view: 1 }, settings);
    const view = resident.batch(indices, { seed: 3, step: 7, view: 1, augmentation });
    const side = [settings.size ?? set.height, settings.size ?? set.width] as const;
    expect(view.shape).toEqual([12, set.channels, ...side]);
    const got = await view.data();
    const size = set.channels * side[0] * side[1];
    let worst = 0;
    for (let i = 0; i < indices.length; i++) {
      const want = renderView(set, draws.subarray(i * DRAW, (i + 1) * DRAW), side, resident.mean, resident.deviation);
      want.forEach((value, at) => {
        worst = Math.max(worst, Math.abs(got[i * size + at] - value));
      });
    }
    expect(worst).toBeLessThan(5e-4); // coordinates of up to 70 pixels in f32, an edge of 80 / 255, a deviation of 1/4
    view.dispose();
    resident.dispose();
    expectNoneLeft(engine, before);
  });

  test('depends on seed, step and view alone, however the launch is cut', async () => {
    const resident = uploadImages(engine, set);
    const read = async (options: { seed: number; step: number; view?: number }) => {
      using view = resident.batch(indices, { augmentation, ...options });
      return view.data();
    };
    const first = await read({ seed: 1, step: 2 });
    const { queue } = engine.lowLevel;
    queue.groupsPerSubmit = 5;
    expect(await read({ seed: 1, step: 2 })).toEqual(first);
    queue.groupsPerSubmit = Number.POSITIVE_INFINITY;
    for (const other of [
      { seed: 2, step: 2 },
      { seed: 1, step: 3 },
      { seed: 1, step: 2, view: 1 },
    ])
      expect(await read(other)).not.toEqual(first);
    using both = resident.views(indices, { seed: 1, step: 2, augmentation });
    const stacked = await both.data();
    expect(stacked.subarray(0, first.length)).toEqual(first);
    expect(stacked.subarray(first.length)).toEqual(await read({ seed: 1, step: 2, view: 1 }));
    resident.dispose();
  });
});

test('each view has an augmentation of its own where there is a list of them, in turns', async () => {
  const set = images(4, 3, 16, 16);
  const resident = uploadImages(engine, set);
  const read = async (augmentation: Augmentation | readonly Augmentation[], view: number): Promise<Float32Array> => {
    using batch = resident.batch([0, 1, 2, 3], { seed: 1, step: 2, view, augmentation });
    return batch.data();
  };
  const [first, second] = augmentations.asymmetric;
  for (const view of [0, 1, 2, 3])
    expect(await read([first, second], view)).toEqual(await read(view % 2 ? second : first, view));
  using both = resident.views([0, 1, 2, 3], { seed: 1, step: 2, augmentation: [first, second] });
  const stacked = await both.data();
  expect(stacked.subarray(0, stacked.length / 2)).toEqual(await read(first, 0));
  expect(stacked.subarray(stacked.length / 2)).toEqual(await read(second, 1));
  resident.dispose();
});

test('raw and plain views are the images as they are', async () => {
  for (const set of [images(7, 1, 11, 13), images(4, 3, 8, 8)]) {
    const size = set.channels * set.height * set.width;
    const resident = uploadImages(engine, set);
    using raw = resident.raw([2, 0, 2]);
    const want = [2, 0, 2].flatMap((n) =>
      [...set.images.subarray(n * size, (n + 1) * size)].map((value) => Math.fround(value / 255)),
    );
    (await raw.data()).forEach((value, i) => expect(Math.abs(value - want[i])).toBeLessThan(1e-7));
    using plain = resident.plain([...Array(set.count).keys()]);
    const values = await plain.data();
    // Over the whole set, mean 0 and deviation 1.
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(1e-5);
    const square = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(square).toBeCloseTo(1, 4);
    resident.dispose();
  }
});

test('a test set can be standardised as its training set', async () => {
  const train = uploadImages(engine, images(7, 1, 11, 13));
  const test = uploadImages(engine, images(3, 1, 9, 9), { mean: train.mean, deviation: train.deviation });
  expect([test.mean, test.deviation]).toEqual([train.mean, train.deviation]);
  train.dispose();
  test.dispose();
});

test('what is wrong is said in a sentence', () => {
  const set = images(4, 1, 8, 8);
  const resident = uploadImages(engine, set);
  const at = (options: object) => () => resident.batch([0], { seed: 0, step: 0, ...options });
  const wrong: [() => unknown, string][] = [
    [() => uploadImages(engine, images(4, 2, 8, 8)), 'uploadImages: set.channels = 2, expected 1 or 3.'],
    [
      () => uploadImages(engine, { ...set, count: 5 }),
      'uploadImages: waves has 256 bytes, expected 320 for [5, 1, 8, 8].',
    ],
    [() => uploadImages(engine, set, { mean: [0, 0] }), 'uploadImages: mean is an Array, expected 1 number.'],
    [() => resident.plain([1, 4]), 'plain: indices[1] = 4, expected an integer in [0, 4).'],
    [() => resident.plain([]), 'plain: indices are an Array, expected at least one number of an image.'],
    [at({ view: 16 }), 'batch: view = 16, expected an integer in [0, 15].'],
    [at({ step: -1 }), 'batch: step = -1, expected an integer in [0, 268435455].'],
    [at({ seed: 0.5 }), 'batch: seed = 0.5, expected a safe integer.'],
    [at({ augmentation: { rotations: 3 } }), 'batch: unknown option "rotations"; did you mean "rotation"?'],
    [at({ augmentation: { flip: 2 } }), 'batch: flip = 2, expected a probability in [0, 1].'],
    [at({ augmentation: { area: [0.5, 2] } }), 'batch: area = [0.5, 2], expected [low, high] above 0 up to 1.'],
    [at({ augmentation: { solarize: -1 } }), 'batch: solarize = -1, expected a probability in [0, 1].'],
    [at({ augmentation: [] }), 'batch: augmentation is an empty list, expected at least one for the views.'],
    [
      at({ augmentation: [{ size: 8 }, {}] }),
      'batch: the augmentations give views of several sizes, expected the same size of all.',
    ],
    [at({ augmentation: { scale: [2, 1] } }), 'batch: scale = [2, 1], expected [low, high] above 0.'],
  ];
  for (const [run, sentence] of wrong) expect(run).toThrow(sentence);
  resident.dispose();
  expect(() => resident.plain([0])).toThrow('plain: the images were disposed, expected live ones.');
});
