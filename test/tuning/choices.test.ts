import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createEngine, type Engine, type Explained, matmul, ntXent } from '../../src/index.ts';
import { launchProduct } from '../../src/launch/product.ts';
import { shuffleWidth } from '../../src/launch/productForm.ts';
import { tileOf } from '../../src/launch/tile.ts';
import { because, type Choice, type Choices, ChoiceTable } from '../../src/tuning/choices.ts';
import { kindOf, predict } from '../../src/tuning/costModel.ts';
import { choosingEngines, wayChoice } from '../engine/choosing.ts';
import { normals } from '../engine.ts';

const { folder, open, file } = choosingEngines();

describe('the cost model', () => {
  const info = (software: boolean, description = 'llvmpipe') =>
    ({ vendor: '', architecture: '', description, software }) as unknown as Engine['info'];
  test('takes the slowest resource, and adds the dispatches', () => {
    const kind = kindOf(info(false));
    const dispatches = 3 * kind.dispatch;
    expect(predict({ flops: 2 * kind.flops, eta: 0.5, bytes: kind.bytes, exps: 1, dispatches: 3 }, kind)).toBe(
      4 + dispatches,
    );
    expect(predict({ flops: 1, bytes: 5 * kind.bytes, dispatches: 3 }, kind)).toBe(5 + dispatches);
    expect(predict({ flops: 1, exps: 6 * kind.exps, dispatches: 3 }, kind)).toBe(6 + dispatches);
  });

  test.each([
    [info(true), '16x8 8x1'],
    [info(true, 'SwiftShader driver 5.0.0'), '8x8 8x1'],
    [info(false, 'some GPU'), '8x4 16x4'],
  ])('%j takes the tile %s at all sizes', (adapter, shape) => {
    const table = new ChoiceTable(adapter);
    const choice = { families: ['f32'], forced: false };
    const engine = { info: adapter, choice, choose: table.ask.bind(table) } as unknown as Engine;
    for (const n of [1, 100, 10_000]) {
      const { tuning } = tileOf(engine, 'row pass', n, n, 64);
      const { TM, TV, WX, WY } = tuning;
      expect(`${TM}x${4 * TV} ${WX}x${WY}`).toBe(shape);
    }
  });

  test('sizes of one class have one answer', () => {
    const table = new ChoiceTable(info(true));
    const asked: (readonly number[])[] = [];
    const choice: Choice<'a' | 'b'> = {
      name: 'test',
      options: {
        a: (sizes) => {
          asked.push(sizes);
          return { flops: 1 };
        },
        b: () => ({ flops: 2 }),
      },
    };
    const answers = [
      [1000, 3],
      [1100, 3],
      [1024, 4],
    ].map((sizes) => table.ask(choice, sizes)); // prettier-ignore
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).toMatchObject({ question: 'test [1024, 4]', option: 'a', from: 'model' });
    expect(asked).toEqual([[1024, 4]]);
    expect(table.ask(choice, [3000, 4]).question).toBe('test [4096, 4]');
    expect(table.ask(choice, [1000, 3], ['b']).option).toBe('b'); // an adapter without the other
  });
});

test('an engine that is made to believe in a GPU chooses as one', async () => {
  const engine = await open('off');
  const a = engine.tensor(normals(256 * 256, 1), [256, 256]);
  const kernelOf = (software: boolean) => {
    (engine.info as { software: boolean }).software = software;
    const { kernel, tuning } = engine.explain(() => matmul(a, a)).at(-1) as Explained;
    return [kernel, tuning.TM, tuning.TV, tuning.WX, tuning.WY];
  };
  const kind = kindOf(engine.info);
  // Lanes that broadcast read a left operand along its rows as fast, and a taller tile of it.
  const shared = ['matmul_rows', 32, 1, 8, 1];
  const own = kind.alongRows === 1 ? shared : ['matmul', kind.accumulators / 8, 2, 8, 1];
  expect(kernelOf(true)).toEqual(own);
  expect(kernelOf(false)).toEqual(['matmul_rows', 8, 1, 16, 4]);
  expect(kernelOf(true)).toEqual(own);
});

