import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { createRandom, naturalLog } from '../../src/core/random.ts';
import { readCifar10 } from '../../src/data/cifar.ts';
import { holdOut, type ImageSet, permutation, subset } from '../../src/data/dataset.ts';
import { readIdx } from '../../src/data/idx.ts';

const set: ImageSet = {
  name: 'four',
  images: Uint8Array.from({ length: 24 }, (_, i) => i),
  labels: Int32Array.of(0, 1, 2, 0),
  count: 4,
  channels: 1,
  height: 2,
  width: 3,
  classes: ['a', 'b', 'c'],
};

test('random numbers are these numbers everywhere', () => {
  const random = createRandom(0);
  expect([random.bits(), random.bits(), random.bits()]).toEqual([4216505632, 947923937, 2491578854]);
  expect(createRandom(7, 3).gaussian()).toBe(-0.9783854715412482);
  const firsts = [0, 1, -1, 2 ** 32, 2 ** 40].map((seed) => createRandom(seed).bits());
  expect(new Set([...firsts, createRandom(0, 1).bits()]).size).toBe(6);
});

test('gaussian numbers have the moments of the normal distribution', () => {
  const random = createRandom(5);
  const n = 100_000;
  const sums = [0, 0, 0, 0];
  for (let i = 0; i < n; i++) {
    const x = random.gaussian();
    for (let power = 0; power < 4; power++) sums[power] += x ** (power + 1) / n;
  }
  // Each within five standard errors of 0, 1, 0, 3.
  for (const [i, want, error] of [
    [0, 0, 1],
    [1, 1, Math.sqrt(2)],
    [2, 0, Math.sqrt(15)],
    [3, 3, Math.sqrt(96)],
  ]) {
    expect(Math.abs(sums[i] - want)).toBeLessThan((5 * error) / Math.sqrt(n));
  }
});

test('naturalLog is the logarithm', () => {
  for (const x of [1, 2, 0.5, 1e-300, 1e300, 0.999999, 1.5, Math.SQRT2, 3e-9]) {
    expect(Math.abs(naturalLog(x) - Math.log(x))).toBeLessThanOrEqual(4e-16 * Math.max(Math.abs(Math.log(x)), 1e-6));
  }
});

test('below is fair and stays below', () => {
  const random = createRandom(1);
  const counts = [0, 0, 0];
  for (let i = 0; i < 30_000; i++) counts[random.below(3)]++;
  for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500);
  expect(random.below(1)).toBe(0);
});

test('a permutation holds each number once, and depends on seed and epoch alone', () => {
  const order = permutation(1000, 3, 1);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  expect(permutation(1000, 3, 1)).toEqual(order);
  expect(permutation(1000, 3, 2)).not.toEqual(order);
  expect(permutation(1000, 4, 1)).not.toEqual(order);
  expect([...permutation(8, 0, 0)]).toEqual([...permutation(8, 0)]);
  expect(permutation(0, 0)).toHaveLength(0);
  expect(() => permutation(-1, 0)).toThrow('permutation: count = -1, expected an integer in [0, 2^32].');
  expect(() => permutation(3, 0.5)).toThrow('permutation: seed = 0.5, expected a safe integer.');
});

test('subset copies images and labels', () => {
  const part = subset(set, [2, 0, 2]);
  expect([...part.images]).toEqual([12, 13, 14, 15, 16, 17, 0, 1, 2, 3, 4, 5, 12, 13, 14, 15, 16, 17]);
  expect(part).toMatchObject({ count: 3, labels: Int32Array.of(2, 0, 2), classes: ['a', 'b', 'c'], width: 3 });
  expect(subset({ ...set, labels: null }, [1]).labels).toBeNull();
  expect(() => subset(set, [0, 4])).toThrow('subset: indices[1] = 4, expected an integer in [0, 4).');
});

test('holdOut cuts a set in two, always the same two', () => {
  const many = subset(
    set,
    Array.from({ length: 40 }, (_, i) => i % 4),
  );
  const numbered = { ...many, labels: Int32Array.from({ length: 40 }, (_, i) => i), classes: null };
  const { train, test } = holdOut(numbered, 0.25);
  expect([train.count, test.count]).toEqual([30, 10]);
  expect([...(train.labels ?? []), ...(test.labels ?? [])].sort((a, b) => a - b)).toEqual([...Array(40).keys()]);
  expect(holdOut(numbered, 0.25).test.labels).toEqual(test.labels);
  expect([...(test.labels ?? [])]).not.toEqual([...Array(10).keys()]);
  expect(() => holdOut(set, 1)).toThrow('holdOut: share = 1, expected a number in (0, 1).');
  const odd = { ...set, labels: Int32Array.of(0, 1, 3, 0) };
  expect(() => holdOut(odd, 0.5)).toThrow('holdOut: set.labels[2] = 3, expected a class in [0, 3).');
  expect(() => holdOut(set, 0.1)).toThrow('holdOut: share = 0.1 of 4 images is 0, expected some on both sides.');
});

const header = (magic: number, ...sizes: number[]) => {
  const bytes = Buffer.alloc(4 + 4 * sizes.length);
  for (const [i, value] of [magic, ...sizes].entries()) bytes.writeUInt32BE(value, 4 * i);
  return bytes;
};
const idxImages = Buffer.concat([header(0x803, 4, 2, 3), set.images]);
const idxLabels = Buffer.concat([header(0x801, 4), Buffer.from([0, 1, 2, 0])]);

