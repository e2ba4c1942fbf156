import { createEngine, type Engine } from '../src/core/engine.ts';
import { createRandom } from '../src/core/random.ts';

// Test files share a process: Dawn is started once in it, and one device serves all of them.
const KEY = Symbol.for('gramian.test.engine');
const shared = globalThis as { [KEY]?: Promise<Engine> };

export function sharedEngine(): Promise<Engine> {
  // Not what was tuned on this machine: tests take the same kernels everywhere.
  shared[KEY] ??= createEngine({ tune: 'off' });
  return shared[KEY];
}

/** The same normal numbers for the same seed, everywhere. */
export function normals(count: number, seed: number): Float32Array<ArrayBuffer> {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, () => random.gaussian());
}
