import { ntXent } from '../../src/index.ts';
import * as reference from '../reference/losses/symmetric.ts';
import { type LossRow, views } from './row.ts';

/** Losses over all pairs of one set of rows. */
export const SYMMETRIC: readonly LossRow[] = [
  {
    name: 'ntXent',
    inputs: views(2),
    run: ([z0, z1], temperature) => ntXent(z0, z1, { temperature }),
    reference: ([z0, z1], temperature) => reference.ntXent(z0, z1, temperature),
    temperatures: [0.05, 0.07, 0.1, 0.5, 1, 0.015],
    live: true,
    golden: {
      temperature: 0.5,
      value: 1.0430643859,
      norms: [0.150772737, 0.1196047989],
      first: -0.0381794851,
    },
    invariances: ['permutation', 'row scale', 'rotation', 'swapped views', 'radial gradient'],
    allEqual: (n) => Math.log(2 * n - 1),
  },
  {
    name: 'ntXent, official',
    inputs: views(2),
    run: ([z0, z1], temperature) => ntXent(z0, z1, { temperature, convention: 'official' }),
    reference: ([z0, z1], temperature) => reference.ntXent(z0, z1, temperature, 2),
    temperatures: [0.5],
    golden: {
      temperature: 0.5,
      value: 2 * 1.0430643859,
      norms: [2 * 0.150772737, 2 * 0.1196047989],
      first: 2 * -0.0381794851,
    },
    invariances: [],
  },
];
