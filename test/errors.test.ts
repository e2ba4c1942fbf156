import { beforeAll, describe, expect, test } from 'vitest';
import * as gramian from '../src/index.ts';
import { createEngine, type Engine, type Tensor, UsedAfterDisposeError } from '../src/index.ts';
import { batchAttentionParameters } from '../src/nn/index.ts';
import { watchedEngine, withBindingLimit } from './watch.ts';

const engine = watchedEngine();
const { add, logSumExp, matmul, mul, ntXent, reshape, similarity, similarityLogSumExp, sum, transpose } = gramian;
const { alignment, byol, infoNCE, mocoV3, protoNCE, simSiam } = gramian;
const { clip, koLeo, nearest, sigLip } = gramian;
const { entropicOT, sinkhorn, sinkhornDivergence, swav } = gramian;
const { dcl, supCon, uniformity } = gramian;
const { batchAttention, concat, hcl, pairReduction } = gramian;

/** A tensor of ones, whatever the shape. */
const ones = (...shape: number[]): Tensor => engine().full(shape, 1);
const any = (value: unknown): never => value as never;

function detached(): Float32Array {
  const data = new Float32Array(4);
  structuredClone(data.buffer, { transfer: [data.buffer] });
  return data;
}

// What comes in -> the whole sentence. Each runs in a scope, which frees what it made before it failed.
const BAD: Record<string, [() => unknown, string]> = {
  'tensor: too few numbers': [
    () => engine().tensor(new Float32Array(100), [10, 11]),
    'tensor: 100 numbers do not fill a [10, 11] (110).',
  ],
  'tensor: an extent of 0': [() => engine().tensor([1], [1, 0]), 'tensor: shape[1] = 0, expected a positive integer.'],
  'tensor: a negative extent': [
    () => engine().tensor([1], [-1]),
    'tensor: shape[0] = -1, expected a positive integer.',
  ],
  'tensor: half an extent': [
    () => engine().tensor([1], [1, 1.5]),
    'tensor: shape[1] = 1.5, expected a positive integer.',
  ],
  'tensor: NaN as extent': [
    () => engine().tensor([1], [Number.NaN]),
    'tensor: shape[0] = NaN, expected a positive integer.',
  ],
  'tensor: an extent of 2^53': [
    () => engine().tensor([1], [2 ** 53]),
    'tensor: shape[0] = 9007199254740992, expected a positive integer.',
  ],
  'tensor: a text as extent': [
    () => engine().tensor([1], any(['1'])),
    'tensor: shape[0] = "1", expected a positive integer.',
  ],
  'tensor: shape is a number': [
    () => engine().tensor([1], any(3)),
    'tensor: shape is 3, expected an array of 1 to 4 positive integers.',
  ],
  'tensor: an empty shape': [() => engine().tensor([1], []), 'tensor: shape has 0 dimensions, expected 1 to 4.'],
  'tensor: five dimensions': [
    () => engine().tensor([1], [1, 1, 1, 1, 1]),
    'tensor: shape has 5 dimensions, expected 1 to 4.',
  ],
  'tensor: more than u32 can count': [
    () => engine().tensor([1], [65536, 65536]),
    'tensor: [65536, 65536] has 4294967296 elements, expected at most 2147483648.',
  ],
  'tensor: doubles': [
    () => engine().tensor(any(new Float64Array(4))),
    'tensor: data is a Float64Array, expected Float32Array, Int32Array, Uint32Array or nested arrays of numbers.',
  ],
  'tensor: big integers': [
    () => engine().tensor(any(new BigInt64Array(4))),
    'tensor: data is a BigInt64Array, expected Float32Array, Int32Array, Uint32Array or nested arrays of numbers.',
  ],
  'tensor: null': [
    () => engine().tensor(any(null)),
    'tensor: data is null, expected Float32Array, Int32Array, Uint32Array or nested arrays of numbers.',
  ],
  'tensor: ragged rows': [
    () => engine().tensor([[1, 2], [3]]),
    'tensor: data is ragged, expected nested arrays of equal lengths.',
  ],
  'tensor: rows and numbers mixed': [
    () => engine().tensor([1, [2]]),
    'tensor: data is ragged, expected nested arrays of equal lengths.',
  ],
  'tensor: a text among the numbers': [
    () => engine().tensor(any([1, '2'])),
    'tensor: data holds "2", expected numbers.',
  ],
  'tensor: no numbers': [
    () => engine().tensor(new Float32Array(0)),
    'tensor: data is empty, expected Float32Array, Int32Array, Uint32Array or nested arrays of numbers.',
  ],
  'tensor: a detached buffer': [() => engine().tensor(detached(), [4]), 'tensor: data is detached.'],
  'tensor: a misspelt option': [
    () => engine().tensor([1], [1], any({ requireGrad: true })),
    'tensor: unknown option "requireGrad"; did you mean "requiresGrad"?',
  ],

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
  'hcl: a probability of 1': [
    () => hcl(ones(2, 3), ones(2, 3), { tauPlus: 1 }),
    'hcl: tauPlus = 1, expected a number in [0, 1).',
  ],
  'hcl: a negative hardness': [
    () => hcl(ones(2, 3), ones(2, 3), { beta: -1 }),
    'hcl: beta = -1, expected a number of at least 0.',
  ],
  'pairReduction: no expression': [
    () => pairReduction(ones(2, 3), undefined, any({ reduce: 'sum', value: 's' })),
    'pairReduction: derivative is undefined, expected a WGSL expression of s.',
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
  'not a Tensor: a text': [() => ntXent(any('z'), ones(2, 3)), 'ntXent: z0 is "z", expected a Tensor.'],
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
  'views of two shapes': [() => ntXent(ones(8, 4), ones(7, 4)), 'ntXent: z1 is [7, 4], expected [8, 4] to match z0.'],
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
    'logSumExp: axis = undefined, expected an integer in [0, 1].',
  ],
  'excluded self, but no square': [
    () => similarityLogSumExp(ones(4, 2), ones(5, 2), { exclude: 'self' }),
    'similarityLogSumExp: b has 5 rows, expected 4 to match a, since exclude = "self" pairs them.',
  ],

  ...Object.fromEntries(
    (
      [
        [0, '0'],
        [-1, '-1'],
        [Number.NaN, 'NaN'],
        [Number.POSITIVE_INFINITY, 'Infinity'],
        ['0.1', '"0.1"'],
        [null, 'null'],
      ] as const
    ).map(([temperature, said]) => [
      `temperature ${said}`,
      [
        () => ntXent(ones(2, 2), ones(2, 2), { temperature: any(temperature) }),
        `ntXent: temperature = ${said}, expected a finite number above 0.`,
      ],
    ]),
  ),
  'temperature that makes logits too large': [
    () => ntXent(ones(2, 2), ones(2, 2), { temperature: 1e-30 }),
    'ntXent: temperature = 1e-30 makes logits of 1e30, expected below 1e29.',
  ],
  'temperature of several numbers': [
    () => ntXent(ones(2, 2), ones(2, 2), { temperature: ones(2) }),
    'ntXent: temperature is [2], expected one number.',
  ],
  'keys of another shape': [
    () => infoNCE(ones(8, 4), ones(7, 4)),
    'infoNCE: key is [7, 4], expected [8, 4] to match query.',
  ],
  'a queue that is none': [
    () => infoNCE(ones(8, 4), ones(8, 4), { queue: any([[1]]) }),
    'infoNCE: queue is an Array, expected a Tensor.',
  ],
  'a queue of another width': [
    () => infoNCE(ones(8, 4), ones(8, 4), { queue: ones(9, 5) }),
    'infoNCE: queue has 5 columns, expected 4 to match query [8, 4].',
  ],
  'mocoV3: no temperature': [
    () => mocoV3(ones(2, 2), ones(2, 2), { temperature: 0 }),
    'mocoV3: temperature = 0, expected a finite number above 0.',
  ],
  'protoNCE: no assignments': [
    () => protoNCE(ones(2, 3), any({ centroids: ones(4, 3), concentrations: ones(4) })),
    'protoNCE: assignments are undefined, expected an Int32Array.',
  ],
  'protoNCE: a misspelt part': [
    () => protoNCE(ones(2, 3), any({ centroid: ones(4, 3) })),
    'protoNCE: unknown option "centroid"; did you mean "centroids"?',
  ],
  'protoNCE: no centroids': [
    () => protoNCE(ones(2, 3), any({ concentrations: ones(4), assignments: Int32Array.of(0, 1) })),
    'protoNCE: centroids is undefined, expected a Tensor.',
  ],
  'protoNCE: too few concentrations': [
    () => protoNCE(ones(2, 3), { centroids: ones(4, 3), concentrations: ones(3), assignments: Int32Array.of(0, 1) }),
    'protoNCE: concentrations is [3], expected [4], one for each centroid.',
  ],
  'protoNCE: an assignment that is no centroid': [
    () => protoNCE(ones(2, 3), { centroids: ones(4, 3), concentrations: ones(4), assignments: Int32Array.of(0, 4) }),
    'protoNCE: assignments[1] = 4, expected an integer in [0, 4).',
  ],
  'protoNCE: a negative that is no centroid': [
    () =>
      protoNCE(ones(2, 3), {
        centroids: ones(4, 3),
        concentrations: ones(4),
        assignments: Int32Array.of(0, 1),
        negatives: Int32Array.of(-1),
      }),
    'protoNCE: negatives[0] = -1, expected an integer in [0, 4).',
  ],
  'a convention outside its list': [
    () =>
      protoNCE(
        ones(2, 3),
        { centroids: ones(4, 3), concentrations: ones(4), assignments: Int32Array.of(0, 1) },
        { convention: any('code') },
      ),
    'protoNCE: convention = "code", expected "paper" or "official".',
  ],
  'byol: rows without a partner': [
    () => byol(ones(3, 4), ones(2, 4)),
    'byol: target is [2, 4], expected [3, 4] to match prediction.',
  ],
  'simSiam: no matrix': [
    () => simSiam(ones(3), ones(3)),
    'simSiam: prediction is [3], expected a matrix [rows, columns].',
  ],
  'alignment: a power that is none': [
    () => alignment(ones(2, 2), ones(2, 2), { alpha: 0 }),
    'alignment: alpha = 0, expected a finite number above 0.',
  ],
  'clip: sides of two shapes': [() => clip(ones(8, 4), ones(8, 5)), 'clip: b is [8, 5], expected [8, 4] to match a.'],
  'clip: a scale that is none': [
    () => clip(ones(2, 2), ones(2, 2), { logitScale: 0 }),
    'clip: logitScale = 0, expected a finite number above 0.',
  ],
  'clip: a scale that makes logits too large': [
    () => clip(ones(2, 2), ones(2, 2), { logitScale: 1e30 }),
    'clip: logitScale = 1e+30 makes logits of 1e30, expected below 1e29.',
  ],
  'clip: a scale of several numbers': [
    () => clip(ones(2, 2), ones(2, 2), { logitScale: ones(2) }),
    'clip: logitScale is [2], expected one number.',
  ],
  'clip: a temperature': [
    () => clip(ones(2, 2), ones(2, 2), any({ temperature: 0.1 })),
    'clip: unknown option "temperature"; it takes logitScale.',
  ],
  'sigLip: a bias that is none': [
    () => sigLip(ones(2, 2), ones(2, 2), { bias: Number.NaN }),
    'sigLip: bias = NaN, expected a finite number.',
  ],
  'sigLip: a bias of several numbers': [
    () => sigLip(ones(2, 2), ones(2, 2), { bias: ones(3) }),
    'sigLip: bias is [3], expected one number.',
  ],
  'koLeo: one row': [
    () => koLeo(ones(1, 4)),
    'koLeo: z has 1 row, expected at least 2, since each row needs another one.',
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
  'a misspelt option': [
    () => ntXent(ones(2, 2), ones(2, 2), any({ temprature: 0.1 })),
    'ntXent: unknown option "temprature"; did you mean "temperature"?',
  ],
  'an unknown option': [
    () => ntXent(ones(2, 2), ones(2, 2), any({ queue: 1 })),
    'ntXent: unknown option "queue"; it takes temperature, convention.',
  ],
  '__proto__ as an option': [
    () => ntXent(ones(2, 2), ones(2, 2), any(JSON.parse('{"__proto__": {"temperature": 1}}'))),
    'ntXent: unknown option "__proto__"; it takes temperature, convention.',
  ],
  'options that are none': [
    () => ntXent(ones(2, 2), ones(2, 2), any(0.1)),
    'ntXent: options are 0.1, expected an object.',
  ],
  'an option outside its list': [
    () => similarity(ones(2, 2), undefined, { metric: any('euclid') }),
    'similarity: metric = "euclid", expected "cosine" or "dot" or "sqeuclidean".',
  ],
  'a scale that is no number': [
    () => similarity(ones(2, 2), undefined, { scale: Number.POSITIVE_INFINITY }),
    'similarity: scale = Infinity, expected a finite number.',
  ],

  'sinkhorn: no matrix': [() => sinkhorn(ones(4)), 'sinkhorn: scores is [4], expected a matrix [rows, columns].'],
  'sinkhorn: epsilon 0': [
    () => sinkhorn(ones(4, 2), { epsilon: 0 }),
    'sinkhorn: epsilon = 0, expected a finite number above 0.',
  ],
  ...Object.fromEntries(
    [0, 1.5, 1e9].map((iterations) => [
      `swav: ${iterations} iterations`,
      [
        () => swav([ones(4, 2), ones(4, 2)], ones(3, 2), { iterations }),
        `swav: iterations = ${iterations}, expected an integer in [1, 1000].`,
      ],
    ]),
  ),
  'swav: one view': [
    () => swav([ones(4, 2)], ones(3, 2)),
    'swav: views are 1 in number, expected an array of at least 2 Tensors.',
  ],
  'swav: views that are a Tensor': [
    () => swav(any(ones(4, 2)), ones(3, 2)),
    'swav: views are a Tensor [4, 2], expected an array of at least 2 Tensors.',
  ],
  'swav: views of two shapes': [
    () => swav([ones(4, 2), ones(5, 2)], ones(3, 2)),
    'swav: views[1] is [5, 2], expected [4, 2] to match views[0].',
  ],
  'swav: prototypes of another width': [
    () => swav([ones(4, 2), ones(4, 2)], ones(3, 5)),
    'swav: prototypes has 5 columns, expected 2 to match views[0] [4, 2].',
  ],
  'swav: a queue of another width': [
    () => swav([ones(4, 2), ones(4, 2)], ones(3, 2), { queue: ones(9, 3) }),
    'swav: queue[0] has 3 columns, expected 2 to match views[0] [4, 2].',
  ],
  'swav: three queues': [
    () => swav([ones(4, 2), ones(4, 2)], ones(3, 2), { queue: any([ones(9, 2), ones(9, 2), ones(9, 2)]) }),
    'swav: queue has 3 elements, expected a Tensor [L, D] or two of them.',
  ],
  'swav: a queue that is a number': [
    () => swav([ones(4, 2), ones(4, 2)], ones(3, 2), { queue: any(3840) }),
    'swav: queue is 3840, expected a Tensor [L, D] or two of them.',
  ],
  'sinkhornDivergence: epsilon is missing': [
    () => sinkhornDivergence(ones(4, 2), ones(3, 2), any({})),
    'sinkhornDivergence: epsilon = undefined, expected a finite number above 0.',
  ],
  'sinkhornDivergence: column mismatch': [
    () => sinkhornDivergence(ones(4, 2), ones(3, 5), { epsilon: 1 }),
    'sinkhornDivergence: y has 5 columns, expected 2 to match x [4, 2].',
  ],
  'sinkhornDivergence: half an iteration': [
    () => sinkhornDivergence(ones(4, 2), ones(3, 2), { epsilon: 1, iterations: 0.5 }),
    'sinkhornDivergence: iterations = 0.5, expected an integer in [1, 100000].',
  ],
  'entropicOT: a tolerance of 0': [
    () => entropicOT(ones(4, 2), ones(3, 2), { epsilon: 1, tolerance: 0 }),
    'entropicOT: tolerance = 0, expected a finite number above 0.',
  ],
  'entropicOT: a negative penalty': [
    () => entropicOT(ones(4, 2), ones(3, 2), { epsilon: 1, rho: -1 }),
    'entropicOT: rho = -1, expected a finite number above 0.',
  ],
  'supCon: no array of views': [
    () => supCon(any(ones(2, 2)), Int32Array.of(0, 0)),
    'supCon: views are a Tensor [2, 2], expected an array of Tensors.',
  ],
  'supCon: no views': [() => supCon([], Int32Array.of(0, 0)), 'supCon: views has 0 tensors, expected at least one.'],
  'supCon: a view that is none': [
    () => supCon([ones(2, 2), any(1)], Int32Array.of(0, 0)),
    'supCon: views[1] is 1, expected a Tensor.',
  ],
  'supCon: views of two shapes': [
    () => supCon([ones(2, 2), ones(3, 2)], Int32Array.of(0, 0)),
    'supCon: views[1] is [3, 2], expected [2, 2] to match views[0].',
  ],
  'supCon: labels that are none': [
    () => supCon([ones(2, 2)], any([0, 0])),
    'supCon: labels are an Array, expected an Int32Array.',
  ],
  'supCon: too few labels': [
    () => supCon([ones(3, 2)], Int32Array.of(0, 0)),
    'supCon: labels has 2 numbers, expected 3, one a row.',
  ],
  'supCon: a negative label': [
    () => supCon([ones(2, 2)], Int32Array.of(0, -3)),
    'supCon: labels[1] = -3, expected an integer in [0, 2147483648).',
  ],
  'supCon: an unknown form': [
    () => supCon([ones(2, 2)], Int32Array.of(0, 0), { form: any('both') }),
    'supCon: form = "both", expected "out" or "in".',
  ],
  'supCon: lonely rows refused': [
    () => supCon([ones(3, 2)], Int32Array.of(5, 9, 5), { lonely: 'error' }),
    'supCon: labels[1] = 9 occurs once, expected a second row of it; lonely = "zero" or "skip" admits such rows.',
  ],
  'supCon: only lonely rows': [
    () => supCon([ones(3, 2)], Int32Array.of(5, 9, 4), { lonely: 'error' }),
    'supCon: no label occurs twice, so there is nothing to pull together.',
  ],
  'dcl: views of two shapes': [() => dcl(ones(8, 4), ones(7, 4)), 'dcl: z1 is [7, 4], expected [8, 4] to match z0.'],
  'uniformity: one row': [() => uniformity(ones(1, 2)), 'uniformity: z has 1 row, expected at least 2 to make a pair.'],
  'uniformity: t = 0': [() => uniformity(ones(2, 2), { t: 0 }), 'uniformity: t = 0, expected a finite number above 0.'],
  'uniformity: t too large': [
    () => uniformity(ones(2, 2), { t: 1e30 }),
    'uniformity: t = 1e+30, expected at most 1e+28.',
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
  'barlowTwins: one row': [
    () => gramian.barlowTwins(ones(1, 4), ones(1, 4)),
    'barlowTwins: z0 has 1 row, expected at least 2 to take a variance.',
  ],
  'barlowTwins: views of two shapes': [
    () => gramian.barlowTwins(ones(4, 3), ones(4, 2)),
    'barlowTwins: z1 is [4, 2], expected [4, 3] to match z0.',
  ],
  'barlowTwins: a negative lambda': [
    () => gramian.barlowTwins(ones(4, 3), ones(4, 3), { lambda: -1 }),
    'barlowTwins: lambda = -1, expected a finite number, 0 or above.',
  ],
  'barlowTwins: no epsilon': [
    () => gramian.barlowTwins(ones(4, 3), ones(4, 3), { epsilon: 0 }),
    'barlowTwins: epsilon = 0, expected a finite number above 0.',
  ],
  'vicReg: one row': [
    () => gramian.vicReg(ones(1, 4), ones(1, 4)),
    'vicReg: z0 has 1 row, expected at least 2 to take a variance.',
  ],
  'vicReg: a weight that is none': [
    () => gramian.vicReg(ones(4, 3), ones(4, 3), { variance: Number.NaN }),
    'vicReg: variance = NaN, expected a finite number, 0 or above.',
  ],
  'vicReg: an unknown convention': [
    () => gramian.vicReg(ones(4, 3), ones(4, 3), { convention: any('code') }),
    'vicReg: convention = "code", expected "official" or "paper".',
  ],
  'vicReg: a misspelt option': [
    () => gramian.vicReg(ones(4, 3), ones(4, 3), any({ invarance: 1 })),
    'vicReg: unknown option "invarance"; did you mean "invariance"?',
  ],
  'varianceTerm: one row': [
    () => gramian.varianceTerm(ones(1, 4)),
    'varianceTerm: z has 1 row, expected at least 2 to take a variance.',
  ],
  'covarianceTerm: one row': [
    () => gramian.covarianceTerm(ones(1, 4)),
    'covarianceTerm: z has 1 row, expected at least 2 to take a variance.',
  ],
  'covariance: one row': [
    () => gramian.covariance(ones(1, 4)),
    'covariance: z has 1 row, expected at least 2 to take a variance.',
  ],
  'crossCorrelation: views of two shapes': [
    () => gramian.crossCorrelation(ones(4, 3), ones(5, 3)),
    'crossCorrelation: z1 is [5, 3], expected [4, 3] to match z0.',
  ],
  'clusterLoss: views of two shapes': [
    () => gramian.clusterLoss(ones(4, 3), ones(4, 2)),
    'clusterLoss: logits1 is [4, 2], expected [4, 3] to match logits0.',
  ],
  'clusterLoss: a temperature of 0': [
    () => gramian.clusterLoss(ones(4, 3), ones(4, 3), { temperature: 0 }),
    'clusterLoss: temperature = 0, expected a finite number above 0.',
  ],
  'contrastiveClustering: one view': [
    () => gramian.contrastiveClustering(any({ instances: [ones(4, 3)], clusters: [ones(4, 2), ones(4, 2)] })),
    'contrastiveClustering: instances is an Array, expected the two views as [Tensor, Tensor].',
  ],
  'contrastiveClustering: no clusters': [
    () => gramian.contrastiveClustering(any({ instances: [ones(4, 3), ones(4, 3)] })),
    'contrastiveClustering: clusters is undefined, expected the two views as [Tensor, Tensor].',
  ],
  'contrastiveClustering: no Tensor': [
    () => gramian.contrastiveClustering({ instances: [ones(4, 3), any(1)], clusters: [ones(4, 2), ones(4, 2)] }),
    'contrastiveClustering: instances[1] is 1, expected a Tensor.',
  ],
  'contrastiveClustering: a cluster temperature below 0': [
    () =>
      gramian.contrastiveClustering(
        { instances: [ones(4, 3), ones(4, 3)], clusters: [ones(4, 2), ones(4, 2)] },
        { clusterTemperature: -1 },
      ),
    'contrastiveClustering: clusterTemperature = -1, expected a finite number above 0.',
  ],

  'backward without a tape': [
    () => sum(ones(2)).backward(),
    'backward: loss has no tape, expected the result of an op on a tensor with requiresGrad.',
  ],
  'item of several numbers': [() => ones(2, 3).item(), 'item: tensor is [2, 3], expected one number.'],
};

describe('bad input', () => {
  test.each(Object.entries(BAD))('%s', async (_, [bad, sentence]) => {
    let message = '(no error)';
    try {
      await engine().scope(() => {
        const result = bad();
        return result instanceof Promise ? { pending: result } : undefined;
      })?.pending;
    } catch (error) {
      expect(error).toBeInstanceOf(gramian.GramianError);
      message = (error as Error).message;
    }
    expect(message).toBe(sentence);
  });

  test('a result too large to bind names the way out', async () => {
    await withBindingLimit(engine(), 2 ** 27, async () => {
      const message =
        'similarity: result [40000, 40000] needs 6.4 GB, this adapter binds at most 134 MB; use similarityLogSumExp, which does not store it.';
      expect(() => engine().scope(() => void similarity(ones(40_000, 1)))).toThrow(message);
    });
  });

  test.each([
    ['covariance', () => gramian.covariance(ones(2, 6000)), 'use covarianceTerm'],
    ['crossCorrelation', () => gramian.crossCorrelation(ones(2, 6000), ones(2, 6000)), 'use barlowTwins'],
  ] as const)('%s too large to bind names the way out', async (name, op, way) => {
    await withBindingLimit(engine(), 2 ** 27, async () => {
      const message = `${name}: result [6000, 6000] needs 144 MB, this adapter binds at most 134 MB; ${way}, which does not store it.`;
      expect(() => engine().scope(() => void op())).toThrow(message);
    });
  });

  test('an input too large to bind', async () => {
    await withBindingLimit(engine(), 4096, async () => {
      const message = 'matmul: b [64, 64] has 16.4 kB, this adapter binds at most 4.1 kB.';
      expect(() => engine().scope(() => void matmul(ones(4, 64), ones(64, 64)))).toThrow(message);
    });
  });

  test('a query too long to bind', async () => {
    await withBindingLimit(engine(), 2 ** 16, async () => {
      const message = 'infoNCE: query has 257 rows, expected at most 256 on this adapter.';
      expect(() => engine().scope(() => void infoNCE(ones(257, 4), ones(257, 4)))).toThrow(message);
    });
  });

  test('a disposed tensor', () => {
    const [a, b] = [ones(2, 2), ones(2, 2)];
    b.dispose();
    expect(() => similarity(a, b)).toThrow(UsedAfterDisposeError);
    expect(() => similarity(a, b)).toThrow(
      /^similarity: b was disposed \(or its scope ended\) after submit \d+, expected a live Tensor\.$/,
    );
    expect(() => b.buffer).toThrow(
      /^buffer: the tensor \[2, 2\] was disposed \(or its scope ended\) after submit \d+\.$/,
    );
    a.dispose();
  });

  test('tensors of two engines', async () => {
    const other = await createEngine();
    const [a, b] = [
      ones(2, 2),
      other.tensor([
        [1, 2],
        [3, 4],
      ]),
    ]; // prettier-ignore
    expect(() => similarity(a, b)).toThrow('similarity: a and b live on different devices.');
    a.dispose();
    other.destroy();
    expect(() => similarity(b)).toThrow('similarity: the engine was destroyed.');
  });
});

describe('fromBuffer', () => {
  const USAGE = { copy: 4 | 8, storage: 128 | 4 | 8 };
  const misuse: Record<string, [(buffer: GPUBuffer, bare: GPUBuffer) => unknown, string]> = {
    'no buffer': [() => engine().fromBuffer(any({}), [2]), 'fromBuffer: buffer is an Object, expected a GPUBuffer.'],
    'an odd offset': [
      (buffer) => engine().fromBuffer(buffer, [2], { offset: 8 }),
      'fromBuffer: offset = 8, expected a multiple of 256; copy the range to such an offset first.',
    ],
    'an offset outside': [
      (buffer) => engine().fromBuffer(buffer, [2], { offset: 2048 }),
      'fromBuffer: offset = 2048, expected an integer in [0, 1024].',
    ],
    'too small a size': [
      (buffer) => engine().fromBuffer(buffer, [4], { size: 8 }),
      'fromBuffer: size = 8, expected at least 16 for [4].',
    ],
    'too small a buffer': [
      (buffer) => engine().fromBuffer(buffer, [20, 20]),
      'fromBuffer: buffer has 1024 bytes, expected 1600 for [20, 20] at 0.',
    ],
    'too small behind the offset': [
      (buffer) => engine().fromBuffer(buffer, [200], { offset: 512 }),
      'fromBuffer: buffer has 1024 bytes, expected 1312 for [200] at 512.',
    ],
    'no storage usage': [
      (_, bare) => engine().fromBuffer(bare, [2]),
      'fromBuffer: buffer lacks usage STORAGE, expected a storage buffer.',
    ],
    'an unknown type': [
      (buffer) => engine().fromBuffer(buffer, [2], { dtype: any('f64') }),
      'fromBuffer: dtype = "f64", expected "f32" or "i32" or "u32".',
    ],
  };
  test.each(Object.entries(misuse))('%s', (_, [bad, sentence]) => {
    const buffer = engine().device.createBuffer({ size: 1024, usage: USAGE.storage });
    const bare = engine().device.createBuffer({ size: 1024, usage: USAGE.copy });
    expect(() => engine().scope(() => void bad(buffer, bare))).toThrow(sentence);
    for (const own of [buffer, bare]) own.destroy();
  });
});

describe('check: true', () => {
  let checking: Engine;
  beforeAll(async () => {
    checking = await createEngine({ check: true });
    return () => checking.destroy();
  });

  /** Tensors of ones, the first with `value` at [row, column]. */
  function pair(rows: number, columns: number, row: number, column: number, value: number): [Tensor, Tensor] {
    const data = new Float32Array(rows * columns).fill(1);
    data[row * columns + column] = value;
    return [
      checking.tensor(data, [rows, columns]),
      checking.tensor(new Float32Array(rows * columns).fill(1), [rows, columns]),
    ];
  }

  test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
    '%d where a number should be',
    async (value) => {
      const [z0, z1] = pair(5, 33, 3, 17, value);
      const loss = ntXent(z0, z1);
      await expect(loss.item()).rejects.toThrow('ntXent: z0[3, 17] is not finite.');
      const other = ntXent(z1, z1);
      await expect(other.item()).resolves.toBeGreaterThan(0); // said once, of what was asked
      for (const tensor of [z0, z1, loss, other]) tensor.dispose();
    },
  );

  test('the first of several, far from the start', async () => {
    const data = new Float32Array(30 * 33);
    for (const at of [29 * 33 + 5, 11 * 33 + 8, 20 * 33]) data[at] = Number.NaN;
    const x = checking.tensor(data, [30, 33]);
    const total = sum(x);
    await expect(total.item()).rejects.toThrow('sum: x[11, 8] is not finite.');
    for (const tensor of [x, total]) tensor.dispose();
  });

  test('sync and data say it too', async () => {
    const [z0, z1] = pair(4, 4, 0, 2, Number.NaN);
    const bad = sum(z0);
    await expect(checking.sync()).rejects.toThrow('sum: x[0, 2] is not finite.');
    const worse = mul(z1, z0);
    await expect(z1.data()).rejects.toThrow('mul: b[0, 2] is not finite.');
    for (const tensor of [z0, z1, bad, worse]) tensor.dispose();
  });

  test('a row without a direction', async () => {
    const z0 = checking.tensor([
      [1, 2],
      [0, 0],
      [3, 4],
    ]); // prettier-ignore
    const z1 = checking.tensor([
      [1, 2],
      [3, 4],
      [5, 6],
    ]); // prettier-ignore
    const ops: [() => Tensor, string][] = [
      [() => ntXent(z0, z1), 'ntXent: z0[1] has length 0, so it has no direction.'],
      [() => ntXent(z1, z0), 'ntXent: z1[1] has length 0, so it has no direction.'],
      [() => infoNCE(z0, z1), 'infoNCE: query[1] has length 0, so it has no direction.'],
      [() => byol(z0, z1), 'byol: prediction[1] has length 0, so it has no direction.'],
      [() => alignment(z1, z0), 'alignment: y[1] has length 0, so it has no direction.'],
      [() => gramian.normalize(z0), 'normalize: x[1] has length 0, so it has no direction.'],
      [() => similarity(z1, z0), 'similarity: b[1] has length 0, so it has no direction.'],
    ];
    for (const [op, sentence] of ops) {
      const result = op();
      await expect(result.data()).rejects.toThrow(sentence);
      result.dispose();
    }
    const fine = [similarity(z1, z0, { metric: 'dot' }), infoNCE(z1, z0, { queue: z0 })]; // keys and queues start as zeros
    expect((await fine[0].data())[1]).toBe(0);
    expect(await fine[1].item()).toBeGreaterThan(0);
    for (const tensor of [z0, z1, ...fine]) tensor.dispose();
  });

  test('the first row without a direction, far from the start', async () => {
    const data = new Float32Array(2 * 600).fill(1);
    for (const row of [550, 300]) data.fill(0, 2 * row, 2 * row + 2);
    const x = checking.tensor(data, [600, 2]);
    const units = gramian.normalize(x);
    await expect(units.data()).rejects.toThrow('normalize: x[300] has length 0, so it has no direction.');
    for (const tensor of [x, units]) tensor.dispose();
  });
});
