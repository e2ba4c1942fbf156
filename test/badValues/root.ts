import { customGrad, defineKernel, neg, Tensor } from '../../src/index.ts';
import { batchAttentionParameters } from '../../src/nn/index.ts';
import {
  but,
  divisor,
  engine,
  flag,
  fn,
  fraction,
  fromZero,
  integer,
  integers,
  type Kind,
  labels,
  live,
  matrix,
  number,
  object,
  optional,
  options,
  partner,
  perhaps,
  positive,
  record,
  rowsOf,
  shape,
  share,
  tensor,
  tensors,
  text,
  word,
} from './kinds.ts';
import { type Signatures, takes } from './signatures.ts';
import type { World } from './world.ts';

const [ROWS, COLUMNS] = [4, 3];
const z = matrix(ROWS, COLUMNS);
const other = partner(ROWS, COLUMNS);
const columns = matrix(6, COLUMNS, [6, COLUMNS + 1]);
const views = (count: number): Kind => tensors(count, [ROWS, COLUMNS], [ROWS, COLUMNS + 1], [ROWS]);
const temperature = live(divisor(0.5));
const metric = word('cosine', 'dot', 'sqeuclidean');
const convention = word('paper', 'official');
const exclude = optional(word('self'));
const image = tensor([2, 4, 4, 4], [2, 4, 4]);
/** Negative ones too. */
const anyLabels: Kind = { ...labels(ROWS, 2 ** 31), bad: () => ({ 'too few': new Int32Array(1), 'an array': [0, 0] }) };
const epsilon = positive(1e-5);
const reduction = word('nonZero', 'mean');
const logit = number(0.5, { low: -1e29, high: 1e29 });
const hardness = object({ on: word('inBatch', 'hard', 'all'), alpha: fromZero(5, 1e29) }, 'on', 'alpha');
const teaching = {
  studentPrototypes: columns,
  teacherPrototypes: matrix(6, COLUMNS, [5, COLUMNS], [6, COLUMNS + 1]),
  center: optional(tensor([6], [5], [6, 1])),
  studentTemperature: divisor(0.1),
  teacherTemperature: divisor(0.04),
  codes: word('center', 'sinkhorn'),
  iterations: integer(3, 1, 100),
};
const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0;
const scores: Kind = {
  good: () => Float32Array.of(0.9, 0.1, 0.5, 0.5),
  accepts: (value) =>
    (Array.isArray(value) || value instanceof Float32Array || value instanceof Float64Array) && value.length === ROWS,
  bad: () => ({ 'too few': [1, 2], 'a NaN': [1, 2, Number.NaN, 3], text: ['1', '2', '3', '4'] }),
};

/** A Tensor or a number; of a quotient's divisor not 0. */
const operand = (zero = true): Kind => ({
  ...number(2),
  accepts: (value, world) =>
    number(2).accepts(value, world) ? zero || value !== 0 : tensor([1]).accepts(value, world),
});
const arithmetic = (zero = true) => takes({ a: tensor([ROWS, COLUMNS]), b: operand(zero) });
const elementwise = takes({ x: tensor([ROWS, COLUMNS]) });
const along = optional(integer(0, 0, 1));

const ofChannels = tensor([4], [5]);
const NORM = ['weight', 'bias', 'runningMean', 'runningVariance'];
const state = object(
  {
    ...Object.fromEntries(NORM.map((name) => [name, ofChannels])),
    runningVariance: but({ ...ofChannels, good: ({ leaf }) => leaf([4]) }, ({ tensor }) => ({
      'the running mean': tensor([4]),
    })),
  },
  ...NORM,
);

const transport = {
  epsilon: divisor(0.5),
  iterations: optional(integer(3, 1, 100_000)),
  tolerance: optional(positive(1e-3)),
};

const attention = record(
  ({ engine }) => batchAttentionParameters(engine, 4, { reduction: 2 }),
  ({ engine, tensor, disposed, foreign, integers }) => {
    const right = batchAttentionParameters(engine, 4, { reduction: 2 });
    const without = (branch: 'channel' | 'local' | 'global', value: unknown) => ({ ...right, [branch]: value });
    return {
      'without a branch': without('local', undefined),
      'a branch that is a Map': without('global', new Map()),
      'a number for a weight': without('channel', { ...right.channel, reduce: 3 }),
      'a disposed weight': without('channel', { ...right.channel, expand: disposed }),
      'a weight of another engine': without('global', { ...right.global, key: foreign }),
      'a weight of i32': without('global', { ...right.global, key: integers }),
      'a weight of another shape': without('local', { ...right.local, mix: tensor([2, 2]) }),
      'no norm': without('local', { ...right.local, norm: null }),
      'no running level': { ...right, runningLevel: undefined },
      'of other channels': batchAttentionParameters(engine, 3),
    };
  },
);

