import { clip, koLeo, sigLip } from '../../src/index.ts';
import { any, type BadInputs } from './row.ts';

/** Two sides that both learn, and neighbours. */
export const TWO_SIDED: BadInputs = ({ ones }) => ({
  'clip: sides of two shapes': [() => clip(ones(8, 4), ones(8, 5)), 'clip: b is [8, 5], expected [8, 4] to match a.'],
  'clip: a scale that is none': [
    () => clip(ones(2, 2), ones(2, 2), { logitScale: 0 }),
    'clip: logitScale = 0, expected a finite number above 0.',
  ],
  'clip: a scale that makes logits too large': [
    () => clip(ones(2, 2), ones(2, 2), { logitScale: 1e30 }),
    'clip: logitScale = 1e+30 makes logits of 1e30, expected below 1e29.',
  ],
  'clip: a scale of several numbers': [
    () => clip(ones(2, 2), ones(2, 2), { logitScale: ones(2) }),
    'clip: logitScale is [2], expected one number.',
  ],
  'clip: a temperature': [
    () => clip(ones(2, 2), ones(2, 2), any({ temperature: 0.1 })),
    'clip: unknown option "temperature"; it takes logitScale.',
  ],
  'sigLip: a bias that is none': [
    () => sigLip(ones(2, 2), ones(2, 2), { bias: Number.NaN }),
    'sigLip: bias = NaN, expected a finite number.',
  ],
  'sigLip: a bias of several numbers': [
    () => sigLip(ones(2, 2), ones(2, 2), { bias: ones(3) }),
    'sigLip: bias is [3], expected one number.',
  ],
  'koLeo: one row': [
    () => koLeo(ones(1, 4)),
    'koLeo: z has 1 row, expected at least 2, since each row needs another one.',
  ],
});
