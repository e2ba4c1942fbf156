// In a file of its own: what it imports is not there in a browser, where test/engine.ts goes too.
import { setImmediate } from 'node:timers/promises';
import { expect } from 'vitest';
import { collectGarbage } from '../src/gpu/collect.node.ts';
import type { Engine, MemoryReport } from '../src/index.ts';

const STEADY = 3; // rounds in which nothing went
const MOST = 20;

/**
 * Memory that is held, without that of tensors that tests before this one dropped: it would go while a test counts. One
 * collection is not enough: where V8 had begun to mark by itself, it ends that round, and what was dropped since stays.
 */
export async function heldMemory(engine: Engine): Promise<MemoryReport> {
  let steady = 0;
  for (let round = 0; round < MOST && steady < STEADY; round++) {
    const before = engine.memory().buffers;
    collectGarbage();
    for (let turn = 0; turn < 2; turn++) await setImmediate(); // finalizers run in a turn of their own
    steady = engine.memory().buffers === before ? steady + 1 : 0;
  }
  return engine.memory();
}

/** As `heldMemory`, the number of buffers alone. */
export const heldBuffers = async (engine: Engine): Promise<number> => (await heldMemory(engine)).buffers;

/** Fails where a test left buffers behind. There may be fewer than `before`: garbage of other tests, which went late. */
export function expectNoneLeft(engine: Engine, before: number): void {
  expect(engine.memory().buffers).toBeLessThanOrEqual(before);
}
