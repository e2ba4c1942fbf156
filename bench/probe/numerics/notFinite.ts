// NaN, Infinity and numbers below the normal range through arithmetic, comparisons and builtins.
import { bits, f32, OPEN, type Question, truth } from './finding.ts';

const { NaN: NAN } = Number;
const INF = Infinity;
const MOST = 3.4028234663852886e38;

const isNaNs = (values: readonly number[]): boolean => values.every((v) => Number.isNaN(v));

/** What IEEE 754 has for each expression, and a sentence for either case. */
const ieee = (cases: Question['cases'], right: readonly number[], same: string, other: string): Question => ({
  cases,
  wgsl: OPEN,
  means: (values) => (values.every((v, i) => Object.is(v, right[i])) ? same : other),
});

const likeIEEE = 'As IEEE 754 has it.';

export const NOT_FINITE: readonly Question[] = [
  {
    name: 'which tests see a NaN: a != a, !(a == a), !(a >= a), !(abs(a) <= 3e38), bits',
    cases: [
      'a != a',
      '!(a == a)',
      '!(a >= a)',
      '!(abs(a) <= 3e38)',
      '(bitcast<u32>(a) & 0x7fffffffu) > 0x7f800000u',
    ].map((expr) => truth(expr, [NAN])),
    found: (v) => v.map((each) => (each ? 'yes' : 'no')).join(', '),
    wgsl: OPEN,
    means: ([differs, equal, larger, magnitude, pattern]) => {
      if (differs && equal && larger && magnitude && pattern)
        return 'Each of them does here; elsewhere a != a is folded to false.';
      return pattern ? 'Test for NaN by bits: a compiler may fold comparisons.' : 'Not even bits show a NaN.';
    },
  },
  {
    name: 'bits of NaN through a buffer, -a, abs(a), a + 0',
    cases: ['a', '-a', 'abs(a)', 'a + b'].map((expr) => bits(`bitcast<u32>(${expr})`, [NAN, 0])),
    found: (v) => v.map((each) => `0x${each.toString(16)}`).join(', '),
    wgsl: OPEN,
    means: (v) =>
      v.every((each) => (each & 0x7fffffff) > 0x7f800000)
        ? 'A NaN stays one; its sign and payload need not.'
        : 'A NaN gets lost here: look at bits where it enters.',
  },
  ieee(
    [f32('max(a, b)', [NAN, 1]), f32('max(a, b)', [1, NAN]), f32('min(a, b)', [NAN, 1]), f32('min(a, b)', [1, NAN])],
    [NAN, NAN, NAN, NAN],
    'max and min pass a NaN on here; elsewhere they drop it.',
    'max and min drop a NaN, on one side at least: a maximum over rows does not show one.',
  ),
  ieee(
    [f32('clamp(a, b, c)', [NAN, 0, 1]), f32('saturate(a)', [NAN]), f32('clamp(a, b, c)', [0.5, NAN, 1])],
    [NAN, NAN, NAN],
    'clamp passes a NaN on here; elsewhere it drops it.',
    'clamp turns a NaN into an ordinary number: a loss that clamps looks healthy.',
  ),
  ieee(
    [f32('step(a, b)', [0, NAN]), f32('step(a, b)', [NAN, 0]), f32('sign(a)', [NAN]), f32('floor(a)', [NAN])],
    [NAN, NAN, NAN, NAN],
    'A NaN shows in each of them.',
    'step and sign of a NaN are ordinary numbers on some adapters: test for it before.',
  ),
  ieee(
    [f32('mix(a, b, c)', [NAN, 1, 1]), f32('mix(a, b, c)', [INF, 1, 1]), f32('mix(a, b, c)', [0, 1, NAN])],
    [NAN, NAN, NAN],
    'What is not finite shows in a mix even at weight 0.',
    'A mix hides what is not finite at weight 0.',
  ),
  {
    cases: [
      f32('select(a, b, true)', [NAN, 1]),
      f32('select(a, b, a < b)', [NAN, 1]),
      f32('select(a * 0.0, b, true)', [INF, 1]),
    ],
    wgsl: 'the value chosen',
    kept: ([first, , third]) => first === 1 && third === 1,
    means: ([, compared]) =>
      Number.isNaN(compared)
        ? 'select drops what it does not choose, NaN or not; a comparison with NaN is false.'
        : 'select drops what it does not choose; but a comparison with NaN came out true.',
  },
  {
    name: 'NaN < 1, NaN > 1, NaN <= 1, NaN >= 1, NaN == 1, NaN != 1',
    cases: ['<', '>', '<=', '>=', '==', '!='].map((sign) => truth(`a ${sign} b`, [NAN, 1])),
    wgsl: OPEN,
    means: (v) =>
      v.slice(0, 5).every((each) => !each) && v[5]
        ? likeIEEE
        : 'Not as IEEE 754 has it: !(a < b) is not a >= b, and neither tells of NaN.',
  },
  {
    cases: [truth('a > b', [INF, MOST]), truth('a < b', [-INF, -MOST]), truth('a == b', [INF, INF])],
    wgsl: OPEN,
    means: (v) =>
      v.every(Boolean)
        ? 'Infinity orders as it should.'
        : 'Infinity does not order as it should: use the largest number.',
  },
  {
    cases: [f32('a - a', [NAN]), f32('a - a', [INF]), f32('a * 0.0', [NAN]), f32('a * 0.0', [INF])],
    wgsl: OPEN,
    means: (v) =>
      isNaNs(v)
        ? 'A product with 0 passes on what is not finite.'
        : 'Folded to 0 where it is not: no way to pass a NaN on.',
  },
  ieee(
    [f32('a / b', [1, 0]), f32('a / b', [-1, 0]), f32('a / b', [0, 0]), f32('a / a', [INF])],
    [INF, -INF, NAN, NAN],
    likeIEEE,
    'Not as IEEE 754 has it: test the divisor.',
  ),
  ieee(
    [f32('a - b', [INF, INF]), f32('a * b', [0, INF]), f32('a + a', [MOST]), f32('a * a', [-1e20])],
    [NAN, NAN, INF, INF],
    likeIEEE,
    'Not as IEEE 754 has it: an overflow need not show.',
  ),
  ieee(
    [f32('log(a)', [0]), f32('log(a)', [-1]), f32('log(a)', [NAN]), f32('log(a)', [INF]), f32('log2(a)', [0])],
    [-INF, NAN, NAN, INF, -INF],
    likeIEEE,
    'log of what has none is an ordinary number: a loss does not show it. Select by a > 0 and by bits.',
  ),
  ieee(
    [f32('exp(a)', [NAN]), f32('exp(a)', [INF]), f32('exp(a)', [-INF]), f32('exp(a)', [89]), f32('exp(a)', [-110])],
    [NAN, INF, 0, INF, 0],
    likeIEEE,
    'exp loses a NaN or an end of its range: clamp, and test before.',
  ),
  ieee(
    [
      f32('sqrt(a)', [-1]),
      f32('sqrt(a)', [INF]),
      f32('inverseSqrt(a)', [0]),
      f32('inverseSqrt(a)', [-1]),
      f32('inverseSqrt(a)', [INF]),
    ],
    [NAN, INF, INF, NAN, 0],
    likeIEEE,
    'Not as IEEE 754 has it: test the sign before.',
  ),
  ieee(
    [f32('tanh(a)', [100]), f32('tanh(a)', [-100]), f32('tanh(a)', [INF]), f32('tanh(a)', [NAN])],
    [1, -1, 1, NAN],
    likeIEEE,
    'tanh of large numbers is not 1: clamp to 10, where it is 1 already.',
  ),
  ieee(
    [f32('sin(a)', [INF]), f32('sin(a)', [NAN]), f32('acos(a)', [1.5]), f32('atan(a)', [INF]), f32('acos(a)', [NAN])],
    [NAN, NAN, NAN, Math.fround(Math.PI / 2), NAN],
    likeIEEE,
    'Outside of their domain these give ordinary numbers: clamp before.',
  ),
  {
    cases: [
      f32('modf(a).fract', [INF]),
      f32('modf(a).whole', [INF]),
      f32('fract(a)', [INF]),
      f32('frexp(a).fract', [INF]),
    ],
    wgsl: OPEN,
    means: () => 'Parts of Infinity mean nothing, and differ between adapters.',
  },
  {
    cases: [
      f32('length(vec2f(a, a))', [1e20]),
      f32('length(vec2f(a, a))', [1e-30]),
      f32('normalize(vec2f(a, a)).x', [0]),
    ],
    wgsl: 'by sqrt(dot), which overflows and underflows',
    means: ([large, small]) =>
      large < INF && small > 0
        ? 'length scales by itself here.'
        : 'length squares: divide by the largest entry first; normalize of zeros needs a test.',
  },
];

