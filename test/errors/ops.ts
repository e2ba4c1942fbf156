import {
  add,
  batchAttention,
  concat,
  logSumExp,
  matmul,
  mul,
  nearest,
  pairReduction,
  reshape,
  similarity,
  similarityLogSumExp,
  sum,
  transpose,
} from '../../src/index.ts';
import { batchAttentionParameters } from '../../src/nn/index.ts';
import { any, type BadInputs } from './row.ts';

/** What ops refuse, the tape and reading among them. */
export const OPS: BadInputs = ({ engine, ones }) => ({
  'batchAttention: a matrix': [
    () => batchAttention(ones(2, 3), batchAttentionParameters(engine(), 3)),
    'batchAttention: x is [2, 3], expected [N, C, H, W].',
  ],
  'batchAttention: parameters of other channels': [
    () => batchAttention(ones(2, 3, 1, 1), batchAttentionParameters(engine(), 4, { reduction: 2 })),
    'batchAttention: parameters.channel.reduce is [2, 4], expected [2, 3] for 3 channels.',
  ],
  'batchAttention: no parameters': [
    () => batchAttention(ones(2, 3, 1, 1), any(null)),
    'batchAttention: parameters are null, expected what batchAttentionParameters makes.',
  ],
  'batchAttention: another reduction': [
    () => batchAttention(ones(2, 4, 1, 1), batchAttentionParameters(engine(), 4, { reduction: 2 }), { reduction: 4 }),
    'batchAttention: reduction = 4 of 4 channels leaves 1, expected 2 to match parameters.',
  ],
  'batchAttention: an unknown policy': [
    () => batchAttention(ones(2, 4, 1, 1), batchAttentionParameters(engine(), 4), any({ inference: 'mean' })),
    'batchAttention: inference = "mean", expected "batch" or "uniform" or "running".',
  ],
  'concat: other columns': [
    () => concat([ones(2, 3), ones(2, 4)]),
    'concat: list[1] is [2, 4], expected [N, 3] to match list[0].',
  ],
  'pairReduction: no expression': [
    () => pairReduction(ones(2, 3), undefined, any({ reduce: 'sum', value: 's' })),
    'pairReduction: derivative is missing, expected a WGSL expression of s.',
  ],
  'pairReduction: two statements': [
    () => pairReduction(ones(2, 3), undefined, { reduce: 'sum', value: 's; s', derivative: '1' }),
    'pairReduction: value has ; at column 2 of "s; s", expected one expression of WGSL.',
  ],
  'pairReduction: a comment': [
    () => pairReduction(ones(2, 3), undefined, { reduce: 'sum', value: 's // s', derivative: '1' }),
    'pairReduction: value has // at column 3 of "s // s", expected one expression of WGSL.',
  ],
  'pairReduction: brackets that end the expression': [
    () => pairReduction(ones(2, 3), undefined, { reduce: 'sum', value: 's) + (s', derivative: '1' }),
    'pairReduction: value has brackets that do not match in "s) + (s", expected one expression of WGSL.',
  ],
  'pairReduction: a name that is taken': [
    () => pairReduction(ones(2, 3), undefined, { reduce: 'sum', value: 's', derivative: '1', parameters: { s: 1 } }),
    'pairReduction: parameters has "s", expected a WGSL name other than s, label_i, label_j, numbers, labels.',
  ],
  'pairReduction: too few labels': [
    () =>
      pairReduction(ones(2, 3), undefined, {
        reduce: 'sum',
        value: 's',
        derivative: '1',
        labels: { a: Int32Array.of(1) },
      }),
    'pairReduction: labels.a has 1 numbers, expected 2, one a row of a.',
  ],
  'pairReduction: an unknown reduction': [
    () => pairReduction(ones(2, 3), undefined, any({ reduce: 'mean', value: 's', derivative: '1' })),
    'pairReduction: reduce = "mean", expected "sum" or "logsumexp".',
  ],
  'not a Tensor: null': [() => similarity(any(null)), 'similarity: a is null, expected a Tensor.'],
  'not a Tensor: an array': [() => matmul(ones(2, 2), any([[1]])), 'matmul: b is an Array, expected a Tensor.'],
  'not a Tensor: a function': [() => sum(any(Math.sin)), 'sum: x is a function, expected a Tensor.'],
  'numbers only': [() => add(1, 2), 'add: a and b are numbers, expected a Tensor on at least one side.'],
  'neither a Tensor nor a number': [() => mul(ones(2), any('2')), 'mul: b is "2", expected a Tensor or a number.'],
  'a number that is none': [() => mul(ones(2), Number.NaN), 'mul: b = NaN, expected a finite number.'],
  integers: [() => sum(engine().tensor(new Int32Array(4))), 'sum: x holds i32, expected f32.'],
  'not a matrix': [() => transpose(ones(2, 3, 4)), 'transpose: x is [2, 3, 4], expected a matrix [rows, columns].'],
  'column mismatch': [
    () => similarity(ones(512, 96), ones(300, 128)),
    'similarity: b has 128 columns, expected 96 to match a [512, 96].',
  ],
  'matmul: depths differ': [
    () => matmul(ones(2, 3), ones(4, 5)),
    'matmul: b [4, 5] has 4 rows, expected 3 to match a [2, 3].',
  ],
  'matmul: depths differ when transposed': [
    () => matmul(ones(2, 3), ones(2, 5), { transposeB: true }),
    'matmul: b [2, 5] transposed has 5 rows, expected 3 to match a [2, 3].',
  ],
  'shapes that do not stretch': [
    () => add(ones(4, 5), ones(4)),
    'add: b is [4], expected extents equal to those of a [4, 5], counted from the right, or 1.',
  ],
  'reshape: another size': [
    () => reshape(ones(4, 5), [3, 7]),
    'reshape: [3, 7] has 21 elements, expected 20 to match x [4, 5].',
  ],
  'axis: none such': [() => sum(ones(4, 5), 2), 'sum: axis = 2, expected an integer in [0, 1].'],
  'axis: missing': [
    () => logSumExp(ones(4, 5), any(undefined)),
    'logSumExp: axis is missing, expected an integer in [0, 1].',
  ],
  'excluded self, but no square': [
    () => similarityLogSumExp(ones(4, 2), ones(5, 2), { exclude: 'self' }),
    'similarityLogSumExp: b has 5 rows, expected 4 to match a, since exclude = "self" pairs them.',
  ],
  'nearest: more rows than there are': [
    () => nearest(ones(3, 2), ones(5, 2), { k: 6 }),
    'nearest: k = 6, expected an integer in [1, 5].',
  ],
  'nearest: one row without itself': [
    () => nearest(ones(1, 2), undefined, { exclude: 'self' }),
    'nearest: b has 1 row, expected at least 2, since exclude = "self" leaves out one.',
  ],
  'nearest: excluded self, but no square': [
    () => nearest(ones(4, 2), ones(5, 2), { exclude: 'self' }),
    'nearest: b has 5 rows, expected 4 to match a, since exclude = "self" pairs them.',
  ],
  'an option outside its list': [
    () => similarity(ones(2, 2), undefined, { metric: any('euclid') }),
    'similarity: metric = "euclid", expected "cosine" or "dot" or "sqeuclidean".',
  ],
  'a scale that is no number': [
    () => similarity(ones(2, 2), undefined, { scale: Number.POSITIVE_INFINITY }),
    'similarity: scale = Infinity, expected a finite number.',
  ],
  'backward on several numbers': [
    () => mul(engine().tensor([1, 2], [2], { requiresGrad: true }), 2).backward(),
    'backward: loss is [2], expected one number.',
  ],
  'backward twice': [
    () => {
      const loss = sum(mul(engine().tensor([1, 2], [2], { requiresGrad: true }), 2));
      loss.backward();
      loss.backward();
    },
    'backward: loss was already walked, expected one backward() for each forward.',
  ],
  'backward without a tape': [
    () => sum(ones(2)).backward(),
    'backward: loss has no tape, expected the result of an op on a tensor with requiresGrad.',
  ],
  'item of several numbers': [() => ones(2, 3).item(), 'item: tensor is [2, 3], expected one number.'],
});
