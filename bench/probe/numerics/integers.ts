// Conversions, integers at their ends, shifts.
import { f32, fromI32, fromU32, i32, type Question, toI32, toU32, u32 } from './finding.ts';

const LOWEST = -2147483648;
const { NaN: NAN } = Number;
const INF = Infinity;

/** What WGSL promises for each, and what that is good for. */
const promised = (
  cases: Question['cases'],
  right: readonly number[],
  wgsl: string,
  good: string,
  bad: string,
): Question => {
  const kept = (values: readonly number[]): boolean => values.every((v, i) => v === right[i]);
  return { cases, runtime: true, wgsl, kept, means: (values) => (kept(values) ? good : bad) };
};

export const INTEGERS: readonly Question[] = [
  promised(
    [toI32('i32(a)', [1e20]), toI32('i32(a)', [-1e20]), toI32('i32(a)', [INF]), toI32('i32(a)', [2147483648])],
    [2147483520, LOWEST, 2147483520, 2147483520],
    'clamped to what an f32 can hold',
    'Too large becomes 2147483520, not the largest i32.',
    'Not clamped as WGSL has it: clamp before converting.',
  ),
  promised(
    [
      toU32('u32(a)', [-1]),
      toU32('u32(a)', [1e20]),
      toU32('u32(a)', [INF]),
      toU32('u32(a)', [-0.7]),
      toU32('u32(a)', [3.9]),
    ],
    [0, 4294967040, 4294967040, 0, 3],
    'clamped to what an f32 can hold',
    'Negative becomes 0; too large becomes 4294967040.',
    'Not clamped as WGSL has it: clamp before converting.',
  ),
  {
    cases: [toI32('i32(a)', [NAN]), toU32('u32(a)', [NAN])],
    wgsl: 'anything',
    means: () => 'An index made of a NaN is a number: test before converting.',
  },
  promised(
    [
      fromI32('f32(a)', [16777217]),
      fromI32('f32(a)', [16777219]),
      fromU32('f32(a)', [4294967295]),
      fromI32('f32(a)', [LOWEST]),
    ],
    [16777216, 16777220, 4294967296, LOWEST],
    'rounded',
    'Rounded to nearest, ties to even: above 2^24 two integers share an f32.',
    'Rounded otherwise than to nearest.',
  ),
  promised(
    [i32('a / b', [7, 0]), i32('a % b', [7, 0]), u32('a / b', [7, 0]), u32('a % b', [7, 0])],
    [7, 0, 7, 0],
    'x / 0 = x, x % 0 = 0',
    'A division by zero gives the dividend, and no trap: an empty divisor passes unseen.',
    'A division by zero is not as WGSL has it: test the divisor.',
  ),
  promised(
    [i32('a / b', [LOWEST, -1]), i32('a % b', [LOWEST, -1]), i32('-a', [LOWEST]), i32('abs(a)', [LOWEST])],
    [LOWEST, 0, LOWEST, LOWEST],
    'wraps',
    'The lowest i32 has no negative: abs can be negative.',
    'The lowest i32 is not as WGSL has it: keep away from it.',
  ),
  promised(
    [i32('a / b', [-7, 2]), i32('a % b', [-7, 2]), i32('a % b', [7, -2]), i32('a >> 1u', [-7])],
    [-3, -1, 1, -4],
    'towards zero; >> keeps the sign',
    'Division rounds towards zero and a shift downwards: they differ for negative numbers.',
    'Division or shift of negative numbers is not as WGSL has it.',
  ),
  promised(
    [i32('a + b', [2147483647, 1]), u32('a - b', [0, 1]), u32('a * b', [65536, 65537]), u32('a + b', [4294967295, 2])],
    [LOWEST, 4294967295, 65536, 1],
    'wraps',
    'Integers wrap: hashes and generators of random numbers have the same bits everywhere.',
    'Integers do not wrap: hashes differ here.',
  ),
  promised(
    [u32('a << b', [1, 32]), u32('a << b', [1, 33]), u32('a >> b', [8, 35]), i32('a >> bitcast<u32>(b)', [-8, 33])],
    [1, 2, 1, -4],
    'by the amount modulo 32',
    'Shifts count modulo 32: a shift by 32 changes nothing, it does not clear.',
    'Shifts by 32 and more are not as WGSL has it: mask the amount.',
  ),
  promised(
    [
      u32('extractBits(a, b, c)', [0xf0f0, 4, 40]),
      u32('extractBits(a, b, c)', [0xf0f0, 40, 4]),
      u32('insertBits(a, a, b, c)', [7, 40, 4]),
    ],
    [0xf0f, 0, 7],
    'offset and count are cut to 32',
    'Fields past the end are cut.',
    'Fields past the end are not cut: keep offset and count in 32 bits.',
  ),
  promised(
    [
      u32('countLeadingZeros(a)', [0]),
      u32('countTrailingZeros(a)', [0]),
      u32('firstLeadingBit(a)', [0]),
      i32('firstLeadingBit(a)', [-1]),
    ],
    [32, 32, 4294967295, -1],
    '32, 32, all bits, all bits',
    'Of 0 they count 32, or give all bits set: an index made of it lies outside.',
    'Of 0 they are not as WGSL has it: test for 0.',
  ),
  promised(
    [
      f32('floor(a)', [-0.5]),
      f32('ceil(a)', [0.5]),
      f32('sign(a)', [-3]),
      f32('step(a, b)', [1, 1]),
      f32('clamp(a, b, c)', [5, 0, 1]),
    ],
    [-1, 1, -1, 1, 1],
    'correctly rounded',
    'As everywhere; step is 1 at its edge.',
    'Not as WGSL has it.',
  ),
];
