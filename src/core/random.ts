import * as check from './check.ts';

/** A stream of random numbers: the same seed and stream give the same numbers, bit for bit, in Node and in every browser. */
export interface Random {
  /** The next 32 bits, an integer in [0, 2^32). */
  bits(): number;
  /** Uniform in [0, 1), a multiple of 2^-53. */
  uniform(): number;
  /** An integer in [0, bound), each equally likely; `bound` in [1, 2^32]. */
  below(bound: number): number;
  /** Normal, mean 0 and standard deviation 1. */
  gaussian(): number;
}

/**
 * The generator sfc32 (Chris Doty-Humphrey, PractRand): 128 bits of state, 32-bit additions, shifts and xors only.
 *
 * @param seed any safe integer
 * @param stream tells apart the streams of one seed (an epoch, a worker); any safe integer, taken modulo 2^32
 */
export function createRandom(seed: number, stream = 0): Random {
  check.safeInteger('createRandom', 'seed', seed);
  check.safeInteger('createRandom', 'stream', stream);
  let a = seed >>> 0;
  let b = Math.floor(seed / 2 ** 32) >>> 0;
  let c = stream >>> 0;
  let counter = 1;
  const bits = () => {
    const sum = (((a + b) >>> 0) + counter) >>> 0;
    counter = (counter + 1) >>> 0;
    a = (b ^ (b >>> 9)) >>> 0;
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + sum) >>> 0;
    return sum;
  };
  // The author's own seeding discards this many, so that seeds which differ in one bit have nothing in common.
  for (let round = 0; round < 15; round++) bits();

  const uniform = () => ((bits() >>> 5) * 2 ** 26 + (bits() >>> 6)) / 2 ** 53;
  const below = (bound: number) => {
    check.integer('below', 'bound', bound, 1, 2 ** 32);
    // Values past the last full multiple of bound would make the small remainders likelier.
    const limit = 2 ** 32 - (2 ** 32 % bound);
    let value = bits();
    while (value >= limit) value = bits();
    return value % bound;
  };
  let spare: number | null = null;
  const gaussian = () => {
    if (spare !== null) {
      const value = spare;
      spare = null;
      return value;
    }
    // Marsaglia's polar method: unlike Box-Muller it needs no sine, whose last bit differs between engines.
    for (;;) {
      const x = 2 * uniform() - 1;
      const y = 2 * uniform() - 1;
      const square = x * x + y * y;
      if (square >= 1 || square === 0) continue;
      const factor = Math.sqrt((-2 * naturalLog(square)) / square);
      spare = y * factor;
      return x * factor;
    }
  };
  return { bits, uniform, below, gaussian };
}

const view = new DataView(new ArrayBuffer(8));

/**
 * The natural logarithm of a positive normal number to about 1e-16. `Math.log` may differ in its last bit from engine
 * to engine; this uses only + - * / on doubles, which may not.
 */
export function naturalLog(x: number): number {
  view.setFloat64(0, x);
  const high = view.getUint32(0);
  let exponent = (high >>> 20) - 1023;
  view.setUint32(0, (high & 0xfffff) | 0x3ff00000);
  let mantissa = view.getFloat64(0);
  if (mantissa > Math.SQRT2) {
    mantissa /= 2;
    exponent += 1;
  }
  // log m = 2 (t + t^3/3 + t^5/5 + ...), |t| < 0.172: the term in t^23 is below half a unit in the last place.
  const t = (mantissa - 1) / (mantissa + 1);
  let series = 0;
  for (let power = 23; power >= 1; power -= 2) series = series * t * t + 1 / power;
  return exponent * Math.LN2 + 2 * t * series;
}
