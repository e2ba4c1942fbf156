import { hcl } from '../../src/index.ts';
import * as reference from '../reference/losses/hard.ts';
import { type LossRow, views } from './row.ts';

/** Losses that look harder at hard negatives. */
export const HARD: readonly LossRow[] = [
  {
    name: 'hcl',
    inputs: views(2),
    run: ([z0, z1], temperature) => hcl(z0, z1, { temperature: temperature as number }),
    reference: ([z0, z1], temperature) => reference.hcl(z0, z1, temperature, 1, 0.1),
    temperatures: [0.5, 0.1, 1, 0.05],
    invariances: ['permutation', 'row scale', 'rotation', 'swapped views', 'radial gradient'],
    allEqual: (n) => Math.log1p(2 * n - 2),
    // What the debiasing takes away is K tauPlus: where little is left, so are few digits.
    slack: 4,
  },
  {
    name: 'hcl, no hardness, no debiasing',
    inputs: views(2),
    run: ([z0, z1], temperature) => hcl(z0, z1, { temperature: temperature as number, beta: 0, tauPlus: 0 }),
    reference: ([z0, z1], temperature) => reference.hcl(z0, z1, temperature, 0, 0),
    temperatures: [0.1, 0.5, 0.05, 0.01],
    invariances: [],
  },
];
