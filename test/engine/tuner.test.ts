import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import * as browser from '../../src/gpu/platform.browser.ts';
import {
  add,
  createEngine,
  type Engine,
  type EngineOptions,
  type Explained,
  matmul,
  mul,
  ntXent,
  standardWork,
  sum,
  type Tensor,
  type TuneOptions,
} from '../../src/index.ts';
import { launchProduct } from '../../src/launch/product.ts';
import { shuffleWidth } from '../../src/launch/productForm.ts';
import { tileOf } from '../../src/launch/tile.ts';
import { sgd } from '../../src/optim/index.ts';
import { choicesFile } from '../../src/tuning/choiceCache.ts';
import { adapterName, because, type Choice, type Choices, ChoiceTable } from '../../src/tuning/choices.ts';
import { kindOf, predict } from '../../src/tuning/costModel.ts';
import { questionsOf } from '../choices.ts';
import { normals, sharedEngine } from '../engine.ts';

// A cache of its own; SwiftShader, which is unpacked into the cache too, is there already when the engine has opened.
const folder = mkdtempSync(join(tmpdir(), 'gramian-tuner-'));
const cacheBefore = process.env.XDG_CACHE_HOME;
const engines: Engine[] = [];

async function open(tune?: EngineOptions['tune']): Promise<Engine> {
  const engine = await createEngine({ tune });
  engines.push(engine);
  return engine;
}

