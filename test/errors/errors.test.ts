import { beforeAll, describe, expect, test } from 'vitest';
import * as gramian from '../../src/index.ts';
import { createEngine, type Engine, type Tensor, UsedAfterDisposeError } from '../../src/index.ts';
import { watchedEngine, withBindingLimit } from '../watch.ts';
import { ONE_SIDED } from './oneSided.ts';
import { OPS } from './ops.ts';
import { any } from './row.ts';
import { SECOND_ORDER } from './secondOrder.ts';
import { SYMMETRIC } from './symmetric.ts';
import { TENSOR } from './tensor.ts';
import { TRANSPORT } from './transport.ts';
import { TWO_SIDED } from './twoSided.ts';

const engine = watchedEngine();
const { alignment, byol, infoNCE, matmul, mul, ntXent, similarity, sum } = gramian;

/** A tensor of ones, whatever the shape. */
const ones = (...shape: number[]): Tensor => engine().full(shape, 1);

const BAD = [TENSOR, OPS, SYMMETRIC, ONE_SIDED, TWO_SIDED, TRANSPORT, SECOND_ORDER].flatMap((family) =>
  Object.entries(family({ engine, ones })),
);

describe('bad input', () => {
  test.each(BAD)('%s', async (_, [bad, sentence]) => {
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
      'fromBuffer: dtype = "f64", expected "f32" or "f16" or "i32" or "u32".',
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
    await expect(worse.data()).rejects.toThrow('mul: b[0, 2] is not finite.');
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
      [
        () => gramian.contrastiveClustering({ instances: [z0, z1], clusters: [z1, z1] }),
        'contrastiveClustering: instances[0][1] has length 0, so it has no direction.',
      ],
      [() => alignment(z1, z0), 'alignment: y[1] has length 0, so it has no direction.'],
      [() => gramian.normalize(z0), 'normalize: x[1] has length 0, so it has no direction.'],
      [() => similarity(z1, z0), 'similarity: b[1] has length 0, so it has no direction.'],
    ];
    // As users see them, where rows have leading dimensions.
    const blocks = [z0, z1].map((z) => gramian.reshape(z, [1, 3, 2]));
    const [b0, b1] = blocks;
    const named = (name: string) => `${name}[0, 1] has length 0, so it has no direction.`;
    ops.push(
      [() => ntXent(b1, b0), named('ntXent: z1')],
      [() => gramian.supCon([b1, b0], new Int32Array(3)), named('supCon: views[1]')],
      [() => gramian.clip(b0, b1), named('clip: a')],
      [() => gramian.koLeo(b0), named('koLeo: z')],
      [() => gramian.hcl(b1, b0), named('hcl: z1')],
      [() => byol(b0, b1), named('byol: prediction')],
    );
    for (const [op, sentence] of ops) {
      const result = op();
      await expect(result.data()).rejects.toThrow(sentence);
      result.dispose();
    }
    const fine = [similarity(z1, z0, { metric: 'dot' }), infoNCE(z1, z0, { queue: z0 })]; // keys and queues start as zeros
    expect((await fine[0].data())[1]).toBe(0);
    expect(await fine[1].item()).toBeGreaterThan(0);
    for (const tensor of [z0, z1, ...blocks, ...fine]) tensor.dispose();
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
