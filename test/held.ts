// In a file of its own: what it imports is not there in a browser, where test/engine.ts goes too.
import { setImmediate } from 'node:timers/promises';
import { collect } from '../src/gpu/collect.node.ts';
import type { Engine } from '../src/index.ts';

/** Buffers that are held, without those of tensors that tests before this one dropped: these would leave while a test counts. */
export async function heldBuffers(engine: Engine): Promise<number> {
  collect();
  for (let turn = 0; turn < 2; turn++) await setImmediate(); // finalizers run in a turn of their own
  return engine.memory().buffers;
}
