import * as check from '../core/checkTensor.ts';
import type { Context } from '../core/context.ts';
import type { Tensor } from '../core/tensor.ts';
import type { Storage } from '../gpu/buffers.ts';
import { attention_grad, attention_weights, batched_product, multiply } from '../gpu/kernels.generated.ts';
import { launchPair } from '../launch/broadcast.ts';
import { type LogSumExp, launchLogSumExp } from '../launch/logSumExp.ts';
import { launchSum } from '../launch/reduce.ts';

/** A matrix for each sample, by strides in floats. */
interface Strided {
  readonly of: Tensor | Storage;
  readonly at: number;
  readonly sample: number;
  /** From one row (left operand, result) or column (right operand) to the next. */
  readonly next: number;
  /** From one term of the sum to the next; in a result, from one column to the next. */
  readonly step: number;
}

interface Sizes {
  readonly samples: number;
  readonly positions: number;
  readonly embedding: number;
  readonly channels: number;
}

/** What is worked on at a time: `count` queries from position `first` on, in each of `samples` samples from `sample` on. */
interface Block {
  readonly sample: number;
  readonly samples: number;
  readonly first: number;
  readonly count: number;
}

/**
 * Attention within each sample: y_i = sum_j softmax_j(q_i . k_j) v_j over its positions j. The weights exist for as many
 * queries at a time as take no more memory than `value` (or than 64 positions
 * do); the gradient computes them again.
 * @param query [N, E, P]
 * @param key [N, E, P]
 * @param value [N, C, P]
 * @returns [N, C, P]; gradients flow to all three
 */
export function attention(query: Tensor, key: Tensor, value: Tensor): Tensor {
  const op = 'attention';
  const context = check.contextOf(op, { query, key, value });
  if (query.shape.length !== 3) check.fail(op, `query is [${query.shape.join(', ')}], expected [N, E, P].`);
  check.sameShape(op, 'query', query, 'key', key);
  const [samples, embedding, positions] = query.shape;
  const [, channels] = value.shape;
  if (value.shape.length !== 3 || value.shape[0] !== samples || value.shape[2] !== positions)
    check.fail(op, `value is [${value.shape.join(', ')}], expected [${samples}, C, ${positions}] to match query.`);
  for (const [name, tensor] of Object.entries({ query, key, value })) check.bindableInput(op, context, name, tensor);
  const sizes: Sizes = { samples, positions, embedding, channels };
  const cut = blocks(context, sizes);
  const y = context.empty(value.shape, op);
  const lses = cut.map((block) => {
    const rows = block.samples * block.count;
    const scores = launchPositions(context, op, positions, embedding, block, query, key);
    const lse = { y: context.scratch(rows, op), tops: context.scratch(rows, op), sums: context.scratch(rows, op) };
    launchLogSumExp(context, scores, lse, { outer: rows, reduced: positions, inner: 1 });
    lse.y.release();
    launchWeights(context, sizes, block, scores, lse);
    launchBatched(
      context,
      { samples: block.samples, rows: channels, columns: block.count, depth: positions },
      channelsOf(value, { ...block, first: 0 }, positions, channels),
      { of: scores, at: 0, sample: block.count * positions, next: positions, step: 1 },
      channelsOf(y, block, positions, channels),
    );
    scores.release();
    return lse;
  });
  return context.record(op, [query, key, value], y, {
    saved: [query, key, value, y],
    release: () => {
      for (const { tops, sums } of lses) for (const storage of [tops, sums]) storage.release();
    },
    backward: (dy, saved) => gradients(context, op, sizes, cut, lses, dy, saved),
  });
}

const LEAST_ROWS = 64; // queries at a time, so that few channels do not mean many small launches

/** Samples at a time, or queries of one sample at a time where even its own weights would be more than `value`. */
function blocks(context: Context, { samples, positions, channels }: Sizes): Block[] {
  const bindable = context.info.limits.maxStorageBufferBindingSize / 4;
  const rows = Math.max(1, Math.floor(Math.min(bindable / positions, Math.max(samples * channels, LEAST_ROWS))));
  const cut: Block[] = [];
  if (rows >= positions) {
    const each = Math.floor(rows / positions);
    for (let sample = 0; sample < samples; sample += each)
      cut.push({ sample, samples: Math.min(each, samples - sample), first: 0, count: positions });
    return cut;
  }
  for (let sample = 0; sample < samples; sample++)
    for (let first = 0; first < positions; first += rows)
      cut.push({ sample, samples: 1, first, count: Math.min(rows, positions - first) });
  return cut;
}

/** [N, C, P] from a block's first query on: rows are channels, columns positions. */
function channelsOf(of: Tensor, { sample, first }: Block, positions: number, channels: number): Strided {
  const plane = channels * positions;
  return { of, at: sample * plane + first, sample: plane, next: positions, step: 1 };
}

