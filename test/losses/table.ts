import { BATCH } from './batch.ts';
import { CLASSES } from './classes.ts';
import { HARD } from './hard.ts';
import { MOMENTS } from './moments.ts';
import { ONE_SIDED, PAIRED } from './oneSided.ts';
import type { LossRow } from './row.ts';
import { SECOND_ORDER } from './secondOrder.ts';
import { SYMMETRIC } from './symmetric.ts';
import { TEACHING } from './teaching.ts';
import { TRANSPORT } from './transport.ts';
import { TUPLES } from './tuples.ts';
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
  ...TUPLES,
  ...CLASSES,
  ...MOMENTS,
  ...TEACHING,
];

// A test file each, for two processes: losses whose kernels are the same stand together, as each process compiles its own.
export const PAIRS: readonly LossRow[] = [...SYMMETRIC, ...HARD];
export const SIDES: readonly LossRow[] = [...ONE_SIDED, ...PAIRED, ...TWO_SIDED];
export const EXPRESSED: readonly LossRow[] = [...TUPLES, ...CLASSES, ...TEACHING];
export const OTHERS: readonly LossRow[] = LOSSES.filter(
  (loss) => ![PAIRS, SIDES, EXPRESSED].some((list) => list.includes(loss)),
);
