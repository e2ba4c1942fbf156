import { dcl, hcl, ntXent, supCon, uniformity } from '../../src/index.ts';
import { any, type BadInputs } from './row.ts';

/** One batch against itself. */
export const SYMMETRIC: BadInputs = ({ ones }) => ({
  'hcl: a probability of 1': [
    () => hcl(ones(2, 3), ones(2, 3), { tauPlus: 1 }),
    'hcl: tauPlus = 1, expected a number in [0, 1).',
  ],
  'hcl: a negative hardness': [
    () => hcl(ones(2, 3), ones(2, 3), { beta: -1 }),
    'hcl: beta = -1, expected a finite number, 0 or above.',
  ],
  'not a Tensor: a text': [() => ntXent(any('z'), ones(2, 3)), 'ntXent: z0 is "z", expected a Tensor.'],
  'views of two shapes': [() => ntXent(ones(8, 4), ones(7, 4)), 'ntXent: z1 is [7, 4], expected [8, 4] to match z0.'],
  ...Object.fromEntries(
    (
      [
        [0, '0'],
        [-1, '-1'],
        [Number.NaN, 'NaN'],
        [Number.POSITIVE_INFINITY, 'Infinity'],
        ['0.1', '"0.1"'],
        [null, 'null'],
      ] as const
    ).map(([temperature, said]) => [
      `temperature ${said}`,
      [
        () => ntXent(ones(2, 2), ones(2, 2), { temperature: any(temperature) }),
        `ntXent: temperature = ${said}, expected a finite number above 0.`,
      ],
    ]),
  ),
  'temperature that makes logits too large': [
    () => ntXent(ones(2, 2), ones(2, 2), { temperature: 1e-30 }),
    'ntXent: temperature = 1e-30 makes logits of 1e30, expected below 1e29.',
  ],
  'temperature of several numbers': [
    () => ntXent(ones(2, 2), ones(2, 2), { temperature: ones(2) }),
    'ntXent: temperature is [2], expected one number.',
  ],
  'a misspelt option': [
    () => ntXent(ones(2, 2), ones(2, 2), any({ temprature: 0.1 })),
    'ntXent: unknown option "temprature"; did you mean "temperature"?',
  ],
  'an unknown option': [
    () => ntXent(ones(2, 2), ones(2, 2), any({ queue: 1 })),
    'ntXent: unknown option "queue"; it takes temperature, convention.',
  ],
  '__proto__ as an option': [
    () => ntXent(ones(2, 2), ones(2, 2), any(JSON.parse('{"__proto__": {"temperature": 1}}'))),
    'ntXent: unknown option "__proto__"; it takes temperature, convention.',
  ],
  'options that are none': [
    () => ntXent(ones(2, 2), ones(2, 2), any(0.1)),
    'ntXent: options are 0.1, expected an object.',
  ],
  'supCon: no array of views': [
    () => supCon(any(ones(2, 2)), Int32Array.of(0, 0)),
    'supCon: views are a Tensor [2, 2], expected an array of Tensors.',
  ],
  'supCon: no views': [() => supCon([], Int32Array.of(0, 0)), 'supCon: views has 0 tensors, expected at least one.'],
  'supCon: a view that is none': [
    () => supCon([ones(2, 2), any(1)], Int32Array.of(0, 0)),
    'supCon: views[1] is 1, expected a Tensor.',
  ],
  'supCon: views of two shapes': [
    () => supCon([ones(2, 2), ones(3, 2)], Int32Array.of(0, 0)),
    'supCon: views[1] is [3, 2], expected [2, 2] to match views[0].',
  ],
  'supCon: labels that are none': [
    () => supCon([ones(2, 2)], any([0, 0])),
    'supCon: labels are an Array, expected an Int32Array.',
  ],
  'supCon: too few labels': [
    () => supCon([ones(3, 2)], Int32Array.of(0, 0)),
    'supCon: labels has 2 numbers, expected 3, one a row.',
  ],
  'supCon: a negative label': [
    () => supCon([ones(2, 2)], Int32Array.of(0, -3)),
    'supCon: labels[1] = -3, expected an integer in [0, 2147483648).',
  ],
  'supCon: an unknown form': [
    () => supCon([ones(2, 2)], Int32Array.of(0, 0), { form: any('both') }),
    'supCon: form = "both", expected "out" or "in".',
  ],
  'supCon: lonely rows refused': [
    () => supCon([ones(3, 2)], Int32Array.of(5, 9, 5), { lonely: 'error' }),
    'supCon: labels[1] = 9 occurs once, expected a second row of it; lonely = "zero" or "skip" admits such rows.',
  ],
  'supCon: only lonely rows': [
    () => supCon([ones(3, 2)], Int32Array.of(5, 9, 4), { lonely: 'error' }),
    'supCon: no label occurs twice, so there is nothing to pull together.',
  ],
  'dcl: views of two shapes': [() => dcl(ones(8, 4), ones(7, 4)), 'dcl: z1 is [7, 4], expected [8, 4] to match z0.'],
  'uniformity: one row': [() => uniformity(ones(1, 2)), 'uniformity: z has 1 row, expected at least 2 to make a pair.'],
  'uniformity: t = 0': [() => uniformity(ones(2, 2), { t: 0 }), 'uniformity: t = 0, expected a finite number above 0.'],
  'uniformity: t too large': [
    () => uniformity(ones(2, 2), { t: 1e30 }),
    'uniformity: t = 1e+30, expected at most 1e+28.',
  ],
});
