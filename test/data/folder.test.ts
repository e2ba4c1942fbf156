import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { type Decoder, defaultDecoder, type SharpModule, sharpDecoder } from '../../src/data/decode.ts';
import { type FolderOptions, loadImages, readFolder } from '../../src/data/folder.ts';
import { openData, openJoined } from '../../src/data/open.ts';
import { need } from '../../tools/needs.mjs';

const made: string[] = [];
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true });
});

/** A new folder with these files. */
function folder(files: Record<string, Uint8Array | string>): string {
  const root = mkdtempSync(join(tmpdir(), 'gramian-data-'));
  made.push(root);
  for (const [name, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true });
    writeFileSync(join(root, name), bytes);
  }
  return root;
}

/** Stands in for sharp: every pixel is the file's first byte; an empty file cannot be read. */
const fake: Decoder = async (file, size, channels) => {
  const bytes = await readFile(file);
  if (bytes.length === 0) throw new Error('no image');
  return Uint8Array.from({ length: size * size * channels }, (_, i) => bytes[0] + (i % channels));
};
const small: FolderOptions = { size: 2, decode: fake };

test('images in train and test folders', async () => {
  const root = folder({
    'train/dog/1.png': 'd',
    'train/cat/b.JPG': 'b',
    'train/cat/a.jpeg': 'a',
    'train/cat/.hidden.png': 'x',
    'train/cat/notes.txt': 'x',
    'train/empty/readme.md': 'x',
    'val/dog/z.png': 'z',
    '.git/x/1.png': 'x',
  });
  const { train, test } = await loadImages(root, small);
  expect(train).toMatchObject({ count: 3, channels: 3, height: 2, width: 2, classes: ['cat', 'dog'] });
  expect(train.labels).toEqual(Int32Array.of(0, 0, 1));
  expect([...train.images.subarray(0, 12)]).toEqual([97, 97, 97, 97, 98, 98, 98, 98, 99, 99, 99, 99]);
  expect(test).toMatchObject({ count: 1, labels: Int32Array.of(1), classes: ['cat', 'dog'] });
});

const MEASURED: [string, Record<string, string>, string[], string[]][] = [
  ['valid', { 'Valid/a/v.png': 'v' }, ['v'], ['Valid/ is what is measured on, as there is no test/']],
  [
    'test before val',
    { 'val/a/v.png': 'v', 'test/b/t.png': 't' },
    ['t'],
    ['test/ is what is measured on; val/ is left out'],
  ],
  [
    'val where test has no classes',
    { 'val/a/v.png': 'v', 'test/t.png': 't' },
    ['v'],
    ['val/ is what is measured on; test/ is left out'],
  ],
  [
    'none with classes',
    { 'test/t.png': 't' },
    ['x'],
    ['test/ is left out, as it has', 'are held out of training as the test images'],
  ],
  ['nothing', {}, ['x'], ['1 of its 4 images, the same ones every time, are held out of training as the test images']],
];

test.each(MEASURED)('beside train/: %s', async (_, files, pixels, notes) => {
  const root = folder({
    'Train/a/1.png': 'x',
    'Train/a/2.png': 'x',
    'Train/a/3.png': 'x',
    'Train/b/1.png': 'x',
    ...files,
  });
  const splits = await loadImages(root, { ...small, channels: 1 });
  expect(String.fromCharCode(splits.test?.images[0] ?? 0)).toBe(pixels[0]);
  expect(splits.test?.count).toBe(1);
  expect(splits.notes).toHaveLength(notes.length);
  notes.forEach((note, i) => void expect(splits.notes?.[i]).toContain(note));
});

test('images in class folders are split the same way every time', async () => {
  const files = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`${i % 2 ? 'a' : 'b'}/${i}.png`, `${i}`]));
  const root = folder({ ...files, 'c/only.png': 'x' });
  const first = await loadImages(root, { ...small, channels: 1, testFraction: 0.3 });
  expect(first.train).toMatchObject({ count: 15, channels: 1 });
  expect([...(first.test?.labels ?? [])]).toEqual([0, 0, 0, 1, 1, 1]);
  expect(await loadImages(root, { ...small, channels: 1, testFraction: 0.3 })).toEqual(first);
  expect(await loadImages(root, { ...small, channels: 1, testFraction: 0.3, seed: 1 })).not.toEqual(first);
  expect((await loadImages(root, { ...small, testFraction: 0 })).test).toBeNull();
});

test('images without classes have no labels and no test part', async () => {
  const { train, test } = await openData(folder({ '1.png': 'a', '2.jpg': 'b' }), small);
  expect(train).toMatchObject({ count: 2, labels: null, classes: null });
  expect(test).toBeNull();
});

