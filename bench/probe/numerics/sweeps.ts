// The builtins whose worst errors are looked for, where, and what WGSL allows them.

export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Sweep {
  readonly name: string;
  readonly expr: string;
  readonly x: Span;
  readonly y?: Span;
  readonly exact: (x: number, y: number) => number;
  /** The largest error that WGSL allows; left out where it promises nothing. */
  readonly allowed?: (exact: number, x: number, y: number) => number;
  readonly unit: 'ulp' | 'absolute' | 'relative';
  readonly wgsl: string;
  readonly means: (worst: Worst) => string;
}

export interface Worst {
  readonly error: number;
  readonly at: number[];
  /** Share of results that are not the nearest f32. */
  readonly unrounded: number;
  /** Largest error over what is allowed, where that is, and the error there. */
  readonly share: number;
  readonly beyond: number[];
  readonly errorBeyond: number;
}

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);
const POWERS = Float64Array.from({ length: 256 }, (_, exponent) => 2 ** (Math.min(Math.max(exponent, 1), 254) - 150));

export function ulp(value: number): number {
  float[0] = value;
  return POWERS[(word[0] >>> 23) & 255];
}

const exponential = (exact: number, x: number): number => (3 + 2 * Math.abs(x)) * ulp(exact);
const logarithmic = (exact: number, x: number): number => (x >= 0.5 && x <= 2 ? 2 ** -21 : 3 * ulp(exact));
const within = (bound: number) => (): number => bound;
const ulps =
  (count: number) =>
  (exact: number): number =>
    count * ulp(exact);

/** What exp2(y log2(x)) may be off, with each step as bad as it may be. */
function power(exact: number, x: number, y: number): number {
  const log = Math.log2(x);
  const product = Math.abs(y) * logarithmic(log, x) + 0.5 * ulp(y * log);
  return exponential(exact, y * log) + Math.abs(exact) * (2 ** product - 1);
}

const rounding =
  (what: string) =>
  ({ unrounded, error }: Worst): string =>
    unrounded === 0
      ? `${what} is rounded to nearest: the same bits as on a CPU.`
      : `${what} is not always rounded to nearest (${(100 * unrounded).toPrecision(2)} % is not): bits differ between adapters${error > 2.5 ? ', and digits too' : ''}.`;
const ordinary =
  (what: string) =>
  ({ share, error }: Worst): string =>
    share > 1
      ? `${what} is worse than WGSL allows: replace it where digits count.`
      : error < 4
        ? `${what} is good to the last bits.`
        : `${what} loses ${Math.ceil(Math.log2(error))} bits at worst, as WGSL allows.`;

const NEAR_ONE = { from: 0.5, to: 2 };

