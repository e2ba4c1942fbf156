import {
  divisor,
  engine,
  fn,
  fraction,
  fromZero,
  integer,
  type Kind,
  labels,
  loose,
  matrix,
  nullable,
  object,
  optional,
  options,
  positive,
  record,
  seed,
  text,
  word,
} from './kinds.ts';
import { type Signatures, takes } from './signatures.ts';
import { METHODS } from './systems.ts';

const rows = (count: number): Kind => matrix(count, 3, [count, 4]);
const judged = {
  train: rows(6),
  trainLabels: labels(6, 2 ** 31),
  test: rows(4),
  testLabels: labels(4, 2 ** 31),
  classes: { ...optional(integer(3, 1, 2 ** 20)), says: ['trainLabels'] },
};
const JUDGED = ['train', 'trainLabels', 'test', 'testLabels'];

/** Of any number of rows. */
const wrongLabels = () => ({
  'an array': [0, 1],
  'a negative one': Int32Array.of(-1),
  'one too high': Int32Array.of(3),
});

export const EVAL: Signatures = {
  kMeans: METHODS.kMeans,
  clusteringScores: takes({ clusters: labels(4, 2 ** 31), labels: { ...labels(4, 2 ** 31), says: ['clusters'] } }),
  spreadOf: takes({ embeddings: matrix(4, 3, [1, 3]) }, { heavy: true }),
  usageOf: takes({
    winners: { ...labels(4, 3), bad: wrongLabels },
    columns: { ...integer(3, 1, 2 ** 31), says: ['winners'] },
  }),
  winnersOf: takes({ scores: matrix(4, 3) }, { heavy: true }),
  knn: takes(
    {
      options: options({ ...judged, k: integer(2, 1, 256), temperature: divisor(0.07) }, ...JUDGED),
    },
    { heavy: true },
  ),
  retrieval: takes(
    {
      options: options(
        {
          queries: { ...matrix(4, 3), says: ['queries', 'documents', 'queryLabels'] },
          queryLabels: labels(4, 2 ** 31),
          documents: optional({ good: () => undefined, accepts: () => false }),
          documentLabels: optional({ good: () => undefined, accepts: () => false }),
          k: integer(2, 1, 256),
          metric: word('cosine', 'dot', 'sqeuclidean'),
        },
        'queries',
        'queryLabels',
      ),
    },
    { heavy: true },
  ),
  linearProbe: takes(
    {
      options: options(
        {
          ...judged,
          epochs: integer(2, 1, 1e6),
          batch: integer(4, 1, 2 ** 24),
          learningRate: fromZero(0.01, 1e9),
          weightDecay: fromZero(0, 1e9),
          seed,
        },
        ...JUDGED,
      ),
    },
    { heavy: true },
  ),
};

const set = record(
  () => setOf({}),
  () => ({
    'too few bytes': setOf({ images: new Uint8Array(7) }),
    'an array of bytes': setOf({ images: [1, 2, 3] }),
    'half an image': setOf({ count: 1.5 }),
    'NaN for a width': setOf({ width: Number.NaN }),
    'a text for a count': setOf({ count: '4' }),
    'labels of another length': setOf({ labels: new Int32Array(3) }),
    'an array of labels': setOf({ labels: [0, 1, 0, 1] }),
    'labels with fractions': setOf({ labels: Float32Array.of(0, 0.5, 1, 1) }),
    'a negative label': setOf({ labels: Int32Array.of(0, 1, -1, 1) }),
    'a label past the classes': setOf({ labels: Int32Array.of(0, 1, 2, 1), classes: ['a', 'b'] }),
    'a text for classes': setOf({ classes: 'ab' }),
    'an instance': Object.assign(new (class Images {})(), setOf({})),
  }),
  'four',
);

function setOf(parts: Readonly<Record<string, unknown>>): unknown {
  const extents = { count: 4, channels: 1, height: 2, width: 2 };
  return { name: 'four', images: new Uint8Array(16), labels: null, classes: null, ...extents, ...parts };
}

