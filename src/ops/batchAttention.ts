import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import { accumulate, fill } from '../core/fills.ts';
import type { Tensor } from '../core/tensor.ts';
import { branch_maximum, branch_maximum_grad } from '../gpu/kernels.generated.ts';
import { launchSum } from '../launch/reduce.ts';
import { rowTuning } from '../launch/tile.ts';
import { div, mul, sub } from './arithmetic.ts';
import { attention } from './attention.ts';
import { type BatchNormState, batchNorm } from './batchNorm.ts';
import { conv2d } from './conv2d.ts';
import { logSumExp } from './logSumExp.ts';
import { matmul } from './matmul.ts';
import { reshape } from './reshape.ts';
import { softmaxColumns } from './softmaxColumns.ts';
import { mean } from './sum.ts';
import { exp } from './unary.ts';

/** What the module learns and remembers for C channels, reduced to R. `batchAttentionParameters` of gramian/nn makes it. */
export interface BatchAttentionParameters {
  /** FC_0 [R, C], FC_1 [C, R], batch norm [C]. */
  readonly channel: { readonly reduce: Tensor; readonly expand: Tensor; readonly norm: BatchNormState };
  /** 1x1 [R, C, 1, 1], 3x3 [R, R, 3, 3], 1x1 [C, R, 1, 1], batch norm [C]. */
  readonly local: {
    readonly reduce: Tensor;
    readonly mix: Tensor;
    readonly expand: Tensor;
    readonly norm: BatchNormState;
  };
  /** f [E, C, 1, 1], g [E, C, 1, 1], h [C, C, 1, 1]; E is R in what `batchAttentionParameters` makes. */
  readonly global: { readonly query: Tensor; readonly key: Tensor; readonly value: Tensor };
  /** [1], log mean_j exp(A_j) of the training batches, a moving average with a share of 0.1 for the newest. */
  readonly runningLevel: Tensor;
  /** [1], samples in the newest training batch. */
  readonly runningCount: Tensor;
}

export interface BatchAttentionOptions {
  /** C / R; where it is given, the parameters must agree with it. */
  reduction?: number;
  /** `'none'` (default): weights w that sum to 1, as written. `'N'`: N w, which average 1. */
  rescale?: 'none' | 'N';
  /** `'max-then-mean'` (default): mean over channels and pixels of the largest branch. `'pool-then-max'`: pixels first. */
  pool?: 'max-then-mean' | 'pool-then-max';
  /**
   * Left out while training: batch moments, softmax over the batch. Evaluation uses running moments, and takes w from
   * the batch (`'batch'`), 1 / N of training (`'uniform'`), or each sample by itself (`'running'`): exp(A_i - running level) / N.
   */
  inference?: 'batch' | 'uniform' | 'running';
}

const MOMENTUM = 0.1;

/**
 * Batch-aware attention, BA2M (Cheng et al. 2021, arXiv 2103.15099): each sample of the batch is weighted by how much
 * attention it draws.
 *
 * y_i = w_i x_i,  w = softmax over the batch of A,  A_i = mean(max(A_C, A_LS, A_GS)) of x_i, where
 * A_C = BN(FC_1(FC_0(GAP x))), A_LS = BN(conv1x1(conv3x3(conv1x1 x))), A_GS = softmax(f(x) g(x)^T) h(x) over the pixels.
 * @param x [N, C, H, W]
 * @returns x's shape; gradients flow to x and to all weights of `parameters`. One sample has w = 1 whatever its branches
 * say: they are skipped, and while training its moments are not taken.
 */