/** The same with positions for rows: the transpose. */
function positionsOf(of: Tensor, block: Block, positions: number, channels: number): Strided {
  return { ...channelsOf(of, block, positions, channels), next: 1, step: positions };
}

/** The sums run over the samples' rows i of `lhs`, columns j of `rhs`. */
function launchBatched(
  context: Context,
  { samples, rows, columns, depth }: { samples: number; rows: number; columns: number; depth: number },
  lhs: Strided,
  rhs: Strided,
  out: Strided,
  accumulating = false,
): void {
  context.run(batched_product, {
    params: {
      batches: samples,
      rows,
      columns,
      depth,
      lhs_at: lhs.at,
      lhs_batch: lhs.sample,
      lhs_row: lhs.next,
      lhs_step: lhs.step,
      rhs_at: rhs.at,
      rhs_batch: rhs.sample,
      rhs_column: rhs.next,
      rhs_step: rhs.step,
      out_at: out.at,
      out_batch: out.sample,
      out_row: out.next,
      out_column: out.step,
      accumulating: accumulating ? 1 : 0,
    },
    buffers: { lhs: lhs.of, rhs: rhs.of, out: out.of },
    groups: Math.ceil((samples * Math.ceil(rows / 4) * Math.ceil(columns / 4)) / 64),
    work: samples * rows * columns * depth,
  });
}

/** out[i, j] = sum over c of a[c, i] b[c, j] for i in the block, j everywhere: [samples, count, positions]. */
function launchPositions(
  context: Context,
  op: string,
  positions: number,
  depth: number,
  block: Block,
  a: Tensor,
  b: Tensor,
): Storage {
  const out = context.scratch(block.samples * block.count * positions, op);
  launchBatched(
    context,
    { samples: block.samples, rows: block.count, columns: positions, depth },
    positionsOf(a, block, positions, depth),
    positionsOf(b, { ...block, first: 0 }, positions, depth),
    { of: out, at: 0, sample: block.count * positions, next: positions, step: 1 },
  );
  return out;
}

function launchWeights(
  context: Context,
  { positions }: Sizes,
  { samples, count }: Block,
  scores: Storage,
  { tops, sums }: Pick<LogSumExp, 'tops' | 'sums'>,
): void {
  const size = samples * count * positions;
  context.run(attention_weights, {
    params: { count: size, width: positions },
    buffers: { tops, sums, weights: scores },
    groups: Math.ceil(size / 256),
    work: 8 * size,
  });
}

function gradients(
  context: Context,
  op: string,
  sizes: Sizes,
  cut: readonly Block[],
  lses: readonly Pick<LogSumExp, 'tops' | 'sums'>[],
  dy: Tensor,
  [query, key, value, y]: readonly Tensor[],
): Tensor[] {
  const { samples, positions, embedding, channels } = sizes;
  const products = context.empty(y.shape, op);
  launchPair(context, multiply, dy, y, products);
  const weightedSlopes = context.scratch(samples * positions, op);
  launchSum(context, products, weightedSlopes, { outer: samples, reduced: channels, inner: positions });
  products.dispose();
  const [dquery, dkey, dvalue] = [query, key, value].map((input) => context.empty(input.shape, op));
  cut.forEach((block, at) => {
    const { sample, first, count } = block;
    const more = first > 0;
    const whole = { ...block, first: 0 };
    const size = block.samples * count * positions;
    const weights = launchPositions(context, op, positions, embedding, block, query, key);
    launchWeights(context, sizes, block, weights, lses[at]);
    const alongQueries = (of: Storage): Strided => ({
      of,
      at: 0,
      sample: count * positions,
      next: 1,
      step: positions,
    });
    const toAll = (depth: number) => ({ samples: block.samples, rows: depth, columns: positions, depth: count });
    const left = channelsOf(dy, block, positions, channels);
    launchBatched(
      context,
      toAll(channels),
      left,
      alongQueries(weights),
      channelsOf(dvalue, whole, positions, channels),
      more,
    );
    const slopes = launchPositions(context, op, positions, channels, block, dy, value);
    context.run(attention_grad, {
      params: { count: size, width: positions, first: sample * positions + first },
      buffers: { weights, weighted_slopes: weightedSlopes, slopes },
      groups: Math.ceil(size / 256),
      work: 3 * size,
    });
    launchBatched(
      context,
      { samples: block.samples, rows: embedding, columns: count, depth: positions },
      channelsOf(key, whole, positions, embedding),
      { of: slopes, at: 0, sample: count * positions, next: positions, step: 1 },
      channelsOf(dquery, block, positions, embedding),
    );
    const queries = channelsOf(query, block, positions, embedding);
    launchBatched(
      context,
      toAll(embedding),
      queries,
      alongQueries(slopes),
      channelsOf(dkey, whole, positions, embedding),
      more,
    );
    weights.release();
    slopes.release();
  });
  weightedSlopes.release();
  return [dquery, dkey, dvalue];
}
