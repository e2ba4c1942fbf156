// What compilers and devices do to sums and products: fusing, folding, rounding; and to f16.
import { type Expression, shortest } from './ask.ts';
import { bits, f32, fromBits, OPEN, type Question } from './finding.ts';

const REORDERED = 'terms may be reordered';

// 12 bits and one more: the square needs 25, one more than an f32 has.
const UP = 1 + 2 ** -12;
const SQUARE = 1 + 2 ** -11;
const TAIL = 2 ** -24;

const COUNT = 4096;
const EXACT = COUNT * Math.fround(0.1);
const offBy = (sum: number): number => Number((Math.abs(sum - EXACT) / EXACT).toPrecision(2));

const summed = (name: string, step: string, result = 's'): string =>
  `fn ${name}(x: f32, zero: u32) -> f32 { var s = 0.0; var c = 0.0;
     for (var i = 0u; i < ${COUNT}u; i++) { ${step} } return ${result}; }`;
const kahan = (name: string, sum: string): Expression =>
  f32(`${name}(a, bitcast<u32>(b))`, [0.1, 0], summed(name, `let y = x - c; let t = ${sum}; c = (t - s) - y; s = t;`));
const TWO_SUM = 'let t = s + x; let v = t - s; c += (s - (t - v)) + (x - v); s = t;';
const NEUMAIER = 'let t = s + x; if (abs(s) >= abs(x)) { c += (s - t) + x; } else { c += (x - t) + s; } s = t;';

const sums: Question = {
  name: `${COUNT} times 0.1 added: plain, Kahan, two-sum, Neumaier, Kahan behind a zero known at run time only`,
  cases: [
    f32('plain_sum(a, 0u)', [0.1], summed('plain_sum', 's += x;')),
    kahan('kahan_sum', 's + y'),
    f32('two_sum(a, 0u)', [0.1], summed('two_sum', TWO_SUM, 's + c')),
    f32('neumaier_sum(a, 0u)', [0.1], summed('neumaier_sum', NEUMAIER, 's + c')),
    kahan('hidden_sum', 'bitcast<f32>(bitcast<u32>(s + y) ^ zero)'),
  ],
  found: (v) => `off by ${v.map((sum) => shortest(offBy(sum))).join(', ')}`,
  wgsl: REORDERED,
  means: ([plain, compensated, two, neumaier, hidden]) => {
    const works = (sum: number): boolean => offBy(sum) < offBy(plain) / 10;
    const names = ['Kahan', 'two-sum', 'Neumaier', 'Kahan behind a zero'];
    const list = names.filter((_, i) => works([compensated, two, neumaier, hidden][i]));
    if (list.length === names.length) return 'Compensated sums work as they are written.';
    const good = list.length > 0 ? `Only ${list.join(' and ')}` : 'No compensated sum';
    return `${good} ${list.length > 1 ? 'give' : 'gives'} more digits than a plain sum: the compiler takes other corrections for zero.`;
  },
};

const fused = (name: string, expr: string): Question => ({
  name: `${name} of a product that needs 25 bits`,
  cases: [f32(expr, [UP, UP, -SQUARE])],
  found: ([v]) => (v === TAIL ? 'fused' : v === 0 ? 'the product is rounded first' : shortest(v)),
  wgsl: 'either',
  means: ([v]) =>
    v === TAIL
      ? 'The product keeps all its digits: a rounding less, and other last bits than where it is rounded.'
      : `Do not build exact products on ${name}: split the factors into halves of 12 bits.`,
});

