import { isDeepStrictEqual } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { createRandom, type Random } from '../../src/core/random.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { infoNCE } from '../../src/losses/infoNCE.ts';
import { simSiam } from '../../src/losses/simSiam.ts';
import { ba2m } from '../../src/methods/ba2m.ts';
import type { Batch, Method, TwoStep } from '../../src/methods/method.ts';
import { optimizerOf } from '../../src/methods/optimizerOf.ts';
import { viewsOf } from '../../src/methods/parts.ts';
import { simCLR } from '../../src/methods/simclr.ts';
import { trainStep } from '../../src/methods/trainStep.ts';
import { type Layer, sequential } from '../../src/nn/layer.ts';
import { convolution, globalPool, linear } from '../../src/nn/layers.ts';
import { concat } from '../../src/ops/concat.ts';
import { slice } from '../../src/ops/slice.ts';
import { adamW } from '../../src/optim/adamW.ts';
import { expectClose, expectSame } from '../compare.ts';
import { sharedEngine } from '../engine.ts';
import { expectNoneLeft, heldBuffers } from '../held.ts';
import { DATA, methods } from './table.ts';
import { allImages, batchOf, free, numbersOf, placeOf, tensorsOfRun, walk } from './training.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

const rate = { learningRate: 3e-3 };
/** How hard it is to tell the images by the embeddings of their views: InfoNCE within a batch. */
async function confusion(method: Method): Promise<number> {
  using loss = engine.scope(() => {
    const [a, b] = viewsOf(batchOf(engine, { ...method, wants: { views: 2, crops: 0, labels: false } }, 0), 2);
    return infoNCE(method.embed(a), method.embed(b), { temperature: 0.2 });
  });
  return loss.item();
}

const average = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length;

/** An encoder of the user's own: one convolution, where the built-in one has three and a linear layer. */
const encoder = (random: Random): Layer =>
  sequential({ conv: convolution(engine, random, 1, 24, { stride: 2 }), pool: globalPool() });

const optimize = (method: Method) => optimizerOf(method, (parameters) => adamW(parameters, rate));

describe.each(Object.entries(methods))('%s', (name, { make, constants, scores, fills }) => {
  test('learns: finite losses that fall, every parameter moves, nothing stays behind', async () => {
    const before = await heldBuffers(engine);
    const method = make(engine, 1);
    const optimizer = optimize(method);
    const start = await numbersOf(method.parameters);
    const untrained = await confusion(method);
    const losses = await walk(engine, method, optimizer, 0, DATA.totalSteps);
    expect(losses.every(Number.isFinite)).toBe(true);
    if (!fills) expect(average(losses.slice(-2))).toBeLessThan(average(losses.slice(0, 2)));
    else expect(await confusion(method)).toBeLessThan(untrained);
    const end = await numbersOf(method.parameters);
    for (const name of Object.keys(start)) expect(isDeepStrictEqual(end[name], start[name]), name).toBe(false);
    free(method, optimizer);
    expectNoneLeft(engine, before);
  }, 240_000);

  test('resumed within an epoch, it goes on to the same bits', async () => {
    const straight = make(engine, 1);
    const whole = optimize(straight);
    const losses = await walk(engine, straight, whole, 0, DATA.totalSteps);

    const first = make(engine, 1);
    const half = optimize(first);
    const head = await walk(engine, first, half, 0, 5);
    const saved = await numbersOf(tensorsOfRun(first, half));
    const second = make(engine, 1);
    const rest = optimize(second);
    await walk(engine, second, rest, 0, 1);
    for (const [name, tensor] of Object.entries(tensorsOfRun(second, rest)))
      tensor.write(Float32Array.from(saved[name]));
    rest.steps = half.steps;
    const tail = await walk(engine, second, rest, 5, DATA.totalSteps);
    expect([...head, ...tail]).toEqual(losses);
    const [went, wanted] = [
      await numbersOf(tensorsOfRun(second, rest)),
      await numbersOf(tensorsOfRun(straight, whole)),
    ];
    expectSame('the tensors', went, wanted);
    free(straight, whole);
    free(first, half);
    free(second, rest);
  }, 240_000);

  test('embeds and scores image by image, and leaves no gradient on a constant', async () => {
    const method = make(engine, 1);
    const images = allImages(engine);
    const embedding = method.embed(images);
    expect(embedding.shape).toEqual([DATA.images, 24]);
    expect(embedding.requiresGrad).toBe(false);
    const one = engine.scope(() => method.embed(engine.tensor(new Float32Array(DATA.size ** 2), [1, 1, 12, 12])));
    expect(one.shape).toEqual([1, 24]);
    const found = method.scores?.(images);
    expect(found?.shape[1]).toBe(scores);

    const loss = engine.scope(() => method.loss(batchOf(engine, method, 0), placeOf(7)));
    loss.backward();
    const missing = Object.entries(method.parameters).filter(([, { grad }]) => !grad);
    expect(missing.map(([name]) => name)).toEqual([]);
    const names = Object.keys(method.buffers).filter((name) => constants.some((start) => name.startsWith(start)));
    expect(names.length > 0).toBe(constants.length > 0);
    for (const name of names) expect(method.buffers[name].grad, name).toBeNull();
    for (const tensor of [images, embedding, one, found, loss]) tensor?.dispose();
    free(method);
  }, 240_000);

  test.skipIf(name === 'ba2m')('trains an encoder of the user, one for each of its networks', async () => {
    let networks = 0;
    const counted = (random: Random) => {
      networks++;
      return encoder(random);
    };
    const method = make(engine, 1, { encoder: counted });
    const isOwn = (key: string) => key.endsWith('encoder.conv.weight');
    const [own, ...more] = Object.keys(method.parameters).filter(isOwn);
    expect(more).toEqual([]);
    expect(networks).toBe(1 + Object.keys(method.buffers).filter(isOwn).length);
    expect(networks).toBe(constants.includes('key') || constants.includes('target') ? 2 : 1);
    const images = allImages(engine);
    const embedding = method.embed(images);
    expect(embedding.shape).toEqual([DATA.images, 24]);
    const loss = engine.scope(() => method.loss(batchOf(engine, method, 0), placeOf(0)));
    loss.backward();
    const slopes = (await method.parameters[own].grad?.data()) ?? [];
    expect(slopes.every(Number.isFinite)).toBe(true);
    expect(slopes.some((slope) => slope !== 0)).toBe(true);
    for (const tensor of [images, embedding, loss]) tensor.dispose();
    free(method);
  });
});

