import { BATCH } from './losses/batch.ts';
import { HARD } from './losses/hard.ts';
import type { LossRow } from './losses/row.ts';
import { SYMMETRIC } from './losses/symmetric.ts';

/** Every loss, family by family. */
export const LOSSES: readonly LossRow[] = [...SYMMETRIC, ...BATCH, ...HARD];