export const ROUNDING: readonly Question[] = [
  fused('fma(a, b, c)', 'fma(a, b, c)'),
  fused('a * b + c', 'a * b + c'),
  {
    cases: [f32('(a + b) - a', [1, 1e-8]), f32('(1.0 + a) - 1.0', [1e-8])],
    name: '(a + b) - a for 1 and 1e-8, (1.0 + a) - 1.0 for 1e-8',
    wgsl: REORDERED,
    means: ([v, one]) => {
      if (v === 0 && one === 0) return 'Evaluated as written: what an addition lost can be found again.';
      return v === 0
        ? 'Folded to a where the 1 is a constant: (1 + x) - 1 does not show what 1 + x lost.'
        : 'Folded: what an addition lost cannot be found this way; go through bits, or compare magnitudes first.';
    },
  },
  {
    cases: [f32('a * b / b', [0.3, 14.1])],
    wgsl: REORDERED,
    means: ([v]) =>
      v === Math.fround(0.3) ? 'Folded to a: an error of rounding cannot be found this way.' : 'Evaluated as written.',
  },
  {
    cases: [f32('(a + b) + c', [1e8, 1, -1e8]), f32('(a * b) * c', [1e30, 1e30, 1e-30])],
    wgsl: REORDERED,
    means: ([sum, product]) =>
      sum === 0 && product === Infinity
        ? 'Evaluated in the order written.'
        : 'Not evaluated in the order written: the order of a sum is not yours.',
  },
  sums,
  {
    cases: [f32('dot(vec4f(a, b, c, b), vec4f(b, b, b, b))', [1e8, 1, -1e8])],
    name: 'dot of (1e8, 1, -1e8, 1) and (1, 1, 1, 1)',
    wgsl: 'a sum in any order',
    means: ([v]) =>
      v === 1
        ? 'dot adds from the first component to the last.'
        : 'dot does not add from the first component to the last: write the sum out where bits must agree.',
  },
  {
    cases: [f32('mix(a, b, c)', [1e8, 1, 1]), f32('mix(a, b, c)', [0.3, 14.1, 1]), f32('mix(a, b, c)', [0.3, 14.1, 0])],
    wgsl: 'a (1 - t) + b t',
    means: ([far]) =>
      far === 1
        ? 'mix ends at b.'
        : 'mix is a + (b - a) t: at 1 it is not b. Write b t + a (1 - t), which is exact at both ends.',
  },
  {
    cases: [f32('pow(a, b)', [10, 3]), f32('pow(a, b)', [0, 0]), f32('pow(a, b)', [-2, 2]), f32('pow(a, b)', [3, 2])],
    wgsl: 'exp2(b log2(a)); negative a is no input',
    means: ([cube, , , square]) =>
      cube === 1000 && square === 9
        ? 'Whole powers are exact here; elsewhere they are not, so multiply.'
        : 'Whole powers are inexact, and of 0 or of a negative number not what mathematics says: multiply.',
  },
  {
    cases: [f32('round(a)', [2.5]), f32('round(a)', [-0.5]), f32('trunc(a)', [-0.7]), f32('fract(a)', [-1e-9])],
    wgsl: 'ties to even; fract is x - floor(x)',
    kept: ([round, half, trunc, fract]) => round === 2 && half === 0 && trunc === 0 && fract <= 1,
    means: ([, , , fract]) =>
      fract === 1 ? 'fract can be 1: an index made of it needs a clamp.' : 'fract stays below 1 here.',
  },
  {
    cases: [f32('a % b', [5.5, -2]), f32('a % b', [-5.5, 2]), f32('a % b', [1e8, 3]), f32('a % b', [0.3, 0.1])],
    wgsl: 'a - b trunc(a / b), by steps that round',
    means: ([, , large]) =>
      large === 1
        ? 'The remainder is right for large numbers too.'
        : 'The remainder of large numbers is not one: reduce integers as integers.',
  },
  {
    name: 'sign of zero: 1 / (a * -1), 1 / -a, 1 / (-a + 0) for a = 0',
    cases: [f32('b / (a * -1.0)', [0, 1]), f32('b / (-a)', [0, 1]), f32('b / (-a + 0.0)', [0, 1])],
    wgsl: 'the sign may be ignored',
    means: ([product, negated, added]) => {
      if (product !== -Infinity || negated !== -Infinity) return 'Zero loses its sign in places: do not rely on it.';
      return added === Infinity ? 'Zero keeps its sign.' : 'Zero keeps its sign, even in -0 + 0: x + 0 is folded to x.';
    },
  },
];

