// The pieces of state that methods are made of, and the order in which a step touches them.
import { beforeAll, describe, expect, test } from 'vitest';
import { createRandom } from '../../src/core/random.ts';
import type { Tensor } from '../../src/core/tensor.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { infoNCE } from '../../src/losses/infoNCE.ts';
import { byol } from '../../src/methods/byol.ts';
import { concentrations, eStep } from '../../src/methods/eStep.ts';
import { moCo, queryNetwork } from '../../src/methods/moco.ts';
import { movingAverage } from '../../src/methods/movingAverage.ts';
import { optimizerOf } from '../../src/methods/optimizerOf.ts';
import { NETWORK, viewsOf } from '../../src/methods/parts.ts';
import { fifoQueue } from '../../src/methods/queue.ts';
import { simSiam } from '../../src/methods/simSiam.ts';
import { swav } from '../../src/methods/swav.ts';
import { trainStep } from '../../src/methods/trainStep.ts';
import { perceptron } from '../../src/nn/networks.ts';
import { kMeans } from '../../src/ops/kMeans.ts';
import { sgd } from '../../src/optim/sgd.ts';
import { expectClose } from '../compare.ts';
import { normals, sharedEngine } from '../engine.ts';
import { expectNoneLeft, heldBuffers } from '../held.ts';
import { assign, lloyd } from '../reference/clustering.ts';
import { matrix, normalize } from '../reference/matrix.ts';
import { withPoison } from '../watch.ts';
import { DATA } from './table.ts';
import { batchOf, free, numbersOf, placeOf, walk } from './training.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

const SMALL = { channels: 1, size: DATA.size, width: 4, features: 24, hidden: 20, projection: 12 };

function freeAll(...tensors: Tensor[]): void {
  for (const tensor of tensors) tensor.dispose();
}

describe('fifoQueue', () => {
  test('wraps around as a mirror in JavaScript does', async () => {
    const [length, features] = [10, 5];
    const queue = fifoQueue(engine, length, features, createRandom(3));
    const mirror = Float64Array.from(await queue.rows.data());
    for (let i = 0; i < length; i++)
      expect(Math.hypot(...mirror.subarray(i * features, (i + 1) * features))).toBeCloseTo(1, 5);
    let pointer = 0;
    for (const [round, count] of [4, 3, 7, 10, 1, 9].entries()) {
      const values = normals(count * features, 50 + round);
      using rows = engine.tensor(values, [count, features]);
      queue.enqueue(rows);
      const { u } = normalize(matrix(count, features, values));
      for (let i = 0; i < count; i++)
        mirror.set(u.data.subarray(i * features, (i + 1) * features), ((pointer + i) % length) * features);
      pointer = (pointer + count) % length;
      expectClose(`after ${count}`, await queue.rows.data(), mirror, 1e-6);
      expect(await queue.buffers.pointer.item()).toBe(pointer);
    }
    using wide = engine.tensor(new Float32Array(55), [11, 5]);
    expect(() => fifoQueue(engine, 2 ** 24, 2 ** 20)).toThrow('fifoQueue: result [16777216, 1048576] needs 70400 GB');
    expect(() => queue.enqueue(wide)).toThrow("fifoQueue: rows has 11 rows, expected at most 10, the queue's length.");
    freeAll(...Object.values(queue.buffers));
  });

  test('without a source of noise it starts at zero', async () => {
    const queue = fifoQueue(engine, 3, 2);
    expect([...(await queue.rows.data())]).toEqual([0, 0, 0, 0, 0, 0]);
    freeAll(...Object.values(queue.buffers));
  });
});