export function batchAttention(
  x: Tensor,
  parameters: BatchAttentionParameters,
  options?: BatchAttentionOptions,
): Tensor {
  const op = 'batchAttention';
  const context = check.contextOf(op, { x });
  if (x.shape.length !== 4) check.fail(op, `x is [${x.shape.join(', ')}], expected [N, C, H, W].`);
  const { reduction, rescale, pool, inference } = check.options(op, options, {
    reduction: undefined as number | undefined,
    rescale: 'none' as NonNullable<BatchAttentionOptions['rescale']>,
    pool: 'max-then-mean' as NonNullable<BatchAttentionOptions['pool']>,
    inference: undefined as BatchAttentionOptions['inference'],
  });
  checkPolicies(op, { rescale, pool, inference });
  const learned = checkParameters(op, parameters, x.shape[1], reduction);
  return context.scope(() => {
    const { runningLevel, runningCount } = parameters;
    if (inference === 'uniform') return rescale === 'N' ? mul(x, 1) : div(x, runningCount);
    if (x.shape[0] === 1 && inference !== 'running') return alone(context, op, x, learned);
    const drawn = representation(context, op, x, parameters, pool, inference === undefined);
    if (inference === 'running') {
      const weights = exp(sub(drawn, runningLevel));
      return weigh(x, rescale === 'N' ? weights : div(weights, runningCount));
    }
    if (inference === undefined) remember(context, drawn, parameters);
    return reweight(x, drawn, rescale);
  });
}

/** Refuses words that are none of the options'. */
export function checkPolicies(op: string, { rescale, pool, inference }: BatchAttentionOptions): void {
  check.oneOf(op, 'rescale', rescale, ['none', 'N']);
  check.oneOf(op, 'pool', pool, ['max-then-mean', 'pool-then-max']);
  if (inference !== undefined) check.oneOf(op, 'inference', inference, ['batch', 'uniform', 'running']);
}

/** y_i = w_i x_i (N w_i x_i) with w the softmax of `drawn` [N] over the batch. */
export function reweight(x: Tensor, drawn: Tensor, rescale: 'none' | 'N'): Tensor {
  // Not exp(drawn - level): where the level is large, it has no digits left for the logarithm of its sum.
  const weights = reshape(softmaxColumns(x.context, 'batchAttention', reshape(drawn, [1, drawn.size])), [drawn.size]);
  return weigh(x, rescale === 'N' ? mul(weights, x.shape[0]) : weights);
}

function level(drawn: Tensor): Tensor {
  return logSumExp(reshape(drawn, [1, drawn.size]), 1);
}

function weigh(x: Tensor, weights: Tensor): Tensor {
  return mul(x, reshape(weights, [x.shape[0], ...x.shape.slice(1).map(() => 1)]));
}

/** One sample: w = 1, and nothing else gets a gradient. */
function alone(context: Context, op: string, x: Tensor, learned: readonly Tensor[]): Tensor {
  const y = context.alias(x, x.shape, false);
  return context.record(op, [x, ...learned], y, {
    backward: (dy) => [context.alias(dy, x.shape, false), ...learned.map(() => null)],
  });
}

function remember(context: Context, drawn: Tensor, { runningLevel, runningCount }: BatchAttentionParameters): void {
  context.noGrad(() => {
    const now = sub(level(drawn), Math.log(drawn.size));
    accumulate(context, runningLevel, mul(sub(now, runningLevel), MOMENTUM));
  });
  fill(context, runningCount.storage, 1, drawn.size);
}

/** The sample attention representation A [N]. */
function representation(
  context: Context,
  op: string,
  x: Tensor,
  { channel, local, global }: BatchAttentionParameters,
  pool: 'max-then-mean' | 'pool-then-max',
  training: boolean,
): Tensor {
  const [n, channels, height, width] = x.shape;
  const pixels = height * width;
  const overPixels = (y: Tensor): Tensor => reshape(mean(reshape(y, [n * channels, pixels]), 1), [n, channels]);
  const flat = (y: Tensor): Tensor => reshape(y, [n, y.shape[1], pixels]);
  const linear = (y: Tensor, weight: Tensor): Tensor => matmul(y, weight, { transposeB: true });
  const ofChannels = batchNorm(linear(linear(overPixels(x), channel.reduce), channel.expand), channel.norm, {
    training,
  });
  const mixed = conv2d(conv2d(x, local.reduce), local.mix, { padding: 1 });
  const ofNeighbours = batchNorm(conv2d(mixed, local.expand), local.norm, { training });
  const ofAll = attention(flat(conv2d(x, global.query)), flat(conv2d(x, global.key)), flat(conv2d(x, global.value)));
  return pool === 'max-then-mean'
    ? branchMaximum(context, op, ofChannels, ofNeighbours, ofAll, pixels)
    : branchMaximum(context, op, ofChannels, overPixels(ofNeighbours), overPixels(ofAll), 1);
}

