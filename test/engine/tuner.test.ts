import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import * as browser from '../../src/gpu/platform.browser.ts';
import { type Engine, matmul, mul, ntXent, standardWork, sum, type TuneOptions } from '../../src/index.ts';
import { sgd } from '../../src/optim/index.ts';
import type { Choices } from '../../src/tuning/choices.ts';
import { questionsOf } from '../choices.ts';
import { normals, sharedEngine } from '../engine.ts';
import { expectNoneLeft, heldBuffers } from '../held.ts';
import { choosingEngines, counting, twice, wayChoice } from './choosing.ts';

const { folder, open, file } = choosingEngines();

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
  test('takes what is clearly faster, and caches it for the adapter', async () => {
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
    const before = await heldBuffers(engine);
    const report = await engine.tune([step], counting(engine));
    expect(report.measured).toMatchObject([{ option: 'fast' }]);
    expect(await w.data()).toEqual(weights);
    expect(await w.grad!.data()).toEqual(gradient);
    expect(optimizer.steps).toBe(1);
    expectNoneLeft(engine, before);
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
      ...(engine.info.textures > 0 ? ['product operands [64, 64, 64]'] : []),
      'product tile [64, 64, 64]',
    ]);
    for (const { ms } of measured) for (const of of Object.values(ms)) expect(of).toBeGreaterThan(0);
    const after = await matmul(a, b).data();
    for (const [i, value] of before.entries()) expect(Math.abs(after[i] - value)).toBeLessThan(1e-4);
  });

  test.each([
    [undefined, {}, 'tune: list is missing, expected an array of functions that call ops.'],
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

describe('what is cached', () => {
  const cached = (engine: Engine, change: Partial<Choices>): void => {
    mkdirSync(join(folder, 'gramian'), { recursive: true });
    const choices = { ...engine.choices(), options: { 'test way [64]': 'fast' }, ...change };
    writeFileSync(file(engine), JSON.stringify(choices));
  };
  const optionOf = (engine: Engine): string => engine.choose(wayChoice(['slow', 'fast']), [64]).option;

  test('by another edition or for another adapter is not used', async () => {
    const engine = await open('off');
    cached(engine, {});
    expect(optionOf(await open())).toBe('fast');
    cached(engine, { edition: '0.0.1 000000000000' });
    expect(optionOf(await open())).toBe('slow');
    cached(engine, { adapter: 'another' });
    expect(optionOf(await open())).toBe('slow');
    cached(engine, { options: { 'test way [64]': 'no such option' } });
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
    cached(engine, { options: { 'another way [8]': 'some' } });
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

test('standardWork runs, and asks about tiles and schedules', async () => {
  const engine = await sharedEngine();
  const before = await heldBuffers(engine);
  const asked = standardWork(engine, { rows: [32], columns: [16] }).flatMap((fn) => [
    ...questionsOf(engine, fn).keys(),
  ]);
  for (const name of ['pair sweep', 'left operand', 'second-order form', 'product tile', 'pairs tile', 'gram tile'])
    expect(
      asked.some((question) => question.startsWith(`${name} [`)),
      name,
    ).toBe(true);
  expectNoneLeft(engine, before);
  expect(() => standardWork(engine, { rows: [1.5] })).toThrow('standardWork: rows[0] = 1.5, expected an integer');
});