describe('parts of the user', () => {
  test('what is no encoder, or gives other features, is a sentence', () => {
    const none = (() => ({})) as unknown as typeof encoder;
    expect(() => simCLR(engine, { encoder: none })).toThrow('simCLR: encoder() is an Object, expected a Layer.');
    expect(() => simCLR(engine, {})).toThrow('simCLR: channels is missing, expected an integer in [1, 1024].');
    expect(() => ba2m(engine, { encoder, features: 24 })).toThrow(
      'ba2m: module = true, expected false with an encoder',
    );
    const images = allImages(engine);
    const wider = simCLR(engine, { encoder, features: 32 });
    expect(() => wider.embed(images)).toThrow('simCLR: encoder() gives [32, 24], expected [N, 32], features of each');
    const empty = { parameters: {}, buffers: {}, forward: () => undefined as unknown as Tensor };
    const nothing = simCLR(engine, { encoder: () => empty, features: 24 });
    expect(() => nothing.embed(images)).toThrow('simCLR: encoder() gives undefined, expected a Tensor.');
    for (const method of [wider, nothing]) free(method);
    images.dispose();
  });

  test('a system of the user trains by the interface alone', async () => {
    const net = encoder(createRandom(1));
    const predictor = linear(engine, createRandom(2), 24, 24);
    const own: Method = {
      name: 'one-sided',
      wants: { views: 2, crops: 0, labels: false },
      parameters: { ...net.parameters, 'predictor.weight': predictor.parameters.weight },
      buffers: {},
      loss: (batch) => {
        const [first, second] = viewsOf(batch, 2).map((view) => net.forward(view, true));
        return simSiam(predictor.forward(first, true), second);
      },
      embed: (images) => engine.noGrad(() => net.forward(images, false)),
    };
    const optimizer = adamW(own.parameters, rate);
    const losses: number[] = [];
    for (let step = 0; step < 4; step++) {
      using loss = trainStep(engine, own, optimizer, [() => batchOf(engine, own, 0)], placeOf(step));
      losses.push(await loss.item());
    }
    expect(losses[3]).toBeLessThan(losses[0]);
    const step =
      (change: object, batch = batchOf(engine, own, 0)) =>
      () =>
        trainStep(engine, { ...own, ...change }, optimizer, [() => batch], placeOf(0));
    expect(step({ loss: () => 3 })).toThrow('trainStep: the loss of one-sided is 3, expected a Tensor.');
    expect(step({ loss: async () => 3 })).toThrow('trainStep: the loss of one-sided returned a Promise');
    expect(step({ afterStep: 3 })).toThrow('trainStep: method.afterStep is 3, expected a function.');
    expect(step({}, {} as Batch)).toThrow('trainStep: batch.views are missing, expected a Tensor.');
    expect(step({ wants: { ...own.wants, views: 3 } })).toThrow(
      /^trainStep: batch.views has \d+ images, expected a multiple of 3, what one-sided wants\.$/,
    );
    const labelled = { ...own.wants, labels: true };
    expect(step({ wants: labelled }, { ...batchOf(engine, own, 0), labels: undefined })).toThrow(
      'trainStep: batch.labels are missing, expected what one-sided wants.',
    );
    free(own, optimizer);
  });
});