test.each([
  ['as it is', idxImages, idxLabels],
  ['gzipped', gzipSync(idxImages), gzipSync(idxLabels)],
])('IDX %s', async (_, images, labels) => {
  const options = { name: 'four', classes: ['a', 'b', 'c'] };
  expect(await readIdx({ name: 'i', bytes: images }, { name: 'l', bytes: labels }, options)).toEqual({
    ...set,
    images: expect.anything(),
  });
  const bare = await readIdx({ name: 'i', bytes: images }, null, { name: 'four' });
  expect([...bare.images]).toEqual([...set.images]);
  expect(bare).toMatchObject({ labels: null, classes: null });
});

test("QMNIST's labels are the first column of 32-bit integers", async () => {
  const rows = [3, 9, 0, 7].map((label) => header(label, 1, 2, 3)); // four numbers a row
  const labels = { name: 'l', bytes: gzipSync(Buffer.concat([header(0xc02, 4, 4), ...rows])) };
  const read = await readIdx({ name: 'i', bytes: idxImages }, labels, { name: 'q' });
  expect(read.labels).toEqual(Int32Array.of(3, 9, 0, 7));
});

const zipped = gzipSync(idxImages);
const bomb = gzipSync(Buffer.concat([idxImages, Buffer.alloc(2 ** 26)]));
const badIdx: [string, Uint8Array, Uint8Array, string][] = [
  ['empty', new Uint8Array(0), idxLabels, 'i has 0 bytes, expected the 16 bytes of an IDX header or more.'],
  ['labels as images', idxLabels, idxLabels, 'i has 12 bytes, expected the 16 bytes'],
  ['another magic', header(0x0d03, 1, 1, 1), idxLabels, 'i starts with 0x00000d03, expected 0x00000803 (IDX images).'],
  ['images as labels', idxImages, idxImages, 'l starts with 0x00000803, expected 0x00000801 (IDX labels).'],
  ['cut', idxImages.subarray(0, -1), idxLabels, 'i has 39 bytes, expected 40 for its shape [4, 2, 3].'],
  ['too long', Buffer.concat([idxImages, idxImages]), idxLabels, 'i has 80 bytes, expected 40'],
  ['no images', header(0x803, 0, 2, 3), idxLabels, 'i has the shape [0, 2, 3], expected sizes above 0.'],
  ['a huge shape', header(0x803, 2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1), idxLabels, 'i has 16 bytes, expected 7.9'],
  ['fewer labels', idxImages, Buffer.concat([header(0x801, 1), Buffer.of(0)]), 'l holds 1 labels, expected 4'],
  ['a label too high', idxImages, Buffer.concat([header(0x801, 4), Buffer.of(0, 9, 0, 0)]), 'label 1 of l is 9'],
  ['gzip of more than its header says', bomb, idxLabels, 'i has more than 40 bytes, expected 40 for its shape'],
  [
    'gzip of something else',
    gzipSync(Buffer.alloc(2 ** 26)),
    idxLabels,
    'i starts with 0x00000000, expected 0x00000803',
  ],
  [
    'gzip that cannot hold it',
    gzipSync(header(0x803, 2 ** 31, 1, 1)),
    idxLabels,
    'bytes, which cannot hold the 2147483664',
  ],
  ['gzip of too much', gzipSync(header(0x803, 2 ** 31, 9, 9)), idxLabels, 'expected at most 4294967296 bytes.'],
  [
    'a negative label',
    idxImages,
    Buffer.concat([header(0xc01, 4), Buffer.alloc(16, 255)]),
    'label 0 of l is -1, expected',
  ],
  ['cut gzip', zipped.subarray(0, -9), idxLabels, 'gunzip: i is a damaged or cut gzip file'],
  ['damaged gzip', Buffer.from(zipped).fill(0x55, 12, 20), idxLabels, 'gunzip: i is a damaged or cut gzip file'],
];

test('a gzip file is not unpacked further than its header asks', async () => {
  const before = process.memoryUsage().arrayBuffers;
  const read = readIdx({ name: 'i', bytes: bomb }, null, { name: 'x' });
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, process.memoryUsage().arrayBuffers);
  }, 1);
  await expect(read).rejects.toThrow('i has more than 40 bytes');
  clearInterval(watch);
  expect(most - before).toBeLessThan(2 ** 24);
});

test.each(badIdx)('IDX: %s', async (_, images, labels, sentence) => {
  const read = readIdx(
    { name: 'i', bytes: images },
    { name: 'l', bytes: labels },
    { name: 'x', classes: ['a', 'b', 'c'] },
  );
  await expect(read).rejects.toThrow(sentence);
});

const record = (label: number, start: number) =>
  Uint8Array.from({ length: 3073 }, (_, i) => (i === 0 ? label : (start + i) % 256));

test('CIFAR-10 batches', () => {
  const batch = Buffer.concat([record(3, 0), record(9, 5)]);
  const cifar = readCifar10([
    { name: 'one', bytes: batch },
    { name: 'two', bytes: record(0, 7) },
  ]);
  expect(cifar).toMatchObject({ count: 3, channels: 3, height: 32, width: 32, labels: Int32Array.of(3, 9, 0) });
  expect([cifar.images[0], cifar.images[3072], cifar.images[2 * 3072]]).toEqual([1, 6, 8]);
  expect(cifar.classes?.[3]).toBe('cat');
});

test.each([
  ['a cut batch', [record(0, 0).subarray(1)], 'b has 3072 bytes, expected a multiple of 3073'],
  ['an empty batch', [new Uint8Array(0)], 'b has 0 bytes, expected a multiple of 3073'],
  [
    'a label',
    [Buffer.concat([record(0, 0), record(10, 0)])],
    'record 1 of b has the label 10, expected one in [0, 10).',
  ],
  ['nothing', [], 'batches is empty, expected one or more.'],
])('CIFAR-10: refuses %s', (_, batches, sentence) => {
  expect(() => readCifar10(batches.map((bytes) => ({ name: 'b', bytes })))).toThrow(`readCifar10: ${sentence}`);
});
