import { any, type BadInputs } from './row.ts';

function detached(): Float32Array {
  const data = new Float32Array(4);
  structuredClone(data.buffer, { transfer: [data.buffer] });
  return data;
}

/** An array that holds itself at its end, or, with nothing before, alone. */
function cyclic(...before: number[][]): number[][] {
  const data = [...before];
  data.push(data as never);
  return data;
}

/** Data that makes no tensor. */
export const TENSOR: BadInputs = ({ engine }) => ({
  'tensor: too few numbers': [
    () => engine().tensor(new Float32Array(100), [10, 11]),
    'tensor: 100 numbers do not fill a [10, 11] (110).',
  ],
  'tensor: an extent of 0': [() => engine().tensor([1], [1, 0]), 'tensor: shape[1] = 0, expected a positive integer.'],
  'tensor: a negative extent': [
    () => engine().tensor([1], [-1]),
    'tensor: shape[0] = -1, expected a positive integer.',
  ],
  'tensor: half an extent': [
    () => engine().tensor([1], [1, 1.5]),
    'tensor: shape[1] = 1.5, expected a positive integer.',
  ],
  'tensor: NaN as extent': [
    () => engine().tensor([1], [Number.NaN]),
    'tensor: shape[0] = NaN, expected a positive integer.',
  ],
  'tensor: an extent of 2^53': [
    () => engine().tensor([1], [2 ** 53]),
    'tensor: shape[0] = 9007199254740992, expected a positive integer.',
  ],
  'tensor: a text as extent': [
    () => engine().tensor([1], any(['1'])),
    'tensor: shape[0] = "1", expected a positive integer.',
  ],
  'tensor: shape is a number': [
    () => engine().tensor([1], any(3)),
    'tensor: shape is 3, expected an array of at most 4 positive integers.',
  ],
  'tensor: two numbers for one': [() => engine().tensor([1, 2], []), 'tensor: 2 numbers do not fill a [] (1).'],
  'tensor: five dimensions': [
    () => engine().tensor([1], [1, 1, 1, 1, 1]),
    'tensor: shape has 5 dimensions, expected at most 4.',
  ],
  'tensor: more than u32 can count': [
    () => engine().tensor([1], [65536, 65536]),
    'tensor: [65536, 65536] has 4294967296 elements, expected at most 2147483648.',
  ],
  'tensor: doubles': [
    () => engine().tensor(any(new Float64Array(4))),
    'tensor: data is a Float64Array, expected Float32Array, Int32Array, Uint32Array or nested arrays of numbers.',
  ],
  'tensor: big integers': [
    () => engine().tensor(any(new BigInt64Array(4))),
    'tensor: data is a BigInt64Array, expected Float32Array, Int32Array, Uint32Array or nested arrays of numbers.',
  ],
  'tensor: null': [
    () => engine().tensor(any(null)),
    'tensor: data is null, expected Float32Array, Int32Array, Uint32Array or nested arrays of numbers.',
  ],
  'tensor: an array that holds itself': [
    () => engine().tensor(cyclic()),
    'tensor: data is nested deeper than 32 arrays, or holds itself, expected nested arrays of numbers.',
  ],
  'tensor: an array that holds itself further in': [
    () => engine().tensor(cyclic([1, 2], [3, 4])),
    'tensor: data is ragged, expected nested arrays of equal lengths.',
  ],
  'tensor: few arrays, many numbers': [
    () => engine().tensor(Array.from({ length: 31 }).reduce<unknown>((level) => [level, level], 1) as number[]),
    'tensor: shape has 31 dimensions, expected at most 4.',
  ],
  'tensor: ragged rows': [
    () => engine().tensor([[1, 2], [3]]),
    'tensor: data is ragged, expected nested arrays of equal lengths.',
  ],
  'tensor: rows and numbers mixed': [
    () => engine().tensor([1, [2]]),
    'tensor: data is ragged, expected nested arrays of equal lengths.',
  ],
  'tensor: a text among the numbers': [
    () => engine().tensor(any([1, '2'])),
    'tensor: data holds "2", expected numbers.',
  ],
  'tensor: no numbers': [
    () => engine().tensor(new Float32Array(0)),
    'tensor: data is empty, expected Float32Array, Int32Array, Uint32Array or nested arrays of numbers.',
  ],
  'tensor: a detached buffer': [() => engine().tensor(detached(), [4]), 'tensor: data is detached.'],
  'tensor: a misspelt option': [
    () => engine().tensor([1], [1], any({ requireGrad: true })),
    'tensor: unknown option "requireGrad"; did you mean "requiresGrad"?',
  ],
});
