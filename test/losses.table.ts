import type { LossRow } from './losses/row.ts';
import { SYMMETRIC } from './losses/symmetric.ts';
import { TRANSPORT } from './losses/transport.ts';

/** Every loss, family by family. */
export const LOSSES: readonly LossRow[] = [...SYMMETRIC, ...TRANSPORT];
