import { ONE_SIDED, PAIRED } from './losses/oneSided.ts';
import type { LossRow } from './losses/row.ts';
import { SECOND_ORDER } from './losses/secondOrder.ts';
import { SYMMETRIC } from './losses/symmetric.ts';

/** Every loss, family by family. */
export const LOSSES: readonly LossRow[] = [...SYMMETRIC, ...ONE_SIDED, ...PAIRED, ...SECOND_ORDER];