export const SWEEPS: readonly Sweep[] = [
  {
    name: 'a + b',
    expr: 'x + y',
    x: { from: -1e4, to: 1e4 },
    y: { from: -1e4, to: 1e4 },
    exact: (x, y) => x + y,
    allowed: ulps(1),
    unit: 'ulp',
    wgsl: 'up or down',
    means: rounding('A sum'),
  },
  {
    name: 'a * b',
    expr: 'x * y',
    x: { from: -1e4, to: 1e4 },
    y: { from: -1e4, to: 1e4 },
    exact: (x, y) => x * y,
    allowed: ulps(1),
    unit: 'ulp',
    wgsl: 'up or down',
    means: rounding('A product'),
  },
  {
    name: 'a / b',
    expr: 'x / y',
    x: { from: -1e10, to: 1e10 },
    y: { from: 1e-10, to: 1e10 },
    exact: (x, y) => x / y,
    allowed: ulps(2.5),
    unit: 'ulp',
    wgsl: '2.5 ulp',
    means: rounding('A quotient'),
  },
  {
    name: 'a / 3',
    expr: 'x / 3.0',
    x: { from: -1e10, to: 1e10 },
    exact: (x) => x / 3,
    allowed: ulps(2.5),
    unit: 'ulp',
    wgsl: '2.5 ulp',
    means: rounding('A quotient by a constant'),
  },
  {
    name: 'sqrt(x)',
    expr: 'sqrt(x)',
    x: { from: 1e-30, to: 1e30 },
    exact: Math.sqrt,
    allowed: (exact) => 2.5 * ulp(exact) + exact * 2 ** -22,
    unit: 'ulp',
    wgsl: '1 / inverseSqrt(x)',
    means: rounding('A square root'),
  },
  {
    name: 'inverseSqrt(x)',
    expr: 'inverseSqrt(x)',
    x: { from: 1e-30, to: 1e30 },
    exact: (x) => 1 / Math.sqrt(x),
    allowed: ulps(2),
    unit: 'ulp',
    wgsl: '2 ulp',
    means: ordinary('inverseSqrt'),
  },
  {
    name: 'exp(x), -87 to 88',
    expr: 'exp(x)',
    x: { from: -87, to: 88 },
    exact: Math.exp,
    allowed: exponential,
    unit: 'ulp',
    wgsl: '3 + 2 |x| ulp',
    means: ordinary('exp far from 0'),
  },
  {
    name: 'exp(x), -1 to 1',
    expr: 'exp(x)',
    x: { from: -1, to: 1 },
    exact: Math.exp,
    allowed: exponential,
    unit: 'ulp',
    wgsl: '3 + 2 |x| ulp',
    means: ordinary('exp near 0'),
  },
  {
    name: 'exp2(x), -125 to 127',
    expr: 'exp2(x)',
    x: { from: -125, to: 127 },
    exact: (x) => 2 ** x,
    allowed: exponential,
    unit: 'ulp',
    wgsl: '3 + 2 |x| ulp',
    means: ordinary('exp2'),
  },
  {
    name: 'log(x), 2 to 1e38',
    expr: 'log(x)',
    x: { from: 2, to: 1e38 },
    exact: Math.log,
    allowed: logarithmic,
    unit: 'ulp',
    wgsl: '3 ulp above 2',
    means: ordinary('log above 2'),
  },
  {
    name: 'log(x), 1e-37 to 0.5',
    expr: 'log(x)',
    x: { from: 1e-37, to: 0.5 },
    exact: Math.log,
    allowed: logarithmic,
    unit: 'ulp',
    wgsl: '3 ulp below 0.5',
    means: ordinary('log below 0.5'),
  },
  {
    name: 'log(x), 0.5 to 2',
    expr: 'log(x)',
    x: NEAR_ONE,
    exact: Math.log,
    allowed: logarithmic,
    unit: 'absolute',
    wgsl: '2^-21 = 4.8e-7',
    means: () => 'An absolute bound: near 1 that can be all digits, see the next line.',
  },
  {
    name: 'log(x), 0.5 to 2, relative to log(x)',
    expr: 'log(x)',
    x: NEAR_ONE,
    exact: Math.log,
    unit: 'relative',
    wgsl: 'none',
    means: ({ error }) =>
      error > 1e-5
        ? 'log near 1 has few right digits: use a series in x - 1 for log1p and log-probabilities near 0.'
        : 'log near 1 keeps its digits here; elsewhere it does not.',
  },
  {
    name: 'log2(x), 1e-37 to 1e38',
    expr: 'log2(x)',
    x: { from: 1e-37, to: 1e38 },
    exact: Math.log2,
    allowed: logarithmic,
    unit: 'absolute',
    wgsl: '3 ulp; 2^-21 in 0.5 to 2',
    means: ({ share }) =>
      share > 1 ? 'log2 is worse than WGSL allows.' : 'log2 keeps to what WGSL allows; near 1 as log.',
  },
  {
    name: 'log(1 + x) x / ((1 + x) - 1), the textbook log1p, 1e-8 to 1',
    expr: 'log1p_textbook(x)',
    x: { from: 1e-8, to: 1 },
    exact: Math.log1p,
    unit: 'relative',
    wgsl: 'none',
    means: ({ error }) =>
      error < 1e-5
        ? 'The textbook log1p works here.'
        : 'The textbook log1p fails, as (1 + x) - 1 is folded or log is off near 1: use a series.',
  },
  {
    name: 'pow(x, y), x 1e-3 to 1e3, y -5 to 5',
    expr: 'pow(x, y)',
    x: { from: 1e-3, to: 1e3 },
    y: { from: -5, to: 5 },
    exact: (x, y) => x ** y,
    allowed: power,
    unit: 'ulp',
    wgsl: 'exp2(y log2(x))',
    means: ordinary('pow'),
  },
  {
    name: 'tanh(x), -10 to 10',
    expr: 'tanh(x)',
    x: { from: -10, to: 10 },
    exact: Math.tanh,
    allowed: within(1e-5),
    unit: 'absolute',
    wgsl: '1e-5',
    means: ({ error }) =>
      error < 1e-6
        ? 'tanh is good absolutely; small x may still lose digits.'
        : 'tanh has 5 digits: use 1 - 2 / (exp(2 x) + 1) where more are needed.',
  },
  {
    name: 'sin(x), -pi to pi',
    expr: 'sin(x)',
    x: { from: -Math.fround(3.1415925), to: Math.fround(3.1415925) },
    exact: Math.sin,
    allowed: within(2 ** -11),
    unit: 'absolute',
    wgsl: '2^-11 = 4.9e-4',
    means: ({ error }) =>
      error < 1e-6
        ? 'sin is good here; WGSL allows 3 digits.'
        : 'sin has 3 to 4 digits: not for Box-Muller tests or encodings that must agree.',
  },
  {
    name: 'cos(x), -pi to pi',
    expr: 'cos(x)',
    x: { from: -Math.fround(3.1415925), to: Math.fround(3.1415925) },
    exact: Math.cos,
    allowed: within(2 ** -11),
    unit: 'absolute',
    wgsl: '2^-11 = 4.9e-4',
    means: ({ error }) => (error < 1e-6 ? 'cos is good here; WGSL allows 3 digits.' : 'cos has 3 to 4 digits.'),
  },
  {
    name: 'sin(x), -10000 to 10000',
    expr: 'sin(x)',
    x: { from: -1e4, to: 1e4 },
    exact: Math.sin,
    unit: 'absolute',
    wgsl: 'nothing promised',
    means: ({ error }) =>
      error < 1e-3 ? 'Large arguments are reduced.' : 'Large arguments are not reduced: take them modulo 2 pi first.',
  },
  {
    name: 'acos(x)',
    expr: 'acos(x)',
    x: { from: -1, to: 1 },
    exact: Math.acos,
    allowed: (_, x) => Math.max(6.77e-5, 5000 * ulp(Math.acos(x))),
    unit: 'absolute',
    wgsl: '6.77e-5, or of atan2',
    means: ({ error }) =>
      error < 1e-6
        ? 'acos is good here; WGSL allows 3 digits.'
        : 'acos has 4 digits: angles between rows by atan2 of |a - b| and |a + b|.',
  },
  {
    name: 'atan(x), -100 to 100',
    expr: 'atan(x)',
    x: { from: -100, to: 100 },
    exact: Math.atan,
    allowed: ulps(4096),
    unit: 'ulp',
    wgsl: '4096 ulp',
    means: ordinary('atan'),
  },
];

/** What the expressions call. */
export const HELPER = `fn log1p_textbook(x: f32) -> f32 {
  let u = 1.0 + x;
  if (u == 1.0) { return x; }
  return log(u) * x / (u - 1.0);
}`;
