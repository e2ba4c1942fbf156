import { BATCH } from './losses/batch.ts';
import { HARD } from './losses/hard.ts';
import { ONE_SIDED, PAIRED } from './losses/oneSided.ts';
import type { LossRow } from './losses/row.ts';
import { SECOND_ORDER } from './losses/secondOrder.ts';
import { SYMMETRIC } from './losses/symmetric.ts';
import { TRANSPORT } from './losses/transport.ts';
import { TWO_SIDED } from './losses/twoSided.ts';

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