beforeAll(async () => {
  await sharedEngine();
  process.env.XDG_CACHE_HOME = folder;
});
afterEach(() => {
  for (const engine of engines.splice(0)) engine.destroy();
  rmSync(join(folder, 'gramian'), { recursive: true, force: true });
});
afterAll(() => {
  if (cacheBefore === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = cacheBefore;
  rmSync(folder, { recursive: true, force: true });
});

const file = (engine: Engine): string => join(folder, 'gramian', choicesFile(adapterName(engine.info)));

/** Counts launches for milliseconds: what a machine is busy with besides cannot decide a test. */
const counting = (engine: Engine) => ({ clock: () => engine.launches });

/** x + x, by an op whose options do more than they must, or something else. The first is what the model takes. */
type Way = 'slow' | 'fast' | 'wrong' | 'broken';
function wayChoice(ways: readonly Way[]): Choice<Way> {
  const options = ways.map((way, i) => [way, () => ({ flops: i })]);
  return { name: 'test way', options: Object.fromEntries(options) };
}

function twice(x: Tensor, ways: readonly Way[]): Tensor {
  const { engine } = x;
  const { option } = engine.choose(wayChoice(ways), [x.size]);
  if (option === 'broken') throw new Error('this one cannot');
  if (option === 'slow') for (let i = 0; i < 60; i++) add(x, x).dispose();
  return option === 'wrong' ? mul(x, engine.tensor([2.001])) : add(x, x);
}

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
    [info(true, 'SwiftShader driver 5.0.0'), '16x8 8x1'],
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
  const own = kindOf(engine.info).alongRows === 1 ? 'matmul_rows' : 'matmul'; // by whether lanes hand operands round
  expect(kernelOf(true)).toEqual([own, 16, 2, 8, 1]);
  expect(kernelOf(false)).toEqual(['matmul_rows', 8, 1, 16, 4]);
  expect(kernelOf(true)).toEqual([own, 16, 2, 8, 1]);
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
    const sums = list.find(({ kernel }) => kernel === (software ? 'nt_xent_sums_lanes_cached' : 'nt_xent_sums_cached'));
    expect(sums).toMatchObject({ op: 'ntXent', family: 'f32' });
    expect(sums?.choices.map(({ question, option, from }) => [question, option, from])).toEqual([
      ['pairs tile [128, 128, 32]', `${software ? '16x8 8x1' : '8x4 16x4'}${shuffles ? ' shuffled' : ''}`, 'model'],
      ['pair sweep [128, 32]', 'cached triangle', 'model'],
    ]);
    expect(sums?.choices[1].reason).toMatch(/^predicted [\d.]+ ms; panels [\d.]+ ms$/);
    expect(sums?.tuning).toMatchObject(software ? { TM: 16, TV: 2, WX: 8, WY: 1 } : { TM: 8, TV: 1, WX: 16, WY: 4 });
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

test('prepare leaves gradients as they are', async () => {
  const engine = await open('off');
  const [a, b] = [1, 2].map((seed) => engine.tensor(normals(12, seed), [4, 3], { requiresGrad: true }));
  engine.prepare([() => ntXent(a, b).backward()]);
  expect(a.grad).toBe(null);
  sum(mul(a, a)).backward();
  const before = await a.grad!.data();
  engine.prepare([
    () => {
      ntXent(a, b).backward();
      a.zeroGrad();
      ntXent(a, b).backward();
    },
  ]);
  expect(await a.grad!.data()).toEqual(before);
});

describe('tune', () => {
  test('takes what is clearly faster, and remembers it for the adapter', async () => {
    const engine = await open();
    const x = engine.tensor(normals(64, 1), [64]);
    const ways = ['slow', 'fast'] as const;
    const { launches } = engine;
    const report = await engine.tune([() => twice(x, ways)], counting(engine));
    expect(engine.launches).toBeGreaterThan(launches);
    expect(report).toMatchObject({ finished: true, place: file(engine) });
    expect(report.measured).toMatchObject([{ question: 'test way [64]', option: 'fast', instead: 'slow' }]);
    expect(report.measured[0].ms).toEqual({ slow: 61, fast: 1 });
    expect(engine.choose(wayChoice(ways), [60])).toMatchObject({ option: 'fast', from: 'tuned' });
    expect(engine.choices().options).toMatchObject({ 'test way [64]': 'fast' });
    const again = await engine.tune([() => twice(x, ways)], counting(engine));
    expect(again).toMatchObject({ measured: [], finished: true }); // nothing is measured twice

    expect((await open()).choose(wayChoice(ways), [64])).toMatchObject({ option: 'fast', from: 'cached' });
    expect((await open('off')).choose(wayChoice(ways), [64])).toMatchObject({ option: 'slow', from: 'model' });
    const full = await open('full');
    expect(full.choose(wayChoice(ways), [64])).toMatchObject({ option: 'fast', from: 'cached' });
    const y = full.tensor(normals(64, 1), [64]);
    const fresh = await full.tune([() => twice(y, ways)], counting(full));
    expect(fresh.measured).toMatchObject([{ option: 'fast', instead: 'fast' }]);
  });

  test('refuses what gives other numbers, and what fails', async () => {
    const engine = await open('off');
    const x = engine.tensor(normals(64, 1), [64]);
    const report = await engine.tune([() => twice(x, ['slow', 'wrong', 'broken'])], counting(engine));
    expect(report.measured).toMatchObject([{ option: 'slow', ms: { wrong: null, broken: null } }]);
    expect(report.place).toBe(null);
    await engine.sync();
  });

  test('keeps to what there was where nothing is clearly faster', async () => {
    const engine = await open('off');
    const x = engine.tensor(normals(64, 1), [64]);
    const report = await engine.tune([() => twice(x, ['slow', 'fast'])], { margin: 0.999, ...counting(engine) });
    expect(report.measured).toMatchObject([{ option: 'slow', instead: 'slow' }]);
  });

  test('ends when its time is up', async () => {
    const engine = await open('off');
    const x = engine.tensor(normals(64, 1), [64]);
    const report = await engine.tune([() => twice(x, ['slow', 'fast'])], { budget: 1e-6 });
    expect(report).toMatchObject({ measured: [], finished: false });
    expect(engine.choose(wayChoice(['slow', 'fast']), [64])).toMatchObject({ option: 'slow', from: 'model' });
  });

  test('changes nothing of the caller: weights, gradients, memory', async () => {
    const engine = await open('off');
    const w = engine.tensor(normals(64, 1), [64], { requiresGrad: true });
    const optimizer = sgd({ w }, { learningRate: 0.1, momentum: 0.9 });
    const step = (): void => {
      const loss = sum(twice(w, ['slow', 'fast']));
      loss.backward();
      optimizer.step();
      w.zeroGrad();
      loss.dispose();
    };
    step();
    sum(mul(w, w)).backward();
    const [weights, gradient] = [await w.data(), await w.grad!.data()];
    const { buffers } = engine.memory();
    const report = await engine.tune([step], counting(engine));
    expect(report.measured).toMatchObject([{ option: 'fast' }]);
    expect(await w.data()).toEqual(weights);
    expect(await w.grad!.data()).toEqual(gradient);
    expect(optimizer.steps).toBe(1);
    expect(engine.memory().buffers).toBe(buffers);
  });

  test('the real thing: a product, measured in all its ways', async () => {
    const engine = await open();
    const [a, b] = [1, 2].map((seed) => engine.tensor(normals(64 * 64, seed), [64, 64]));
    const before = await matmul(a, b).data();
    const told: unknown[] = [];
    const { measured, finished } = await engine.tune([() => matmul(a, b)], {
      budget: 100,
      onMeasured: (one) => told.push(one),
    });
    expect(finished).toBe(true);
    expect(told).toEqual(measured);
    expect(measured.map(({ question }) => question).sort()).toEqual([
      'left operand [64, 64, 64]',
      'product tile [64, 64, 64]',
    ]);
    for (const { ms } of measured) for (const of of Object.values(ms)) expect(of).toBeGreaterThan(0);
    const after = await matmul(a, b).data();
    for (const [i, value] of before.entries()) expect(Math.abs(after[i] - value)).toBeLessThan(1e-4);
  });

  test.each([
    [undefined, {}, 'tune: list is undefined, expected an array of functions that call ops.'],
    [[1], {}, 'tune: list is an Array, expected an array of functions that call ops.'],
    [[], { budget: 0 }, 'tune: budget = 0, expected a finite number above 0.'],
    [[], { clock: 5 as never }, 'tune: clock is 5, expected a function.'],
    [[], { onMeasured: 'log' as never }, 'tune: onMeasured is "log", expected a function.'],
    [[], { margin: -1 }, 'tune: margin = -1, expected a finite number, 0 or above.'],
    [[], { bugdet: 1 }, 'tune: '],
  ])('tune(%j, %j) is one sentence', async (list, options, sentence) => {
    const engine = await open('off');
    await expect(engine.tune(list as never, options as TuneOptions)).rejects.toThrow(sentence);
  });
});

describe('what is remembered', () => {
  const remembered = (engine: Engine, change: Partial<Choices>): void => {
    mkdirSync(join(folder, 'gramian'), { recursive: true });
    const choices = { ...engine.choices(), options: { 'test way [64]': 'fast' }, ...change };
    writeFileSync(file(engine), JSON.stringify(choices));
  };
  const optionOf = (engine: Engine): string => engine.choose(wayChoice(['slow', 'fast']), [64]).option;

  test('by another edition or for another adapter is not used', async () => {
    const engine = await open('off');
    remembered(engine, {});
    expect(optionOf(await open())).toBe('fast');
    remembered(engine, { edition: '0.0.1 000000000000' });
    expect(optionOf(await open())).toBe('slow');
    remembered(engine, { adapter: 'another' });
    expect(optionOf(await open())).toBe('slow');
    remembered(engine, { options: { 'test way [64]': 'no such option' } });
    expect(optionOf(await open())).toBe('slow');
  });

  test.each(['{ not JSON', '[]', 'null', '{"adapter":"a","edition":"b","options":{"c":1}}'])(
    'in a file that holds %s is ignored with one warning, and written anew',
    async (text) => {
      const engine = await open('off');
      mkdirSync(join(folder, 'gramian'), { recursive: true });
      writeFileSync(file(engine), text);
      const warn = vi.spyOn(console, 'warn').mockImplementation(() => {});
      const cached = await open();
      expect(warn.mock.calls).toEqual([
        [`createEngine: ${file(engine)} holds no choices of the tuner, so it is ignored; tune() writes it anew.`],
      ]);
      const x = cached.tensor(normals(64, 1), [64]);
      await cached.tune([() => twice(x, ['slow', 'fast'])], counting(cached));
      expect(warn).toHaveBeenCalledTimes(1);
      warn.mockRestore();
      expect(JSON.parse(readFileSync(file(engine), 'utf8')).options).toEqual({ 'test way [64]': 'fast' });
      expect(readdirSync(join(folder, 'gramian'))).toHaveLength(1); // no draft stays
    },
  );

  test('by another process meanwhile stays', async () => {
    const engine = await open();
    remembered(engine, { options: { 'another way [8]': 'some' } });
    const x = engine.tensor(normals(64, 1), [64]);
    await engine.tune([() => twice(x, ['slow', 'fast'])], counting(engine));
    const { options } = JSON.parse(readFileSync(file(engine), 'utf8'));
    expect(options).toEqual({ 'another way [8]': 'some', 'test way [64]': 'fast' });
  });

  test('in a browser goes to localStorage, where the page has it', async () => {
    const stored = new Map<string, string>();
    const page = globalThis as { localStorage?: unknown };
    const before = Object.getOwnPropertyDescriptor(globalThis, 'localStorage');
    const become = (get: () => unknown) => Object.defineProperty(page, 'localStorage', { configurable: true, get });
    try {
      become(() => ({ getItem: (key: string) => stored.get(key) ?? null, setItem: stored.set.bind(stored) }));
      expect(await browser.recall('x')).toBe(null);
      expect(await browser.keep('x', 'text')).toBe('localStorage');
      expect(await browser.recall('x')).toEqual({ text: 'text', place: 'localStorage' });
      become(() => {
        throw new DOMException('denied', 'SecurityError');
      });
      expect(await browser.keep('x', 'text')).toBe(null);
      expect(await browser.recall('x')).toBe(null);
      become(() => undefined);
      expect(await browser.keep('x', 'text')).toBe(null);
      expect(await browser.recall('x')).toBe(null);
    } finally {
      if (before) Object.defineProperty(globalThis, 'localStorage', before);
      else delete page.localStorage;
    }
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

test('standardWork runs, and asks about tiles and schedules', async () => {
  const engine = await sharedEngine();
  const { buffers } = engine.memory();
  const asked = standardWork(engine, { rows: [32], columns: [16] }).flatMap((fn) => [
    ...questionsOf(engine, fn).keys(),
  ]);
  for (const name of ['pair sweep', 'left operand', 'second-order form', 'product tile', 'pairs tile', 'gram tile'])
    expect(
      asked.some((question) => question.startsWith(`${name} [`)),
      name,
    ).toBe(true);
  expect(engine.memory().buffers).toBe(buffers);
  expect(() => standardWork(engine, { rows: [1.5] })).toThrow('standardWork: rows[0] = 1.5, expected an integer');
});
