import { createRandom } from '../src/core/random.ts';
import { createEngine, type Engine } from '../src/engine/engine.ts';
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

/** The same normal numbers for the same seed, everywhere. */
export function normals(count: number, seed: number): Float32Array<ArrayBuffer> {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, () => random.gaussian());
}
