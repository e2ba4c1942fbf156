import { BATCH } from './batch.ts';
import { HARD } from './hard.ts';
import { ONE_SIDED, PAIRED } from './oneSided.ts';
import type { LossRow } from './row.ts';
import { SECOND_ORDER } from './secondOrder.ts';
import { SYMMETRIC } from './symmetric.ts';
import { TRANSPORT } from './transport.ts';
import { TWO_SIDED } from './twoSided.ts';

/** Every loss, family by family. */
export const LOSSES: readonly LossRow[] = [
  ...SYMMETRIC,
  ...ONE_SIDED,
  ...PAIRED,
  ...TWO_SIDED,
  ...SECOND_ORDER,
  ...TRANSPORT,
  ...BATCH,
  ...HARD,
];
