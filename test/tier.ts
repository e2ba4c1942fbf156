import { test } from 'vitest';

// `npm run test:quick` sees one adapter, and a shape or two of each op, loss and method; `npm test` sees a second adapter.
const TIER = process.env.GRAMIAN_TEST_TIER;
const QUICK = TIER === 'quick';
const AGAIN = TIER === 'again';

/** A test that the quick tier leaves out. */
export const thorough = test.skipIf(QUICK);

/** A test that launches nothing, or nothing that adapters do in different ways: what it says of one it says of all. */
export const once = test.skipIf(AGAIN);

/** One of those that the quick tier leaves out, too. */
export const thoroughOnce = test.skipIf(QUICK || AGAIN);

/** All of a list of shapes; of which the quick tier takes two. */
export function shapesOf<T>(all: readonly T[]): readonly T[] {
  return QUICK ? [all[Math.floor(all.length / 3)], all[Math.floor((2 * all.length) / 3)]] : all;
}
