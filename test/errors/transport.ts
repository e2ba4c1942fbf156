import { entropicOT, sinkhorn, sinkhornDivergence, swav } from '../../src/index.ts';
import { any, type BadInputs } from './row.ts';

/** Sinkhorn and transport. */
export const TRANSPORT: BadInputs = ({ ones }) => ({
  'sinkhorn: no matrix': [() => sinkhorn(ones(4)), 'sinkhorn: scores is [4], expected a matrix [rows, columns].'],
  'sinkhorn: epsilon below what f32 scores have digits for': [
    () => sinkhorn(ones(4, 2), { epsilon: 1e-8 }),
    'sinkhorn: epsilon = 1e-8, expected at least 1e-6: for less, scores near 1 have too few digits in f32.',
  ],
  'sinkhorn: epsilon 0': [
    () => sinkhorn(ones(4, 2), { epsilon: 0 }),
    'sinkhorn: epsilon = 0, expected a finite number above 0.',
  ],
  ...Object.fromEntries(
    [0, 1.5, 1e9].map((iterations) => [
      `swav: ${iterations} iterations`,
      [
        () => swav([ones(4, 2), ones(4, 2)], ones(3, 2), { iterations }),
        `swav: iterations = ${iterations}, expected an integer in [1, 1000].`,
      ],
    ]),
  ),
  'swav: one view': [
    () => swav([ones(4, 2)], ones(3, 2)),
    'swav: views are 1 in number, expected an array of at least 2 Tensors.',
  ],
  'swav: views that are a Tensor': [
    () => swav(any(ones(4, 2)), ones(3, 2)),
    'swav: views are a Tensor [4, 2], expected an array of at least 2 Tensors.',
  ],
  'swav: views of two shapes': [
    () => swav([ones(4, 2), ones(5, 2)], ones(3, 2)),
    'swav: views[1] is [5, 2], expected [4, 2] to match views[0].',
  ],
  'swav: prototypes of another width': [
    () => swav([ones(4, 2), ones(4, 2)], ones(3, 5)),
    'swav: prototypes has 5 columns, expected 2 to match views[0] [4, 2].',
  ],
  'swav: a queue of another width': [
    () => swav([ones(4, 2), ones(4, 2)], ones(3, 2), { queue: ones(9, 3) }),
    'swav: queue[0] has 3 columns, expected 2 to match views[0] [4, 2].',
  ],
  'swav: three queues': [
    () => swav([ones(4, 2), ones(4, 2)], ones(3, 2), { queue: any([ones(9, 2), ones(9, 2), ones(9, 2)]) }),
    'swav: queue has 3 elements, expected a Tensor [L, D] or two of them.',
  ],
  'swav: a queue that is a number': [
    () => swav([ones(4, 2), ones(4, 2)], ones(3, 2), { queue: any(3840) }),
    'swav: queue is 3840, expected a Tensor [L, D] or two of them.',
  ],
  'sinkhornDivergence: epsilon is missing': [
    () => sinkhornDivergence(ones(4, 2), ones(3, 2), any({})),
    'sinkhornDivergence: epsilon is missing, expected a finite number above 0.',
  ],
  'sinkhornDivergence: column mismatch': [
    () => sinkhornDivergence(ones(4, 2), ones(3, 5), { epsilon: 1 }),
    'sinkhornDivergence: y has 5 columns, expected 2 to match x [4, 2].',
  ],
  'sinkhornDivergence: half an iteration': [
    () => sinkhornDivergence(ones(4, 2), ones(3, 2), { epsilon: 1, iterations: 0.5 }),
    'sinkhornDivergence: iterations = 0.5, expected an integer in [1, 100000].',
  ],
  'entropicOT: a tolerance of 0': [
    () => entropicOT(ones(4, 2), ones(3, 2), { epsilon: 1, tolerance: 0 }),
    'entropicOT: tolerance = 0, expected a finite number above 0.',
  ],
  'entropicOT: a negative penalty': [
    () => entropicOT(ones(4, 2), ones(3, 2), { epsilon: 1, rho: -1 }),
    'entropicOT: rho = -1, expected a finite number above 0.',
  ],
});
