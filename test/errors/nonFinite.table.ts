import { createRandom } from '../../src/core/random.ts';
import type { Tensor } from '../../src/index.ts';
import * as gramian from '../../src/index.ts';
import { kMeans } from '../../src/methods/index.ts';
import * as nn from '../../src/nn/index.ts';
import { values } from '../cases.ts';
import type { LossRow } from '../losses/row.ts';
import { LOSSES } from '../losses/table.ts';
import { OPS } from '../ops/table.ts';
import type { Numbers, Reference } from '../reference/ops.ts';

/** Something exported that computes: all that it is given, and all that it makes of it. */
export interface NonFiniteRow {
  /** The export, and behind a comma or a space which use of it. */
  readonly name: string;
  readonly inputs: readonly Numbers[];
  readonly run: (tensors: readonly Tensor[]) => readonly Tensor[];
  /** What the formula gives, where an infinite input may give finite numbers: exp(-Infinity) = 0. */
  readonly reference?: Reference;
  /** Inputs and infinities that leave the result finite: what is masked, or beside the largest. */
  readonly finite?: Readonly<Record<number, readonly number[]>>;
}

const [N, D] = [20, 12];
const shaped = (...shape: number[]): Numbers => values('normal', shape, shape.length + shape[0]);
const labels = Int32Array.from({ length: N }, (_, i) => i % 5);
const MASK = [-Infinity];

/** Rows of these losses, once more with a live temperature where they take one. */
export const ofLosses = (list: readonly LossRow[]): NonFiniteRow[] => list.flatMap(rowsOf);

function rowsOf(loss: LossRow): NonFiniteRow[] {
  const inputs = loss
    .inputs(N, D, 'normal', 3)
    .map(({ data, rows, columns }) => ({ shape: [rows, columns], data: Float64Array.from(data) }));
  const [temperature] = loss.temperatures;
  // The logits of clusters are masked by -Infinity.
  const finite: NonFiniteRow['finite'] = {
    clusterLoss: { 0: MASK, 1: MASK },
    contrastiveClustering: { 2: MASK, 3: MASK },
  }[loss.name];
  const known = { name: loss.name, inputs, run: (given: readonly Tensor[]) => [loss.run(given, temperature)], finite };
  // clip and sigLip take a multiplier, which their rows make of a temperature: a row of their own follows.
  if (!loss.live || ['clip', 'sigLip'].includes(loss.name)) return [known];
  const live = (given: readonly Tensor[]): Tensor[] => [loss.run(given.slice(0, -1), given[inputs.length])];
  const scalar = { shape: [1], data: Float64Array.of(temperature) };
  return [known, { name: `${loss.name}, live temperature`, inputs: [...inputs, scalar], run: live, finite }];
}

const ops = OPS.map(
  (op): NonFiniteRow => ({
    name: op.name,
    inputs: op.inputs({ rows: N, columns: D, others: 9 }, 'normal', 3),
    run: (tensors) => [op.run(...tensors)],
    reference: op.reference,
  }),
);

function norm(name: string, options: gramian.BatchNormOptions, shape = [N, 4]): NonFiniteRow {
  const channels = (seed: number): Numbers => ({ shape: [4], data: values('normal', [4], seed).data.map(Math.abs) });
  return {
    name: `batchNorm${name}`,
    inputs: [shaped(...shape), channels(1), channels(2), channels(3), channels(4)],
    // Both moments are results, too; while training those of before do not change y.
    run: ([x, weight, bias, runningMean, runningVariance]) => [
      gramian.batchNorm(x, { weight, bias, runningMean, runningVariance }, options),
      ...(options.training === false ? [] : [runningMean, runningVariance]),
    ],
    // max(-Infinity, 0) is 0; and an infinite weight has the sign of what it multiplies.
    finite: options.relu ? { 0: options.training === false ? MASK : [], 1: [Infinity, -Infinity], 2: MASK } : {},
  };
}

const transported = ({ value, f, g }: gramian.EntropicOTResult): Tensor[] => [value, f, g];
const clustered = ({ inertia, distances, centroids }: ReturnType<typeof kMeans>): Tensor[] => [
  inertia,
  distances,
  centroids,
];