describe('movingAverage', () => {
  test.each(['constant', 'cosine'] as const)('follows with a %s momentum', async (schedule) => {
    const [online, target] = [1, 2].map((seed) => perceptron(engine, createRandom(seed), [3, 4, 2]));
    const average = movingAverage(engine, online, target, { momentum: 0.8, schedule, start: 'own' });
    const from = await numbersOf(online.parameters);
    const mirror = Object.fromEntries(
      Object.entries(await numbersOf(target.parameters)).map(([name, list]) => [name, Float64Array.from(list)]),
    );
    for (const step of [0, 1, 4, 7]) {
      average.update(placeOf(step));
      const m = schedule === 'constant' ? 0.8 : 1 - (0.2 * (Math.cos((Math.PI * step) / DATA.totalSteps) + 1)) / 2;
      for (const [name, list] of Object.entries(mirror))
        list.forEach((value, i) => {
          list[i] = m * value + (1 - m) * from[name][i];
        });
      for (const [name, got] of Object.entries(await numbersOf(target.parameters)))
        expectClose(`${name} after ${step}`, got, mirror[name], 1e-6);
    }
    freeAll(...Object.values({ ...online.parameters, ...online.buffers }), ...Object.values(average.buffers));
  });

  test('starts as a copy', async () => {
    const [online, target] = [1, 2].map((seed) => perceptron(engine, createRandom(seed), [3, 4, 2]));
    const average = movingAverage(engine, online, target, { momentum: 0.8 });
    expect(await numbersOf(target.parameters)).toEqual(await numbersOf(online.parameters));
    freeAll(...Object.values({ ...online.parameters, ...online.buffers }), ...Object.values(average.buffers));
  });
});

