import { link } from '../../src/kernels/index.ts';
import { fn, object, options, perhaps, positive, record, tensors, text } from './kinds.ts';
import { type Signatures, takes } from './signatures.ts';

/** x[0] = 1 */
const ONE = `
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(1) fn main() { x[0] = 1.0; }`;

export const KERNELS: Signatures = {
  link: takes({
    wgsl: text(ONE),
    options: options({
      constants: perhaps(
        record(
          () => ({}),
          () => ({ 'of what is not there': { TM: 3 } }),
          'tunable',
        ),
      ),
    }),
  }),
};

export const TESTING: Signatures = {
  canaries: takes({ fn: fn(() => () => {}) }, { heavy: true }),
  detectRaces: takes(
    {
      wgsl: { good: () => link(ONE), accepts: () => false, says: ['WGSL'] },
      options: object(
        {
          outputs: record(
            () => ({ x: 1 }),
            () => ({ 'of none': {}, 'of another': { y: 1 }, 'of half a number': { x: 0.5 } }),
            'output',
            'x',
          ),
          workgroups: {
            good: () => 1,
            accepts: (value) =>
              (Number.isInteger(value) && (value as number) > 0) || (Array.isArray(value) && value[0] === 1),
          },
        },
        'outputs',
        'workgroups',
      ),
    },
    { heavy: true },
  ),
  gradcheck: takes(
    {
      fn: { ...fn(() => () => {}), accepts: (value) => typeof value === 'function' },
      inputs: tensors(2, [4, 3]),
      options: options({ tolerance: positive(1e-4) }),
    },
    { heavy: true },
  ),
};
