import type { LossRow } from './losses/row.ts';
import { SYMMETRIC } from './losses/symmetric.ts';
import { TWO_SIDED } from './losses/twoSided.ts';

/** Every loss, family by family. */
export const LOSSES: readonly LossRow[] = [...SYMMETRIC, ...TWO_SIDED];