/** Indices of a set of four images. */
const indices: Kind = {
  good: () => [0, 3],
  accepts: (value) => {
    const list = value as ArrayLike<number>;
    if (value === null || typeof value !== 'object' || !Number.isInteger(list.length)) return false;
    return list.length < 9 && Array.from(list).every((index) => Number.isInteger(index) && index >= 0 && index < 4);
  },
  bad: () => ({
    'one too high': [4],
    'a negative one': [-1],
    'half a one': [0.5],
    'a length of 2^40': { length: 2 ** 40 },
  }),
};

const bytes = (make: () => Uint8Array): Kind => ({
  good: make,
  accepts: () => false,
  bad: () => ({ 'an array of bytes': [1, 2, 3], 'another format': new Uint8Array(5) }),
  says: ['bytes'],
});
const file = (make: () => Uint8Array): Kind =>
  loose(object({ name: text('some.file'), bytes: bytes(make) }, 'name', 'bytes'));

/** An IDX file with these extents, all zeros. */
function idx(...extents: readonly number[]): Uint8Array {
  const made = new Uint8Array(4 + 4 * extents.length + extents.reduce((a, b) => a * b, 1));
  const view = new DataView(made.buffer);
  view.setUint32(0, 0x0800 + extents.length);
  extents.forEach((extent, i) => {
    view.setUint32(4 + 4 * i, extent);
  });
  return made;
}

/** A list with a number for the one channel. */
const channelwise = (kind: Kind): Kind => ({
  ...optional(kind),
  accepts: (value, world) =>
    value === undefined || (Array.isArray(value) && value.length === 1 && 0 in value && kind.accepts(value[0], world)),
  bad: () => ({ 'of two channels': [0.5, 0.5], 'with a text': ['0.5'], 'with NaN': [Number.NaN] }),
});

const folder = options({
  size: integer(32, 1, 4096),
  channels: { good: () => 3, accepts: (value) => value === 1 || value === 3 },
  testFraction: fraction(0.2),
  seed,
  decode: optional(fn(() => async () => new Uint8Array(4))),
});
const module: Kind = { good: () => ({ default: () => {} }), accepts: () => false };

export const DATA: Signatures = {
  CIFAR10_CLASSES: takes({}),
  augmentations: takes({}),
  uploadImages: takes({
    engine,
    set: { ...set, says: ['set', 'four'] },
    options: options({ mean: channelwise(fromZero(0.5)), deviation: channelwise(positive(0.5)) }),
  }),
  readCifar10: takes({
    batches: {
      good: () => [{ name: 'batch', bytes: new Uint8Array(3073) }],
      accepts: () => false,
      bad: () => ({
        'one without bytes': [{ name: 'batch' }],
        'one of null': [null],
        'one with an array': [{ name: 'batch', bytes: [1] }],
        'one without a name': [{ bytes: new Uint8Array(3073) }],
      }),
    },
    name: optional(text('cifar')),
  }),
  holdOut: takes({
    set,
    share: { good: () => 0.5, accepts: (value) => value === 0.5, bad: () => ({ 'none left': 0.99 }) },
  }),
  permutation: takes({ count: integer(5, 0, 2 ** 27), seed, epoch: optional(seed) }),
  subset: takes({ set, indices }),
  sharpDecoder: takes({ module }),
  loadImages: takes({ directory: text('/nowhere/at/all'), options: folder }, { heavy: true }),
  readIdx: takes({
    images: file(() => idx(4, 2, 2)),
    labels: nullable(file(() => idx(4))),
    options: options(
      {
        name: text('four'),
        classes: nullable({
          good: () => null,
          accepts: (value) => value === undefined || (Array.isArray(value) && value[0] === '3'),
          says: ['class'],
          bad: () => ({ 'with a number': [1], 'with a hole': Object.assign([], { length: 2 }) }),
        }),
      },
      'name',
    ),
  }),
  openData: takes({ nameOrDirectory: text('/nowhere/at/all'), options: folder }, { heavy: true }),
};