describe('a batch in parts', () => {
  /** The parts of a batch: rows 0 to 7 of each view, then rows 8 to 15. */
  const partsOf = (method: Method, step: number, count: number) =>
    Array.from({ length: count }, (_, part) => () => {
      const { views, labels, indices } = batchOf(engine, method, step);
      const size = DATA.batch / count;
      const cut = (list: Int32Array) => list.subarray(part * size, (part + 1) * size);
      const own = viewsOf({ views, indices }, method.wants.views).map((view) =>
        slice(view, part * size, (part + 1) * size),
      );
      return { views: concat(own), labels: labels && cut(labels), indices: cut(indices) };
    });
  const still = { step: () => {}, zeroGrad: () => {} };
  const gradientsOf = (method: Method) =>
    numbersOf(Object.fromEntries(Object.entries(method.parameters).map(([name, { grad }]) => [name, grad as Tensor])));

  test.each(['simclr', 'supcon', 'cc', 'barlow', 'vicreg'])(
    '%s: cached gradients are those of the loss of all parts at once',
    async (name) => {
      const method = methods[name].make(engine, 1);
      const parts = partsOf(method, 0, 2);
      const loss = trainStep(engine, method, still, parts, placeOf(0), { cached: true });
      const got = await gradientsOf(method);
      for (const parameter of Object.values(method.parameters)) parameter.zeroGrad();
      // The same with one tape for everything.
      const { project, contrast } = method.twoStep as TwoStep;
      const whole = engine.scope(() => {
        const batches = parts.map((batchIn) => batchIn());
        const outputs = batches.map(project);
        const labels = Int32Array.from(batches.flatMap((one) => [...(one.labels ?? [])]));
        const all = contrast(
          outputs[0].map((_, o) => concat(outputs.map((own) => own[o]))),
          labels,
        );
        all.backward();
        return all.detach();
      });
      expect(await loss.item()).toBe(await whole.item());
      const wanted = await gradientsOf(method);
      for (const [key, list] of Object.entries(wanted)) {
        const top = Math.max(...list.map(Math.abs));
        expectClose(key, got[key], list, 1e-4 * top + 1e-6);
      }
      loss.dispose();
      whole.dispose();
      free(method);
    },
    120_000,
  );

  test('accumulated gradients are the mean of the parts; a queue takes in every part, and keys move once', async () => {
    const method = methods['moco v2'].make(engine, 1);
    const [name, key] = ['query.encoder.conv1.weight', method.buffers['key.encoder.conv1.weight']];
    key.write(new Float32Array(key.size));
    const loss = trainStep(engine, method, still, partsOf(method, 0, 4), placeOf(0));
    expect(await method.buffers['queue.pointer'].item()).toBe(DATA.batch);
    expect(Number.isFinite(await loss.item())).toBe(true);
    const query = await method.parameters[name].data();
    expectClose(
      name,
      await key.data(),
      query.map((value) => 0.01 * value),
      1e-6,
    );
    loss.dispose();
    free(method);
  }, 120_000);

  test('a method without two steps refuses to cache', () => {
    const method = methods.byol.make(engine, 1);
    expect(() => trainStep(engine, method, still, [], placeOf(0), { cached: true })).toThrow(
      'trainStep: cached = true, expected a method whose loss has two steps; byol has none.',
    );
    free(method);
  });
});