describe('the order of a step', () => {
  test('MoCo: moving average, keys, logits with the old queue, enqueue, optimiser', async () => {
    const [momentum, length] = [0.9, 24];
    const method = moCo(engine, { ...SMALL, version: 2, queue: length, momentum });
    const optimizer = sgd(method.parameters, { learningRate: 0.5 });
    await walk(engine, method, optimizer, 0, 2); // query and key differ, the pointer is at 8
    const before = await numbersOf({ ...method.parameters, ...method.buffers });
    const batch = batchOf(engine, method, 2);
    const loss = engine.scope(() => method.loss(batch, placeOf(2)));
    const after = await numbersOf({ ...method.parameters, ...method.buffers });
    expect(before['queue.pointer'][0]).toBe(8);
    expect(after['queue.pointer'][0]).toBe(0);

    const network = (name: string) => {
      const net = queryNetwork('moCo', engine, createRandom(0), { ...NETWORK, ...SMALL }, 2);
      for (const [key, tensor] of Object.entries(net.parameters))
        tensor.write(Float32Array.from(after[`${name}.${key}`]));
      return net;
    };
    const [query, key] = [network('query'), network('key')];
    for (const name of Object.keys(query.parameters)) {
      expect(after[`query.${name}`], name).toEqual(before[`query.${name}`]);
      const wanted = before[`key.${name}`].map((k, i) => momentum * k + (1 - momentum) * before[`query.${name}`][i]);
      expectClose(name, after[`key.${name}`], wanted, 1e-6);
    }
    const [asked, kept] = viewsOf(batch, 2);
    const queue = engine.tensor(Float32Array.from(before['queue.rows']), [length, SMALL.projection]);
    const keys = engine.noGrad(() => key.forward(kept, true));
    const wanted = engine.noGrad(() => infoNCE(query.forward(asked, true), keys, { temperature: 0.2, queue }));
    expect(await loss.item()).toBe(await wanted.item());
    const { u } = normalize(matrix(DATA.batch, SMALL.projection, await keys.data()));
    expectClose('enqueued', after['queue.rows'].subarray(8 * SMALL.projection), u.data, 1e-6);
    expect(after['queue.rows'].subarray(0, 8 * SMALL.projection)).toEqual(
      before['queue.rows'].subarray(0, 8 * SMALL.projection),
    );
    const tensors = [query, key].flatMap((net) => Object.values({ ...net.parameters, ...net.buffers }));
    freeAll(loss, batch.views, asked, kept, queue, keys, wanted, ...tensors);
    free(method, optimizer);
  }, 120_000);

  test('BYOL: the target moves after the optimiser, towards the new parameters', async () => {
    const method = byol(engine, { ...SMALL, momentum: 0.5 });
    const optimizer = sgd(method.parameters, { learningRate: 0.5 });
    const before = await numbersOf({ ...method.parameters, ...method.buffers });
    const place = placeOf(4); // half of the way: momentum 0.75
    const loss = trainStep(engine, method, optimizer, [() => batchOf(engine, method, 4)], place);
    const after = await numbersOf({ ...method.parameters, ...method.buffers });
    for (const name of Object.keys(method.parameters).filter((key) => key.startsWith('online.'))) {
      const target = name.replace('online', 'target');
      const wanted = before[target].map((t, i) => 0.75 * t + 0.25 * after[name][i]);
      expect(after[name], name).not.toEqual(before[name]);
      expectClose(target, after[target], wanted, 1e-6);
    }
    loss.dispose();
    free(method, optimizer);
  }, 120_000);

  test("SimSiam: the predictor's learning rate stays while the schedule's falls", async () => {
    const method = simSiam(engine, { ...SMALL });
    const optimizer = optimizerOf(method, (parameters) => sgd(parameters, { learningRate: 0.1 }));
    const before = await numbersOf(method.parameters);
    const loss = trainStep(engine, method, optimizer, [() => batchOf(engine, method, 0)], placeOf(0), {
      learningRate: 0,
    });
    const after = await numbersOf(method.parameters);
    const moved = Object.keys(before).filter((name) => after[name].some((x, i) => x !== before[name][i]));
    expect(moved).toEqual(Object.keys(before).filter((name) => name.startsWith('predictor.')));
    expect(simSiam(engine, { ...SMALL, predictorRate: 'scheduled' }).heldRate).toBeUndefined();
    expect(optimizer.steps).toBe(1);
    loss.dispose();
    free(method, optimizer);
  }, 120_000);

  test('SwAV: prototypes are unit rows in every forward, and do not move while they are frozen', async () => {
    const method = swav(engine, { ...SMALL, prototypes: 9, queue: 24, queueStart: 0.2, freeze: 0.25, crops: 0 });
    const optimizer = sgd(method.parameters, { learningRate: 0.5, momentum: 0.9, weightDecay: 0.1 });
    const weight = method.parameters['prototypes.weight'];
    const norms = async () => {
      const rows = await weight.data();
      return Array.from({ length: 9 }, (_, k) => Math.hypot(...rows.subarray(12 * k, 12 * (k + 1))));
    };
    const start = await weight.data();
    await walk(engine, method, optimizer, 0, 2); // 2 of 8 steps
    expectClose('frozen', await weight.data(), start, 1e-6);
    expect(new Set(await optimizer.state()['prototypes.weight.velocity'].data())).toEqual(new Set([0]));
    await walk(engine, method, optimizer, 2, 4);
    expect(Math.max(...(await norms()).map((norm) => Math.abs(norm - 1)))).toBeGreaterThan(1e-3); // off the sphere
    const batch = batchOf(engine, method, 4);
    engine.scope(() => void method.loss(batch, placeOf(4)));
    expectClose('norms', await norms(), new Array(9).fill(1), 1e-6);
    batch.views.dispose();
    free(method, optimizer);
  }, 120_000);
});

