import { alignment, byol, infoNCE, mocoV3, protoNCE, simSiam } from '../../src/index.ts';
import { any, type BadInputs } from './row.ts';

/** Rows against keys, queues and centroids that get no gradient; pairs. */
export const ONE_SIDED: BadInputs = ({ ones }) => ({
  'keys of another shape': [
    () => infoNCE(ones(8, 4), ones(7, 4)),
    'infoNCE: key is [7, 4], expected [8, 4] to match query.',
  ],
  'a queue that is none': [
    () => infoNCE(ones(8, 4), ones(8, 4), { queue: any([[1]]) }),
    'infoNCE: queue is an Array, expected a Tensor.',
  ],
  'a queue of another width': [
    () => infoNCE(ones(8, 4), ones(8, 4), { queue: ones(9, 5) }),
    'infoNCE: queue has 5 columns, expected 4 to match query [8, 4].',
  ],
  'mocoV3: no temperature': [
    () => mocoV3(ones(2, 2), ones(2, 2), { temperature: 0 }),
    'mocoV3: temperature = 0, expected a finite number above 0.',
  ],
  'protoNCE: no assignments': [
    () => protoNCE(ones(2, 3), any({ centroids: ones(4, 3), concentrations: ones(4) })),
    'protoNCE: assignments are missing, expected an Int32Array.',
  ],
  'protoNCE: a misspelt part': [
    () => protoNCE(ones(2, 3), any({ centroid: ones(4, 3) })),
    'protoNCE: unknown option "centroid"; did you mean "centroids"?',
  ],
  'protoNCE: no centroids': [
    () => protoNCE(ones(2, 3), any({ concentrations: ones(4), assignments: Int32Array.of(0, 1) })),
    'protoNCE: centroids is missing, expected a Tensor.',
  ],
  'protoNCE: too few concentrations': [
    () => protoNCE(ones(2, 3), { centroids: ones(4, 3), concentrations: ones(3), assignments: Int32Array.of(0, 1) }),
    'protoNCE: concentrations is [3], expected [4], one for each centroid.',
  ],
  'protoNCE: an assignment that is no centroid': [
    () => protoNCE(ones(2, 3), { centroids: ones(4, 3), concentrations: ones(4), assignments: Int32Array.of(0, 4) }),
    'protoNCE: assignments[1] = 4, expected an integer in [0, 4).',
  ],
  'protoNCE: a negative that is no centroid': [
    () =>
      protoNCE(ones(2, 3), {
        centroids: ones(4, 3),
        concentrations: ones(4),
        assignments: Int32Array.of(0, 1),
        negatives: Int32Array.of(-1),
      }),
    'protoNCE: negatives[0] = -1, expected an integer in [0, 4).',
  ],
  'a convention outside its list': [
    () =>
      protoNCE(
        ones(2, 3),
        { centroids: ones(4, 3), concentrations: ones(4), assignments: Int32Array.of(0, 1) },
        { convention: any('code') },
      ),
    'protoNCE: convention = "code", expected "paper" or "official".',
  ],
  'byol: rows without a partner': [
    () => byol(ones(3, 4), ones(2, 4)),
    'byol: target is [2, 4], expected [3, 4] to match prediction.',
  ],
  'simSiam: no matrix': [
    () => simSiam(ones(3), ones(3)),
    'simSiam: prediction is [3], expected rows [..., columns] of two dimensions or more.',
  ],
  'alignment: a power that is none': [
    () => alignment(ones(2, 2), ones(2, 2), { alpha: 0 }),
    'alignment: alpha = 0, expected a finite number above 0.',
  ],
});