/** mean over c and i of max(channel[n, c], local[n, c, i], across[n, c, i]): [N]. */
function branchMaximum(
  context: Context,
  op: string,
  channel: Tensor,
  local: Tensor,
  across: Tensor,
  pixels: number,
): Tensor {
  const [n, channels] = channel.shape;
  const rows = n * channels;
  const scale = 1 / (channels * pixels);
  const { tuning, rowsPerGroup } = rowTuning(context);
  const launch = { groups: Math.ceil(rows / rowsPerGroup), work: 4 * rows * pixels, tuning };
  const sums = context.scratch(rows, op);
  context.run(branch_maximum, { params: { rows, pixels }, buffers: { channel, local, across, y: sums }, ...launch });
  const drawn = context.empty([n], op);
  launchSum(context, sums, drawn, { outer: n, reduced: channels, inner: 1, scale });
  sums.release();
  return context.record(op, [channel, local, across], drawn, {
    saved: [channel, local, across],
    backward: (dy, saved) => {
      const [dchannel, dlocal, dacross] = saved.map((input) => context.empty(input.shape, op));
      const [ofChannels, ofNeighbours, ofAll] = saved;
      context.run(branch_maximum_grad, {
        params: { rows, pixels, channels, scale },
        buffers: { channel: ofChannels, local: ofNeighbours, across: ofAll, dy, dchannel, dlocal, dacross },
        ...launch,
      });
      return [dchannel, dlocal, dacross];
    },
  });
}

/** Refuses parameters that do not fit; returns those that learn. */
function checkParameters(
  op: string,
  parameters: BatchAttentionParameters,
  channels: number,
  reduction: number | undefined,
): Tensor[] {
  const given = parameters as BatchAttentionParameters | null | undefined;
  if (!check.isPlain(given) || ![given.channel, given.local, given.global].every(check.isPlain))
    check.fail(op, `${check.came('parameters', parameters, 'are')}, expected what batchAttentionParameters makes.`);
  const { channel, local, global, runningLevel, runningCount } = given;
  const reduced = channel.reduce?.shape?.[0] ?? 1;
  const embedding = global.query?.shape?.[0] ?? 1;
  const learned: Record<string, [Tensor, number[]]> = {
    'channel.reduce': [channel.reduce, [reduced, channels]],
    'channel.expand': [channel.expand, [channels, reduced]],
    'local.reduce': [local.reduce, [reduced, channels, 1, 1]],
    'local.mix': [local.mix, [reduced, reduced, 3, 3]],
    'local.expand': [local.expand, [channels, reduced, 1, 1]],
    'global.query': [global.query, [embedding, channels, 1, 1]],
    'global.key': [global.key, [embedding, channels, 1, 1]],
    'global.value': [global.value, [channels, channels, 1, 1]],
  };
  for (const [branch, norm] of Object.entries({ channel: channel.norm, local: local.norm })) {
    learned[`${branch}.norm.weight`] = [norm?.weight, [channels]];
    learned[`${branch}.norm.bias`] = [norm?.bias, [channels]];
  }
  const running: typeof learned = { runningLevel: [runningLevel, [1]], runningCount: [runningCount, [1]] };
  for (const [name, [tensor, shape]] of Object.entries({ ...learned, ...running })) {
    check.contextOf(op, { [`parameters.${name}`]: tensor });
    if (tensor.shape.join() !== shape.join())
      check.fail(
        op,
        `parameters.${name} is [${tensor.shape.join(', ')}], expected [${shape.join(', ')}] for ${channels} channels.`,
      );
  }
  for (const [name, tensor] of Object.entries({ runningLevel, runningCount }))
    check.writable(op, `parameters.${name}`, tensor);
  if (reduction !== undefined) {
    check.integer(op, 'reduction', reduction, 1, channels);
    const wanted = Math.max(1, Math.floor(channels / reduction));
    if (reduced !== wanted)
      check.fail(
        op,
        `reduction = ${reduction} of ${channels} channels leaves ${wanted}, expected ${reduced} to match parameters.`,
      );
  }
  return Object.values(learned).map(([tensor]) => tensor);
}