/** f16 in packed form, which every device has. */
export const PACKED: readonly Question[] = [
  {
    name: 'unpack2x16float(pack2x16float(v)) of 1 + 2^-12: .x and .y of (a, a), .x of (a, 0)',
    cases: [
      f32('unpack2x16float(pack2x16float(vec2f(a, b))).x', [UP, UP]),
      f32('unpack2x16float(pack2x16float(vec2f(a, b))).y', [UP, UP]),
      f32('unpack2x16float(pack2x16float(vec2f(a, 0.0))).x', [UP]),
    ],
    found: (v) => v.map((each) => (each === UP ? 'folded away' : shortest(each))).join(', '),
    wgsl: 'rounded to 11 bits',
    kept: (v) => v.every((each) => each === 1 || each === 1 + 2 ** -10),
    means: (v) =>
      v.some((each) => each === UP)
        ? 'The trip is folded away in places: the low half of a split is 0 there. Use quantizeToF16, or round by bits.'
        : 'The trip rounds: a number splits into a high and a low half.',
  },
  {
    name: 'quantizeToF16 of 1 + 2^-11 + 2^-13, of 1 + 2^-11 and of 1 + 3 2^-11',
    cases: [1 + 2 ** -11 + 2 ** -13, 1 + 2 ** -11, 1 + 3 * 2 ** -11].map((x) => f32('quantizeToF16(a)', [x])),
    wgsl: 'up or down',
    kept: ([above]) => above === 1 + 2 ** -10 || above === 1,
    means: ([above, tie, odd]) => {
      if (above === 1) return 'Truncates: twice the error of rounding, and all of one sign.';
      return above !== 1 + 2 ** -10
        ? 'Does not round at all.'
        : tie === 1 && odd === 1 + 2 ** -9
          ? 'Rounds to nearest, ties to even.'
          : 'Rounds to nearest; ties are not to even.';
    },
  },
  {
    name: 'pack2x16float of 65519, 65520, 1e6, Infinity, NaN, unpacked from a buffer of their own',
    cases: [65519, 65520, 1e6, Infinity, Number.NaN].map((x) => bits('pack2x16float(vec2f(a, 0.0))', [x])),
    found: (v) => v.map((each) => shortest(halfOf(each))).join(', '),
    wgsl: 'anything, outside of f16',
    means: (v) =>
      Number.isNaN(halfOf(v[2])) || Number.isNaN(halfOf(v[3]))
        ? 'What is too large becomes NaN: clamp to 65504 before packing.'
        : 'What is too large becomes Infinity: clamp to 65504 before packing.',
  },
  {
    name: 'f16 below 2^-14: packed 6e-8, unpacked 0x0001',
    cases: [bits('pack2x16float(vec2f(a, 0.0))', [6e-8]), fromBits('unpack2x16float(a).x', [1])],
    found: ([packed, unpacked]) => `${shortest(Number(halfOf(packed).toPrecision(3)))}, ${shortest(unpacked)}`,
    wgsl: 'may be flushed to 0',
    means: ([packed, unpacked]) =>
      packed > 0 && unpacked > 0
        ? 'Small halves are kept.'
        : 'Small halves are lost: scale what is stored so that it lies above 6e-5.',
  },
];

/** The number of a pattern of 16 bits. */
export function halfOf(pattern: number): number {
  const [sign, exponent, fraction] = [pattern & 0x8000 ? -1 : 1, (pattern >> 10) & 31, pattern & 1023];
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}

const half = (each: Expression): Expression => ({ ...each, feature: 'shader-f16' });

/** Where the device has the type. */
export const HALVES: readonly Question[] = [
  {
    name: 'f32(f16(a)) of 1 + 2^-12, a - f32(f16(a))',
    cases: [half(f32('f32(f16(a))', [UP])), half(f32('a - f32(f16(a))', [UP]))],
    wgsl: 'rounded to 11 bits',
    kept: ([trip]) => trip === 1 || trip === 1 + 2 ** -10,
    means: ([trip]) =>
      trip === UP
        ? 'The trip is folded away: a split into halves has no low one. Store and load, or round by bits.'
        : 'The trip rounds: a number splits into a high and a low half.',
  },
  {
    name: 'f16: fma(a, b, c) of a product that needs 12 bits, (a + b) - a',
    cases: [
      half(f32('f32(fma(f16(a), f16(b), f16(c)))', [1 + 2 ** -6, 1 + 2 ** -6, -(1 + 2 ** -5)])),
      half(f32('f32((f16(a) + f16(b)) - f16(a))', [1, 2 ** -13])),
    ],
    found: ([v, sum]) =>
      `${v === 2 ** -12 ? 'fused' : v === 0 ? 'the product is rounded first' : shortest(v)}, ${sum === 0 ? 'evaluated' : 'folded to b'}`,
    wgsl: REORDERED,
    means: ([v]) =>
      v === 2 ** -12
        ? 'Products keep their digits into the sum.'
        : 'Sums of f16 products lose digits twice: accumulate in f32.',
  },
  {
    name: 'f16: of 1e6, NaN and 6e-8; 60000 + 60000',
    cases: [
      half(f32('f32(f16(a) * f16(b))', [1e6, 1])),
      half(f32('f32(f16(a) * f16(b))', [Number.NaN, 1])),
      half(f32('f32(f16(a) * f16(b))', [6e-8, 1])),
      half(f32('f32(f16(a) + f16(b))', [60000, 60000])),
    ],
    found: (v) => v.map((each) => shortest(Number(each.toPrecision(3)))).join(', '),
    wgsl: OPEN,
    means: ([, , small]) =>
      small > 0 ? 'Overflows as IEEE has it; small numbers are kept.' : 'Numbers below 6e-5 are flushed to 0: scale.',
  },
];
