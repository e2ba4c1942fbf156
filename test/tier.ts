import { test } from 'vitest';

// `npm run test:quick` sees one adapter, and a shape or two of each op, loss and method.
const QUICK = process.env.GRAMIAN_TEST_TIER === 'quick';

/** A test that the quick tier leaves out. */
export const thorough = test.skipIf(QUICK);

/** All of a list of shapes; of which the quick tier takes two. */
export function shapesOf<T>(all: readonly T[]): readonly T[] {
  return QUICK ? [all[Math.floor(all.length / 3)], all[Math.floor((2 * all.length) / 3)]] : all;
}
