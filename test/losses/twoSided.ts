import { clip, div, koLeo, sigLip, type Tensor } from '../../src/index.ts';
import type { LossResult } from '../reference/losses/result.ts';
import * as reference from '../reference/losses/twoSided.ts';
import { type LossRow, views } from './row.ts';

/** Runs a loss that takes a multiplier at a temperature, its reciprocal. */
function atScale(temperature: number | Tensor, run: (scale: number | Tensor) => Tensor): Tensor {
  if (typeof temperature === 'number') return run(1 / temperature);
  using scale = div(1, temperature);
  return run(scale);
}

/** d loss / d temperature of a result that has d loss / d scale. */
function perTemperature({ temperature = 0, ...result }: LossResult, tau: number): LossResult {
  return { ...result, temperature: -temperature / tau ** 2 };
}

/** Losses over all pairs of two sets of rows. */
export const TWO_SIDED: readonly LossRow[] = [
  {
    name: 'clip',
    coincide: true,
    inputs: views(2),
    run: ([a, b], temperature) => atScale(temperature, (logitScale) => clip(a, b, { logitScale })),
    reference: ([a, b], temperature) => perTemperature(reference.clip(a, b, 1 / temperature), temperature),
    temperatures: [0.05, 0.07, 0.1, 0.5, 1, 0.01, 0.005],
    live: true,
    invariances: ['permutation', 'row scale', 'rotation', 'swapped views', 'radial gradient'],
    allEqual: (n) => Math.log(n),
  },
  {
    name: 'sigLip',
    coincide: true,
    inputs: views(2),
    run: ([a, b], temperature) => atScale(temperature, (logitScale) => sigLip(a, b, { logitScale })),
    reference: ([a, b], temperature) => perTemperature(reference.sigLip(a, b, 1 / temperature, -10), temperature),
    temperatures: [0.1, 0.05, 0.5, 1, 0.02],
    live: true,
    golden: { temperature: 0.1, value: 0.8995229324, norms: [0.3477322931, 0.4366842965], first: -0.0631370814 },
    invariances: ['permutation', 'row scale', 'rotation', 'swapped views', 'radial gradient'],
  },
  {
    name: 'koLeo',
    coincide: true,
    inputs: views(1),
    run: ([z]) => koLeo(z),
    reference: ([z]) => reference.koLeo(z),
    temperatures: [1],
    golden: { temperature: 1, value: 0.2953621447, norms: [0.7273595867], first: -0.1952768871 },
    invariances: ['permutation', 'row scale', 'rotation', 'radial gradient'],
    allEqual: () => -Math.log(1e-8),
    accepts: (n) => n > 1,
    peaked: false,
  },
];