describe('explain', () => {
  test('says what would run and why, and runs nothing', async () => {
    const engine = await open('off');
    const [z0, z1] = [1, 2].map((seed) => engine.tensor(normals(64 * 32, seed), [64, 32], { requiresGrad: true }));
    ntXent(z0, z1).backward();
    const before = await z0.grad!.data();
    const { launches } = engine;
    const memory = engine.memory();
    const list = engine.explain(() => ntXent(z0, z1).backward());
    expect(engine.launches).toBe(launches);
    expect(engine.memory().buffers).toBe(memory.buffers);
    expect(await z0.grad!.data()).toEqual(before);
    const software = engine.info.software;
    const shuffles = software && shuffleWidth(engine) >= 8;
    const { name } = kindOf(engine.info);
    const shape = { lavapipe: shuffles ? '32x4 8x1' : '16x8 8x1', swiftshader: '8x8 8x1', gpu: '8x4 16x4' }[name];
    const [TM, columns, WX, WY] = shape.split(/\D/).map(Number);
    const sums = list.find(
      ({ kernel }) => kernel === (software ? 'nt_xent_sums_per_invocation_cached' : 'nt_xent_sums_cached'),
    );
    expect(sums).toMatchObject({ op: 'ntXent', family: 'f32' });
    expect(sums?.choices.map(({ question, option, from }) => [question, option, from])).toEqual([
      ['pairs tile [128, 128, 32]', `${shape}${shuffles ? ' shuffled' : ''}`, 'model'],
      ['pair sweep [128, 32]', 'cached triangle', 'model'],
      ...(engine.info.textures > 0 ? [['product operands [128, 128, 32]', 'buffers', 'model']] : []),
    ]);
    expect(sums?.choices[1].reason).toMatch(/^predicted [\d.]+ ms; panels [\d.]+ ms$/);
    expect(sums?.tuning).toMatchObject({ TM, TV: columns / 4, WX, WY });
    expect(list.at(-1)).toMatchObject({ op: 'ntXent', kernel: 'unit_rows_grad', choices: [] });
    // What really runs is the same list.
    ntXent(z0, z1).backward();
    expect(engine.launches - launches).toBe(list.length + 2); // and the sums into the gradients that were there
  });

  test('a kernel family that was chosen shows', async () => {
    const engine = await open('off');
    const x = engine.tensor([1, 2, 3, 4], [2, 2]);
    const family: Choice<'f16'> = { name: 'family', options: { f16: () => ({ flops: 1 }) } };
    const [launch] = engine.explain(() => {
      const answer = engine.choose(family, [2]);
      const tile = tileOf(engine, 'product', 2, 2, 2);
      const at = { of: engine.tensor(new Float32Array(8), [8]), at: 0, stride: 4 };
      launchProduct(
        engine,
        { rows: 2, columns: 2, depth: 2 },
        { ...at, along: 'columns' },
        at,
        { ...at, of: x },
        {
          tile: { ...tile, tuning: because(tile.tuning, answer) },
        },
      );
    });
    expect(launch.family).toBe('f16');
  });
});

describe('given choices', () => {
  const loss = async (engine: Engine): Promise<Float32Array> => {
    const [z0, z1] = [1, 2].map((seed) => engine.tensor(normals(96 * 24, seed), [96, 24], { requiresGrad: true }));
    ntXent(z0, z1, { temperature: 0.1 }).backward();
    return z0.grad!.data();
  };

  test('give the same bits, whatever was measured since', async () => {
    const first = await open();
    const wanted = await loss(first);
    const choices = JSON.parse(JSON.stringify(first.choices())) as Choices;
    expect(choices.options['pair sweep [256, 32]']).toBe('cached triangle');
    mkdirSync(join(folder, 'gramian'), { recursive: true });
    writeFileSync(file(first), JSON.stringify({ ...choices, options: { 'pair sweep [256, 32]': 'panels' } }));
    expect(await loss(await open())).not.toEqual(wanted); // the other way has other bits
    expect(await loss(await open(choices))).toEqual(wanted);
  });

  test('of another adapter are not used', async () => {
    const engine = await open({ adapter: 'another', edition: 'any', options: { 'test way [64]': 'fast' } });
    expect(engine.choose(wayChoice(['slow', 'fast']), [64])).toMatchObject({ option: 'slow', from: 'model' });
  });

  test.each([['fast'], [{}], [null], [{ adapter: 'a', edition: 'b', options: { c: 1 } }]])(
    'createEngine({ tune: %j }) is one sentence',
    async (tune) => {
      await expect(createEngine({ tune: tune as never })).rejects.toThrow(
        /^createEngine: tune = .*, expected "off" or "cached" or "full", or the choices\(\) of an engine\.$/,
      );
    },
  );
});