const kept = (v: readonly number[]): string => `${v.filter((each) => each !== 0).length} of ${v.length} kept`;
const LEAST = 2 ** -126;

export const SUBNORMAL: readonly Question[] = [
  {
    cases: [
      f32('a', [1e-40]),
      f32('bitcast<f32>(bitcast<u32>(a))', [1e-40]),
      f32('select(b, a, c > b)', [1e-40, 0, 1]),
    ],
    wgsl: 'kept by copies',
    kept: ([copy, cast]) => copy > 0 && cast > 0,
    means: (v) => `Copied numbers below 1.2e-38: ${kept(v)}.`,
  },
  {
    cases: [f32('a * b', [LEAST, 0.5]), f32('a / b', [LEAST, 2]), f32('a - b', [1.5 * LEAST, LEAST])],
    wgsl: 'may be flushed to 0',
    means: (v) =>
      v.every((each) => each > 0)
        ? 'Results below 1.2e-38 are kept: underflow is gradual.'
        : 'Results below 1.2e-38 may become 0: a - b can be 0 for a != b.',
  },
  {
    cases: [f32('a * b', [1e-40, 1e20]), f32('a + a', [1e-40]), f32('a * b', [1e-40, 1])],
    wgsl: 'may be flushed to 0',
    means: ([scaled, , one]) =>
      scaled > 0 && one > 0
        ? 'Numbers below 1.2e-38 count in arithmetic.'
        : 'Numbers below 1.2e-38 count as 0 in arithmetic: rescale before they get there.',
  },
  {
    cases: [
      truth('a == b', [1e-40, 0]),
      truth('a > b', [1e-40, 0]),
      f32('max(a, b)', [1e-40, 0]),
      f32('sign(a)', [1e-40]),
      f32('abs(a)', [-1e-40]),
    ],
    wgsl: 'may be flushed to 0',
    means: ([equal, larger]) =>
      !equal && larger ? 'Compared as they are.' : 'Compared as 0: a > 0 does not promise a number to divide by.',
  },
  {
    cases: [
      f32('a / b', [1, 1e-40]),
      f32('a / b', [1e-40, 1e-40]),
      f32('inverseSqrt(a)', [1e-40]),
      f32('sqrt(a)', [1e-40]),
    ],
    wgsl: 'may be flushed to 0',
    means: ([, one]) =>
      one === 1 ? 'Divisors below 1.2e-38 work.' : 'Divisors below 1.2e-38 count as 0: add an epsilon above it.',
  },
  {
    cases: [
      f32('log(a)', [1e-40]),
      f32('exp(a)', [-88]),
      f32('exp(a)', [-100]),
      f32('exp2(a)', [-140]),
      f32('pow(a, b)', [1e-20, 2]),
    ],
    wgsl: 'may be flushed to 0',
    means: ([log, exp]) =>
      `${log > -100 && log < -90 ? 'log sees such numbers' : 'log takes such numbers for something else'}; exp ${exp > 0 ? 'reaches' : 'does not reach'} below 1.2e-38.`,
  },
  {
    cases: [
      f32('frexp(a).fract', [1e-40]),
      f32('f32(frexp(a).exp)', [1e-40]),
      f32('ldexp(a, i32(b))', [1, -130]),
      f32('ldexp(a, i32(b))', [1e-40, 120]),
    ],
    wgsl: 'frexp: anything; ldexp: may be flushed',
    means: ([fract, exponent, down, up]) => {
      const parted = Math.abs(fract * 2 ** exponent - 1e-40) < 1e-43;
      if (parted && down > 0 && up > 0) return 'frexp and ldexp reach below 1.2e-38.';
      return `${parted ? 'ldexp flushes' : 'frexp is wrong for'} numbers below 1.2e-38: scale by a product first.`;
    },
  },
];
