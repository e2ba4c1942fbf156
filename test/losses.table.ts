import { ntXent, type Tensor } from '../src/index.ts';
import * as reference from './reference/losses.ts';
import type { Matrix } from './reference/matrix.ts';

/** What holds exactly, whatever the numbers: see the runners in losses.test.ts. */
export type Invariance = 'permutation' | 'row scale' | 'rotation' | 'swapped views' | 'radial gradient';

export interface LossRow {
  readonly name: string;
  /** Number of [N, D] inputs. */
  readonly views: number;
  readonly run: (views: readonly Tensor[], temperature: number | Tensor) => Tensor;
  readonly reference: (views: readonly Matrix[], temperature: number) => reference.LossResult;
  readonly temperatures: readonly number[];
  /** Takes a live temperature, which gets a gradient. */
  readonly live?: boolean;
  /** spec/methods.md 0.10: value, norms of the inputs' gradients, first entry of the first, at this temperature. */
  readonly golden: { temperature: number; value: number; norms: number[]; first: number };
  readonly invariances: readonly Invariance[];
  /** Value where all rows of all views are equal; its gradient is 0. */
  readonly allEqual?: (n: number, temperature: number) => number;
}

export const LOSSES: readonly LossRow[] = [
  {
    name: 'ntXent',
    views: 2,
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
    views: 2,
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
