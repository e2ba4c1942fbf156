// A training run small enough for a tab: the step alone decides views, order and learning rate, as in `gramian train`.
import { knnOf, overAll, pixels, type Split } from '../src/cli/evaluate.ts';
import { MAKERS } from '../src/cli/makeMethod.ts';
import { METHODS } from '../src/cli/methods.ts';
import { OPTIMIZERS } from '../src/cli/optimizers.ts';
import type { Tensor } from '../src/core/tensor.ts';
import { augmentations, uploadImages } from '../src/data/augment.ts';
import { type ImageSet, permutation, subset } from '../src/data/dataset.ts';
import type { Engine } from '../src/engine/engine.ts';
import { knn } from '../src/eval/knn.ts';
import { optimizerOf } from '../src/methods/optimizerOf.ts';
import { trainStep } from '../src/methods/trainStep.ts';
import { cosineSchedule } from '../src/optim/schedule.ts';
import type { Going } from './page.ts';
import { neighbourPlane, type Plane, principalPlane, turnedLike } from './planes.ts';

/** What a run in a tab is made of. */
export interface TabRun {
  readonly steps: number;
  /** The first so many letters of the alphabet. */
  readonly classes: number;
  /** Images to train on, those of them that k-NN knows, and those it is asked about. */
  readonly images: number;
  readonly known: number;
  readonly asked: number;
  readonly batch: number;
  readonly width: number;
  readonly features: number;
}

/** Runs by what the adapter is: a minute or so for each. */
export const RUNS = {
  software: { steps: 150, classes: 10, images: 5200, known: 780, asked: 390, batch: 64, width: 8, features: 128 },
  hardware: { steps: 400, classes: 26, images: 11_310, known: 5200, asked: 1040, batch: 256, width: 16, features: 256 },
} satisfies Record<string, TabRun>;

export interface Look {
  readonly epoch: number;
  /** k-NN accuracy of the letters that were asked about. */
  readonly knn: number;
  readonly plane: Plane;
}

export interface TrainingEvents extends Going {
  /** Before the first step: which letters are looked at, among how many, and k-NN accuracy of their pixels. */
  began(labels: Int32Array, known: number, pixels: number): void;
  step(done: number, epoch: number, loss: number): void;
  looked(look: Look): void;
  /** After the last look: the same letters, neighbours beside each other. */
  arranged(plane: Plane): void;
}

const LOOKS = 8;
const PAUSE = 600; // milliseconds, in which the last look is shown before the page computes

/** Trains until it has done its steps or is stopped; the last look is at the end. */
export async function trainInTab(
  engine: Engine,
  name: string,
  letters: { readonly train: ImageSet; readonly test: ImageSet },
  run: TabRun,
  { say, stopped, began, step: stepped, looked, arranged }: TrainingEvents,
): Promise<void> {
  const { width, features, batch, steps } = run;
  const set = drawn(ofClasses(letters.train, run.classes), run.images);
  const train: Split = { set, images: uploadImages(engine, set) };
  const { mean, deviation } = train.images;
  const splitOf = (of: ImageSet, count: number): Split => {
    const some = drawn(of, count);
    return { set: some, images: uploadImages(engine, some, { mean, deviation }) };
  };
  const known = splitOf(set, run.known);
  const asked = splitOf(ofClasses(letters.test, run.classes), run.asked);
  const { optimizer: kind, learningRate, weightDecay } = METHODS[name];
  const facts = { images: set.count, classes: run.classes };
  const method = MAKERS[name](engine, { channels: 1, size: set.height, seed: 0, width, features }, facts);
  const optimizer = optimizerOf(method, (parameters) => OPTIMIZERS[kind](parameters, { learningRate, weightDecay }));
  const epochSteps = Math.floor(set.count / batch);
  const rate = cosineSchedule({ peak: learningRate, warmupSteps: Math.min(epochSteps, steps / 4), totalSteps: steps });

  const embed = ({ images }: Split): Tensor => overAll(engine, images, (some) => method.embed(some));
  let rows: Float32Array = new Float32Array();
  let before: Plane = new Float32Array();
  const look = async (done: number): Promise<void> => {
    const [train, test] = [embed(known), embed(asked)];
    const trainLabels = known.set.labels as Int32Array;
    const { accuracy } = await knn({ train, trainLabels, test, testLabels: asked.set.labels as Int32Array });
    rows = await test.data();
    for (const tensor of [train, test]) tensor.dispose();
    const plane = principalPlane(rows, asked.set.count, features);
    before = before.length > 0 ? turnedLike(plane, before) : plane;
    looked({ epoch: done / epochSteps, knn: accuracy, plane: before });
  };

  try {
    say('compiling kernels, looking at the untrained encoder');
    const ofPixels = await knnOf(known, asked, ({ images }) => pixels(engine, images));
    began(asked.set.labels as Int32Array, known.set.count, ofPixels);
    await look(0);
    const every = Math.max(1, Math.ceil(steps / LOOKS));
    let order = new Uint32Array();
    for (let step = 0; step < steps && !stopped(); step++) {
      say(step === 0 ? 'compiling the kernels of a step' : `step ${step + 1} of ${steps}`);
      const place = { step, epochSteps, totalSteps: steps };
      const at = (step % epochSteps) * batch;
      if (at === 0) {
        order = permutation(set.count, 0, step / epochSteps) as typeof order;
        await method.prepare?.(place, (of) => overAll(engine, train.images, of));
      }
      const indices = Int32Array.from(order.subarray(at, at + batch));
      const part = () => ({
        views: train.images.views(indices, {
          seed: 0,
          step,
          views: method.wants.views,
          augmentation: augmentations.letters,
        }),
        ...(method.wants.labels ? { labels: indices.map((i) => (set.labels as Int32Array)[i]) } : {}),
        indices,
      });
      const loss = trainStep(engine, method, optimizer, [part], place, { learningRate: rate(step) });
      const value = await loss.item();
      loss.dispose();
      stepped(step + 1, (step + 1) / epochSteps, value);
      if ((step + 1) % every === 0 || step + 1 === steps || stopped()) await look(step + 1);
    }
    say('laying out neighbours');
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    arranged(turnedLike(neighbourPlane(rows, asked.set.count, features), before));
  } finally {
    optimizer.dispose();
    for (const tensor of Object.values({ ...method.parameters, ...method.buffers })) tensor.dispose();
    for (const { images } of [train, known, asked]) images.dispose();
  }
}

function ofClasses(set: ImageSet, classes: number): ImageSet {
  const labels = set.labels as Int32Array;
  return subset(
    set,
    Array.from(labels.keys()).filter((i) => labels[i] < classes),
  );
}

const drawn = (set: ImageSet, count: number): ImageSet =>
  subset(set, permutation(set.count, 0).subarray(0, Math.min(count, set.count)));