const scale = { shape: [1], data: Float64Array.of(10) };
const more: NonFiniteRow[] = [
  {
    name: 'clip, live scale',
    inputs: [shaped(N, D), shaped(N, D), scale],
    run: ([a, b, logitScale]) => [gramian.clip(a, b, { logitScale })],
  },
  {
    name: 'sigLip, live scale and bias',
    inputs: [shaped(N, D), shaped(N, D), scale, scale],
    run: ([a, b, logitScale, bias]) => [gramian.sigLip(a, b, { logitScale, bias })],
  },
  {
    name: 'conv2d',
    inputs: [shaped(2, 3, 6, 6), shaped(4, 3, 3, 3)],
    run: ([x, w]) => [gramian.conv2d(x, w, { padding: 1 })],
  },
  { name: 'maxPool2d', inputs: [shaped(2, 3, 6, 6)], run: ([x]) => [gramian.maxPool2d(x, 2)], finite: { 0: MASK } },
  { name: 'averagePool2d', inputs: [shaped(2, 3, 6, 6)], run: ([x]) => [gramian.averagePool2d(x, 2)] },
  {
    name: 'crossEntropy',
    inputs: [shaped(N, 5)],
    run: ([x]) => [gramian.crossEntropy(x, labels)],
    finite: { 0: MASK },
  },
  { name: 'cast', inputs: [shaped(N, 5)], run: ([x]) => [gramian.cast(x, 'f16')] },
  { name: 'slice', inputs: [shaped(N, 5)], run: ([x]) => [gramian.slice(x, 0, N)] },
  { name: 'sinkhorn', inputs: [shaped(N, 5)], run: ([x]) => [gramian.sinkhorn(x)] },
  { name: 'sinkhorn, powers', inputs: [shaped(N, 64)], run: ([x]) => [gramian.sinkhorn(x, { epsilon: 1 })] },
  {
    name: 'entropicOT, potentials',
    inputs: [shaped(N, 3), shaped(9, 3)],
    run: ([x, y]) => transported(gramian.entropicOT(x, y, { epsilon: 1, iterations: 9 })),
  },
  {
    name: 'entropicOT, unbalanced potentials',
    inputs: [shaped(N, 3), shaped(9, 3)],
    run: ([x, y]) => transported(gramian.entropicOT(x, y, { epsilon: 1, iterations: 9, rho: 2 })),
  },
  ...[1, 3].flatMap((k) =>
    (['cosine', 'dot', 'sqeuclidean'] as const).map(
      (metric): NonFiniteRow => ({
        name: `nearest, ${k} by ${metric}`,
        inputs: [shaped(N, D), shaped(7, D)],
        run: ([a, b]) => [gramian.nearest(a, b, { k, metric }).scores],
        // What is infinitely far, or has the score -Infinity, is not among the nearest.
        finite: metric === 'sqeuclidean' ? { 1: [-Infinity, Infinity] } : {},
      }),
    ),
  ),
  {
    name: 'kMeans',
    inputs: [shaped(N, D)],
    run: ([x]) => clustered(kMeans(x, { clusters: 3, iterations: 4, restarts: 2 })),
  },
  {
    name: 'kMeans, start',
    inputs: [shaped(N, D), shaped(3, D)],
    run: ([x, start]) => clustered(kMeans(x, { iterations: 4, start })),
  },
  norm('', {}),
  norm(', relu', { relu: true }),
  norm(', images', { relu: true }, [5, 4, 3, 3]),
  norm(', evaluation', { training: false }),
  norm(', relu, evaluation', { training: false, relu: true }),
  ...(['max-then-mean', 'pool-then-max'] as const).map(
    (pool): NonFiniteRow => ({
      name: `batchAttention, ${pool}`,
      inputs: [shaped(4, 8, 3, 3)],
      run: ([x]) => [gramian.batchAttention(x, nn.batchAttentionParameters(x.engine, 8, { reduction: 2 }), { pool })],
    }),
  ),
];

/** Layers: by their input, and by each of their parameters. */
function layer(name: string, input: Numbers, make: (engine: Tensor['engine']) => nn.Layer): NonFiniteRow {
  return { name, inputs: [input], run: ([x]) => [make(x.engine).forward(x, true)] };
}
const random = () => createRandom(1);
const layers: NonFiniteRow[] = [
  layer('convolution', shaped(2, 3, 6, 6), (engine) => nn.convolution(engine, random(), 3, 4)),
  layer('linear', shaped(N, D), (engine) => nn.linear(engine, random(), D, 4)),
  layer('normalization', shaped(N, 4), (engine) => nn.normalization(engine, 4, { relu: true })),
  layer('flatten', shaped(2, 3, 6, 6), nn.flatten),
  { ...layer('rectifier', shaped(N, D), nn.rectifier), finite: { 0: MASK } },
  layer('globalPool', shaped(2, 3, 6, 6), nn.globalPool),
  layer('perceptron', shaped(N, D), (engine) => nn.perceptron(engine, random(), [D, 6, 4])),
  layer('projectionHead', shaped(N, D), (engine) => nn.projectionHead(engine, random(), D, 6, 4)),
  layer('convEncoder', shaped(3, 1, 16, 16), (engine) =>
    nn.convEncoder(engine, random(), { channels: 1, size: 16, width: 4, depth: 2, features: 8 }),
  ),
  layer('batchAttentionLayer', shaped(4, 8, 3, 3), (engine) =>
    nn.batchAttentionLayer(engine, random(), 8, { reduction: 2 }),
  ),
  {
    ...layer('sequential', shaped(N, D), () => nn.sequential({ one: nn.rectifier(), two: nn.flatten() })),
    finite: { 0: MASK },
  },
];

export const NON_FINITE: readonly NonFiniteRow[] = [...ofLosses(LOSSES), ...ops, ...more, ...layers];

/** Exports that make nothing of a tensor's numbers. */
export const NO_NUMBERS = [
  ...['customGrad', 'defineKernel'], // what is called is the caller's
  ...['createEngine', 'createRandom', 'standardWork', 'heNormal', 'stateless', 'batchAttentionParameters'],
  ...[
    'Tensor',
    'DeviceLostError',
    'GramianError',
    'KernelError',
    'NoAdapterError',
    'OutOfMemoryError',
    'UsedAfterDisposeError',
  ],
];