const pictures = { 'a/1.png': 'x', 'a/2.png': '', 'b/1.png': '' };
const badFolders: [string, Record<string, string>, FolderOptions, string][] = [
  ['no images', { 'a/x.txt': '' }, small, 'holds no PNG or JPEG files, expected DIR/train/CLASS, DIR/CLASS or DIR'],
  ['an empty train folder', { 'train/x.txt': '', 'a.png': 'x' }, small, 'holds no PNG or JPEG files'],
  ['unreadable files', pictures, small, '2 of 3 files cannot be read ('],
  ['a decoder that gives too little', pictures, { ...small, decode: async () => new Uint8Array(1) }, '3 of 3 files'],
  ['a class only in test', { 'train/a/1.png': 'x', 'test/b/1.png': 'x' }, small, 'has the class b, expected one of'],
  ['a size', pictures, { ...small, size: 0 }, 'size = 0, expected an integer above 0.'],
  ['a fraction', pictures, { ...small, testFraction: 1 }, 'testFraction = 1, expected a number in [0, 1).'],
];

test.each(badFolders)('loadImages: %s', async (_, files, options, sentence) => {
  const read = loadImages(folder(files), { testFraction: 0, ...options });
  await expect(read).rejects.toThrow(/^loadImages: [^\n]*\.$/);
  await expect(read).rejects.toThrow(sentence);
});

test('without sharp, one sentence says so', async () => {
  const absent = () => Promise.reject(new Error("Cannot find package 'sharp'"));
  await expect(defaultDecoder('DIR', absent)).rejects.toThrow(
    'loadImages: DIR holds PNG/JPEG files, expected the optional package sharp to read them; npm i sharp.',
  );
});

const sharp = await need('images')
  .then((require): SharpModule['default'] & MakeImage => require('sharp'))
  .catch((error: Error) => void console.warn(`sharp is not tested here: ${error.message}`));

/** How sharp makes the pictures of the test. */
type MakeImage = (options: { create: { width: number; height: number; channels: 3 | 4; background: object } }) => {
  png(): { toBuffer(): Promise<Buffer> };
  jpeg(options: { quality: number }): { toBuffer(): Promise<Buffer> };
};

test.skipIf(!sharp)(
  'sharp reads PNG and JPEG, resizes, puts transparency over white, and names broken files',
  async () => {
    if (!sharp) return;
    const paint = (width: number, height: number, r: number, g: number, b: number, alpha = 1) =>
      sharp({ create: { width, height, channels: alpha < 1 ? 4 : 3, background: { r, g, b, alpha } } });
    const red = await paint(9, 5, 255, 0, 0).png().toBuffer();
    const root = folder({
      'a/1.png': red,
      'a/2.png': await paint(2, 2, 0, 0, 0, 0).png().toBuffer(),
      'a/3.jpg': await paint(8, 8, 40, 40, 40).jpeg({ quality: 100 }).toBuffer(),
    });
    const options = { size: 2, decode: sharpDecoder({ default: sharp }), testFraction: 0 };
    const { train } = await loadImages(root, options);
    const plane = (value: number) => Array(4).fill(value);
    expect([...train.images.subarray(0, 12)]).toEqual([...plane(255), ...plane(0), ...plane(0)]);
    expect([...train.images.subarray(12)]).toEqual([...Array(12).fill(255), ...Array(12).fill(40)]);
    const grey = await loadImages(root, { ...options, channels: 1 });
    expect(grey.train).toMatchObject({ channels: 1, count: 3 });
    expect([...grey.train.images.subarray(4)]).toEqual([...plane(255), ...plane(40)]);
    const broken = folder({ 'a/good.png': red, 'a/cut.png': red.subarray(0, 60), 'a/text.png': 'no image' });
    await expect(loadImages(broken, options)).rejects.toThrow(
      /2 of 3 files cannot be read \(.*cut\.png, .*text\.png\)/,
    );
  },
);

test('a class of the test images alone: joined, where nothing is learnt', async () => {
  const root = folder({ 'train/a/1.png': 'x', 'train/c/1.png': 'y', 'test/b/1.png': 'z' });
  for (const joined of [await readFolder(root, small, true), await openJoined(root, small, true)])
    expect(joined).toMatchObject({
      train: { labels: Int32Array.of(0, 2), classes: ['a', 'b', 'c'] },
      test: { labels: Int32Array.of(1), classes: ['a', 'b', 'c'] },
    });
});