describe('kMeans', () => {
  const blobs = (rows: number, columns: number, centres: number, seed: number) => {
    const middle = normals(centres * columns, 9);
    return normals(rows * columns, seed).map(
      (value, at) => value + 3 * middle[((Math.floor(at / columns) * 7) % centres) * columns + (at % columns)],
    );
  };

  test.each([
    [500, 6, 12],
    [1031, 33, 40],
    [64, 3, 64],
    [300, 4, 1],
  ])('%i rows of %i numbers into %i clusters end where Lloyd in f64 does', async (rows, columns, clusters) => {
    const before = await heldBuffers(engine);
    const values = blobs(rows, columns, 10, 1);
    const start = values.slice(0, clusters * columns);
    const x = engine.tensor(values, [rows, columns]);
    const from = engine.tensor(start, [clusters, columns]);
    const ask = () => kMeans(x, { start: from, iterations: 15 });
    const [found, again] = [ask(), ask()];
    const twin = lloyd(matrix(rows, columns, values), matrix(clusters, columns, start), 15);
    const inertia = await found.inertia.item();
    expect(inertia).toBeLessThanOrEqual(1.01 * twin.inertia + 1e-3);
    expect(inertia).toBeGreaterThan(0.99 * twin.inertia - 1e-3);
    for (const name of ['centroids', 'assignments', 'distances', 'inertia'] as const)
      expect(await again[name].data()).toEqual(await found[name].data());
    // What is returned belongs together.
    const centroids = matrix(clusters, columns, await found.centroids.data());
    const own = assign(matrix(rows, columns, values), centroids);
    expectClose('distances', await found.distances.data(), own.distances, 1e-4 * (1 + Math.max(...own.distances)));
    expect([...(await found.assignments.data())].filter((k, i) => k !== own.assignments[i]).length).toBeLessThan(3);
    freeAll(x, from, ...Object.values(found), ...Object.values(again));
    expectNoneLeft(engine, before);
  });

  test('an empty cluster moves to where rows are far from their centroid', async () => {
    const values = blobs(400, 5, 8, 2);
    using x = engine.tensor(values, [400, 5]);
    const same = Float32Array.from({ length: 40 }, (_, at) => 100 + (at % 5)); // eight times one point
    using start = engine.tensor(same, [8, 5]);
    const found = kMeans(x, { start, iterations: 20 });
    expect(new Set(await found.assignments.data()).size).toBe(8);
    const stuck = lloyd(matrix(400, 5, values), matrix(8, 5, same), 20); // seven of its clusters never get a row
    expect(await found.inertia.item()).toBeLessThan(0.5 * stuck.inertia);
    freeAll(...Object.values(found));
  });

  // More clusters than a workgroup has lanes, most of them empty at first: more than there are rows to move them to.
  test.each<[string, number, (values: Float32Array) => Float32Array]>([
    ['of equally wide clusters the lower first', 1, (values) => values.map((value) => Math.round(2 * value))],
    ['round after round', 4, (values) => values],
  ])('empty clusters move to the farthest rows of the widest, %s', async (_, iterations, change) => {
    const [rows, columns, clusters, apart] = [230, 3, 150, 60];
    const values = change(normals(rows * columns, 5));
    using x = engine.tensor(values, [rows, columns]);
    const first = Float32Array.from({ length: clusters * columns }, (_, at) => {
      const [k, d] = [Math.floor(at / columns), at % columns];
      return values[((k * 7) % apart) * columns + d];
    });
    using start = engine.tensor(first, [clusters, columns]);
    const twin = lloyd(matrix(rows, columns, values), matrix(clusters, columns, first), iterations, true);
    // What is left in memory decides nothing: zeros, or NaN.
    for (const memory of [(fn: () => Promise<void>) => fn(), (fn: () => Promise<void>) => withPoison(engine, fn)]) {
      engine.lowLevel.pool.trim();
      await memory(async () => {
        const found = kMeans(x, { start, iterations });
        expectClose('centroids', await found.centroids.data(), twin.centroids.data, 1e-5);
        expect([...(await found.assignments.data())]).toEqual([...twin.assignments]);
        freeAll(...Object.values(found));
      });
    }
  });

  test('fewer distinct rows than clusters leave clusters empty, and all is finite', async () => {
    using x = engine.tensor(
      Float32Array.from({ length: 60 }, (_, at) => (Math.floor(at / 2) % 3) + (at % 2)),
      [30, 2],
    );
    const found = kMeans(x, { clusters: 7, iterations: 5, seed: 4 });
    expect(await found.inertia.item()).toBe(0);
    expect((await found.centroids.data()).every(Number.isFinite)).toBe(true);
    freeAll(...Object.values(found));
  });

  test('of several starts the best counts', async () => {
    const values = blobs(300, 2, 9, 3);
    using x = engine.tensor(values, [300, 2]);
    const one = kMeans(x, { clusters: 9, iterations: 3, seed: 6 });
    const best = kMeans(x, { clusters: 9, iterations: 3, seed: 6, restarts: 8 });
    const inertia = await best.inertia.item();
    expect(inertia).toBeLessThan(await one.inertia.item());
    const own = assign(matrix(300, 2, values), matrix(9, 2, await best.centroids.data()));
    expect(inertia / own.distances.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
    expect([...(await best.assignments.data())]).toEqual([...own.assignments]);
    freeAll(...Object.values(one), ...Object.values(best));
  });

  test('of equally good ones the first', async () => {
    // From any two rows the same two pairs, under either name.
    using x = engine.tensor([0, 0, 1, 0, 20, 0, 21, 0], [4, 2]);
    for (const seed of [1, 2]) {
      const [one, best] = [1, 6].map((restarts) => kMeans(x, { clusters: 2, seed, restarts, iterations: 4 }));
      expect(await best.inertia.item()).toBe(1);
      for (const name of ['centroids', 'assignments'] as const)
        expect(await best[name].data()).toEqual(await one[name].data());
      freeAll(...Object.values(one), ...Object.values(best));
    }
  });

  test('says what is wrong', () => {
    using x = engine.tensor([1, 2, 3, 4], [2, 2]);
    using start = engine.tensor([1, 2], [1, 2]);
    expect(() => kMeans(x, { clusters: 3 })).toThrow('kMeans: clusters = 3, expected an integer in [1, 2].');
    expect(() => kMeans(x, { start, clusters: 2 })).toThrow('kMeans: start has 1 rows, expected 2 to match clusters.');
    expect(() => kMeans(x, { start, restarts: 2 })).toThrow('kMeans: restarts = 2, expected 1 with start.');
  });
});

describe('eStep', () => {
  test('gives unit centroids, and concentrations around the temperature', async () => {
    const values = normals(200 * 6, 8);
    using x = engine.tensor(values, [200, 6]);
    const options = { clusters: 11, iterations: 8, restarts: 1, seed: 2, temperature: 0.2, alpha: 10 };
    const found = await eStep(x, options);
    const rows = await found.centroids.data();
    for (let k = 0; k < 11; k++) expect(Math.hypot(...rows.subarray(6 * k, 6 * k + 6))).toBeCloseTo(1, 5);
    expect(found.concentrations.reduce((a, b) => a + b, 0) / 11).toBeCloseTo(0.2, 5);
    expect(new Set(found.assignments).size).toBe(11);
    const mean = found.assignments.reduce((total, k) => total + (k === found.assignments[0] ? 1 : 0), 0);
    expect(mean).toBeGreaterThan(0);
    expect(found.inertia).toBeGreaterThan(0);
    found.centroids.dispose();
  });

  test('concentrations: the formula by hand', () => {
    // Distances 1, 3 | 2, 2, 2 | alone | none; log(12), log(13); the lonely ones take the largest.
    const assignments = Int32Array.of(0, 0, 1, 1, 1, 2);
    const squares = [1, 9, 4, 4, 4, 25];
    const phi = [2 / Math.log(12), 2 / Math.log(13)];
    const raw = [phi[0], phi[1], phi[0], phi[0]];
    const low = phi[1] + 0.3 * (phi[0] - phi[1]); // the 10th percentile of four numbers: at 0.3 between the lowest two
    const cut = raw.map((value) => Math.max(low, value));
    const mean = cut.reduce((a, b) => a + b, 0) / 4;
    const got = concentrations(assignments, squares, { clusters: 4, temperature: 0.1, alpha: 10 });
    expectClose(
      'phi',
      got,
      cut.map((value) => (0.1 * value) / mean),
      1e-7,
    );
  });

  test('concentrations of clusters that are points stay above 0', () => {
    const got = concentrations(Int32Array.of(0, 0, 1, 1), [0, 0, 0, 0], { clusters: 2, temperature: 0.1, alpha: 10 });
    expect([...got].every((value) => value > 0 && Number.isFinite(value))).toBe(true);
  });
});
