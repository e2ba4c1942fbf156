import { CLASSES } from './classes.ts';
import { CONTRASTIVE } from './contrastive.ts';
import { FEATURES } from './features.ts';
import { MOMENTS } from './moments.ts';
import { OPS } from './ops.ts';
import { RETRIEVAL } from './retrieval.ts';
import { TEACHING } from './teaching.ts';
import { TRAINING } from './training.ts';
import { TRANSPORT } from './transport.ts';
import type { Case } from './work.ts';

export { type Case, type Size, workOf } from './work.ts';

export const LOSS_CASES: readonly Case[] = [
  ...CONTRASTIVE,
  ...RETRIEVAL,
  ...CLASSES,
  ...FEATURES,
  ...MOMENTS,
  ...TEACHING,
  ...TRANSPORT,
];

/**
 * Every loss and op of the package that does work on a GPU, losses first, and a step of training. `reshape` and `cast` compute
 * nothing.
 */
export const CASES: readonly Case[] = [...LOSS_CASES, ...OPS, ...TRAINING];