/** Twice x. */
const KERNEL = {
  name: 'twice',
  wgsl: `
    @group(0) @binding(0) var<storage, read> x: array<f32>;
    @group(0) @binding(1) var<storage, read_write> y: array<f32>;
    @compute @workgroup_size(1) fn main() { for (var i = 0u; i < arrayLength(&x); i++) { y[i] = 2.0 * x[i]; } }`,
  workgroups: 1,
};
const definition = object(
  {
    name: text(KERNEL.name),
    wgsl: { good: () => KERNEL.wgsl, accepts: () => false },
    workgroups: {
      good: () => 1,
      accepts: (value) =>
        typeof value === 'function' ||
        (typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 2 ** 32) ||
        (Array.isArray(value) && value[0] === 1),
      bad: () => ({ 'with half a one': [1.5], 'of four': [1, 1, 1, 1] }),
    },
    params: perhaps(
      record(
        () => ({}),
        () => ({ 'of what the WGSL lacks': { alpha: 'f32' } }),
      ),
    ),
    bindings: optional({ good: () => ['x', 'y'], accepts: () => false }),
    constants: perhaps(
      record(
        () => ({}),
        () => ({ 'of what the WGSL lacks': { WG: 1 } }),
      ),
    ),
    entryPoint: optional({ good: () => 'main', accepts: () => false }),
    features: {
      good: () => [],
      accepts: (value) => Array.isArray(value) && value.length < 9 && Array.from(value).every((one) => one === '3'),
    },
  },
  'name',
  'wgsl',
  'workgroups',
);
const oneNumberToo = (kind: Kind): Kind => ({
  ...kind,
  accepts: (value, world) => (Array.isArray(value) && value.length === 0) || kind.accepts(value, world),
});
const callKernel = (_: World, [x, outputs, params]: readonly unknown[]): unknown =>
  defineKernel(KERNEL)({ x } as never, outputs as never, params as never);

/** What is made of the root's exports. */
export const MADE_OF_ROOT: Signatures = {
  'a kernel': takes(
    {
      x: tensor([2, 3]),
      outputs: object({ y: oneNumberToo(shape([2, 3], true)) }, 'y'),
      params: perhaps(
        record(
          () => ({}),
          () => ({ 'of what the WGSL lacks': { alpha: 1 } }),
        ),
      ),
    },
    { op: 'twice', call: callKernel },
  ),
  'a function with a gradient': takes(
    { x: { ...tensor([2, 3]), says: ['inputs[0]'] } },
    {
      op: 'customGrad',
      call: (_, [x]) => customGrad((a: Tensor) => ({ value: neg(a), gradient: (dy) => [neg(dy)] }))(x as Tensor),
    },
  ),
};

