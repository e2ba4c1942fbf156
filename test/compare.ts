import { isDeepStrictEqual } from 'node:util';
import { expect } from 'vitest';

export function largest(list: ArrayLike<number>): number {
  let top = 0;
  for (let i = 0; i < list.length; i++) top = Math.max(top, Math.abs(list[i]));
  return top;
}

/** Largest difference; NaN and infinities count as infinite. */
export function distance(actual: ArrayLike<number>, wanted: ArrayLike<number>): number {
  expect(actual.length).toBe(wanted.length);
  let worst = 0;
  for (let i = 0; i < wanted.length; i++) {
    const apart = Math.abs(actual[i] - wanted[i]);
    worst = Number.isFinite(apart) ? Math.max(worst, apart) : Number.POSITIVE_INFINITY;
  }
  return worst;
}

/** Fails with the worst element, both values and the allowance where two lists differ by more than `allowed`. */
export function expectClose(what: string, actual: ArrayLike<number>, wanted: ArrayLike<number>, allowed: number): void {
  if (distance(actual, wanted) <= allowed) return;
  let at = 0;
  let worst = -1;
  for (let i = 0; i < wanted.length; i++) {
    const apart = Math.abs(actual[i] - wanted[i]);
    if (!(apart <= worst)) {
      worst = apart;
      at = i;
      if (Number.isNaN(apart)) break;
    }
  }
  expect.fail(`${what}[${at}] = ${actual[at]}, expected ${wanted[at]} within ${allowed} (off by ${worst})`);
}

/** As `toEqual`, which takes longer over large arrays than the kernels whose bits it compares. */
export function expectSame(what: string, actual: unknown, wanted: unknown): void {
  if (!isDeepStrictEqual(actual, wanted)) expect(actual, what).toEqual(wanted);
}