/** An IDX file of images of that shape, all black. */
function idx(...shape: number[]): Buffer {
  const bytes = Buffer.alloc(16 + shape.reduce((product, size) => product * size, 1));
  for (const [i, value] of [0x803, ...shape].entries()) bytes.writeUInt32BE(value, 4 * i);
  return bytes;
}
const images = idx(4, 2, 3);
const labels = Buffer.from([0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 2, 0]);
const record = (label: number) => Uint8Array.from({ length: 3073 }, (_, i) => (i === 0 ? label : i % 256));

test('openData tells formats apart', async () => {
  const mnist = folder({
    'train-images-idx3-ubyte': images,
    'train-labels-idx1-ubyte': labels,
    't10k-images.idx3-ubyte.gz': gzipSync(images),
    't10k-labels.idx1-ubyte.gz': gzipSync(labels),
  });
  expect(await openData(mnist)).toMatchObject({ train: { count: 4, classes: null }, test: { count: 4, height: 2 } });
  const alone = folder({ 'train-images-idx3-ubyte.gz': gzipSync(images) });
  expect(await openData(alone)).toMatchObject({ train: { count: 4, labels: null }, test: null });
  const cifar = folder({
    'data_batch_2.bin': record(2),
    'data_batch_1.bin': record(1),
    'test_batch.bin': record(7),
  });
  const splits = await openData(cifar);
  expect(splits.train.labels).toEqual(Int32Array.of(1, 2));
  expect(splits.test?.labels).toEqual(Int32Array.of(7));
});

test('openData finds IDX files by their usual names, and where archives unpack to', async () => {
  const idxLabels = (kind: number, size: number) =>
    Buffer.concat([Buffer.from([0, 0, kind, 1, 0, 0, 0, 4]), Buffer.alloc(4 * size)]);
  // Each in a folder of its own name, beside a folder that holds nothing of the kind.
  const unpacked = folder({
    'train-images-idx3-ubyte/train-images.idx3-ubyte': images,
    'train-labels-idx1-ubyte/train-labels.idx1-ubyte': labels,
    't10k-images-idx3-ubyte.gz/notes.txt': '',
    't10k-images.idx3-ubyte': images,
    'data_batch_1.bin/x': '',
  });
  expect(await openData(unpacked)).toMatchObject({
    train: { count: 4, labels: expect.anything() },
    test: { count: 4 },
  });
  const qmnist = folder({
    'qmnist-train-images-idx3-ubyte': images,
    'qmnist-train-labels-idx2-int': Buffer.concat([
      idx(4, 8).fill(0xc, 2, 3).fill(2, 3, 4).subarray(0, 12),
      Buffer.alloc(128),
    ]),
    'qmnist-test-images-idx3-ubyte.gz': gzipSync(images),
  });
  expect(await openData(qmnist)).toMatchObject({
    train: { labels: new Int32Array(4) },
    test: { count: 4, labels: null },
  });
  const emnist = folder({
    'emnist-letters-train-images-idx3-ubyte.gz': gzipSync(images),
    'emnist-letters-train-labels-idx1-ubyte.gz': gzipSync(idxLabels(8, 1)),
    'emnist-digits-train-images-idx3-ubyte': images,
    'emnist-digits-test-images-idx3-ubyte': images,
  });
  await expect(openData(emnist)).rejects.toThrow(
    /holds 2 sets \(emnist-digits, emnist-letters\), expected one; name it, such as .*emnist-digits\.$/,
  );
  expect(await openData(join(emnist, 'emnist-letters'))).toMatchObject({
    train: { name: 'emnist-letters', count: 4 },
    test: null,
  });
  expect(await openData(join(emnist, 'emnist-digits'))).toMatchObject({ test: { count: 4 } });
  await expect(openData(join(emnist, 'emnist-mnist'))).rejects.toThrow('emnist-mnist is not a directory, expected one');
});

test('openData: letters come with the package', async () => {
  const { train, test } = await openData('letters');
  for (const part of [train, test]) {
    expect(part).toMatchObject({ name: 'letters', channels: 1, classes: expect.arrayContaining(['A', 'Z']) });
    expect(new Set(part?.labels)).toEqual(new Set(Array.from({ length: 26 }, (_, i) => i)));
  }
});

test('openData: says what it looked for', async () => {
  await expect(openData('no/such/place')).rejects.toThrow(
    'openData: no/such/place is not a directory, expected one, or the name letters.',
  );
  await expect(openData(folder({ 'x.csv': '' }))).rejects.toThrow(/^openData: .* holds no known data, expected train-/);
  const other = idx(1, 1, 1);
  const odd = folder({ 'train-images-idx3-ubyte': images, 'test-images-idx3-ubyte': other });
  await expect(openData(odd)).rejects.toThrow('are 1 x 1, expected 2 x 3 as in training.');
});
