import { setImmediate } from 'node:timers/promises';
import { createRandom } from '../src/core/random.ts';
import { createEngine, type Engine } from '../src/engine/engine.ts';
import { collect } from '../src/gpu/collect.node.ts';
import type { Family } from '../src/tuning/families.ts';

// Test files share a process: Dawn is started once in it, and one device serves all of them.
const KEY = Symbol.for('gramian.test.engine');
const shared = globalThis as { [KEY]?: Promise<Engine> };

/** GRAMIAN_TEST_FAMILY=subgroups: the tables of the ops and losses in one family more than f32. */
export function sharedEngine(): Promise<Engine> {
  const family = process.env.GRAMIAN_TEST_FAMILY as Family | undefined;
  // Not what was tuned on this machine: tests take the same kernels everywhere.
  shared[KEY] ??= createEngine({ tune: 'off', ...(family ? { families: ['f32', family] } : {}) });
  return shared[KEY];
}

/** Buffers that are held, without those of tensors that tests before this one dropped: these would leave while a test counts. */
export async function heldBuffers(engine: Engine): Promise<number> {
  collect();
  for (let turn = 0; turn < 2; turn++) await setImmediate(); // finalizers run in a turn of their own
  return engine.memory().buffers;
}

/** The same normal numbers for the same seed, everywhere. */
export function normals(count: number, seed: number): Float32Array<ArrayBuffer> {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, () => random.gaussian());
}