export const ROOT: Signatures = {
  createEngine: takes(
    {
      options: options({
        device: optional({ good: () => undefined, accepts: () => false }),
        beforeRun: optional({ good: () => undefined, accepts: () => false }),
        adapter: word('auto', 'hardware', 'software'),
        powerPreference: word('high-performance', 'low-power'),
        check: flag,
        matmulPrecision: word('highest', 'high', 'medium'),
        families: optional({
          good: () => ['f32'],
          accepts: (value) => Array.isArray(value) && value.length === 0,
          bad: () => ({ 'an unknown one': ['f64'], 'with a hole': Object.assign(['f32'], { length: 2 }) }),
        }),
        tune: word('cached', 'off', 'full'),
      }),
    },
    { heavy: true },
  ),
  Tensor: takes(
    { engine },
    { call: (_, args) => new (Tensor as unknown as new (...args: readonly unknown[]) => Tensor)(...args), heavy: true },
  ),

  alignment: takes({ x: z, y: other, options: options({ alpha: positive(2, 100) }) }),
  barlowTwins: takes({ z0: z, z1: other, options: options({ lambda: fromZero(0.01, 1e29), epsilon }) }),
  byol: takes({ prediction: z, target: other }),
  clip: takes({ a: z, b: other, options: options({ logitScale: live(positive(10, 1e29)) }) }),
  clusterLoss: takes({ logits0: z, logits1: other, options: options({ temperature }) }),
  contrastiveClustering: takes({
    inputs: object({ instances: views(2), clusters: views(2) }, 'instances', 'clusters'),
    options: options({ instanceTemperature: temperature, clusterTemperature: temperature }),
  }),
  angle: takes({ a: z, b: other, scores, options: options({ scale: positive(20, 1e29) }) }),
  arcFace: takes({
    z,
    weights: columns,
    labels: labels(ROWS, 6),
    options: options({ margin: number(28.6, { low: 0, high: 180 }), scale: positive(64, 1e29) }),
  }),
  circle: takes({
    z: rowsOf(ROWS, COLUMNS),
    labels: labels(ROWS, 2 ** 31),
    options: options({ margin: number(0.4, { low: -10, high: 10 }), gamma: positive(80, 1e29), reduction }),
  }),
  cka: takes({
    x: matrix(ROWS, COLUMNS, [1, COLUMNS]),
    y: matrix(ROWS, 5, [ROWS + 1, 5]),
    options: options({ debiased: flag }),
  }),
  contrastive: takes({
    z: rowsOf(ROWS, COLUMNS),
    labels: labels(ROWS, 2 ** 31),
    options: options({ positiveMargin: logit, negativeMargin: logit, metric: word('euclidean', 'cosine'), reduction }),
  }),
  cosent: takes({ a: z, b: other, scores, options: options({ scale: positive(20, 1e29) }) }),
  cosFace: takes({
    z,
    weights: columns,
    labels: labels(ROWS, 6),
    options: options({ margin: number(0.35, { low: -10, high: 10 }), scale: positive(64, 1e29) }),
  }),
  dino: takes({
    students: views(2),
    teachers: views(2),
    options: options({ ...teaching, skipSame: flag }, 'studentPrototypes', 'teacherPrototypes'),
  }),
  ibot: takes({
    student: z,
    teacher: other,
    options: options(
      { ...teaching, weights: optional(tensor([ROWS], [ROWS + 1])) },
      'studentPrototypes',
      'teacherPrototypes',
    ),
  }),
  froSSL: takes({ z0: z, z1: other }),
  gramAnchoring: takes({ student: z, teacher: other, options: options({ clamp: optional(word('both', 'teacher')) }) }),
  leJEPA: takes({
    globals: views(2),
    locals: { ...views(1), accepts: (value, world) => isEmpty(value) || views(1).accepts(value, world) },
    slices: matrix(COLUMNS, 5, [COLUMNS + 1, 5]),
    options: options({
      lambda: share(0.05),
      convention: word('official', 'stable-pretraining'),
      knots: integer(17, 2, 65),
      range: positive(3, 1000),
    }),
  }),
  matryoshka: takes(
    {
      loss: fn(() => () => {}),
      options: options(
        { dims: integers([3, 2], 1, 2 ** 24), weights: optional({ good: () => [1, 1], accepts: () => false }) },
        'dims',
      ),
    },
    {},
  ),
  megaBatch: takes({
    a: rowsOf(ROWS, COLUMNS, [1, COLUMNS]),
    b: other,
    options: options({
      positiveMargin: number(0.8, { low: -10, high: 10 }),
      negativeMargin: number(0.3, { low: -10, high: 10 }),
    }),
  }),
  multiSimilarity: takes({
    z: rowsOf(ROWS, COLUMNS),
    labels: labels(ROWS, 2 ** 31),
    options: options({
      alpha: positive(2, 1e29),
      beta: positive(50, 1e29),
      base: logit,
      reference: optional({ good: () => undefined, accepts: () => false }),
      referenceLabels: optional({ good: () => undefined, accepts: () => false }),
    }),
  }),
  multipleNegatives: takes({
    queries: z,
    documents: but(other, ({ tensor }) => ({
      'an empty array': [],
      'one too short': [tensor([ROWS, COLUMNS]), tensor([2, 3])],
    })),
    options: options({
      scale: positive(20, 1e29),
      metric: word('cosine', 'dot'),
      directions: {
        good: () => ['queryToDocument'],
        accepts: () => false,
        bad: () => ({ 'the queries alone': ['queryToQuery'], 'one twice': ['queryToDocument', 'queryToDocument'] }),
      },
      partition: word('joint', 'perDirection'),
      hardness: { ...hardness, accepts: optional(hardness).accepts },
    }),
  }),
  nnclr: takes({ z0: z, z1: other, support: columns, options: options({ temperature: divisor(0.1) }) }),
  orthogonality: takes({
    z: rowsOf(ROWS, COLUMNS, [1, COLUMNS]),
    options: options({ mean: fromZero(1, 1e29), secondMoment: fromZero(1, 1e29) }),
  }),
  proxyAnchor: takes({
    z,
    proxies: columns,
    labels: labels(ROWS, 6),
    options: options({ margin: number(0.1, { low: -10, high: 10 }), alpha: positive(32, 1e29) }),
  }),
  proxyNCA: takes({ z, proxies: columns, labels: labels(ROWS, 6), options: options({ scale: positive(1, 1e29) }) }),
  sigReg: takes({
    z: rowsOf(ROWS, COLUMNS),
    slices: matrix(COLUMNS, 5, [COLUMNS + 1, 5]),
    options: options({ knots: integer(17, 2, 65), range: positive(3, 1000) }),
  }),
  spectralContrastive: takes({
    z0: rowsOf(ROWS, COLUMNS, [1, COLUMNS]),
    z1: other,
    options: options({ mu: positive(1) }),
  }),
  dcl: takes({ z0: z, z1: other, options: options({ temperature }) }),
  hcl: takes({
    z0: z,
    z1: other,
    options: options({ temperature: divisor(0.5), beta: fromZero(1, 4e28), tauPlus: fraction(0.1) }),
  }),
  infoNCE: takes({ query: z, key: other, options: options({ temperature, queue: optional(columns) }) }),
  koLeo: takes({ z: rowsOf(ROWS, COLUMNS, [1, COLUMNS], [1, 1, COLUMNS]) }),
  mocoV3: takes({ query: z, key: other, options: options({ temperature }) }),
  ntXent: takes({ z0: z, z1: other, options: options({ temperature, convention }) }),
  protoNCE: takes({
    query: z,
    prototypes: object(
      {
        centroids: columns,
        concentrations: tensor([6], [5], [6, 1]),
        assignments: labels(ROWS, 6),
        negatives: optional({ ...labels(3, 6), bad: () => ({ 'one too high': Int32Array.of(6), 'an array': [0] }) }),
      },
      'centroids',
      'concentrations',
      'assignments',
    ),
    options: options({ convention }),
  }),
  sigLip: takes({
    a: z,
    b: other,
    options: options({ logitScale: live(positive(10, 1e29)), bias: live(number(-10, { low: -1e29, high: 1e29 })) }),
  }),
  simSiam: takes({ prediction: z, projection: other }),
  sinkhornDivergence: takes({ x: z, y: columns, options: options(transport, 'epsilon') }),
  supCon: takes({
    views: views(2),
    labels: labels(ROWS, 2 ** 31),
    options: options({ temperature, form: word('out', 'in'), lonely: word('zero', 'skip', 'error'), convention }),
  }),
  swav: takes({
    views: views(2),
    prototypes: columns,
    options: options({
      temperature: divisor(0.1),
      epsilon: divisor(0.05),
      iterations: integer(3, 1, 1000),
      queue: optional(but(columns, ({ tensor }) => ({ 'an array of one': [tensor([6, COLUMNS])] }))),
    }),
  }),
  uniformity: takes({
    z: rowsOf(ROWS, COLUMNS, [1, COLUMNS], [1, 1, COLUMNS]),
    options: options({ t: positive(2, 1e28) }),
  }),
  covarianceTerm: takes({ z: rowsOf(ROWS, COLUMNS) }),
  varianceTerm: takes({ z: rowsOf(ROWS, COLUMNS), options: options({ epsilon }) }),
  vicReg: takes({
    z0: z,
    z1: other,
    options: options({
      ...Object.fromEntries(['invariance', 'variance', 'covariance'].map((name) => [name, fromZero(1, 1e29)])),
      epsilon,
      convention,
    }),
  }),

  add: arithmetic(),
  sub: arithmetic(),
  mul: arithmetic(),
  div: arithmetic(false),
  batchAttention: takes({
    x: image,
    parameters: attention,
    options: options({
      reduction: optional(integer(2, 1, 4)),
      rescale: word('none', 'N'),
      pool: word('max-then-mean', 'pool-then-max'),
      inference: optional(word('batch', 'uniform', 'running')),
    }),
  }),
  batchNorm: takes({
    x: image,
    state,
    options: options({ training: flag, momentum: share(0.1), epsilon, relu: flag }),
  }),
  concat: takes({ list: views(2) }),
  conv2d: takes({
    x: image,
    weight: tensor([5, 4, 3, 3], [5, 3, 3, 3], [5, 4]),
    options: options({ stride: integer(1, 1, 1024), padding: integer(0, 0, 1024) }),
  }),
  covariance: takes({ z: matrix(ROWS, COLUMNS, [1, COLUMNS]) }),
  crossCorrelation: takes({ z0: z, z1: other }),
  crossEntropy: takes({ logits: z, labels: labels(ROWS, COLUMNS) }),
  customGrad: takes({ fn: { good: () => () => {}, accepts: (value) => typeof value === 'function' } }),
  defineKernel: takes({ definition }, { op: 'any' }),
  entropicOT: takes({
    x: z,
    y: columns,
    options: options(
      {
        ...transport,
        rho: { ...divisor(1), accepts: (value, world) => value === Infinity || divisor(1).accepts(value, world) },
      },
      'epsilon',
    ),
  }),
  logSumExp: takes({ x: z, axis: integer(1, 0, 1) }),
  matmul: takes({
    a: z,
    b: matrix(COLUMNS, 5, [ROWS, 5]),
    options: options({ transposeA: flag, transposeB: flag }),
  }),
  nearest: takes({ a: z, b: optional(columns), options: options({ k: integer(2, 1, ROWS), metric, exclude }) }),
  normalize: takes({ x: z }),
  pairReduction: takes({
    a: z,
    b: optional(columns),
    options: options(
      {
        metric,
        value: text('s'),
        derivative: text('1'),
        reduce: word('sum', 'logsumexp'),
        exclude,
        labels: optional(object({ a: anyLabels }, 'a')),
        parameters: perhaps(
          record(
            () => ({ k: 2 }),
            ({ disposed, foreign, tensor }) => ({
              'a text': { k: '3' },
              NaN: { k: Number.NaN },
              '1e300': { k: 1e300 },
              'a disposed Tensor': { k: disposed },
              'a foreign Tensor': { k: foreign },
              'a Tensor of several': { k: tensor([2, 2]) },
              'a name of WGSL': { s: 1 },
              'no name': { '1k': 1 },
              'too many': Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, i])),
              'an instance': new (class Parameters {
                k = 2;
              })(),
            }),
          ),
        ),
      },
      'value',
      'derivative',
      'reduce',
    ),
  }),
  averagePool2d: takes({ x: image, size: integer(2, 1, 4) }),
  maxPool2d: takes({ x: image, size: integer(2, 1, 4) }),
  cast: takes({ x: tensor([ROWS, COLUMNS]), dtype: word('f16', 'f32') }),
  reshape: takes({ x: tensor([ROWS, COLUMNS], [ROWS, COLUMNS + 1]), shape: shape([COLUMNS, ROWS]) }),
  similarity: takes({ a: z, b: optional(columns), options: options({ metric, scale: number(2) }) }),
  similarityLogSumExp: takes({
    a: z,
    b: optional(columns),
    options: options({ metric, scale: number(2, { low: -1e29, high: 1e29 }), exclude }),
  }),
  sinkhorn: takes({ scores: z, options: options({ epsilon: divisor(0.05), iterations: integer(3, 1, 1000) }) }),
  slice: takes({ x: tensor([ROWS, COLUMNS]), start: integer(0, 0, ROWS - 1), end: integer(2, 1, ROWS) }),
  mean: takes({ x: tensor([ROWS, COLUMNS]), axis: along }),
  sum: takes({ x: tensor([ROWS, COLUMNS]), axis: along }),
  transpose: takes({ x: z }),
  exp: elementwise,
  log: elementwise,
  neg: elementwise,
  relu: elementwise,
  sqrt: elementwise,
  square: elementwise,
  standardWork: takes({
    engine,
    options: options({ rows: integers([8], 2, 2 ** 20), columns: integers([4], 2, 2 ** 20) }),
  }),
};

/** Exports that take no arguments worth a row: what a caller throws or catches. */
export const ERRORS = [
  'DeviceLostError',
  'GramianError',
  'KernelError',
  'NoAdapterError',
  'OutOfMemoryError',
  'UsedAfterDisposeError',
];
