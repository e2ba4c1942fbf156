import { beforeAll, describe, expect, test } from 'vitest';
import * as gramian from '../src/index.ts';
import { createEngine, type Engine, type Tensor, UsedAfterDisposeError } from '../src/index.ts';
import { batchAttentionParameters } from '../src/nn/index.ts';
import { watchedEngine, withBindingLimit } from './watch.ts';

const engine = watchedEngine();
const {
  add,
  batchAttention,
  concat,
  hcl,
  logSumExp,
  matmul,
  mul,
  ntXent,
  pairReduction,
  reshape,
  similarity,
  similarityLogSumExp,
  sum,
  transpose,
} = gramian;

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

  test('an input too large to bind', async () => {
    await withBindingLimit(engine(), 4096, async () => {
      const message = 'matmul: b [64, 64] has 16.4 kB, this adapter binds at most 4.1 kB.';
      expect(() => engine().scope(() => void matmul(ones(4, 64), ones(64, 64)))).toThrow(message);
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
      [() => gramian.normalize(z0), 'normalize: x[1] has length 0, so it has no direction.'],
      [() => similarity(z1, z0), 'similarity: b[1] has length 0, so it has no direction.'],
    ];
    for (const [op, sentence] of ops) {
      const result = op();
      await expect(result.data()).rejects.toThrow(sentence);
      result.dispose();
    }
    const fine = similarity(z1, z0, { metric: 'dot' });
    expect((await fine.data())[1]).toBe(0);
    for (const tensor of [z0, z1, fine]) tensor.dispose();
  });
});
