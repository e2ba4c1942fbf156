import type { LossRow } from './losses/row.ts';
import { SECOND_ORDER } from './losses/secondOrder.ts';
import { SYMMETRIC } from './losses/symmetric.ts';

/** Every loss, family by family. */
export const LOSSES: readonly LossRow[] = [...SYMMETRIC, ...SECOND_ORDER];
