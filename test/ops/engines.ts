// The engines that tests of own kernels and gradients run on: the shared one, and one that checks what is written.
import { afterAll, beforeAll } from 'vitest';
import { createEngine, type Engine } from '../../src/index.ts';
import { sharedEngine } from '../engine.ts';

export let engine: Engine;
export let checking: Engine;

/** For the tests of the file that calls it. */
export function useEngines(): void {
  beforeAll(async () => {
    engine = await sharedEngine();
    checking = await createEngine({ check: true, tune: 'off' });
  });
  afterAll(() => checking.destroy());
}
