// In a file of its own: what it imports is not there in a browser, where test/engine.ts goes too.
import { setImmediate } from 'node:timers/promises';
import { collectGarbage } from '../src/gpu/collect.node.ts';
import type { Engine, MemoryReport } from '../src/index.ts';

/** Memory that is held, without that of tensors that tests before this one dropped: it would go while a test counts. */
export async function heldMemory(engine: Engine): Promise<MemoryReport> {
  collectGarbage();
  for (let round = 0; round < 2; round++) await setImmediate(); // finalizers run in a turn of their own
  return engine.memory();
}

/** As `heldMemory`, the number of buffers alone. */
export const heldBuffers = async (engine: Engine): Promise<number> => (await heldMemory(engine)).buffers;
