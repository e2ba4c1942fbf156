import { GramianError } from '../gpu/errors.ts';
import { isPlain } from './options.ts';
import { came, fail } from './say.ts';

export { flag, isPlain, options, plain, REQUIRED } from './options.ts';
export { came, fail, say, tagOf } from './say.ts';

// Every check says `<op>: <argument> <what came>, expected <what is wanted>` in one sentence and changes nothing.

export const MAX_ELEMENTS = 2 ** 31; // kernels index with u32
const MAX_LOGIT = 1e29; // kernels use -1e30 for "nothing yet"
const MAX_F32 = 3.4028234663852886e38;
const MIN_F32 = 2 ** -126; // below, adapters may take it for 0

/** A generator of random numbers, as `createRandom` makes it. */
export function random(op: string, value: unknown, name = 'random'): void {
  const given = value as { gaussian?: unknown; below?: unknown } | null | undefined;
  if (typeof given?.gaussian !== 'function')
    fail(op, `${came(name, value, 'is')}, expected a generator with gaussian().`);
}

export function layer(op: string, name: string, value: unknown): void {
  const given = value as { forward?: unknown; parameters?: unknown; buffers?: unknown } | null | undefined;
  if (typeof given?.forward !== 'function') fail(op, `${came(name, value, 'is')}, expected a Layer.`);
  if (!isPlain(given.parameters) || !isPlain(given.buffers))
    fail(op, `${came(name, value, 'is')}, expected something with parameters and buffers.`);
}

/** Extents, outermost first; none at all are those of one number. */
export function shape(op: string, value: unknown, name = 'shape'): number[] {
  if (!Array.isArray(value)) fail(op, `${came(name, value, 'is')}, expected an array of at most 4 positive integers.`);
  if (value.length > 4) fail(op, `${name} has ${value.length} dimensions, expected at most 4.`);
  let elements = 1;
  for (let i = 0; i < value.length; i++) {
    const extent: unknown = value[i]; // forEach would pass by a hole
    if (typeof extent !== 'number' || !Number.isSafeInteger(extent) || extent < 1)
      fail(op, `${came(`${name}[${i}]`, extent)}, expected a positive integer.`);
    elements *= extent;
  }
  if (elements > MAX_ELEMENTS)
    fail(
      op,
      `${name === 'shape' ? '' : `${name} `}[${value.join(', ')}] has ${elements} elements, expected at most ${MAX_ELEMENTS}.`,
    );
  return [...value];
}

/** Numbers go to kernels as f32: what is larger would arrive as Infinity. */
function inRange(op: string, name: string, value: number): number {
  if (value > MAX_F32 || value < -MAX_F32)
    fail(op, `${name} = ${value}, expected a number that f32 holds, at most 3.4e38.`);
  return value;
}

/** A number of a tensor: it may be NaN or Infinity, but not become it. */
export function storable(op: string, name: string, value: number): number {
  if (
    value <= Number.MAX_VALUE &&
    value >= -Number.MAX_VALUE &&
    Math.abs(Math.fround(value)) === Number.POSITIVE_INFINITY
  )
    fail(op, `${name} holds ${value}, expected numbers that f32 holds, at most 3.4e38.`);
  return value;
}

export function positive(op: string, name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0)
    fail(op, `${came(name, value)}, expected a finite number above 0.`);
  if (value < MIN_F32) fail(op, `${name} = ${value}, expected a number that f32 holds, at least 1.2e-38.`);
  return inRange(op, name, value);
}

export function finite(op: string, name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) fail(op, `${came(name, value)}, expected a finite number.`);
  return inRange(op, name, value);
}

export function nonNegative(op: string, name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
    fail(op, `${came(name, value)}, expected a finite number, 0 or above.`);
  return inRange(op, name, value);
}

/** The weight of a term: a number from 0 on, small enough for its product with what a loss sums up. */
export function weight(op: string, name: string, value: unknown): number {
  const number = nonNegative(op, name, value);
  if (number > MAX_LOGIT) fail(op, `${name} = ${number}, expected at most ${short(MAX_LOGIT)}.`);
  return number;
}

/** A number in [low, high], both included. */
export function within(op: string, name: string, value: unknown, low: number, high: number): number {
  if (typeof value !== 'number' || !(value >= low && value <= high))
    fail(op, `${came(name, value)}, expected a number in [${low}, ${high}].`);
  return value;
}

/** A number in [0, 1). */
export function fraction(op: string, name: string, value: unknown): number {
  if (typeof value !== 'number' || !(value >= 0 && value < 1))
    fail(op, `${came(name, value)}, expected a number in [0, 1).`);
  return value;
}

