import { beforeAll, expect, test } from 'vitest';
import { checkBatch, checkBeforehand } from '../../src/cli/beforehand.ts';
import { MAKERS } from '../../src/cli/makeMethod.ts';
import { METHODS } from '../../src/cli/methods.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { sharedEngine } from '../engine.ts';

let engine: Engine;
beforeAll(async () => {
  engine = await sharedEngine();
});

test.each<[Parameters<typeof checkBeforehand>[0], RegExp]>([
  [{ options: { queue: 9 } }, /^simCLR: unknown option "queue"; /],
  [{ method: 'pcl', options: { clusters: [1] } }, /^pcl: clusters\[0\] = 1, /],
  [{ method: 'moco', options: { version: 4 } }, /^moCo: version = 4, expected 1, 2 or 3\.$/],
  [{ batch: 64, accumulate: 5 }, /^train: --accumulate 5 does not divide --batch 64, expected a divisor\.$/],
  [
    { method: 'moco', batch: 256, options: { queue: 64 } },
    /^train: --batch 256 adds 256 rows at once to a queue of 64, expected at most 64; give a smaller --batch, or --option queue=256\.$/,
  ],
  [
    { method: 'swav', batch: 4096, accumulate: 2 },
    /^train: --batch 4096 in 2 parts adds 2048 rows at once to a queue of 1024, expected at most 1024; .* --option queue=2048\.$/,
  ],
])('%j is refused without an engine', (asked, sentence) => {
  expect(() => checkBeforehand(asked)).toThrow(sentence);
});

test.each<Parameters<typeof checkBeforehand>[0]>([
  ...Object.keys(METHODS).map((method) => ({ method })),
  { method: 'moco', batch: 8192, options: { version: 3 } },
  { method: 'swav', batch: 8192, options: { queue: 0 } },
  { method: 'moco', batch: 64, options: { queue: 64 } },
  { method: 'pcl', batch: 8192, accumulate: 2 },
])('%j may begin', (asked) => {
  expect(() => checkBeforehand(asked)).not.toThrow();
});

test('the queues are as long as the methods make them', () => {
  for (const [name, row] of Object.entries(METHODS)) {
    const facts = { images: 64, classes: 4 };
    const method = MAKERS[name](
      engine,
      { channels: 1, size: 8, seed: 0, width: 2, features: 8, hidden: 4, projection: 4 },
      facts,
    );
    const queue = Object.entries(method.buffers).find(([key]) => /^queue\d?\.rows$/.test(key))?.[1];
    expect(row.queue, name).toBe(queue?.shape[0]);
    for (const tensor of Object.values({ ...method.parameters, ...method.buffers })) tensor.dispose();
    const config = { method: name, batch: 2 ** 16, accumulate: 1, options: {} };
    if (queue) expect(() => checkBatch(config)).toThrow('rows at once to a queue');
    else expect(() => checkBatch(config)).not.toThrow();
  }
});
