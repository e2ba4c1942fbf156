import { setImmediate } from 'node:timers/promises';
import { createEngine, type Engine } from '../src/core/engine.ts';
import { createRandom } from '../src/core/random.ts';
import { collect } from '../src/gpu/collect.node.ts';
import type { Family } from '../src/tuning/families.ts';

// Test files share a process: Dawn is started once in it, and one device serves all of them.
const KEY = Symbol.for('gramian.test.engine');
const shared = globalThis as { [KEY]?: Promise<Engine> };

/**
 * The engine of all test files. What earlier files dropped without a dispose() is collected first, so that it does not leave while a
 * file counts its buffers. GRAMIAN_TEST_FAMILY=subgroups: the tables of the ops and losses in one family more than f32.
 */
export async function sharedEngine(): Promise<Engine> {
  const family = process.env.GRAMIAN_TEST_FAMILY as Family | undefined;
  // Not what was tuned on this machine: tests take the same kernels everywhere.
  shared[KEY] ??= createEngine({ tune: 'off', ...(family ? { families: ['f32', family] } : {}) });
  const engine = await shared[KEY];
  collect();
  await setImmediate(); // finalizers run in a turn of their own
  return engine;
}

/** The same normal numbers for the same seed, everywhere. */
export function normals(count: number, seed: number): Float32Array<ArrayBuffer> {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, () => random.gaussian());
}