/** A seed, which may have any sign. */
export function safeInteger(op: string, name: string, value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value))
    fail(op, `${came(name, value)}, expected a safe integer.`);
  return value;
}

export function integer(op: string, name: string, value: unknown, low: number, high: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < low || value > high)
    fail(op, `${came(name, value)}, expected an integer in [${low}, ${high}].`);
  return value;
}

/** An array, perhaps empty. */
export function places(op: string, name: string, value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) fail(op, `${came(name, value, 'is')}, expected an array of integers.`);
  return value;
}

/** An array of integers, at least one. */
export function integers(op: string, name: string, value: unknown, low: number, high: number): readonly number[] {
  if (!Array.isArray(value) || value.length === 0)
    fail(op, `${came(name, value, 'is')}, expected an array of integers in [${low}, ${high}].`);
  for (let i = 0; i < value.length; i++) integer(op, `${name}[${i}]`, value[i], low, high);
  return value;
}

/** An array whose every item is right; a hole is an item too. The first that is wrong ends it: the array may be long. */
export function every(list: unknown, right: (item: unknown) => boolean): list is readonly unknown[] {
  if (!Array.isArray(list)) return false;
  for (let i = 0; i < list.length; i++) if (!right(list[i])) return false;
  return true;
}

export function callback(op: string, name: string, value: unknown): void {
  if (typeof value !== 'function') fail(op, `${came(name, value, 'is')}, expected a function.`);
}

/** What the function of that name returned, unless it is a Promise: what it is called for would end before it does. */
export function synchronous<T>(op: string, name: string, result: T): T {
  if (typeof (result as { then?: unknown } | null)?.then === 'function') {
    (result as Promise<unknown>).then(undefined, () => {}); // it may fail too, with nobody listening
    fail(op, `${name} returned a Promise, expected a synchronous function; await outside of it.`);
  }
  return result;
}

/** What the caller's function of that name returns; what it throws says whose function it was, as an error of the same kind. */
export function called<T>(op: string, name: string, fn: () => T): T {
  let result: T;
  try {
    result = fn();
  } catch (error) {
    return threw(op, name, error);
  }
  return synchronous(op, name, result);
}

/** Throws what the caller's function threw, as a sentence of the op. */
function threw(op: string, name: string, error: unknown): never {
  if (error instanceof GramianError && error.message.startsWith(`${op}: `)) throw error; // it says so itself
  const Kind = error instanceof GramianError ? (error.constructor as typeof GramianError) : GramianError;
  const said = String((error as Error | null)?.message ?? error).replace(/\.?(\n[\s\S]*)?$/, '');
  throw new Kind(`${op}: ${name} throws: ${said}.`, { cause: error });
}

export function text(op: string, name: string, value: unknown): string {
  if (typeof value !== 'string' || value === '') fail(op, `${came(name, value, 'is')}, expected a text.`);
  return value;
}

export function oneOf<T extends string>(op: string, name: string, value: unknown, allowed: readonly T[]): T {
  if (!allowed.includes(value as T))
    fail(op, `${came(name, value)}, expected ${allowed.map((a) => `"${a}"`).join(' or ')}.`);
  return value as T;
}

/** A number above 0 that logits are divided by, and that keeps them in range. */
export function divisor(op: string, name: string, value: unknown): number {
  const number = positive(op, name, value);
  if (1 / number > MAX_LOGIT)
    fail(op, `${name} = ${number} makes logits of ${short(1 / number)}, expected below ${short(MAX_LOGIT)}.`);
  if (number > MAX_LOGIT) fail(op, `${name} = ${number}, expected at most ${short(MAX_LOGIT)}.`);
  return number;
}

/** A multiplier of logits, or a term of them, of any sign. */
export function logits(op: string, name: string, value: unknown): number {
  const number = finite(op, name, value);
  if (Math.abs(number) > MAX_LOGIT)
    fail(op, `${name} = ${number} makes logits of ${short(number)}, expected below ${short(MAX_LOGIT)}.`);
  return number;
}

/** `1e30` */
function short(value: number): string {
  return Number(value.toPrecision(3)).toExponential().replace('+', '');
}

/** Refuses a result with more elements than kernels can count. */
export function elements(op: string, extents: readonly number[], name = 'result'): void {
  const count = extents.reduce((a, b) => a * b, 1);
  if (count > MAX_ELEMENTS)
    fail(op, `${name} [${extents.join(', ')}] has ${count} elements, expected at most ${MAX_ELEMENTS}.`);
}
