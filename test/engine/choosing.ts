import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { add, createEngine, type Engine, type EngineOptions, mul, type Tensor } from '../../src/index.ts';
import { choicesFile } from '../../src/tuning/choiceCache.ts';
import { adapterName, type Choice } from '../../src/tuning/choices.ts';
import { sharedEngine } from '../engine.ts';

/** Engines with a cache of choices of their own, which is empty before each test. */
export function choosingEngines() {
  // SwiftShader, which is unpacked into the cache too, is there already when the shared engine has opened.
  const folder = mkdtempSync(join(tmpdir(), 'gramian-tuner-'));
  const cacheBefore = process.env.XDG_CACHE_HOME;
  const engines: Engine[] = [];

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

  async function open(tune?: EngineOptions['tune']): Promise<Engine> {
    const engine = await createEngine({ tune });
    engines.push(engine);
    return engine;
  }
  const file = (engine: Engine): string => join(folder, 'gramian', choicesFile(adapterName(engine.info)));
  return { folder, open, file };
}

/** Counts launches for milliseconds: what a machine is busy with besides cannot decide a test. */
export const counting = (engine: Engine) => ({ clock: () => engine.launches });

/** x + x, by an op whose options do more than they must, or something else. The first is what the model takes. */
type Way = 'slow' | 'fast' | 'wrong' | 'broken';
export function wayChoice(ways: readonly Way[]): Choice<Way> {
  const options = ways.map((way, i) => [way, () => ({ flops: i })]);
  return { name: 'test way', options: Object.fromEntries(options) };
}

export function twice(x: Tensor, ways: readonly Way[]): Tensor {
  const { engine } = x;
  const { option } = engine.choose(wayChoice(ways), [x.size]);
  if (option === 'broken') throw new Error('this one cannot');
  if (option === 'slow') for (let i = 0; i < 60; i++) add(x, x).dispose();
  return option === 'wrong' ? mul(x, engine.tensor([2.001])) : add(x, x);
}
